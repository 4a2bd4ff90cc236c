//! Events: each state change is one, and each becomes one audit entry.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::stored::required;
use super::{EventId, Metadata, PrincipalKind, PrincipalRef, TenantId};

macro_rules! event_kinds {
    // `tt`, since what derives read of a `literal` differs.
    ($($(#[doc = $doc:literal])+ $name:ident = $text:tt)+) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum EventKind {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name on the bus and in the audit log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What it means, for the reference.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim(),)+
                }
            }
        }
    };
}

event_kinds! {
    /// A request waits for people.
    RequestPending = "request.pending"
    /// One of several required approvals was given.
    RequestApprovalAdded = "request.approval_added"
    /// An approval was refused: by policy as it is now, of one's own request, without the authority, or by
    /// somebody who is not known to be another person.
    RequestApprovalRefused = "request.approval_refused"
    /// A request was approved.
    RequestApproved = "request.approved"
    /// A request was denied.
    RequestDenied = "request.denied"
    /// Nobody decided a request in time.
    RequestExpired = "request.expired"
    /// A request was withdrawn.
    RequestCancelled = "request.cancelled"
    /// Somebody broke the glass; to be reviewed.
    RequestBreakGlass = "request.break_glass"
    /// Emergency access was refused to somebody who may not have it; no request was made.
    RequestBreakGlassRefused = "request.break_glass_refused"
    /// Something was said about a request.
    RequestMessageAdded = "request.message_added"
    /// A grant was decided and is to be carried out.
    GrantProvisioning = "grant.provisioning"
    /// A grant is usable.
    GrantActive = "grant.active"
    /// A grant's time is over.
    GrantExpired = "grant.expired"
    /// A grant was ended early.
    GrantRevoked = "grant.revoked"
    /// A grant could not be carried out.
    GrantFailed = "grant.failed"
    /// A grant was extended.
    GrantExtended = "grant.extended"
    /// A setting of a grant was changed.
    GrantUpdated = "grant.updated"
    /// Access outlives its grant by more than a minute; it is still being taken away.
    GrantRevocationDelayed = "grant.revocation_delayed"
    /// The access a grant gave is gone, or held by another live grant.
    GrantRevocationDone = "grant.revocation_done"
    /// The access a grant gives existed before, by an assignment that stint did not create or through a group, and will be left.
    GrantStandingAccess = "grant.standing_access"
    /// The access a live grant gave was found deleted outside stint.
    DriftDetected = "drift.detected"
    /// A policy was made.
    PolicyCreated = "policy.created"
    /// A policy or its rules changed.
    PolicyUpdated = "policy.updated"
    /// A policy was deleted.
    PolicyDeleted = "policy.deleted"
    /// The priorities of policies changed.
    PoliciesReordered = "policy.reordered"
    /// A tenant was founded.
    TenantCreated = "tenant.created"
    /// An API key was made.
    ApiKeyCreated = "api_key.created"
    /// An Identity Center instance was registered for the tenant.
    InstanceRegistered = "instance.registered"
    /// The tenant let another one use the Identity Center instance it registered.
    InstanceShared = "instance.shared"
    /// Somebody began to export the audit log.
    AuditExported = "audit.exported"
}

/// The kind of thing an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventSubject {
    /// An access request.
    Request,
    /// A grant.
    Grant,
    /// A policy, or the order of several.
    Policy,
    /// The tenant.
    Tenant,
    /// An API key.
    ApiKey,
    /// An Identity Center instance.
    IdentityCenterInstance,
    /// The audit log itself.
    AuditLog,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Person, machine or the product.
    #[serde(rename = "actor_type")]
    pub kind: ActorType,
    /// The subject, the API key's id, or `system`.
    #[serde(rename = "actor_id")]
    pub id: String,
}

/// Person, machine or the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorType {
    /// An API key.
    ApiKey,
    /// A person with a token.
    Oidc,
    /// The product itself.
    System,
}

impl Actor {
    /// The product itself.
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

/// A state change, written in the transaction that makes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Whose.
    pub tenant_id: TenantId,
    /// What happened.
    #[serde(rename = "action")]
    pub kind: EventKind,
    /// Who did it.
    #[serde(flatten)]
    pub actor: Actor,
    /// The kind of thing it happened to.
    pub resource_type: EventSubject,
    /// Which one.
    pub resource_id: String,
    /// What a listener needs to know.
    pub metadata: Metadata,
    /// Why.
    #[serde(deserialize_with = "required")]
    pub reasoning: Option<String>,
    /// When.
    pub created_at: Timestamp,
}
