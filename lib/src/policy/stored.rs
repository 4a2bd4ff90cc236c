//! A stored rule, compiled by itself: one that cannot be compiled takes no other rule with it.

use cedar_policy::{Policy as CedarPolicy, PolicyId as CedarId};

use super::bounds;
use super::text::{self, RuleFields};
use crate::domain::{ActionScope, Rule, RuleScope};

/// A rule as Cedar has it.
#[derive(Debug)]
pub(super) struct StoredRule {
    /// The rule; of one that cannot be compiled, its effect and its scope, without any condition.
    pub(super) cedar: CedarPolicy,
    /// Why its text cannot be compiled. Where its scope applies it then counts as one whose evaluation errors: a forbid
    /// as satisfied, a permit as not.
    pub(super) broken: Option<String>,
}

impl StoredRule {
    /// Compiles a rule.
    ///
    /// # Errors
    ///
    /// When not even a rule that is about everything compiles, which does not happen.
    pub(super) fn compile(id: &CedarId, rule: &Rule) -> Result<Self, String> {
        match parse(id, &rule.policy_text) {
            Ok(cedar) => Ok(Self { cedar, broken: None }),
            Err(message) => Ok(Self { cedar: stand_in(id, rule)?, broken: Some(message) }),
        }
    }
}

fn parse(id: &CedarId, text: &str) -> Result<CedarPolicy, String> {
    // The bounds may have been others when it was stored.
    if let Some(problem) = bounds::exceeded(text) {
        return Err(problem.to_string());
    }
    bounds::with_stack(|| CedarPolicy::parse(Some(id.clone()), text).map_err(|error| error.to_string()))
}

/// The scope of a rule as its fields have it; if those cannot be read either, everything.
fn stand_in(id: &CedarId, rule: &Rule) -> Result<CedarPolicy, String> {
    let scoped = |principal, action, resource| {
        let fields = RuleFields {
            effect: rule.effect,
            principal,
            action,
            resource,
            conditions: None,
            notice: None,
            audit_session: true,
            annotations: std::collections::BTreeMap::new(),
        };
        text::write(&fields).map_err(|error| error.to_string()).and_then(|text| parse(id, &text))
    };
    scoped(rule.principal.clone(), rule.action.clone(), rule.resource.clone())
        .or_else(|_| scoped(RuleScope::Any, ActionScope::Any, RuleScope::Any))
}
