//! What a use case works with, and what it returns.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::{AccessError, Engines, Ids, TenantEngine};
use crate::auth::Caller;
use crate::domain::{
    Actor, Event, EventKind, EventSubject, Metadata, PersonLink, Provisioning, RuleId, Tenant, User, Versions,
};
use crate::store::{StoreError, TenantTable, Transaction};

/// An authenticated call in its tenant, at one moment: what a use case works with.
#[derive(Clone)]
pub struct OperationContext {
    caller: Caller,
    versions: Versions,
    table: TenantTable,
    engines: Engines,
    ids: Ids,
    now: Timestamp,
    call_id: Uuid,
    known_user: Option<User>,
    attempt: u32,
}

impl OperationContext {
    pub(crate) fn new(
        caller: Caller,
        versions: Versions,
        table: TenantTable,
        engines: Engines,
        ids: Ids,
        now: Timestamp,
        call_id: Uuid,
    ) -> Self {
        Self { caller, versions, table, engines, ids, now, call_id, known_user: None, attempt: 0 }
    }

    /// Adds the users that the caller's link keys lead to, and the record of the caller from their last call.
    pub(super) fn recognized(self, found: Vec<PersonLink>, known_user: Option<User>) -> Self {
        Self { caller: self.caller.linked(found), known_user, ..self }
    }

    /// Sets the number of this attempt at the change.
    pub(crate) fn in_attempt(self, attempt: u32) -> Self {
        Self { attempt, ..self }
    }

    /// The record of the caller from their last call; `None` if there is none, for machines, and for calls that change
    /// nothing.
    pub(super) fn known_user(&self) -> Option<&User> {
        self.known_user.as_ref()
    }

    /// How often this change was decided before and not committed, because another writer got ahead.
    pub(super) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The authenticated caller.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The caller's tenant.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        self.caller.tenant()
    }

    /// The tenant's part of the table.
    #[must_use]
    pub fn table(&self) -> &TenantTable {
        &self.table
    }

    /// The time of the call.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The id of the call, and of the request if it creates one.
    #[must_use]
    pub fn call_id(&self) -> Uuid {
        self.call_id
    }

    /// A new id.
    #[must_use]
    pub fn id<I: From<Uuid>>(&self) -> I {
        self.ids.id()
    }

    /// The tenant's compiled policies.
    ///
    /// # Errors
    ///
    /// [`AccessError`] if they cannot be read or compiled.
    pub async fn engine(&self) -> Result<Arc<TenantEngine>, AccessError> {
        self.engines.of(self.versions, &self.table).await
    }

    /// A new transaction for the tenant.
    #[must_use]
    pub fn begin(&self) -> Transaction {
        Transaction::new(self.table.id())
    }

    /// An event that the caller caused.
    #[must_use]
    pub fn event(&self, kind: EventKind, about: About) -> Event {
        about.event(kind, Actor::from(&self.caller.principal().who), self.table.id(), self.id(), self.now)
    }
}

/// What an event is about.
pub struct About {
    /// The kind of thing.
    pub resource_type: EventSubject,
    /// The id of the thing.
    pub resource_id: String,
    /// Further facts for consumers.
    pub metadata: Metadata,
    /// The reason that the actor gave; `None` if there was none.
    pub reasoning: Option<String>,
}

impl About {
    /// Adds the rules that authorized the change; empty for an administrator, and for what belongs to the caller.
    #[must_use]
    pub(super) fn authorized_by(mut self, rules: &[RuleId]) -> Self {
        let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
        self.metadata.insert("authorized_by".to_owned(), rules.into());
        self
    }

    /// Makes the event.
    #[must_use]
    pub fn event(
        self,
        kind: EventKind,
        actor: Actor,
        tenant_id: crate::domain::TenantId,
        id: crate::domain::EventId,
        now: Timestamp,
    ) -> Event {
        Event {
            id,
            tenant_id,
            kind,
            actor,
            resource_type: self.resource_type,
            resource_id: self.resource_id,
            metadata: self.metadata,
            reasoning: self.reasoning,
            created_at: now,
        }
    }
}

/// What a use case decided: the writes, and the answer, which may be a refusal that is recorded.
pub struct Change<T> {
    /// The writes, which are committed in one transaction.
    pub writes: Transaction,
    /// The answer once the writes are committed.
    pub answer: Result<T, AccessError>,
    /// The version of the thing in the answer, for its entity tag; `None` if it has none.
    pub version: Option<u64>,
}

impl<T> Change<T> {
    /// A change with an answer.
    #[must_use]
    pub fn new(writes: Transaction, answer: T) -> Self {
        Self { writes, answer: Ok(answer), version: None }
    }

    /// A refusal that is recorded.
    #[must_use]
    pub fn refused(writes: Transaction, why: AccessError) -> Self {
        Self { writes, answer: Err(why), version: None }
    }

    /// Sets the version of the thing in the answer.
    #[must_use]
    pub fn at_version(self, version: u64) -> Self {
        Self { version: Some(version), ..self }
    }

    /// Converts the answer.
    #[must_use]
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> Change<U> {
        Change { writes: self.writes, answer: self.answer.map(form), version: self.version }
    }
}

/// A record that events can be about.
pub(crate) trait Subject {
    fn about(&self) -> About;
}

impl Subject for crate::domain::AccessRequest {
    fn about(&self) -> About {
        let metadata = metadata([
            ("requester_id", self.requester.who.id.clone().into()),
            ("resource", self.resource.to_string().into()),
            ("action", self.action.clone().into()),
            ("status", self.status().as_str().into()),
            ("duration_seconds", self.duration_seconds.get().into()),
            ("break_glass", self.break_glass.into()),
            // The number of decisions by people; 0 means that policy decided.
            ("decisions", self.decisions.len().into()),
            ("policy_version", self.policy_version.into()),
        ]);
        About {
            resource_type: EventSubject::Request,
            resource_id: self.id.to_string(),
            metadata,
            reasoning: self.reason.clone(),
        }
    }
}

impl Subject for crate::domain::Grant {
    fn about(&self) -> About {
        let mut metadata = metadata([
            ("grantee_id", self.grantee.who.id.clone().into()),
            ("request_id", self.request_id.map(|id| id.to_string()).into()),
            ("resource", self.resource.to_string().into()),
            ("action", self.action.clone().into()),
            ("status", self.status.as_str().into()),
            ("expires_at", self.expires_at.to_string().into()),
        ]);
        if let Provisioning::Failed { error, notices } = &self.provisioning {
            metadata.insert("error".to_owned(), error.clone().into());
            metadata.insert("notices".to_owned(), notices.clone().into());
        }
        About { resource_type: EventSubject::Grant, resource_id: self.id.to_string(), metadata, reasoning: None }
    }
}

/// An event that stint itself caused.
pub(crate) fn system_event(
    subject: &impl Subject,
    kind: EventKind,
    tenant: crate::domain::TenantId,
    id: crate::domain::EventId,
    now: Timestamp,
) -> Event {
    subject.about().event(kind, Actor::system(), tenant, id, now)
}

/// A JSON object of these fields.
pub(crate) fn metadata<const N: usize>(fields: [(&str, serde_json::Value); N]) -> Metadata {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Adds the event of a change of `subject` to the transaction of the change.
pub(crate) fn record(
    access: &OperationContext,
    writes: &mut Transaction,
    kind: EventKind,
    subject: &impl Subject,
) -> Result<(), StoreError> {
    writes.event(access.event(kind, subject.about()))
}
