//! The terms of the product as types: parsed once at the edge, and valid from then on.
//!
//! Nothing here does I/O, reads a clock or makes an id.

mod assignment;
mod duration;
mod event;
mod grant;
mod id;
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
pub use duration::{Seconds, SecondsError};
pub use event::{Actor, ActorType, Event, EventKind, EventSubject};
pub use grant::{DELETED_OUTSIDE, DecisionBasis, Grant, GrantStatus, Provisioning, Revocation, RevocationStatus};
pub use id::{ApiKeyId, EventId, GrantId, IdError, MessageId, PolicyId, RequestId, RuleId, TenantId};
pub use person::{ExternalId, Person, PersonLink};
pub use policy::{
    ActionScope, ApprovalMode, Effect, EntityRef, OnDrift, Policy, PolicySettings, Rule, RuleScope, Terms,
};
pub use principal::{Auth, Circumstances, DirectoryLink, Principal, PrincipalKind, PrincipalRef};
pub use request::{
    AccessRequest, ApprovedBy, ApproverDecision, AuthorType, RequestMessage, RequestState, RequestStatus, Vote,
};
#[cfg(test)]
pub(crate) use resource::SAMPLES;
pub use resource::{AccountId, AwsResource, ResourceError, ResourceRef, ResourceType, UncheckedResourceRef};
pub use slot::{LEASE, LEASE_POLL, LEASE_RENEWAL, LONGEST_REQUEST, Quota, REQUESTS_A_WINDOW, Slot, SlotTable, Urgency};
pub(crate) use stored::required;
pub use sync::{SYNC_LEASE, SyncPhase, SyncState};
pub use tenant::{BreakGlass, ExternalIdSource, GroupsClaim, OidcConfig, Role, Tenant, TenantSettings, User, Versions};

/// Free-form data from a caller: a JSON object.
pub type Metadata = serde_json::Map<String, serde_json::Value>;
