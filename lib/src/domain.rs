//! The terms of the product as types: parsed once at the edge, and valid from then on.
//!
//! Nothing here does I/O, reads a clock or makes an id.

mod assignment;
mod event;
mod grant;
mod person;
mod policy;
mod principal;
mod request;
mod resource;
mod slot;
mod stored;
mod sync;
mod tenant;
pub mod text;

pub use assignment::{
    Assignment, AssignmentKey, Holder, InstanceTenants, Lease, NextStep, Operation, OperationKind, Origin, Presence,
};
pub use event::{Actor, Event};
pub use grant::{DELETED_OUTSIDE, DecisionBasis, Grant, Provisioning, Revocation};
pub use person::{ExternalId, Person, PersonLink};
pub use policy::{ActionScope, EntityRef, Policy, PolicySettings, Rule, RuleScope, Terms};
pub use principal::{Auth, Circumstances, DirectoryLink, Principal, PrincipalKind, PrincipalRef};
pub use request::{AccessRequest, ApprovedBy, ApproverDecision, RequestMessage, RequestState};
#[cfg(test)]
pub(crate) use resource::samples;
pub use resource::{
    ASSUME, AccountId, Actions, AwsResource, ResourceError, ResourceRef, ResourceType, UncheckedResourceRef,
};
pub use slot::{LEASE, LEASE_POLL, LEASE_RENEWAL, LONGEST_REQUEST, Quota, REQUESTS_A_WINDOW, Slot, SlotTable, Urgency};
// Ids, durations and names that are the same on the wire.
pub use stint_api::{
    ActorType, ApiKeyId, ApprovalMode, AuthorType, Effect, EventId, EventKind, EventSubject, GrantId, GrantStatus,
    IdError, MessageId, Metadata, OnDrift, PolicyId, RequestId, RequestStatus, RevocationStatus, RuleId, Seconds,
    SecondsError, TenantId, Vote,
};
pub(crate) use stored::required;
pub use sync::{SYNC_LEASE, SyncPhase, SyncState};
pub use tenant::{BreakGlass, ExternalIdSource, GroupsClaim, OidcConfig, Role, Tenant, TenantSettings, User, Versions};
