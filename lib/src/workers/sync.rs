//! `sync`: reads the directory from AWS and writes the differences. First, it reads the keys of token issuers.
//!
//! AWS is read once for all tenants that may use the Identity Center instance. The directories of other tenants are not
//! touched, since neither the instance nor its organization is theirs.
//!
//! The directory is read in phases ([`SyncPhase`]). If a phase fails, the others are still read; the failed one does
//! not count as a full read, so nothing is marked missing because of it. A run that is killed or out of time leaves its
//! phase to the next run; what it has added stays. Only one run works at a time: each write is conditional on the run's
//! lease.

mod issuers;
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
use crate::domain::{ResourceType, SyncPhase, TenantId};
use crate::metrics::Measurement;
use crate::provision::{WorkerError, Workers};

/// How long a run works. The rest of the 15 minutes until Lambda ends it is for the last request.
const LONGEST: SignedDuration = SignedDuration::from_mins(13);
/// The most accounts whose tags a run reads again. With up to 500 accounts, every run refreshes all tags.
const TAGS_A_RUN: usize = 500;

/// The input of a sync. The schedule's event sets none of these fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct SyncCall {
    /// Sync this tenant's directory only; every tenant's if `None`. The schedule's own progress is not affected.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// Whether an administrator accepts that many resources are gone at once.
    #[serde(default)]
    pub accepts_loss: bool,
}

/// The result of a sync.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Synced {
    /// How many resources or people AWS has, by kind.
    pub found: BTreeMap<&'static str, usize>,
    /// How many records were written.
    pub written: usize,
    /// What this read did not find and the one before it did.
    pub missing: Vec<String>,
    /// What this read marked as gone.
    pub gone: Vec<String>,
    /// What this read would have marked as gone, had it not been too much at once.
    pub held_back: Vec<String>,
    /// Whether every phase was gone through; if not, the next run continues.
    pub finished: bool,
}

/// Handles a call of the schedule, or of an administrator who does not want to wait for it.
///
/// # Errors
///
/// [`WorkerError`] if something could not be read or written. Everything else was.
pub async fn handle(workers: &Workers, call: Value) -> Result<Value, WorkerError> {
    let unreadable = |error: serde_json::Error| WorkerError::Event(error.to_string());
    let call: SyncCall =
        if call.is_null() { SyncCall::default() } else { serde_json::from_value(call).map_err(unreadable)? };
    // Not in `run`, which `stint-bootstrap` calls too: all functions trust the stored keys, and an operator's machine may
    // be behind a proxy that answers for the issuer.
    issuers::refresh(workers, call.tenant_id).await?;
    match run(workers, &call).await {
        Ok(Synced { found, written, missing, gone, held_back, finished }) => {
            let (missing, gone, held_back) = (missing.len(), gone.len(), held_back.len());
            tracing::info!(?found, written, missing, gone, held_back, finished, "the directory was read");
            Ok(Value::Null)
        }
        // Another run is active, and a call of the schedule asks for nothing that it does not do.
        Err(WorkerError::Busy) if call == SyncCall::default() => Ok(Value::Null),
        Err(error) => Err(error),
    }
}

/// Reads AWS and writes what differs.
///
/// # Errors
///
/// [`WorkerError::Busy`] if another run is active; otherwise an error means that something could not be read or
/// written. Everything else was.
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
    /// Everything was read and written.
    Complete,
    /// The run is out of time.
    OutOfTime,
}

/// One run of the worker.
struct Run<'a> {
    workers: &'a Workers,
    lease: Lease<'a>,
    ends_at: Timestamp,
    accepts_loss: bool,
    synced: Synced,
}

impl Run<'_> {
    async fn phases(&mut self, only: Option<TenantId>) -> Result<(), WorkerError> {
        let table = &self.workers.table;
        let instance = table.instance(self.workers.identity_center.instance_arn()).await?;
        let may_use = |id: TenantId| instance.as_ref().is_some_and(|instance| instance.may_be_used_by(id));
        if only.is_some_and(|only| !may_use(only)) {
            return Err(WorkerError::NotShared);
        }
        let mut ids = table.tenants().await?;
        ids.retain(|id| only.is_none_or(|only| only == *id));
        let mut tenants = Vec::new();
        for id in ids.into_iter().filter(|id| may_use(*id)) {
            tenants.push(TenantDirectory::read(table.tenant(id)).await?);
        }
        if tenants.is_empty() {
            tracing::warn!("no tenant may use the Identity Center instance yet: nothing to sync");
            self.synced.finished = true;
            return Ok(());
        }
        // A call for one tenant reads all phases, and does not change the schedule's progress.
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

    /// Whether the run has time for more.
    fn has_time(&self) -> bool {
        self.workers.now() < self.ends_at
    }

    /// Counts what was found of a kind.
    fn found(&mut self, kind: &'static str, count: usize) {
        self.synced.found.insert(kind, count);
    }

    /// Logs and measures a loss that was not applied.
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

/// The names of the kinds in reports.
fn kind_name(kind: ResourceType) -> &'static str {
    kind.as_str()
}
