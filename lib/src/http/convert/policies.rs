//! Conversions of policies.

pub(super) mod evaluate;
mod rules;

use stint_api::{CreatePolicy, Policy, PolicyAttributes, PolicyRule, PolicySummary, ReorderedPolicies, UpdatePolicy};

use crate::app::policies::{PolicyFields, assembled};
use crate::domain::{self, PolicySettings};
use crate::policy::Problem;

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

/// The fields of a policy with a change over them.
pub(in crate::http) fn changed(change: UpdatePolicy, fields: PolicyFields) -> PolicyFields {
    let PolicyFields { name, description, enabled, priority, settings } = fields;
    PolicyFields {
        name: change.name.unwrap_or(name),
        description: change.description.unwrap_or(description),
        enabled: change.enabled.unwrap_or(enabled),
        priority: change.priority.unwrap_or(priority),
        settings: PolicySettings {
            approval_mode: change.approval_mode.unwrap_or(settings.approval_mode),
            max_duration_seconds: change.max_duration_seconds.unwrap_or(settings.max_duration_seconds),
            default_duration_seconds: change.default_duration_seconds.unwrap_or(settings.default_duration_seconds),
            approval_timeout_seconds: change.approval_timeout_seconds.unwrap_or(settings.approval_timeout_seconds),
            required_approvals: change.required_approvals.unwrap_or(settings.required_approvals),
            require_reason: change.require_reason.unwrap_or(settings.require_reason),
            ticket_pattern: change.ticket_pattern.unwrap_or(settings.ticket_pattern),
            notification_channel: change.notification_channel.unwrap_or(settings.notification_channel),
            on_drift: change.on_drift.unwrap_or(settings.on_drift),
        },
    }
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

impl From<domain::Policy> for Policy {
    fn from(policy: domain::Policy) -> Self {
        Self {
            attributes: (&policy).into(),
            cedar_policy_set: assembled(&policy.rules),
            rules: policy.rules.into_iter().map(PolicyRule::from).collect(),
        }
    }
}

impl From<&domain::Policy> for PolicySummary {
    fn from(policy: &domain::Policy) -> Self {
        Self { attributes: policy.into(), rule_count: policy.rules.len() }
    }
}

/// Policies in their new order.
pub(in crate::http) fn reordered(policies: &[domain::Policy]) -> ReorderedPolicies {
    ReorderedPolicies { data: policies.iter().map(PolicySummary::from).collect() }
}

/// What is wrong with a policy text, or probably not meant.
pub(in crate::http) fn problems(found: Vec<Problem>) -> Vec<stint_api::Problem> {
    found.into_iter().map(|Problem { line, column, message }| stint_api::Problem { line, column, message }).collect()
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
        assert_eq!(changed(change("{}").unwrap(), fields()), fields());
        let nothing = r#"{"description": null, "default_duration_seconds": null, "approval_timeout_seconds": null,
            "notification_channel": null, "ticket_pattern": null}"#;
        let text = r#"{"name": "a", "max_duration_seconds": 60}"#;
        let bare = serde_json::from_str::<CreatePolicy>(text).unwrap().into();
        assert_eq!(changed(change(nothing).unwrap(), fields()), bare);
        let renamed = PolicyFields { name: "z".to_owned(), priority: -3, ..fields() };
        assert_eq!(changed(change(r#"{"name": "z", "priority": -3}"#).unwrap(), fields()), renamed);
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
