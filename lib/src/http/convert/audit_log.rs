//! The audit log and what its verification found, as callers read them.

use stint_api::{AuditLogEntry, AuditLogHead, AuditLogVerification, InvalidAuditLogEntry, VerificationStatus};

use crate::audit::{ChainPosition, ChainStatus, Verification};
use crate::store::AuditEntry;

impl From<AuditEntry> for AuditLogEntry {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { event, sequence, prev_hash, hash } = entry;
        Self {
            id: event.id,
            sequence,
            tenant_id: event.tenant_id,
            actor_id: event.actor.id,
            actor_type: event.actor.kind,
            action: event.kind,
            resource_type: event.resource_type,
            resource_id: event.resource_id,
            metadata: event.metadata,
            reasoning: event.reasoning,
            created_at: event.created_at,
            prev_hash,
            hash,
        }
    }
}

impl From<ChainPosition> for AuditLogHead {
    fn from(place: ChainPosition) -> Self {
        Self { sequence: place.sequence, hash: place.hash }
    }
}

/// What was found after that sequence, with the cursor to go on.
pub(in crate::http) fn verification(
    after: u64,
    found: Verification,
    cursor: impl FnOnce(&ChainPosition) -> String,
) -> AuditLogVerification {
    let Verification { head, to, verdict } = found;
    let mut answer = AuditLogVerification {
        status: VerificationStatus::Valid,
        verified_from: after + 1,
        verified_to: to.sequence,
        head: head.into(),
        first_invalid: None,
        next_cursor: None,
        has_more: false,
    };
    match verdict {
        ChainStatus::Valid => {}
        ChainStatus::Unfinished => {
            answer.status = VerificationStatus::Unfinished;
            answer.next_cursor = Some(cursor(&to));
            answer.has_more = true;
        }
        ChainStatus::Invalid(sequence, reason) => {
            answer.status = VerificationStatus::Invalid;
            // What the head does not confirm was followed, and is not valid for that.
            answer.verified_to = to.sequence.min(sequence.saturating_sub(1));
            answer.first_invalid = Some(InvalidAuditLogEntry { sequence, reason });
        }
    }
    answer
}
