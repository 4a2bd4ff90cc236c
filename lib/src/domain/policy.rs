//! Policies: Cedar rules, and the settings that apply where they permit.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::stored::required;
use super::{ApprovalMode, Effect, OnDrift, PolicyId, RuleId, Seconds};

/// What a policy demands of a request it permits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySettings {
    /// Whether a permitted request waits for approval by people.
    pub approval_mode: ApprovalMode,
    /// The maximum length of a grant.
    pub max_duration_seconds: Seconds,
    /// The length of a grant if the request names none; `None` if the policy sets no default.
    #[serde(deserialize_with = "required")]
    pub default_duration_seconds: Option<Seconds>,
    /// How long a request waits for a decision before it expires; `None` means 3 hours.
    #[serde(deserialize_with = "required")]
    pub approval_timeout_seconds: Option<Seconds>,
    /// How many different people must approve, 1..=10.
    pub required_approvals: u32,
    /// Whether a reason must be given.
    pub require_reason: bool,
    /// A regular expression that one of the tickets must match; `None` if no ticket is required.
    #[serde(deserialize_with = "required")]
    pub ticket_pattern: Option<String>,
    /// The channel where approvers are notified; `None` if there is none.
    #[serde(deserialize_with = "required")]
    pub notification_channel: Option<String>,
    /// What happens if the access of a live grant is deleted outside stint.
    pub on_drift: OnDrift,
}

/// A policy: rules of one priority, with their settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The id of the policy.
    pub id: PolicyId,
    /// The name of the policy.
    pub name: String,
    /// What the policy is for; `None` if not described.
    #[serde(deserialize_with = "required")]
    pub description: Option<String>,
    /// Whether its rules are evaluated.
    pub enabled: bool,
    /// Policies of a higher priority decide first.
    pub priority: i32,
    /// What it demands of a request it permits.
    #[serde(flatten)]
    pub settings: PolicySettings,
    /// Its rules, ordered by ordinal.
    pub rules: Vec<Rule>,
    /// Raised with each change; the entity tag.
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An entity by type and id, such as `Group::"sre"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EntityRef {
    /// The Cedar entity type, such as `Group`.
    pub entity_type: String,
    /// The entity id, such as `sre`.
    pub entity_id: String,
}

/// The principals or resources a rule applies to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleScope {
    /// All.
    Any,
    /// This entity only.
    Eq(EntityRef),
    /// This entity and all its descendants.
    In(EntityRef),
    /// All entities of a type.
    Is(String),
    /// All entities of a type that are descendants of an entity.
    IsIn(String, EntityRef),
}

/// The actions a rule applies to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionScope {
    /// All.
    Any,
    /// This action only.
    Eq(String),
    /// Any of these actions.
    In(Vec<String>),
}

/// One Cedar statement, together with its parts.
///
/// `policy_text` and the other fields have the same meaning; [`crate::policy`] converts between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The id of the rule.
    pub id: RuleId,
    /// Its position in the policy, from 0.
    pub ordinal: u32,
    /// Whether it permits or forbids.
    pub effect: Effect,
    /// The Cedar statement, including annotations.
    pub policy_text: String,
    /// The principals it applies to.
    pub principal: RuleScope,
    /// The actions it applies to.
    pub action: ActionScope,
    /// The resources it applies to.
    pub resource: RuleScope,
    /// The `when` and `unless` clauses as text; `None` if there are none.
    #[serde(deserialize_with = "required")]
    pub conditions: Option<String>,
    /// `@notice`: a text shown to the caller when this rule determined the answer; `None` if it has none.
    #[serde(deserialize_with = "required")]
    pub notice: Option<String>,
    /// `@audit_session`: whether sessions of its grants are audited; true unless the annotation says `false`.
    pub audit_session: bool,
    /// When it was created.
    pub created_at: Timestamp,
}

/// The terms of a permitted request: the strictest settings of the policies whose rules determined it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// `require` if any of them requires it.
    pub approval_mode: ApprovalMode,
    /// The smallest maximum of them.
    pub max_duration_seconds: Seconds,
    /// The smallest default of them, but not more than the maximum; `None` if none has a default.
    #[serde(deserialize_with = "required")]
    pub default_duration_seconds: Option<Seconds>,
    /// The smallest timeout of them.
    pub approval_timeout_seconds: Seconds,
    /// The largest number of them.
    pub required_approvals: u32,
    /// Whether any of them requires a reason.
    pub require_reason: bool,
    /// The patterns of all of them; for each, one of the tickets must match.
    pub ticket_patterns: Vec<String>,
    /// Whether any determining rule requires audited sessions.
    pub audit_session: bool,
    /// [`OnDrift::Restore`] only if all of them say so.
    pub on_drift: OnDrift,
}
