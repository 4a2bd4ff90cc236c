//! The lease of a run: two runs at once would each take the other's half-written directory for AWS's.

use jiff::Timestamp;
use uuid::Uuid;

use super::super::context::{WorkerError, Workers};
use crate::domain::{SYNC_LEASE, SyncPhase, SyncState};
use crate::store::CommitError;

/// A lease that is ours, as far as we know.
pub(super) struct Lease<'a> {
    workers: &'a Workers,
    holder: Uuid,
    state: SyncState,
}

impl<'a> Lease<'a> {
    /// Takes the lease; `None` if another run holds it.
    pub(super) async fn take(workers: &'a Workers) -> Result<Option<Self>, WorkerError> {
        let state = workers.table.sync_state(workers.identity_center.instance_arn()).await?;
        if state.is_held(workers.now()) {
            return Ok(None);
        }
        let mut lease = Self { workers, holder: workers.ids.uuid(), state };
        match lease.write(|_| ()).await {
            Ok(()) => Ok(Some(lease)),
            Err(WorkerError::LeaseLost) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// As it stands.
    pub(super) fn state(&self) -> &SyncState {
        &self.state
    }

    /// Renews the lease if it is half over.
    pub(super) async fn keep(&mut self) -> Result<(), WorkerError> {
        if self.workers.now() + SYNC_LEASE / 2 < self.state.until { Ok(()) } else { self.write(|_| ()).await }
    }

    /// Finds out whether the lease is still ours, by renewing it.
    pub(super) async fn confirm(&mut self) -> Result<(), WorkerError> {
        self.write(|_| ()).await
    }

    /// Notes that a phase is passed, and whether it was completed.
    pub(super) async fn passed(&mut self, phase: SyncPhase, completed: bool) -> Result<(), WorkerError> {
        let now = self.workers.now();
        self.write(|state| {
            state.phase = phase.next();
            if completed {
                state.completed_at.insert(phase, now);
            }
        })
        .await
    }

    /// Notes whose tags were read last.
    pub(super) async fn read_tags_to(&mut self, account: Option<String>) -> Result<(), WorkerError> {
        self.write(|state| state.tags_after = account).await
    }

    /// Gives it back. If it went to another run, it is left to that.
    pub(super) async fn give_back(mut self) -> Result<(), WorkerError> {
        (self.state.holder, self.state.until) = (None, Timestamp::UNIX_EPOCH);
        match self.workers.table.put_sync_state(&self.state).await {
            Ok(()) | Err(CommitError::Conflict) => Ok(()),
            Err(error @ CommitError::Store(_)) => Err(error.into()),
        }
    }

    async fn write(&mut self, change: impl FnOnce(&mut SyncState)) -> Result<(), WorkerError> {
        let until = self.workers.now() + SYNC_LEASE;
        let mut next = SyncState { holder: Some(self.holder), until, ..self.state.clone() };
        change(&mut next);
        match self.workers.table.put_sync_state(&next).await {
            Ok(()) => {
                self.state = SyncState { version: next.version + 1, ..next };
                Ok(())
            }
            Err(CommitError::Conflict) => Err(WorkerError::LeaseLost),
            Err(error @ CommitError::Store(_)) => Err(error.into()),
        }
    }
}
