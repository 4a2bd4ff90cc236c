//! Rules of policies.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Problem, RuleId, present};

/// A rule to make, or what is to be different about one: the whole statement, or fields.
///
/// Of a new rule, a scope that is omitted is `any`. Of a rule that is changed, what is omitted stays, and null clears.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
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
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "permit (principal in Group::\"engineering\", action, resource);")]
    pub policy_text: Option<String>,
    /// Permit or forbid; required of a new rule without `policy_text`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub effect: Option<Effect>,
    /// How the principals are said.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub principal_scope_type: Option<ScopeType>,
    /// The type of the principal: `User`, `ServiceAccount` or `Group`; of `is` and `is_in`, the type that is asked for.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "Group")]
    pub principal_entity_type: Option<Option<String>>,
    /// The id of the principal; of `is_in`, the entity as Cedar writes it: `Group::"engineering"`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "engineering")]
    pub principal_entity_id: Option<Option<String>>,
    /// How the actions are said.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub action_scope_type: Option<ActionScopeType>,
    /// The actions: none of `any`, one of `eq`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = json!(["PowerUserAccess"]))]
    pub action_ids: Option<Vec<String>>,
    /// How the resources are said.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub resource_scope_type: Option<ScopeType>,
    /// The type of the resource, such as `AwsAccount`; of `is` and `is_in`, the type that is asked for.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "AwsAccount")]
    pub resource_entity_type: Option<Option<String>>,
    /// The id of the resource; of `is_in`, the entity as Cedar writes it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "111111111111")]
    pub resource_entity_id: Option<Option<String>>,
    /// Raw Cedar when/unless clause text.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "when { context.has_reason }")]
    pub conditions: Option<Option<String>>,
    /// User-facing message for this rule.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = json!(null))]
    pub notice: Option<Option<String>>,
    /// Whether grants should have call auditing; true of a new rule.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub audit_session: Option<bool>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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

/// An order of a policy's rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "ids": ["019a3f5e-7c1b-7000-8000-000000000006", "019a3f5e-7c1b-7000-8000-000000000005"]
}))]
pub struct ReorderPolicyRules {
    /// The ids of all rules of the policy, each once.
    #[schema(max_items = 200)]
    pub ids: Vec<RuleId>,
}

/// A rule that was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WrittenPolicyRule {
    /// The rule.
    #[serde(flatten)]
    pub rule: PolicyRule,
    /// What is probably not meant in its `policy_text`, such as an account nobody knows; it is stored nevertheless.
    pub warnings: Vec<Problem>,
}

/// Whether a rule permits or forbids what it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The rule permits what it matches.
    Permit,
    /// The rule forbids what it matches, even if another rule permits it.
    Forbid,
}

/// How a rule says which principals or resources it is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScopeType {
    /// All.
    #[default]
    Any,
    /// Just one entity.
    Eq,
    /// One entity and all below it.
    In,
    /// All of a type.
    Is,
    /// All of a type that are below an entity.
    IsIn,
}

/// How a rule says which actions it is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionScopeType {
    /// All.
    #[default]
    Any,
    /// Just one.
    Eq,
    /// Any of several.
    In,
}
