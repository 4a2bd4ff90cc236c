//! Events: each state change writes one, and each becomes one audit entry.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::stored::required;
use super::{ActorType, EventId, EventKind, EventSubject, Metadata, PrincipalKind, PrincipalRef, TenantId};

/// Who caused an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Whether a person, an API key or stint itself caused it.
    #[serde(rename = "actor_type")]
    pub kind: ActorType,
    /// The subject of the person's token, the API key's id, or `system`.
    #[serde(rename = "actor_id")]
    pub id: String,
}

impl Actor {
    /// The actor of events that stint itself causes.
    #[must_use]
    pub fn system() -> Self {
        Self { kind: ActorType::System, id: "system".to_owned() }
    }
}

impl From<&PrincipalRef> for Actor {
    fn from(principal: &PrincipalRef) -> Self {
        let kind = match principal.kind {
            PrincipalKind::User => ActorType::Oidc,
            PrincipalKind::ServiceAccount => ActorType::ApiKey,
        };
        Self { kind, id: principal.id.clone() }
    }
}

/// A state change, written in the same transaction as the change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The id of the event.
    pub id: EventId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// What happened.
    #[serde(rename = "action")]
    pub kind: EventKind,
    /// Who caused it.
    #[serde(flatten)]
    pub actor: Actor,
    /// The kind of thing it is about.
    pub resource_type: EventSubject,
    /// The id of the thing it is about.
    pub resource_id: String,
    /// Further facts for consumers; the keys depend on the kind.
    pub metadata: Metadata,
    /// The reason that the actor gave; `None` if there was none.
    #[serde(deserialize_with = "required")]
    pub reasoning: Option<String>,
    /// When it happened.
    pub created_at: Timestamp,
}
