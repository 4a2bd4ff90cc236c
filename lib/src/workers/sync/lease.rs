//! The lease of a sync run. Without it, two runs at once would each compare AWS with the other's half-written
//! directory.

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::{SYNC_LEASE, SyncPhase, SyncState};
use crate::provision::{WorkerError, Workers};
use crate::store::CommitError;

/// A lease that this run took, and has not been seen to lose.
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

    /// The state of the sync, as last read or written.
    pub(super) fn state(&self) -> &SyncState {
        &self.state
    }

    /// Renews the lease if less than half of it is left.
    pub(super) async fn keep(&mut self) -> Result<(), WorkerError> {
        if self.workers.now() + SYNC_LEASE / 2 < self.state.until { Ok(()) } else { self.write(|_| ()).await }
    }

    /// Checks that this run still holds the lease, by renewing it.
    pub(super) async fn confirm(&mut self) -> Result<(), WorkerError> {
        self.write(|_| ()).await
    }

    /// Records that a phase was gone through, and whether it was completed.
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

    /// Records the account whose tags were read last; the next run continues after it.
    pub(super) async fn read_tags_to(&mut self, account: Option<String>) -> Result<(), WorkerError> {
        self.write(|state| state.tags_after = account).await
    }

    /// Gives the lease up. If another run has taken it over, that run keeps it.
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
