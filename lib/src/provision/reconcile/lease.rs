//! The lease of an assignment: only the worker that holds it changes the assignment's record and its state at Identity
//! Center.

use jiff::Timestamp;
use uuid::Uuid;

use super::super::context::{ATTEMPTS, LONGEST_RUN, WorkerError, Workers};
use super::super::run::WorkerRun;
use super::{Purpose, Settled};
use crate::domain::{
    Assignment, AssignmentKey, Grant, LEASE, Lease, NextStep, Operation, OperationKind, Origin, Presence, TenantId,
};
use crate::store::{CommitError, Transaction};

/// An assignment under this worker's lease.
pub(super) struct Leased<'a> {
    pub(super) workers: &'a Workers,
    pub(super) grant: &'a Grant,
    pub(super) since: Option<Timestamp>,
    pub(super) assignment: Assignment,
    /// Whether this worker began a creation. It may still be carried out after another worker took the lease over.
    pub(super) began_creation: bool,
    /// Whether a creation was sent and the record does not hold Identity Center's answer yet.
    pub(super) creation_unresolved: bool,
    /// Whether the assignment was confirmed present and this worker is the first to delete it. If it turns out to be
    /// absent, somebody outside stint deleted it.
    pub(super) sees_drift: bool,
    /// Whether the assignment was found to have been deleted outside stint.
    pub(super) is_drift: bool,
    owner: Uuid,
}

/// The answer to a worker that asks for the lease.
pub(super) enum Taken<'a> {
    Ours(Box<Leased<'a>>),
    Theirs,
    NoSlot,
    Settled(Settled),
}

impl Workers {
    pub(super) async fn lease<'a>(
        &'a self,
        run: &mut WorkerRun<'_>,
        purpose: &Purpose<'a>,
        key: &AssignmentKey,
        mut read: Option<Assignment>,
    ) -> Result<Taken<'a>, WorkerError> {
        let Purpose { grant, since } = *purpose;
        let owner = self.ids.uuid();
        for _ in 0..ATTEMPTS {
            let assignment = match read.take() {
                Some(assignment) => Some(assignment),
                None => self.table.assignment(key).await?,
            };
            let Some(mut assignment) = assignment else {
                // Without a record no grant ever held it, so stint never created it.
                return Ok(Taken::Settled(Settled { presence: Presence::Absent, persists: false }));
            };
            let next_step = assignment.next_step(since);
            if next_step == NextStep::Nothing {
                return Ok(Taken::Settled((&assignment).into()));
            }
            let now = self.now();
            if assignment.lease.as_ref().is_some_and(|lease| now < lease.until) {
                return Ok(Taken::Theirs);
            }
            if !self.has_slot(run, grant).await? {
                return Ok(Taken::NoSlot);
            }
            if let Some(lapsed) = assignment.lease.replace(Lease { owner, until: now + LEASE }) {
                mark_unresolved(&mut assignment, lapsed.until);
            }
            let sees_drift = next_step == NextStep::Delete && assignment.presence == Presence::Present;
            if next_step == NextStep::Delete {
                assignment.record_deletion(now);
            }
            match self.save(grant.tenant_id, &mut assignment).await {
                Ok(()) => {
                    return Ok(Taken::Ours(Box::new(Leased {
                        workers: self,
                        grant,
                        since,
                        assignment,
                        began_creation: false,
                        creation_unresolved: false,
                        sees_drift,
                        is_drift: false,
                        owner,
                    })));
                }
                Err(CommitError::Conflict) => {}
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }

    /// Writes the record of an assignment, on condition that it is still at the version that was read.
    async fn save(&self, tenant: TenantId, assignment: &mut Assignment) -> Result<(), CommitError> {
        assignment.updated_at = self.now();
        let mut writes = Transaction::new(tenant);
        writes.update_shared(assignment)?;
        self.table.tenant(tenant).commit(writes).await?;
        assignment.version += 1;
        Ok(())
    }
}

impl Leased<'_> {
    /// Gives the lease up. If another worker has taken it over, that worker keeps it.
    ///
    /// INVARIANT 9 (nothing is deleted that stint did not create): a recorded creation that was refused or never sent
    /// is dropped. The next run may come much later, and by then somebody else may have created the same assignment, so
    /// that run asks Identity Center again.
    pub(super) async fn release(mut self) -> Result<(), WorkerError> {
        if !self.is_ours() {
            return Ok(());
        }
        let (unresolved, now) = (self.creation_unresolved, self.workers.now());
        self.write(|assignment| {
            if unresolved {
                mark_unresolved(assignment, now);
            }
            assignment.drop_refused_creation();
            assignment.lease = None;
        })
        .await
    }

    fn is_ours(&self) -> bool {
        self.assignment.lease.as_ref().is_some_and(|lease| lease.owner == self.owner)
    }

    /// Changes the record while this worker holds the lease, and renews the lease with it. If grants became or stopped
    /// being holders meanwhile, their change is kept and the next step sees it.
    pub(super) async fn write(&mut self, change: impl Fn(&mut Assignment)) -> Result<(), WorkerError> {
        for _ in 0..ATTEMPTS {
            let mut changed = self.assignment.clone();
            if let Some(lease) = &mut changed.lease {
                lease.until = self.workers.now() + LEASE;
            }
            change(&mut changed);
            if changed.next_step(self.since) == NextStep::Nothing {
                changed.lease = None;
            }
            match self.workers.save(self.grant.tenant_id, &mut changed).await {
                Ok(()) => {
                    self.assignment = changed;
                    return Ok(());
                }
                Err(CommitError::Conflict) => {
                    self.read_again().await?;
                    if !self.is_ours() {
                        return self.yield_lease().await;
                    }
                }
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }

    async fn read_again(&mut self) -> Result<(), WorkerError> {
        let unresolved = self.assignment.unresolved_until;
        let read = self.workers.table.assignment(&self.assignment.key).await?;
        self.assignment = read.ok_or(WorkerError::LeaseLost)?;
        self.assignment.unresolved_until = self.assignment.unresolved_until.max(unresolved);
        Ok(())
    }

    /// Another worker took the lease over during a change. What this worker did at Identity Center may have changed
    /// what the other one saw, so the record says that the assignment's presence is unknown.
    async fn yield_lease(&mut self) -> Result<(), WorkerError> {
        for _ in 0..ATTEMPTS {
            self.assignment.presence = Presence::Unknown;
            // If the assignment is absent now, this worker may have deleted it: that must not be reported as drift.
            self.assignment.holders.iter_mut().for_each(|holder| holder.confirmed = false);
            if self.began_creation {
                self.assignment.was_ours = true;
                self.assignment.origin = self.assignment.origin.or(Some(Origin::Ours));
            }
            match self.workers.save(self.grant.tenant_id, &mut self.assignment).await {
                Ok(()) => return Err(WorkerError::LeaseLost),
                Err(CommitError::Conflict) => self.read_again().await?,
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }
}

/// Marks a creation as unresolved: Identity Center's answer was lost. It may be under way, or a worker that hangs may
/// not have sent it yet. A worker that held the lease until `since` ends less than [`LONGEST_RUN`] after that.
pub(super) fn mark_unresolved(assignment: &mut Assignment, since: Timestamp) {
    if let Some(Operation { kind: OperationKind::Create, request_id: None, .. }) = assignment.operation {
        assignment.was_ours = true;
        assignment.unresolved_until = assignment.unresolved_until.max(Some(since + LONGEST_RUN));
    }
}
