//! `sync`: the directory is read from AWS, and differences are written.
//!
//! AWS is read once for all tenants, phase by phase ([`SyncPhase`]). A phase that fails does not keep the others from being
//! read, and never counts as a full read: nothing is missing because of it. A run that is killed, or out of time, leaves
//! the phase it was at for the next; what it added stays. One run works at a time: each write is conditional on its lease.

mod lease;
mod people;
mod permission_sets;
mod resources;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use self::lease::Lease;
use self::resources::TenantDirectory;
use super::context::{WorkerError, Workers};
use crate::domain::{ResourceType, SyncPhase, TenantId};
use crate::metrics::Measurement;

/// How long a run works. It leaves time for the last request before Lambda ends it after 15 minutes.
const LONGEST: SignedDuration = SignedDuration::from_mins(13);
/// Of so many accounts a run reads the tags again: up to 500 accounts have tags as old as the last run.
const TAGS_A_RUN: usize = 500;

/// What a sync is called with. The schedule's event has none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct SyncCall {
    /// Only this tenant's directory; every tenant's if left out. What the schedule reads is read as well and as often.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// Whether an administrator says that much may be gone at once.
    #[serde(default)]
    pub accepts_loss: bool,
}

/// What a sync did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Synced {
    /// How many of each kind AWS has.
    pub found: BTreeMap<&'static str, usize>,
    /// How many records were written.
    pub written: usize,
    /// What this read did not find, and the one before it did.
    pub missing: Vec<String>,
    /// What is gone since this read.
    pub gone: Vec<String>,
    /// What would be gone, but is too much at once.
    pub held_back: Vec<String>,
    /// Whether every phase was gone through; else the next run goes on.
    pub finished: bool,
}

/// Handles a call of the clock, or of whoever cannot wait for it.
///
/// # Errors
///
/// [`WorkerError`] when something was not read or not written; the rest was.
pub async fn handle(workers: &Workers, call: Value) -> Result<Value, WorkerError> {
    let unreadable = |error: serde_json::Error| WorkerError::Event(error.to_string());
    let call: SyncCall =
        if call.is_null() { SyncCall::default() } else { serde_json::from_value(call).map_err(unreadable)? };
    match run(workers, &call).await {
        Ok(Synced { found, written, missing, gone, held_back, finished }) => {
            let (missing, gone, held_back) = (missing.len(), gone.len(), held_back.len());
            tracing::info!(?found, written, missing, gone, held_back, finished, "the directory was read");
            Ok(Value::Null)
        }
        // Another run is at it, and the schedule has no wish of its own.
        Err(WorkerError::Busy) if call == SyncCall::default() => Ok(Value::Null),
        Err(error) => Err(error),
    }
}

/// Reads AWS and writes what differs.
///
/// # Errors
///
/// [`WorkerError::Busy`] when another run is at it; else when something was not read or not written; the rest was.
pub async fn run(workers: &Workers, call: &SyncCall) -> Result<Synced, WorkerError> {
    let Some(lease) = Lease::take(workers).await? else { return Err(WorkerError::Busy) };
    let mut run = Run {
        workers,
        lease,
        ends_at: workers.now() + LONGEST,
        accepts_loss: call.accepts_loss,
        synced: Synced::default(),
    };
    let done = run.phases(call.tenant_id).await;
    let now = workers.now();
    let held_back = u32::try_from(run.synced.held_back.len()).unwrap_or(u32::MAX);
    workers.metrics.record(Measurement::DirectoryHeldBack(held_back), now);
    if let Some(age) = run.lease.state().age(now) {
        workers.metrics.record(Measurement::DirectoryAgeSeconds(age), now);
    }
    run.lease.give_back().await?;
    done.map(|()| run.synced)
}

/// How a phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// All was read and written.
    Complete,
    /// The time is over.
    OutOfTime,
}

/// A run of the worker.
struct Run<'a> {
    workers: &'a Workers,
    lease: Lease<'a>,
    ends_at: Timestamp,
    accepts_loss: bool,
    synced: Synced,
}

impl Run<'_> {
    async fn phases(&mut self, only: Option<TenantId>) -> Result<(), WorkerError> {
        let mut tenants = Vec::new();
        for id in self.workers.table.tenants().await?.into_iter().filter(|id| only.is_none_or(|only| only == *id)) {
            tenants.push(TenantDirectory::read(self.workers.table.tenant(id)).await?);
        }
        // Who asks for one tenant asks for all of it, and leaves the schedule's progress alone.
        let first = if only.is_some() { SyncPhase::Organization } else { self.lease.state().phase };
        let (mut failed, mut gone_through) = (0, 0);
        for phase in SyncPhase::ALL.into_iter().skip_while(|phase| *phase != first) {
            if !self.has_time() {
                return Ok(());
            }
            gone_through += 1;
            let completed = match self.phase(phase, &mut tenants).await {
                Ok(Ended::Complete) => true,
                Ok(Ended::OutOfTime) => return Ok(()),
                Err(WorkerError::LeaseLost) => return Err(WorkerError::LeaseLost),
                Err(error) => {
                    tracing::error!(?phase, cause = %error, "a part of the directory was not read");
                    failed += 1;
                    false
                }
            };
            if only.is_none() {
                self.lease.passed(phase, completed).await?;
            }
        }
        self.synced.finished = true;
        if failed == 0 { Ok(()) } else { Err(WorkerError::Some(failed, gone_through)) }
    }

    async fn phase(&mut self, phase: SyncPhase, tenants: &mut [TenantDirectory]) -> Result<Ended, WorkerError> {
        match phase {
            SyncPhase::Organization => self.organization(tenants).await,
            SyncPhase::PermissionSets => self.permission_sets(tenants).await,
            SyncPhase::People => self.people(tenants).await,
            SyncPhase::AccountTags => self.account_tags(tenants).await,
        }
    }

    /// Whether there is time for more.
    fn has_time(&self) -> bool {
        self.workers.now() < self.ends_at
    }

    /// Notes what was found of a kind.
    fn found(&mut self, kind: &'static str, count: usize) {
        self.synced.found.insert(kind, count);
    }

    /// Says that a loss was not applied.
    fn held_back(&mut self, tenant: TenantId, kind: &'static str, lost: Vec<String>) {
        if !lost.is_empty() {
            tracing::error!(
                tenant_id = %tenant, kind, count = lost.len(), first = lost.first(),
                "too much is gone at once: it is not applied until an administrator accepts it"
            );
        }
        self.synced.held_back.extend(lost);
    }
}

/// The kinds as reports name them.
fn kind_name(kind: ResourceType) -> &'static str {
    kind.as_str()
}
