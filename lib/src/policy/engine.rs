//! Compiles policies, and decides.

mod decide;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{Authorizer, Effect as CedarEffect, Entities, PolicyId as CedarId, Request};

pub use self::decide::TrialResult;
use super::bounds;
use super::decision::{Determining, PolicyDecision, PolicyOutcome, RuleError};
use super::entities::DirectoryEntities;
use super::index::{Index, IndexBuilder, IndexEntry};
use super::model::Directory;
use super::stored::StoredRule;
use super::terms::strictest;
use crate::domain::{ApprovalMode, Effect, Policy, PolicyId, PolicySettings, ResourceType, RuleId, Terms};

/// Policies that cannot be compiled. Nothing is permitted until they can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// There are too many rules.
    #[error("rule `{rule_id}` of policy `{policy_id}` cannot be compiled: {message}")]
    Rule {
        /// The policy.
        policy_id: PolicyId,
        /// The rule.
        rule_id: RuleId,
        /// What Cedar says.
        message: String,
    },
    /// The directory does not make a hierarchy.
    #[error("{0}")]
    DirectoryEntities(String),
}

/// What a decision says of a rule.
#[derive(Debug)]
struct RuleInfo {
    rule_id: RuleId,
    /// The place of its policy in `Engine::policies`.
    policy: usize,
    effect: Effect,
    notice: Option<String>,
    audit_session: bool,
    /// Why it cannot be evaluated, if its text cannot be compiled.
    broken: Option<String>,
}

/// A tenant's policies, ready to decide.
#[derive(Debug)]
pub struct Engine {
    entities: DirectoryEntities,
    index: Index,
    actions: BTreeMap<String, BTreeSet<ResourceType>>,
    /// Cedar knows a rule by its place in here.
    rules: Vec<RuleInfo>,
    policies: Vec<(PolicyId, PolicySettings)>,
    asks_held_seconds: bool,
    authorizer: Authorizer,
}

impl Engine {
    /// Compiles the rules of the enabled policies. This is the expensive part; a decision looks at few rules.
    ///
    /// # Errors
    ///
    /// [`CompileError`] when the directory is no hierarchy or there are too many rules. A rule that does not parse is
    /// none: it fails closed by itself.
    pub fn compile(directory: &Directory, policies: &[Policy]) -> Result<Self, CompileError> {
        let entities =
            DirectoryEntities::new(directory).map_err(|error| CompileError::DirectoryEntities(error.to_string()))?;
        let enabled: Vec<_> = policies.iter().filter(|policy| policy.enabled).collect();
        let mut priorities: Vec<_> = enabled.iter().map(|policy| policy.priority).collect();
        priorities.sort_unstable_by(|left, right| right.cmp(left));
        priorities.dedup();
        let ranks: HashMap<_, _> = priorities.into_iter().zip(0_usize..).collect();

        let texts = || enabled.iter().flat_map(|policy| &policy.rules).map(|rule| &rule.policy_text);
        // In `context["…"]` the name may be written with escapes.
        let asks_held_seconds = texts().any(|text| text.contains("held_seconds") || text.contains('\\'));
        let mut rules = Vec::new();
        let mut index = IndexBuilder::default();
        for (place, policy) in enabled.iter().enumerate() {
            let rank = ranks.get(&policy.priority).copied().unwrap_or_default();
            for rule in &policy.rules {
                let refuse = |message| CompileError::Rule { policy_id: policy.id, rule_id: rule.id, message };
                let StoredRule { cedar, broken } =
                    StoredRule::compile(&CedarId::new(rules.len().to_string()), rule).map_err(refuse)?;
                if !index.add(rank, &cedar) {
                    return Err(refuse("there are too many rules".to_owned()));
                }
                rules.push(RuleInfo {
                    rule_id: rule.id,
                    policy: place,
                    // What the text says decides, not the fields beside it.
                    effect: match cedar.effect() {
                        CedarEffect::Permit => Effect::Permit,
                        CedarEffect::Forbid => Effect::Forbid,
                    },
                    notice: rule.notice.clone(),
                    audit_session: rule.audit_session,
                    broken,
                });
            }
        }
        Ok(Self {
            entities,
            index: index.build().map_err(CompileError::DirectoryEntities)?,
            actions: directory.actions(),
            rules,
            policies: enabled.into_iter().map(|policy| (policy.id, policy.settings.clone())).collect(),
            asks_held_seconds,
            authorizer: Authorizer::new(),
        })
    }

    /// Whether a rule asks for how long an access was held lately; `false` is sure.
    #[must_use]
    pub fn asks_held_seconds(&self) -> bool {
        self.asks_held_seconds
    }

    /// What the rules of one priority decide, if they do.
    fn decide_group(
        &self,
        cells: &[&IndexEntry],
        request: &Request,
        entities: &Entities,
        errors: &mut Vec<RuleError>,
    ) -> Result<Option<PolicyDecision>, String> {
        // By place, so that the order is that of the policies.
        let mut satisfied = BTreeMap::new();
        let mut failed = BTreeMap::new();
        for cell in cells {
            let answer = bounds::with_stack(|| self.authorizer.is_authorized(request, &cell.rules, entities));
            for id in answer.diagnostics().reason() {
                let (place, rule) = self.rule(id)?;
                match &rule.broken {
                    Some(message) => drop(failed.insert(place, (rule, message.clone()))),
                    None => drop(satisfied.insert(place, rule)),
                }
            }
            for error in answer.diagnostics().errors() {
                let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
                let (place, rule) = self.rule(error.policy_id())?;
                failed.insert(place, (rule, error.inner().to_string()));
            }
        }
        for (place, (rule, message)) in failed {
            errors.push(RuleError { policy_id: self.policy(rule)?.0, rule_id: rule.rule_id, message });
            // A forbid that cannot be evaluated forbids; Cedar would skip it.
            if rule.effect == Effect::Forbid {
                satisfied.insert(place, rule);
            }
        }

        let (forbids, permits): (Vec<_>, Vec<_>) =
            satisfied.into_values().partition(|rule| rule.effect == Effect::Forbid);
        let errors = || errors.clone();
        if !forbids.is_empty() {
            let reason = "a rule forbids this request".to_owned();
            return Ok(Some(PolicyDecision::new(PolicyOutcome::Denied, self.determining(&forbids)?, reason, errors())));
        }
        if permits.is_empty() {
            return Ok(None);
        }
        let terms = self.terms(&permits)?;
        let reason = match terms.approval_mode {
            ApprovalMode::Auto => "a rule permits this request".to_owned(),
            ApprovalMode::Require => "a rule permits this request once it is approved".to_owned(),
        };
        Ok(Some(PolicyDecision::new(PolicyOutcome::Permitted(terms), self.determining(&permits)?, reason, errors())))
    }

    fn rule(&self, id: &CedarId) -> Result<(usize, &RuleInfo), String> {
        let text: &str = id.as_ref();
        let place = text.parse().map_err(|_| format!("no rule is known as `{text}`"))?;
        self.rules.get(place).map(|rule| (place, rule)).ok_or_else(|| format!("no rule is known as `{text}`"))
    }

    fn policy(&self, rule: &RuleInfo) -> Result<&(PolicyId, PolicySettings), String> {
        self.policies.get(rule.policy).ok_or_else(|| format!("the policy of rule `{}` is not known", rule.rule_id))
    }

    fn determining(&self, rules: &[&RuleInfo]) -> Result<Vec<Determining>, String> {
        let determining = rules.iter().map(|rule| {
            Ok(Determining { policy_id: self.policy(rule)?.0, rule_id: rule.rule_id, notice: rule.notice.clone() })
        });
        determining.collect()
    }

    fn terms(&self, permits: &[&RuleInfo]) -> Result<Terms, String> {
        let settings = permits.iter().map(|rule| Ok(&self.policy(rule)?.1)).collect::<Result<Vec<_>, String>>()?;
        let audit_session = permits.iter().any(|rule| rule.audit_session);
        strictest(&settings, audit_session).ok_or_else(|| "terms of no permit".to_owned())
    }
}
