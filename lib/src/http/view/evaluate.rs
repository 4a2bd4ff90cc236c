//! Trying policies out, on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::action;
use crate::domain::{ApprovalMode, Metadata, PolicyId, PrincipalRef, ResourceRef, ResourceType, RuleId, Seconds};
use crate::http::error::Error;
use crate::policy::{Problem, Report, TrialResult, parse_principal};

/// A question to the policies.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "principal": "alice",
    "groups": ["engineering"],
    "resource": "aws_account:111111111111",
    "action": "PowerUserAccess",
    "context": {"reason": "roll out the new queue", "mfa": true}
}))]
pub struct EvaluatePolicies {
    /// Who asks: the subject of a person, also as `User::"…"`, or `ServiceAccount::"…"` with the id of an API key.
    #[schema(min_length = 1, max_length = 256, example = "alice")]
    pub principal: String,
    /// Their groups; those the directory knows, unless given.
    #[schema(max_items = 1000)]
    pub groups: Option<Vec<String>>,
    /// Of what, as `type:id`.
    #[schema(example = "aws_account:111111111111")]
    pub resource: String,
    /// Which access; also `approve` and `revoke`.
    #[schema(min_length = 1, max_length = 128, example = "PowerUserAccess")]
    pub action: String,
    /// Values over the context that would be there: what `createRequest` would fill in now, for somebody signed in as
    /// becomes the principal, without a reason, with one factor and from an unknown address. To try `approve` or
    /// `revoke`, say at least the `role` that is decided on.
    #[schema(value_type = Option<Object>)]
    pub context: Option<Metadata>,
}

const MAX_PRINCIPAL: usize = 256;

/// A question that can be put.
#[derive(Debug, Clone)]
pub(in crate::http) struct PolicyQuestions {
    pub who: PrincipalRef,
    pub groups: Option<Vec<String>>,
    pub resource: ResourceRef,
    pub action: String,
    pub context: Option<Metadata>,
}

impl TryFrom<EvaluatePolicies> for PolicyQuestions {
    type Error = Error;

    fn try_from(asked: EvaluatePolicies) -> Result<Self, Error> {
        if !(1..=MAX_PRINCIPAL).contains(&asked.principal.chars().count()) {
            return Err(Error::input("principal", format!("must be 1 to {MAX_PRINCIPAL} characters")));
        }
        let who = parse_principal(&asked.principal).filter(|who| !who.id.is_empty()).ok_or_else(|| {
            Error::input("principal", "must name a person, or a service account by the id of its API key")
        })?;
        Ok(Self {
            who,
            groups: asked.groups,
            resource: resource(&asked.resource)?,
            action: action("action", asked.action)?,
            context: asked.context,
        })
    }
}

fn resource(text: &str) -> Result<ResourceRef, Error> {
    let (kind, id) = text
        .split_once(':')
        .and_then(|(kind, id)| Some((ResourceType::parse(kind)?, id)))
        .ok_or_else(|| Error::input("resource", "must be `type:id`, such as `aws_account:111111111111`"))?;
    ResourceRef::new(kind, id).map_err(|error| Error::input("resource", error.to_string()))
}

/// What the policies say.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "permitted": true,
    "matching_policy_ids": ["019a3f5e-7c1b-7000-8000-000000000004"],
    "reason": "a rule permits this request once it is approved",
    "notices": [],
    "approval_mode": "require",
    "max_duration_seconds": 43200,
    "errors": [],
    "evaluated_context": {
        "account_id": "111111111111",
        "auth": "oidc",
        "duration_seconds": 3600,
        "ends_at": "2026-01-02T04:04:05.000Z",
        "has_reason": false,
        "held_seconds": 0,
        "mfa": false,
        "now": "2026-01-02T03:04:05.000Z",
        "role": "PowerUserAccess",
        "start_at": "2026-01-02T03:04:05.000Z",
        "tickets": []
    }
}))]
pub struct PolicyEvaluation {
    /// Whether it is permitted.
    pub permitted: bool,
    /// The policies of the rules that determined it.
    pub matching_policy_ids: Vec<PolicyId>,
    /// Why, in words.
    pub reason: String,
    /// The notices of the rules that determined it.
    pub notices: Vec<String>,
    /// Whether it would be granted at once or wait for people; null when it is not permitted.
    #[schema(required = true)]
    pub approval_mode: Option<ApprovalMode>,
    /// The longest grant; null when it is not permitted.
    #[schema(required = true)]
    pub max_duration_seconds: Option<Seconds>,
    /// The rules that could not be evaluated: such a `forbid` forbids, such a `permit` does not permit.
    pub errors: Vec<RuleFailure>,
    /// The context it was decided by: the values of the question, and what was filled in.
    #[schema(value_type = Object)]
    pub evaluated_context: Metadata,
}

/// A rule that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "policy_id": "019a3f5e-7c1b-7000-8000-000000000004",
    "rule_id": "019a3f5e-7c1b-7000-8000-000000000005",
    "message": "record does not have the attribute `reason`"
}))]
pub struct RuleFailure {
    /// Its policy.
    pub policy_id: PolicyId,
    /// The rule.
    pub rule_id: RuleId,
    /// What Cedar says.
    pub message: String,
}

impl From<TrialResult> for PolicyEvaluation {
    fn from(TrialResult { decision, context }: TrialResult) -> Self {
        let terms = decision.terms();
        let (approval_mode, max_duration_seconds) =
            (terms.map(|terms| terms.approval_mode), terms.map(|terms| terms.max_duration_seconds));
        Self {
            permitted: decision.is_permitted(),
            approval_mode,
            max_duration_seconds,
            matching_policy_ids: decision.matching_policy_ids,
            reason: decision.reason,
            notices: decision.notices,
            errors: decision
                .errors
                .into_iter()
                .map(|error| RuleFailure { policy_id: error.policy_id, rule_id: error.rule_id, message: error.message })
                .collect(),
            evaluated_context: context,
        }
    }
}

/// Cedar text to validate.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"cedar_policy_set": "permit (principal, action, resource);"}))]
pub struct ValidatePolicies {
    /// Cedar statements.
    #[schema(example = "permit (principal, action, resource);")]
    pub cedar_policy_set: String,
}

/// What validation says.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "valid": false,
    "errors": [{"line": 1, "column": 9, "message": "unexpected token `principle`"}],
    "warnings": []
}))]
pub struct PolicyValidation {
    /// Whether the text could be stored.
    pub valid: bool,
    /// What keeps it from being stored.
    pub errors: Vec<Problem>,
    /// What is probably not meant.
    pub warnings: Vec<Problem>,
}

impl From<Report> for PolicyValidation {
    fn from(report: Report) -> Self {
        Self { valid: report.is_valid(), errors: report.errors, warnings: report.warnings }
    }
}
