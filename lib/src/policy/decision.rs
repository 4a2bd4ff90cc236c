//! The answer to a question.

use crate::domain::{PolicyId, ResourceRef, RuleId, Terms};

/// Whether a request is permitted, and on what terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyOutcome {
    /// A rule permits and none of its priority or a higher one forbids.
    Permitted(Terms),
    /// A rule forbids, or none permits.
    Denied,
}

/// A rule that determined a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Determining {
    /// The policy it belongs to.
    pub policy_id: PolicyId,
    /// The rule.
    pub rule_id: RuleId,
    /// Its `@notice`.
    pub notice: Option<String>,
}

/// A rule whose evaluation failed: it counted as satisfied if it forbids, as unsatisfied if it permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The policy it belongs to.
    pub policy_id: PolicyId,
    /// The rule.
    pub rule_id: RuleId,
    /// What Cedar says.
    pub message: String,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDecision {
    /// Permitted or denied.
    pub outcome: PolicyOutcome,
    /// The satisfied forbids, or else the satisfied permits, of the priority that decided; in the order of the policies
    /// and their rules.
    pub determining: Vec<Determining>,
    /// The policies of the determining rules, each once.
    pub matching_policy_ids: Vec<PolicyId>,
    /// The notices of the determining rules, each once; the first 20.
    pub notices: Vec<String>,
    /// Why, in words for the caller.
    pub reason: String,
    /// The rules that failed, of every priority that was looked at.
    pub errors: Vec<RuleError>,
    /// A fault of ours that kept the rules from being evaluated; for the operator, not for the caller. It is denied.
    pub fault: Option<String>,
    /// The resource is not in the directory, or gone, and the principal may be told: some rule could permit them a
    /// resource of its type. It is denied.
    pub unknown_resource: bool,
}

/// The most notices a decision tells: an answer may hold twenty decisions.
const MAX_NOTICES: usize = 20;

impl PolicyDecision {
    /// The terms, if it is permitted.
    #[must_use]
    pub fn terms(&self) -> Option<&Terms> {
        match &self.outcome {
            PolicyOutcome::Permitted(terms) => Some(terms),
            PolicyOutcome::Denied => None,
        }
    }

    /// Whether it is permitted.
    #[must_use]
    pub fn is_permitted(&self) -> bool {
        self.terms().is_some()
    }

    /// The ids of the determining rules.
    #[must_use]
    pub fn determining_rules(&self) -> Vec<RuleId> {
        self.determining.iter().map(|rule| rule.rule_id).collect()
    }

    /// Denied without any rule saying so.
    pub(super) fn denied(reason: String) -> Self {
        Self::new(PolicyOutcome::Denied, Vec::new(), reason, Vec::new())
    }

    /// Denied because the directory does not offer the resource, to a principal who may be told.
    pub(super) fn unknown_resource(resource: &ResourceRef) -> Self {
        let reason =
            format!("the directory does not know `{resource}`: check the id, or sync the directory if it is new");
        Self { unknown_resource: true, ..Self::denied(reason) }
    }

    /// Both of two permissions for one access: the strictest terms hold. A target that no rule is about adds nothing.
    pub(super) fn and_target(self, target: Self) -> Self {
        let errors = [self.errors, target.errors].concat();
        let (PolicyOutcome::Permitted(terms), PolicyOutcome::Permitted(more)) = (&self.outcome, &target.outcome) else {
            return Self { errors, ..self };
        };
        let mut determining = self.determining;
        determining
            .extend(target.determining.into_iter().filter(|rule| !determining.contains(rule)).collect::<Vec<_>>());
        Self::new(PolicyOutcome::Permitted(terms.stricter(more)), determining, self.reason, errors)
    }

    pub(super) fn new(
        outcome: PolicyOutcome,
        determining: Vec<Determining>,
        reason: String,
        errors: Vec<RuleError>,
    ) -> Self {
        let mut matching_policy_ids = Vec::new();
        let mut notices = Vec::new();
        for rule in &determining {
            if !matching_policy_ids.contains(&rule.policy_id) {
                matching_policy_ids.push(rule.policy_id);
            }
            let more = notices.len() < MAX_NOTICES;
            if let Some(notice) = rule.notice.as_ref().filter(|notice| more && !notices.contains(*notice)) {
                notices.push(notice.clone());
            }
        }
        Self {
            outcome,
            determining,
            matching_policy_ids,
            notices,
            reason,
            errors,
            fault: None,
            unknown_resource: false,
        }
    }
}
