//! What policies say about a request, and what is wrong with the text of one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ApprovalMode, Metadata, PolicyId, RuleId, Seconds};

/// A question to the policies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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

/// What the policies say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
    /// The context it was decided by: the values of the question, and what was filled in. `held_seconds` is looked up only
    /// where a rule of the tenant asks for it, and 0 otherwise.
    #[schema(value_type = Object)]
    pub evaluated_context: Metadata,
}

/// A rule that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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

/// Cedar text to validate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"cedar_policy_set": "permit (principal, action, resource);"}))]
pub struct ValidatePolicies {
    /// Cedar statements.
    #[schema(example = "permit (principal, action, resource);")]
    pub cedar_policy_set: String,
}

/// What validation says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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

/// Something wrong with a policy text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The line, from 1.
    #[schema(example = 1)]
    pub line: usize,
    /// The character in the line, from 1.
    #[schema(example = 9)]
    pub column: usize,
    /// What is wrong.
    #[schema(example = "unexpected token `principle`")]
    pub message: String,
}
