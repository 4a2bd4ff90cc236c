//! The kinds of item, and the keys and indexes of each.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::keys::{self, Holder};
use super::{Index, Record};
use crate::domain::{
    AccessRequest, AwsResource, Event, Grant, Policy, PrincipalRef, RequestId, RequestMessage, RevocationStatus,
    Tenant, TenantId, Urgency, User, Versions, required,
};

impl Record for Tenant {
    const KIND: &'static str = "TENANT";

    fn sort_key(&self) -> String {
        Self::KIND.to_owned()
    }
}

impl Record for Versions {
    const KIND: &'static str = "VERSIONS";

    fn sort_key(&self) -> String {
        Self::KIND.to_owned()
    }
}

impl Record for User {
    const KIND: &'static str = "USER";

    fn sort_key(&self) -> String {
        self.sub.clone()
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Record for AwsResource {
    const KIND: &'static str = "RESOURCE";

    fn sort_key(&self) -> String {
        self.resource.to_string()
    }
}

impl Record for Policy {
    const KIND: &'static str = "POLICY";

    fn sort_key(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Record for AccessRequest {
    const KIND: &'static str = "REQUEST";

    fn sort_key(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn indexes(&self, tenant: TenantId) -> Vec<(Index, String)> {
        let access = keys::access(&self.requester.who, &self.resource, &self.action);
        vec![
            (Index::Principal, keys::by_principal(tenant, Self::KIND, &self.requester.who)),
            (Index::Access, keys::by_access(tenant, Self::KIND, &access)),
            (Index::Status, keys::by_status(tenant, Self::KIND, self.status().as_str())),
        ]
    }

    fn due_at(&self) -> Option<Timestamp> {
        self.lapses_at()
    }
}

impl Record for Grant {
    const KIND: &'static str = "GRANT";

    fn sort_key(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn indexes(&self, tenant: TenantId) -> Vec<(Index, String)> {
        let access = keys::access(&self.grantee.who, &self.resource, &self.action);
        let ended = self.ended_at.filter(|_| self.revocation.status == RevocationStatus::Done);
        let by_access = match ended {
            Some(ended_at) => keys::by_access_ended(tenant, Self::KIND, &access, ended_at),
            None => keys::by_access(tenant, Self::KIND, &access),
        };
        let holder = self.grantee.user_id().map_or(Holder::Unlinked(&self.grantee.who), Holder::User);
        let holding = keys::holding(&holder, &self.account_id, &self.permission_set_arn);
        vec![
            (Index::Principal, keys::by_principal(tenant, Self::KIND, &self.grantee.who)),
            (Index::Access, by_access),
            (Index::Holder, keys::by_holder(tenant, Self::KIND, &holding, ended)),
            (Index::Status, keys::by_status(tenant, Self::KIND, self.status.as_str())),
        ]
    }

    fn due_at(&self) -> Option<Timestamp> {
        Grant::due_at(self)
    }

    fn urgency(&self) -> Urgency {
        Grant::urgency(self)
    }

    fn owner(&self) -> Option<&PrincipalRef> {
        Some(&self.grantee.who)
    }
}

impl Record for RequestMessage {
    const KIND: &'static str = "MESSAGE";

    fn partition(&self, tenant: TenantId) -> String {
        messages_of(tenant, self.request_id)
    }

    fn sort_key(&self) -> String {
        self.id.to_string()
    }
}

/// The partition of a request's messages.
#[must_use]
pub fn messages_of(tenant: TenantId, request: RequestId) -> String {
    keys::partition(tenant, &format!("{}#{request}", RequestMessage::KIND))
}

/// An event that waits to be sealed and put on the bus (the outbox).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboxEvent {
    /// The event.
    #[serde(flatten)]
    pub event: Event,
    /// Its sequence in the audit chain; `None` before it is sealed.
    #[serde(deserialize_with = "required")]
    pub sealed_as: Option<u64>,
    /// Whether it was put on the bus.
    pub published: bool,
    /// Raised with each change of the record.
    pub version: u64,
}

impl Record for OutboxEvent {
    const KIND: &'static str = "EVENT";

    fn sort_key(&self) -> String {
        self.event.id.to_string()
    }

    fn version(&self) -> u64 {
        self.version
    }

    /// The stream delivers events within seconds; `sweep` publishes those it missed.
    fn due_at(&self) -> Option<Timestamp> {
        (!self.published).then(|| self.event.created_at + SignedDuration::from_mins(1))
    }

    /// The audit entry is kept instead.
    fn delete_after(&self) -> Option<Timestamp> {
        self.published.then(|| self.event.created_at + SignedDuration::from_hours(24 * 7))
    }
}

/// The request that ensure created for one access of one principal. It keeps simultaneous calls from creating two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnsureSlot {
    /// The access, see [`keys::access`].
    pub access: String,
    /// The id of the request.
    pub request_id: RequestId,
    /// Raised with each change of the record.
    pub version: u64,
}

impl Record for EnsureSlot {
    const KIND: &'static str = "SLOT";

    fn sort_key(&self) -> String {
        self.access.clone()
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// The first answer to an `Idempotency-Key`. It is written in the transaction that it answers, so the key is never
/// taken without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// A hash of the caller, the operation and the key.
    pub key: String,
    /// A hash of the request's body.
    pub fingerprint: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The body of the answer, as JSON text.
    pub body: String,
    /// The entity tag of the answer; `None` if it has none.
    #[serde(deserialize_with = "required")]
    pub etag: Option<String>,
    /// When the key may be used again.
    pub expires_at: Timestamp,
    /// Raised with each new use of the key after it expired.
    pub version: u64,
}

impl Record for IdempotencyRecord {
    const KIND: &'static str = "IDEMPOTENCY";

    fn sort_key(&self) -> String {
        self.key.clone()
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn delete_after(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

/// The time when a refused call of a principal was last recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRefusal {
    /// The kind of call and the principal, see [`RecordedRefusal::break_glass`].
    pub key: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Raised with each change of the record.
    pub version: u64,
}

impl RecordedRefusal {
    /// The key for break-glass access that was refused to a principal.
    #[must_use]
    pub fn break_glass(who: &PrincipalRef) -> String {
        format!("break_glass {who}")
    }
}

impl Record for RecordedRefusal {
    const KIND: &'static str = "REFUSAL";

    fn sort_key(&self) -> String {
        self.key.clone()
    }

    fn version(&self) -> u64 {
        self.version
    }

    /// It has no effect once the next refusal would be recorded anyway.
    fn delete_after(&self) -> Option<Timestamp> {
        Some(self.recorded_at + SignedDuration::from_hours(1))
    }
}
