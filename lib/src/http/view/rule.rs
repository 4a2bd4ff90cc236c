//! Rules of policies on the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::present;
use crate::app::rules::{RuleChange, ScopeChange};
use crate::domain::{self, Effect, RuleId};
use crate::policy::{ActionScopeType, FlatScope, ScopeType, flat_actions};

/// A rule to make, or what is to be different about one: the whole statement, or fields.
///
/// Of a new rule, a scope that is omitted is `any`. Of a rule that is changed, what is omitted stays, and null clears.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "effect": "permit",
    "principal_scope_type": "in",
    "principal_entity_type": "Group",
    "principal_entity_id": "engineering",
    "action_scope_type": "eq",
    "action_ids": ["PowerUserAccess"],
    "resource_scope_type": "eq",
    "resource_entity_type": "AwsAccount",
    "resource_entity_id": "111111111111",
    "conditions": "when { context.has_reason }"
}))]
pub struct WritePolicyRule {
    /// One Cedar statement; wins over all other fields.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, example = "permit (principal in Group::\"engineering\", action, resource);")]
    pub policy_text: Option<String>,
    /// Permit or forbid; required of a new rule without `policy_text`.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    pub effect: Option<Effect>,
    /// How the principals are said.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    pub principal_scope_type: Option<ScopeType>,
    /// The type of the principal: `User`, `ServiceAccount` or `Group`; of `is` and `is_in`, the type that is asked for.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "Group")]
    pub principal_entity_type: Option<Option<String>>,
    /// The id of the principal; of `is_in`, the entity as Cedar writes it: `Group::"engineering"`.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "engineering")]
    pub principal_entity_id: Option<Option<String>>,
    /// How the actions are said.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    pub action_scope_type: Option<ActionScopeType>,
    /// The actions: none of `any`, one of `eq`.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, example = json!(["PowerUserAccess"]))]
    pub action_ids: Option<Vec<String>>,
    /// How the resources are said.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    pub resource_scope_type: Option<ScopeType>,
    /// The type of the resource, such as `AwsAccount`; of `is` and `is_in`, the type that is asked for.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "AwsAccount")]
    pub resource_entity_type: Option<Option<String>>,
    /// The id of the resource; of `is_in`, the entity as Cedar writes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "111111111111")]
    pub resource_entity_id: Option<Option<String>>,
    /// Raw Cedar when/unless clause text.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "when { context.has_reason }")]
    pub conditions: Option<Option<String>>,
    /// User-facing message for this rule.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = json!(null))]
    pub notice: Option<Option<String>>,
    /// Whether grants should have call auditing; true of a new rule.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    pub audit_session: Option<bool>,
}

impl From<WritePolicyRule> for RuleChange {
    fn from(rule: WritePolicyRule) -> Self {
        Self {
            policy_text: rule.policy_text,
            effect: rule.effect,
            principal: ScopeChange {
                scope_type: rule.principal_scope_type,
                entity_type: rule.principal_entity_type,
                entity_id: rule.principal_entity_id,
            },
            action_scope_type: rule.action_scope_type,
            action_ids: rule.action_ids,
            resource: ScopeChange {
                scope_type: rule.resource_scope_type,
                entity_type: rule.resource_entity_type,
                entity_id: rule.resource_entity_id,
            },
            conditions: rule.conditions,
            notice: rule.notice,
            audit_session: rule.audit_session,
        }
    }
}

/// The text of the example.
pub(super) const EXAMPLE_TEXT: &str =
    "permit (principal in Group::\"engineering\", action, resource == AwsAccount::\"111111111111\");";

/// An example of a rule.
pub(super) fn example() -> serde_json::Value {
    serde_json::json!({
        "id": "019a3f5e-7c1b-7000-8000-000000000005",
        "ordinal": 0,
        "effect": "permit",
        "policy_text": EXAMPLE_TEXT,
        "principal_scope_type": "in",
        "principal_entity_type": "Group",
        "principal_entity_id": "engineering",
        "action_scope_type": "any",
        "action_ids": [],
        "resource_scope_type": "eq",
        "resource_entity_type": "AwsAccount",
        "resource_entity_id": "111111111111",
        "conditions": null,
        "notice": null,
        "audit_session": true,
        "created_at": "2026-11-21T09:00:00Z"
    })
}

/// Single rule within a policy.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!(example()))]
pub struct PolicyRule {
    /// Its id.
    pub id: RuleId,
    /// Its place within the policy, from 0. The rules of a policy decide together: none comes before another.
    pub ordinal: u32,
    /// Permit or forbid.
    pub effect: Effect,
    /// Assembled Cedar text for this rule.
    pub policy_text: String,
    /// How the principals are said.
    pub principal_scope_type: ScopeType,
    /// The type of the principal; of `is` and `is_in`, the type that is asked for.
    #[schema(required = true)]
    pub principal_entity_type: Option<String>,
    /// The id of the principal; of `is_in`, the entity as Cedar writes it.
    #[schema(required = true)]
    pub principal_entity_id: Option<String>,
    /// How the actions are said.
    pub action_scope_type: ActionScopeType,
    /// The actions.
    pub action_ids: Vec<String>,
    /// How the resources are said.
    pub resource_scope_type: ScopeType,
    /// The type of the resource; of `is` and `is_in`, the type that is asked for.
    #[schema(required = true)]
    pub resource_entity_type: Option<String>,
    /// The id of the resource; of `is_in`, the entity as Cedar writes it.
    #[schema(required = true)]
    pub resource_entity_id: Option<String>,
    /// Raw Cedar when/unless clause text.
    #[schema(required = true)]
    pub conditions: Option<String>,
    /// User-facing message for this rule.
    #[schema(required = true)]
    pub notice: Option<String>,
    /// Whether grants should have call auditing.
    pub audit_session: bool,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
}

impl From<domain::Rule> for PolicyRule {
    fn from(rule: domain::Rule) -> Self {
        let (principal, resource) = (FlatScope::from(&rule.principal), FlatScope::from(&rule.resource));
        let (action_scope_type, action_ids) = flat_actions(&rule.action);
        Self {
            id: rule.id,
            ordinal: rule.ordinal,
            effect: rule.effect,
            policy_text: rule.policy_text,
            principal_scope_type: principal.scope_type,
            principal_entity_type: principal.entity_type,
            principal_entity_id: principal.entity_id,
            action_scope_type,
            action_ids,
            resource_scope_type: resource.scope_type,
            resource_entity_type: resource.entity_type,
            resource_entity_id: resource.entity_id,
            conditions: rule.conditions,
            notice: rule.notice,
            audit_session: rule.audit_session,
            created_at: rule.created_at,
        }
    }
}

/// An order of a policy's rules.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "ids": ["019a3f5e-7c1b-7000-8000-000000000006", "019a3f5e-7c1b-7000-8000-000000000005"]
}))]
pub struct ReorderPolicyRules {
    /// The ids of all rules of the policy, each once.
    #[schema(max_items = 200)]
    pub ids: Vec<RuleId>,
}
