//! Wire types of policies. Rules of policies and what policies say about a request have files of their own.

pub(crate) mod evaluate;
pub(crate) mod rules;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{PolicyId, PolicyRule, Problem, Seconds, present};

/// A policy to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "engineering in sandbox",
    "description": "engineers help themselves, for half a day at most",
    "max_duration_seconds": 43200,
    "default_duration_seconds": 3600,
    "approval_mode": "auto",
    "cedar_policy_set": "permit (principal in Group::\"engineering\", action, resource == AwsAccount::\"111111111111\");"
}))]
pub struct CreatePolicy {
    /// What people call it.
    #[schema(min_length = 1, max_length = 128, example = "engineering in sandbox")]
    pub name: String,
    /// What it is for.
    #[schema(max_length = 1000)]
    pub description: Option<String>,
    /// Whether the policy's rules are evaluated.
    #[serde(default = "enabled")]
    #[schema(default = true)]
    pub enabled: bool,
    /// Policies of a higher priority decide first; policies of equal priority decide together.
    #[serde(default)]
    #[schema(minimum = -1_000_000, maximum = 1_000_000, default = 0, example = 0)]
    pub priority: i32,
    /// The maximum duration of a grant, in seconds.
    pub max_duration_seconds: Seconds,
    /// The duration of a grant if the request names none, in seconds; at most the maximum.
    pub default_duration_seconds: Option<Seconds>,
    /// The channel for notifications to approvers. stint stores it and does not use it yet.
    #[schema(min_length = 1, max_length = 128, example = "#access")]
    pub notification_channel: Option<String>,
    /// Cedar statements, each of which becomes a rule; at most 200. `@notice("…")` is told to who asks when the rule
    /// decides, `@audit_session("false")` keeps sessions from being audited, and `@id("…")` keeps the rule the same when
    /// the text is replaced.
    #[schema(
        example = "permit (principal in Group::\"engineering\", action, resource == AwsAccount::\"111111111111\");"
    )]
    pub cedar_policy_set: Option<String>,
    /// Whether a permitted request is granted at once (`auto`) or waits for people (`require`).
    #[serde(default = "approval_mode")]
    #[schema(default = "require")]
    pub approval_mode: ApprovalMode,
    /// When a request nobody decided lapses, in seconds; null means 10,800.
    pub approval_timeout_seconds: Option<Seconds>,
    /// How many different people must approve.
    #[serde(default = "required_approvals")]
    #[schema(minimum = 1, maximum = 10, default = 1)]
    pub required_approvals: u32,
    /// Whether a reason must be given.
    #[serde(default)]
    #[schema(default = false)]
    pub require_reason: bool,
    /// A regular expression that one of the tickets of a request must match.
    #[schema(min_length = 1, max_length = 256, example = "^OPS-[0-9]+$")]
    pub ticket_pattern: Option<String>,
    /// What becomes of the access of a live grant that somebody deletes outside stint: it is announced and not made again
    /// (`report`), or announced and made again (`restore`). If several policies permit a request, `report` wins.
    #[serde(default)]
    #[schema(default = "report")]
    pub on_drift: OnDrift,
}

fn enabled() -> bool {
    true
}

fn approval_mode() -> ApprovalMode {
    ApprovalMode::Require
}

fn required_approvals() -> u32 {
    1
}

/// What is to be different about a policy; what is omitted stays. Null clears what can be null.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"max_duration_seconds": 28800, "notification_channel": null}))]
pub struct UpdatePolicy {
    /// What people call it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 128)]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 1000)]
    pub description: Option<Option<String>>,
    /// Whether the policy's rules are evaluated.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
    /// Policies of a higher priority decide first; policies of equal priority decide together.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = -1_000_000, maximum = 1_000_000)]
    pub priority: Option<i32>,
    /// The maximum duration of a grant, in seconds.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub max_duration_seconds: Option<Seconds>,
    /// The duration of a grant if the request names none, in seconds; at most the maximum.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Seconds>)]
    pub default_duration_seconds: Option<Option<Seconds>>,
    /// The channel for notifications to approvers. stint stores it and does not use it yet.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    pub notification_channel: Option<Option<String>>,
    /// Cedar statements that take the place of all rules. A rule stated as it was, or with the `@id("…")` of a former
    /// one, keeps its id.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cedar_policy_set: Option<String>,
    /// Whether a permitted request is granted at once (`auto`) or waits for people (`require`).
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub approval_mode: Option<ApprovalMode>,
    /// When a request nobody decided lapses, in seconds; null means 10,800.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Seconds>)]
    pub approval_timeout_seconds: Option<Option<Seconds>>,
    /// How many different people must approve.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 10)]
    pub required_approvals: Option<u32>,
    /// Whether a reason must be given.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub require_reason: Option<bool>,
    /// A regular expression that one of the tickets of a request must match.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256)]
    pub ticket_pattern: Option<Option<String>>,
    /// What becomes of the access of a live grant that somebody deletes outside stint.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub on_drift: Option<OnDrift>,
}

/// An example of a policy, with what comes beside the attributes.
fn example<const N: usize>(beside: [(&str, Value); N]) -> Value {
    let mut policy = json!({
        "id": "019a3f5e-7c1b-7000-8000-000000000004",
        "name": "engineering in sandbox",
        "description": "engineers help themselves, for half a day at most",
        "enabled": true,
        "priority": 0,
        "max_duration_seconds": 43200,
        "default_duration_seconds": 3600,
        "notification_channel": null,
        "approval_mode": "auto",
        "approval_timeout_seconds": null,
        "required_approvals": 1,
        "require_reason": false,
        "ticket_pattern": null,
        "on_drift": "report",
        "version": 0,
        "created_at": "2026-11-21T09:00:00Z",
        "updated_at": "2026-11-21T09:00:00Z"
    });
    if let Value::Object(policy) = &mut policy {
        policy.extend(beside.map(|(field, value)| (field.to_owned(), value)));
    }
    policy
}

/// What there is to a policy besides its rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!(example([])))]
pub struct PolicyAttributes {
    /// Its id.
    pub id: PolicyId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    #[schema(required = true)]
    pub description: Option<String>,
    /// Whether the policy's rules are evaluated.
    pub enabled: bool,
    /// Policies of a higher priority decide first; policies of equal priority decide together.
    pub priority: i32,
    /// The maximum duration of a grant, in seconds.
    pub max_duration_seconds: Seconds,
    /// The duration of a grant if the request names none, in seconds; at most the maximum.
    #[schema(required = true)]
    pub default_duration_seconds: Option<Seconds>,
    /// The channel for notifications to approvers. stint stores it and does not use it yet.
    #[schema(required = true)]
    pub notification_channel: Option<String>,
    /// Whether a permitted request is granted at once (`auto`) or waits for people (`require`).
    pub approval_mode: ApprovalMode,
    /// When a request nobody decided lapses, in seconds; null means 10,800.
    #[schema(required = true)]
    pub approval_timeout_seconds: Option<Seconds>,
    /// How many different people must approve.
    pub required_approvals: u32,
    /// Whether a reason must be given.
    pub require_reason: bool,
    /// A regular expression that one of the tickets of a request must match.
    #[schema(required = true)]
    pub ticket_pattern: Option<String>,
    /// What becomes of the access of a live grant that somebody deletes outside stint.
    pub on_drift: OnDrift,
    /// Counts the changes; the entity tag.
    pub version: u64,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = "date-time")]
    pub updated_at: Timestamp,
}

/// Full policy with nested rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!(example([
    ("rules", json!([rules::example()])),
    ("cedar_policy_set", rules::EXAMPLE_TEXT.into()),
])))]
pub struct Policy {
    /// What there is to it besides its rules.
    #[serde(flatten)]
    pub attributes: PolicyAttributes,
    /// Nested rules for this policy.
    pub rules: Vec<PolicyRule>,
    /// Assembled Cedar policy text for all rules.
    pub cedar_policy_set: String,
}

/// A policy without its rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!(example([("rule_count", 1.into())])))]
pub struct PolicySummary {
    /// What there is to it besides its rules.
    #[serde(flatten)]
    pub attributes: PolicyAttributes,
    /// How many rules it has.
    pub rule_count: usize,
}

/// An order of policies, highest priority first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "ids": ["019a3f5e-7c1b-7000-8000-000000000005", "019a3f5e-7c1b-7000-8000-000000000004"]
}))]
pub struct ReorderPolicies {
    /// All policies or some, each once.
    #[schema(min_items = 1, max_items = 90)]
    pub ids: Vec<PolicyId>,
}

/// Policies in their new order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"data": [example([("rule_count", 1.into())])]}))]
pub struct ReorderedPolicies {
    /// The policies that were named, highest priority first.
    pub data: Vec<PolicySummary>,
}

/// A policy that was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WrittenPolicy {
    /// The policy.
    #[serde(flatten)]
    pub policy: Policy,
    /// What is probably not meant in the `cedar_policy_set` that was sent, such as an account nobody knows; it is stored
    /// nevertheless. Empty if none was sent.
    pub warnings: Vec<Problem>,
}

/// Whether a permitted request is granted at once or waits for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalMode {
    /// It is approved and granted at once.
    Auto,
    /// It waits for approval by people.
    Require,
}

/// What happens to a live grant's access that is deleted outside stint. The stricter value comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDrift {
    /// The deletion is announced and the access is not restored: an incident responder may have deleted it.
    #[default]
    Report,
    /// The deletion is announced and the access is restored.
    Restore,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// To omit a field and to send null are two things, so a client must be able to say both.
    #[test]
    fn a_change_omits_what_stays_and_has_null_for_what_is_cleared() {
        let change = UpdatePolicy { priority: Some(1), description: Some(None), ..UpdatePolicy::default() };
        let text = serde_json::to_string(&change).unwrap();
        assert_eq!(text, r#"{"description":null,"priority":1}"#);
        assert_eq!(serde_json::from_str::<UpdatePolicy>(&text).unwrap(), change);
    }

    #[test]
    fn a_later_version_of_the_server_may_answer_more_and_may_not_be_sent_more() {
        let answer = json!({"code": "not_found", "message": "m", "added": true});
        assert!(serde_json::from_value::<crate::ErrorBody>(answer).is_ok());
        assert!(serde_json::from_value::<UpdatePolicy>(json!({"added": true})).is_err());
    }
}
