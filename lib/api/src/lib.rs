//! The wire types of the API: what a request's and an answer's JSON holds, and how the OpenAPI document describes it.
//!
//! The server deserializes requests and serializes answers, a client does the opposite, so each type does both. The names
//! are those of the OpenAPI document. Nothing here depends on AWS, Cedar or the HTTP server. The package `stint` converts
//! between these types and its own, and checks what the types do not: lengths, formats of ids, limits of lists.
//!
//! Of a request, unknown fields are refused. Of an answer, they are ignored: a later version of the server may add some.

mod access;
mod audit_log;
mod events;
mod grants;
mod ids;
mod policies;
mod requests;
mod resource;
mod seconds;
mod service;

pub use access::{
    AccessRequestStatus, Diagnostic, EnsureAccess, EnsureAccessResult, EnsureChange, EnsureStatus, EnsuredGrant,
    Entitlement, GrantSummary, Justification, Level, Validation,
};
pub use audit_log::{
    AuditLogEntry, AuditLogHead, AuditLogVerification, ChainDefect, InvalidAuditLogEntry, VerificationStatus,
};
pub use events::{ActorType, EventKind, EventSubject};
pub use grants::{ExtendGrant, Grant, GrantStatus, ProvisioningStatus, Revocation, RevocationStatus, UpdateGrant};
pub use ids::{ApiKeyId, EventId, GrantId, IdError, MessageId, PolicyId, RequestId, RuleId, TenantId};
pub use policies::evaluate::{
    EvaluatePolicies, PolicyEvaluation, PolicyValidation, Problem, RuleFailure, ValidatePolicies,
};
pub use policies::rules::{
    ActionScopeType, Effect, PolicyRule, ReorderPolicyRules, ScopeType, WritePolicyRule, WrittenPolicyRule,
};
pub use policies::{
    ApprovalMode, CreatePolicy, OnDrift, Policy, PolicyAttributes, PolicySummary, ReorderPolicies, ReorderedPolicies,
    UpdatePolicy, WrittenPolicy,
};
pub use requests::{
    AccessRequest, AuthorType, CreateRequest, CreateRequestMessage, Decide, Decision, RequestApprovalMode,
    RequestMessage, RequestStatus, Vote,
};
pub use resource::{ResourceRef, ResourceType};
pub use seconds::{Seconds, SecondsError};
pub use service::{EmptyBody, ErrorBody, Health, PageOf};

use serde::{Deserialize, Deserializer};

/// Free-form data from a caller: a JSON object.
pub type Metadata = serde_json::Map<String, serde_json::Value>;

/// Deserializes a field that is present, so that `null` can be told from an absent field (`None` by
/// `#[serde(default)]`).
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(given: D) -> Result<Option<T>, D::Error> {
    T::deserialize(given).map(Some)
}
