//! Policies on the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::present;
use super::rule::PolicyRule;
use crate::app::policies::{PolicyFields, assembled};
use crate::domain::{self, ApprovalMode, OnDrift, PolicyId, PolicySettings, Seconds};

/// A policy to make.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
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
    /// Whether its rules are looked at.
    #[serde(default = "enabled")]
    #[schema(default = true)]
    pub enabled: bool,
    /// Policies of a higher priority decide first; those of one priority decide together.
    #[serde(default)]
    #[schema(minimum = -1_000_000, maximum = 1_000_000, default = 0, example = 0)]
    pub priority: i32,
    /// Maximum grant duration in seconds.
    pub max_duration_seconds: Seconds,
    /// Length of a grant that did not name one, in seconds; at most the maximum.
    pub default_duration_seconds: Option<Seconds>,
    /// Where approvers are told.
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

impl From<CreatePolicy> for PolicyFields {
    fn from(policy: CreatePolicy) -> Self {
        Self {
            name: policy.name,
            description: policy.description,
            enabled: policy.enabled,
            priority: policy.priority,
            settings: PolicySettings {
                approval_mode: policy.approval_mode,
                max_duration_seconds: policy.max_duration_seconds,
                default_duration_seconds: policy.default_duration_seconds,
                approval_timeout_seconds: policy.approval_timeout_seconds,
                required_approvals: policy.required_approvals,
                require_reason: policy.require_reason,
                ticket_pattern: policy.ticket_pattern,
                notification_channel: policy.notification_channel,
                on_drift: policy.on_drift,
            },
        }
    }
}

/// What is to be different about a policy; what is omitted stays. Null clears what can be null.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"max_duration_seconds": 28800, "notification_channel": null}))]
pub struct UpdatePolicy {
    /// What people call it.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, min_length = 1, max_length = 128)]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 1000)]
    pub description: Option<Option<String>>,
    /// Whether its rules are looked at.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
    /// Policies of a higher priority decide first; those of one priority decide together.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, minimum = -1_000_000, maximum = 1_000_000)]
    pub priority: Option<i32>,
    /// Maximum grant duration in seconds.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    pub max_duration_seconds: Option<Seconds>,
    /// Length of a grant that did not name one, in seconds; at most the maximum.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Seconds>)]
    pub default_duration_seconds: Option<Option<Seconds>>,
    /// Where approvers are told.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    pub notification_channel: Option<Option<String>>,
    /// Cedar statements that take the place of all rules. A rule stated as it was, or with the `@id("…")` of a former
    /// one, keeps its id.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    pub cedar_policy_set: Option<String>,
    /// Whether a permitted request is granted at once (`auto`) or waits for people (`require`).
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    pub approval_mode: Option<ApprovalMode>,
    /// When a request nobody decided lapses, in seconds; null means 10,800.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Seconds>)]
    pub approval_timeout_seconds: Option<Option<Seconds>>,
    /// How many different people must approve.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, minimum = 1, maximum = 10)]
    pub required_approvals: Option<u32>,
    /// Whether a reason must be given.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    pub require_reason: Option<bool>,
    /// A regular expression that one of the tickets of a request must match.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256)]
    pub ticket_pattern: Option<Option<String>>,
    /// What becomes of the access of a live grant that somebody deletes outside stint.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    pub on_drift: Option<OnDrift>,
}

impl UpdatePolicy {
    /// The fields with the change over them.
    pub(in crate::http) fn over(self, fields: PolicyFields) -> PolicyFields {
        let PolicyFields { name, description, enabled, priority, settings } = fields;
        PolicyFields {
            name: self.name.unwrap_or(name),
            description: self.description.unwrap_or(description),
            enabled: self.enabled.unwrap_or(enabled),
            priority: self.priority.unwrap_or(priority),
            settings: PolicySettings {
                approval_mode: self.approval_mode.unwrap_or(settings.approval_mode),
                max_duration_seconds: self.max_duration_seconds.unwrap_or(settings.max_duration_seconds),
                default_duration_seconds: self.default_duration_seconds.unwrap_or(settings.default_duration_seconds),
                approval_timeout_seconds: self.approval_timeout_seconds.unwrap_or(settings.approval_timeout_seconds),
                required_approvals: self.required_approvals.unwrap_or(settings.required_approvals),
                require_reason: self.require_reason.unwrap_or(settings.require_reason),
                ticket_pattern: self.ticket_pattern.unwrap_or(settings.ticket_pattern),
                notification_channel: self.notification_channel.unwrap_or(settings.notification_channel),
                on_drift: self.on_drift.unwrap_or(settings.on_drift),
            },
        }
    }
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
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!(example([])))]
pub struct PolicyAttributes {
    /// Its id.
    pub id: PolicyId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    #[schema(required = true)]
    pub description: Option<String>,
    /// Whether the policy is active.
    pub enabled: bool,
    /// Higher values evaluated first.
    pub priority: i32,
    /// Maximum allowed grant duration in seconds.
    pub max_duration_seconds: Seconds,
    /// Default grant duration if not specified in request.
    #[schema(required = true)]
    pub default_duration_seconds: Option<Seconds>,
    /// Notification channel for approvals.
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

impl From<&domain::Policy> for PolicyAttributes {
    fn from(policy: &domain::Policy) -> Self {
        let settings = policy.settings.clone();
        Self {
            id: policy.id,
            name: policy.name.clone(),
            description: policy.description.clone(),
            enabled: policy.enabled,
            priority: policy.priority,
            max_duration_seconds: settings.max_duration_seconds,
            default_duration_seconds: settings.default_duration_seconds,
            notification_channel: settings.notification_channel,
            approval_mode: settings.approval_mode,
            approval_timeout_seconds: settings.approval_timeout_seconds,
            required_approvals: settings.required_approvals,
            require_reason: settings.require_reason,
            ticket_pattern: settings.ticket_pattern,
            on_drift: settings.on_drift,
            version: policy.version,
            created_at: policy.created_at,
            updated_at: policy.updated_at,
        }
    }
}

/// Full policy with nested rules.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!(example([
    ("rules", json!([super::rule::example()])),
    ("cedar_policy_set", super::rule::EXAMPLE_TEXT.into()),
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

impl From<domain::Policy> for Policy {
    fn from(policy: domain::Policy) -> Self {
        Self {
            attributes: (&policy).into(),
            cedar_policy_set: assembled(&policy.rules),
            rules: policy.rules.into_iter().map(PolicyRule::from).collect(),
        }
    }
}

/// A policy without its rules.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!(example([("rule_count", 1.into())])))]
pub struct PolicySummary {
    /// What there is to it besides its rules.
    #[serde(flatten)]
    pub attributes: PolicyAttributes,
    /// How many rules it has.
    pub rule_count: usize,
}

impl From<&domain::Policy> for PolicySummary {
    fn from(policy: &domain::Policy) -> Self {
        Self { attributes: policy.into(), rule_count: policy.rules.len() }
    }
}

/// An order of policies, highest priority first.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"data": [example([("rule_count", 1.into())])]}))]
pub struct ReorderedPolicies {
    /// The policies that were named, highest priority first.
    pub data: Vec<PolicySummary>,
}

impl From<Vec<domain::Policy>> for ReorderedPolicies {
    fn from(policies: Vec<domain::Policy>) -> Self {
        Self { data: policies.iter().map(PolicySummary::from).collect() }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn fields() -> PolicyFields {
        let text = r#"{"name": "a", "description": "b", "max_duration_seconds": 60, "default_duration_seconds": 30,
            "approval_timeout_seconds": 90, "notification_channel": "c", "ticket_pattern": "d"}"#;
        serde_json::from_str::<CreatePolicy>(text).unwrap().into()
    }

    fn change(text: &str) -> Result<UpdatePolicy, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn what_is_omitted_stays_and_null_clears_what_can_be_null() {
        assert_eq!(change("{}").unwrap().over(fields()), fields());
        let nothing = r#"{"description": null, "default_duration_seconds": null, "approval_timeout_seconds": null,
            "notification_channel": null, "ticket_pattern": null}"#;
        let text = r#"{"name": "a", "max_duration_seconds": 60}"#;
        let bare = serde_json::from_str::<CreatePolicy>(text).unwrap().into();
        assert_eq!(change(nothing).unwrap().over(fields()), bare);
        let renamed = PolicyFields { name: "z".to_owned(), priority: -3, ..fields() };
        assert_eq!(change(r#"{"name": "z", "priority": -3}"#).unwrap().over(fields()), renamed);
    }

    #[test]
    fn null_is_no_value_of_the_others_and_unknown_fields_are_refused() {
        for field in [
            "name",
            "enabled",
            "priority",
            "max_duration_seconds",
            "cedar_policy_set",
            "approval_mode",
            "require_reason",
            "required_approvals",
        ] {
            assert!(change(&format!("{{\"{field}\": null}}")).is_err(), "{field}");
        }
        assert!(change(r#"{"rules": []}"#).is_err());
    }
}
