//! Wire types of the audit log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ActorType, EventId, EventKind, EventSubject, Metadata, TenantId};

/// Something that happened, sealed into the tenant's chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "019a3f5e-7c1b-7000-8000-000000000004",
    "sequence": 57,
    "tenant_id": "2489e9ad-2ee2-8e00-8ec9-32d5f69181c0",
    "actor_id": "bob",
    "actor_type": "oidc",
    "action": "request.approved",
    "resource_type": "request",
    "resource_id": "019a3f5e-7c1b-7000-8000-000000000001",
    "metadata": {"requester_id": "alice", "resource": "aws_account:333333333333", "action": "ReadOnlyAccess"},
    "reasoning": "a tour",
    "created_at": "2026-11-21T09:00:00Z",
    "prev_hash": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
    "hash": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
}))]
pub struct AuditLogEntry {
    /// The id of the event, on the bus as here.
    pub id: EventId,
    /// Its place in the chain, from 1, without a gap.
    pub sequence: u64,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The subject of a person, the id of an API key, or `system`.
    pub actor_id: String,
    /// Person, machine or the product.
    pub actor_type: ActorType,
    /// What happened.
    pub action: EventKind,
    /// The kind of thing it happened to.
    pub resource_type: EventSubject,
    /// Which one; `*` if it was several.
    pub resource_id: String,
    /// The circumstances.
    #[schema(value_type = Object)]
    pub metadata: Metadata,
    /// Why, if somebody said so.
    #[schema(required = true)]
    pub reasoning: Option<String>,
    /// When it happened.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// The `hash` of the entry before; of the first, 64 zeros.
    pub prev_hash: String,
    /// SHA-256 over the canonical JSON (RFC 8785) of all other fields.
    pub hash: String,
}

/// How far the chain is what was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "status": "valid",
    "verified_from": 1,
    "verified_to": 57,
    "head": {"sequence": 57, "hash": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"},
    "first_invalid": null,
    "next_cursor": null,
    "has_more": false
}))]
pub struct AuditLogVerification {
    /// `valid`: up to its head; `unfinished`: as far as one call goes, and others follow; `invalid`: up to `first_invalid`.
    pub status: VerificationStatus,
    /// The sequence of the first entry that was looked at.
    pub verified_from: u64,
    /// The sequence of the last entry that is what was sealed; one less than `verified_from` if there is none.
    pub verified_to: u64,
    /// The end of the chain. Noted outside of AWS, it shows later that nothing before it was changed.
    pub head: AuditLogHead,
    /// The first entry that is not what was sealed.
    #[schema(required = true)]
    pub first_invalid: Option<InvalidAuditLogEntry>,
    /// What to send as `cursor` to go on, if it is unfinished.
    #[schema(required = true, example = json!(null))]
    pub next_cursor: Option<String>,
    /// Whether it is unfinished.
    pub has_more: bool,
}

/// Whether the chain holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerificationStatus {
    /// It is valid up to its head.
    Valid,
    /// It is valid as far as this call checked it.
    Unfinished,
    /// It has an invalid entry.
    Invalid,
}

/// The end of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "sequence": 57, "hash": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
}))]
pub struct AuditLogHead {
    /// The sequence of the last entry; 0 if there is none.
    pub sequence: u64,
    /// Its hash; 64 zeros if there is none.
    pub hash: String,
}

/// An entry that is not what was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"sequence": 12, "reason": "changed"}))]
pub struct InvalidAuditLogEntry {
    /// Its sequence, or the one it should have.
    pub sequence: u64,
    /// `missing`: it is not there, though later ones are, or the head of the chain says that it was; `changed`: it is not
    /// what was sealed; `misplaced`: it was sealed as another entry; `other_tenant`: it was sealed for another tenant;
    /// `unlinked`: it does not follow the one before, one of the two was sealed anew; `beyond_head`: the head of the
    /// chain comes before it; `head_differs`: it is the last one, and the head of the chain names another.
    pub reason: ChainDefect,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AuditLogFlaw)]
pub enum ChainDefect {
    /// The entry is not there.
    Missing,
    /// The content differs.
    Changed,
    /// It is another entry.
    Misplaced,
    /// It is another tenant's.
    OtherTenant,
    /// The link to the entry before is broken.
    Unlinked,
    /// The head comes before it.
    BeyondHead,
    /// The head names another entry.
    HeadDiffers,
}
