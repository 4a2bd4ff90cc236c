//! Policies: Cedar rules, and the settings that hold where they permit.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PolicyId, RuleId, Seconds};

/// Whether a permitted request is granted at once or waits for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalMode {
    /// Approved and granted at once.
    Auto,
    /// Waits for people.
    Require,
}

/// What becomes of a live grant's access that somebody deleted outside stint. The strictest comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDrift {
    /// It is announced and not made again: an incident responder may have deleted it.
    #[default]
    Report,
    /// It is announced and made again.
    Restore,
}

/// What a policy asks of a request it permits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySettings {
    /// Whether a permitted request waits for people.
    pub approval_mode: ApprovalMode,
    /// The longest grant.
    pub max_duration_seconds: Seconds,
    /// The length of a grant that did not name one.
    pub default_duration_seconds: Option<Seconds>,
    /// When a request nobody decided lapses; `None` is 3 hours.
    pub approval_timeout_seconds: Option<Seconds>,
    /// How many different people must approve, 1..=10.
    pub required_approvals: u32,
    /// Whether a reason must be given.
    pub require_reason: bool,
    /// A regular expression one of the tickets must match.
    pub ticket_pattern: Option<String>,
    /// Where approvers are told.
    pub notification_channel: Option<String>,
    /// What becomes of access that is deleted outside stint while its grant lives.
    #[serde(default)]
    pub on_drift: OnDrift,
}

/// A policy: rules of one priority with their settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its id.
    pub id: PolicyId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether its rules are looked at.
    pub enabled: bool,
    /// Policies of a higher priority decide first.
    pub priority: i32,
    /// What it asks of a request it permits.
    #[serde(flatten)]
    pub settings: PolicySettings,
    /// Its rules, by ordinal.
    pub rules: Vec<Rule>,
    /// Counts the changes; the entity tag.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Permit or forbid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The rule permits what it matches.
    Permit,
    /// The rule forbids what it matches, whatever permits it.
    Forbid,
}

/// An entity by type and id, such as `Group::"sre"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EntityRef {
    /// The Cedar type.
    pub entity_type: String,
    /// The id.
    pub entity_id: String,
}

/// Which principals or resources a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleScope {
    /// All.
    Any,
    /// Just this one.
    Eq(EntityRef),
    /// This one and all below it.
    In(EntityRef),
    /// All of a type.
    Is(String),
    /// All of a type that are below an entity.
    IsIn(String, EntityRef),
}

/// Which actions a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionScope {
    /// All.
    Any,
    /// Just this one.
    Eq(String),
    /// Any of these.
    In(Vec<String>),
}

/// One Cedar statement, with its scope taken apart.
///
/// `policy_text` and the fields say the same; [`crate::policy`] turns one into the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// Its place in the policy, from 0.
    pub ordinal: u32,
    /// Permit or forbid.
    pub effect: Effect,
    /// The statement in Cedar, annotations included.
    pub policy_text: String,
    /// Which principals.
    pub principal: RuleScope,
    /// Which actions.
    pub action: ActionScope,
    /// Which resources.
    pub resource: RuleScope,
    /// The `when` and `unless` clauses, as text.
    pub conditions: Option<String>,
    /// `@notice`: what to tell the caller when this rule decides.
    pub notice: Option<String>,
    /// `@audit_session`, true unless it says false: whether sessions of its grants are audited.
    pub audit_session: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What holds for a permitted request: the strictest settings of the policies that determined it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// `require` if any of them requires it.
    pub approval_mode: ApprovalMode,
    /// The smallest maximum.
    pub max_duration_seconds: Seconds,
    /// The smallest default, and no more than the maximum.
    pub default_duration_seconds: Option<Seconds>,
    /// The smallest timeout.
    pub approval_timeout_seconds: Seconds,
    /// The largest number.
    pub required_approvals: u32,
    /// Whether any asks for a reason.
    pub require_reason: bool,
    /// Every pattern; a ticket must match each.
    pub ticket_patterns: Vec<String>,
    /// Whether any determining rule wants sessions audited.
    pub audit_session: bool,
    /// [`OnDrift::Restore`] only if all of them say so.
    #[serde(default)]
    pub on_drift: OnDrift,
}
