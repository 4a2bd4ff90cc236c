//! The kinds of event, what an event is about, and who causes one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! event_kinds {
    // `tt`, because derive macros treat a `literal` fragment differently.
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

            /// The meaning, for the reference page.
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
    /// A request waits for approval by people.
    RequestPending = "request.pending"
    /// One of several required approvals was given.
    RequestApprovalAdded = "request.approval_added"
    /// An approval was refused: policy does not permit it now, the approver made the request or has no authority over
    /// it, or is not known to be a different person.
    RequestApprovalRefused = "request.approval_refused"
    /// A request was approved.
    RequestApproved = "request.approved"
    /// A request was denied.
    RequestDenied = "request.denied"
    /// A request expired without a decision.
    RequestExpired = "request.expired"
    /// A request was cancelled.
    RequestCancelled = "request.cancelled"
    /// Break-glass access was used; it should be reviewed.
    RequestBreakGlass = "request.break_glass"
    /// Break-glass access was refused to somebody who may not use it; no request was created.
    RequestBreakGlassRefused = "request.break_glass_refused"
    /// A message was added to a request.
    RequestMessageAdded = "request.message_added"
    /// A grant was decided and is being provisioned.
    GrantProvisioning = "grant.provisioning"
    /// The access of a grant is usable.
    GrantActive = "grant.active"
    /// A grant reached its end.
    GrantExpired = "grant.expired"
    /// A grant was ended early.
    GrantRevoked = "grant.revoked"
    /// A grant could not be provisioned.
    GrantFailed = "grant.failed"
    /// A grant was extended.
    GrantExtended = "grant.extended"
    /// A setting of a grant was changed.
    GrantUpdated = "grant.updated"
    /// The access of a grant still exists more than a minute after its end; revocation continues.
    GrantRevocationDelayed = "grant.revocation_delayed"
    /// The access of a grant is gone, or another live grant holds it.
    GrantRevocationDone = "grant.revocation_done"
    /// The access of a grant existed before, through an assignment that stint did not create or a group, and will stay.
    GrantStandingAccess = "grant.standing_access"
    /// The access of a live grant was found deleted outside stint.
    DriftDetected = "drift.detected"
    /// A policy was created.
    PolicyCreated = "policy.created"
    /// A policy or its rules changed.
    PolicyUpdated = "policy.updated"
    /// A policy was deleted.
    PolicyDeleted = "policy.deleted"
    /// The priorities of policies changed.
    PoliciesReordered = "policy.reordered"
    /// A tenant was created.
    TenantCreated = "tenant.created"
    /// An API key was created.
    ApiKeyCreated = "api_key.created"
    /// An API key was revoked.
    ApiKeyRevoked = "api_key.revoked"
    /// An Identity Center instance was registered for the tenant.
    InstanceRegistered = "instance.registered"
    /// The tenant shared the Identity Center instance that it registered with another tenant.
    InstanceShared = "instance.shared"
    /// Somebody started an export of the audit log.
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

/// Whether a person, an API key or stint itself caused an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorType {
    /// An API key.
    ApiKey,
    /// A person, with a token of the tenant's identity provider.
    Oidc,
    /// stint itself.
    System,
}
