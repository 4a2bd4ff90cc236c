//! The kinds of item and where each stands.

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

/// An event waiting to be sealed and put on the bus (the outbox).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboxEvent {
    /// The event.
    #[serde(flatten)]
    pub event: Event,
    /// Its place in the audit chain, once it is sealed.
    #[serde(deserialize_with = "required")]
    pub sealed_as: Option<u64>,
    /// Whether the bus has it.
    pub published: bool,
    /// Counts the changes.
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

    /// The stream delivers within seconds; if it did not, `sweep` does.
    fn due_at(&self) -> Option<Timestamp> {
        (!self.published).then(|| self.event.created_at + SignedDuration::from_mins(1))
    }

    /// The audit entry is what lasts.
    fn delete_after(&self) -> Option<Timestamp> {
        self.published.then(|| self.event.created_at + SignedDuration::from_hours(24 * 7))
    }
}

/// The request ensure opened for one access of one principal; what keeps sixty-four at once from opening two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnsureSlot {
    /// The access, see [`keys::access`].
    pub access: String,
    /// The request.
    pub request_id: RequestId,
    /// Counts the changes.
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

/// The first answer to an `Idempotency-Key`, written in the transaction it answers: there is no moment at which the
/// key is taken and the answer missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// Who, which operation and which key, hashed.
    pub key: String,
    /// The request's body, hashed.
    pub fingerprint: String,
    /// The answer's status.
    pub status: u16,
    /// The answer's body, as JSON text.
    pub body: String,
    /// The answer's entity tag.
    #[serde(deserialize_with = "required")]
    pub etag: Option<String>,
    /// When it may be forgotten.
    pub expires_at: Timestamp,
    /// Counts the uses of the key, a day or more apart.
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

/// When a refused call of a principal was recorded last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRefusal {
    /// Which kind of call and whose, see [`RecordedRefusal::break_glass`].
    pub key: String,
    /// When.
    pub recorded_at: Timestamp,
    /// Counts the changes.
    pub version: u64,
}

impl RecordedRefusal {
    /// The key of emergency access that was refused to a principal.
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

    /// It says nothing once the next refusal would be recorded anyway.
    fn delete_after(&self) -> Option<Timestamp> {
        Some(self.recorded_at + SignedDuration::from_hours(1))
    }
}

/// Which tenant an issuer's tokens for an audience belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerEntry {
    /// The tenant.
    pub tenant_id: TenantId,
}
