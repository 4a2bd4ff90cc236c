//! The state and helpers that all workers share.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::app::{Engines, Ids};
use crate::aws::event_bus::{Bus, BusError};
use crate::aws::identity_center::{IdentityCenter, IdentityCenterError};
use crate::aws::scheduler::{ScheduleError, Schedules};
use crate::aws::{DirectoryError, DirectorySource};
use crate::clock::Clock;
use crate::domain::{Event, EventKind, Grant, GrantId, Quota, TenantId};
use crate::metrics::{Measurement, Metrics};
use crate::store::{CommitError, StoreError, Table, TenantTable, Transaction};

/// The table, the AWS services and the helpers that workers use. Cheap to clone.
#[derive(Clone)]
pub struct Workers {
    pub(crate) table: Table,
    pub(crate) identity_center: IdentityCenter,
    pub(crate) directory: DirectorySource,
    pub(crate) quota: Quota,
    pub(crate) schedules: Schedules,
    pub(crate) bus: Bus,
    pub(crate) ids: Ids,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) engines: Engines,
}

/// The AWS services workers call, besides the table.
#[derive(Debug, Clone)]
pub struct Services {
    /// IAM Identity Center, for account assignments.
    pub identity_center: IdentityCenter,
    /// The services the directory is read from.
    pub directory: DirectorySource,
    /// EventBridge Scheduler, for reminders.
    pub schedules: Schedules,
    /// The event bus.
    pub bus: Bus,
}

/// The longest time a worker that changes assignments can run: the template's `Timeout`.
pub const LONGEST_RUN: SignedDuration = SignedDuration::from_mins(5);

/// A worker failed. It is called again.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The input is not what this worker takes.
    #[error("invalid event: {0}")]
    Event(String),
    /// The table failed, or other writers changed the same item at each attempt.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Scheduler failed.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The bus failed.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// Identity Center failed.
    #[error("identity center: {0}")]
    IdentityCenter(#[from] IdentityCenterError),
    /// Organizations, the Identity Store or the list of instances could not be read.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The response to CloudFormation could not be sent.
    #[error("could not respond to CloudFormation: {0}")]
    Answer(String),
    /// The lease of a slot or of a sync is held by another worker.
    #[error("another worker holds the lease")]
    Busy,
    /// The lease of an assignment or of a sync expired while it was used, and another worker took it over.
    #[error("the lease expired and another worker took it over")]
    LeaseLost,
    /// A sync was called for a tenant that may not use the Identity Center instance.
    #[error("the tenant may not use the Identity Center instance")]
    NotShared,
    /// Some items of a batch failed; each was logged. The first number counts the failed ones, the second all.
    #[error("{0} of {1} items failed")]
    Some(usize, usize),
}

impl From<StoreError> for WorkerError {
    fn from(error: StoreError) -> Self {
        Self::Commit(error.into())
    }
}

/// The grant a worker is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub(crate) struct GrantCall {
    pub(crate) tenant_id: TenantId,
    pub(crate) grant_id: GrantId,
}

impl GrantCall {
    /// The call for a grant.
    pub(crate) fn of(grant: &Grant) -> Self {
        Self { tenant_id: grant.tenant_id, grant_id: grant.id }
    }

    /// Parses a call: Scheduler sends stint's own input, the bus sends an event about a grant.
    pub(crate) fn read(call: serde_json::Value) -> Result<Self, WorkerError> {
        let unreadable = |error: serde_json::Error| WorkerError::Event(error.to_string());
        let Some(detail) = call.get("detail") else { return serde_json::from_value(call).map_err(unreadable) };
        let event: Event = serde_json::from_value(detail.clone()).map_err(unreadable)?;
        let grant_id =
            event.resource_id.parse().map_err(|_| WorkerError::Event("the event is not about a grant".to_owned()))?;
        Ok(Self { tenant_id: event.tenant_id, grant_id })
    }
}

/// What to do with a grant that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Leave it as it is.
    Nothing,
    /// Write it, without an event: its state does not change.
    Note,
    /// Write it with an event: its state changes.
    Change(EventKind),
}

/// How often a change is tried when other writers get ahead of it.
pub(crate) const ATTEMPTS: usize = 12;

impl Workers {
    /// Workers on this table and these services.
    #[must_use]
    pub fn new(table: Table, services: Services, quota: Quota, clock: Clock, metrics: Metrics) -> Self {
        let ids = Ids::new(clock.clone());
        let Services { identity_center, directory, schedules, bus } = services;
        let engines = Engines::default();
        Self { table, identity_center, directory, quota, schedules, bus, ids, clock, metrics, engines }
    }

    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Adds an event that stint itself caused.
    pub(crate) fn record(&self, writes: &mut Transaction, kind: EventKind, grant: &Grant) -> Result<(), StoreError> {
        writes.event(crate::app::system_event(grant, kind, grant.tenant_id, self.ids.id(), self.now()))
    }

    /// Changes a grant: reads it, calls `change`, and commits the result with the event of the change. Returns the
    /// grant as it is afterwards; `None` if there is none.
    pub(crate) async fn change_grant(
        &self,
        call: GrantCall,
        change: impl Fn(&mut Grant) -> Step,
    ) -> Result<Option<Grant>, WorkerError> {
        match read_grant(&self.table.tenant(call.tenant_id), call.grant_id).await? {
            Some(grant) => self.change_known_grant(grant, change).await,
            None => Ok(None),
        }
    }

    /// Changes a grant that was already read; if another writer has changed it since, it is read again.
    pub(crate) async fn change_known_grant(
        &self,
        known: Grant,
        change: impl Fn(&mut Grant) -> Step,
    ) -> Result<Option<Grant>, WorkerError> {
        let call = GrantCall::of(&known);
        let table = self.table.tenant(call.tenant_id);
        let mut known = Some(known);
        for _ in 0..ATTEMPTS {
            let grant = match known.take() {
                Some(grant) => Some(grant),
                None => read_grant(&table, call.grant_id).await?,
            };
            let Some(mut grant) = grant else { return Ok(None) };
            let before = grant.clone();
            let step = change(&mut grant);
            if step == Step::Nothing {
                return Ok(Some(grant));
            }
            grant.updated_at = self.now();
            let mut writes = Transaction::new(call.tenant_id);
            writes.update(&grant)?;
            writes.uncount_pending(&before, &grant);
            if let Step::Change(kind) = step {
                self.record(&mut writes, kind, &grant)?;
            }
            match table.commit(writes).await {
                Ok(()) => {
                    grant.version += 1;
                    if let Step::Change(kind) = step {
                        self.measure(kind, &grant);
                    }
                    return Ok(Some(grant));
                }
                Err(CommitError::Conflict) => {}
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }

    /// Records the metrics of a change after its commit, so that a repeated call is not measured twice.
    fn measure(&self, kind: EventKind, grant: &Grant) {
        let now = self.now();
        let activated_at = grant.activated_at().filter(|_| kind == EventKind::GrantActive);
        if let Some(activated_at) = activated_at {
            let latency = activated_at.duration_since(grant.granted_at);
            self.metrics.record(Measurement::ProvisioningLatencySeconds(latency), now);
        }
        if kind == EventKind::GrantRevocationDone {
            self.metrics.record(Measurement::OverGrantSeconds(overdue(grant, now)), now);
        }
    }

    /// When to try again: 10 to 20 seconds after the first attempt, doubling with each further one up to 15 minutes,
    /// with jitter.
    pub(crate) fn next_attempt(&self, attempts: u32) -> Timestamp {
        let delay = (FIRST_RETRY << attempts.saturating_sub(1).min(7)).min(LAST_RETRY);
        let jitter = u64::from(self.ids.uuid().as_bytes().last().copied().unwrap_or_default());
        let delay = Duration::from_millis(delay * 1000 * (256 + jitter) / 512);
        self.now() + SignedDuration::try_from(delay).unwrap_or(SignedDuration::from_secs(10))
    }
}

/// How long a grant's access has been due to end. If the grant was ended after its end time, the end time counts.
pub(crate) fn overdue(grant: &Grant, now: Timestamp) -> SignedDuration {
    let over_since = grant.ended_at.map_or(grant.expires_at, |ended_at| ended_at.min(grant.expires_at));
    now.duration_since(over_since).max(SignedDuration::ZERO)
}

const FIRST_RETRY: u64 = 20;
const LAST_RETRY: u64 = 900;

pub(crate) async fn read_grant(table: &TenantTable, id: GrantId) -> Result<Option<Grant>, StoreError> {
    table.get::<Grant>(id.to_string()).await
}
