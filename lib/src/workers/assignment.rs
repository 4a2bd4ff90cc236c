//! The reconciler: the only code that creates or deletes account assignments.
//!
//! Desired state: an assignment is present if and only if a live grant holds it. [`Workers::reconcile`] is
//! level-triggered: it may be called from anywhere, at any time, twice, and after a crash between any two lines. A short
//! lease keeps two from changing the same assignment at once; each step is written down before it is taken.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::context::{ATTEMPTS, WorkerError, Workers};
use crate::domain::{Assignment, AssignmentKey, Lease, Operation, OperationKind, Presence, TenantId};
use crate::identity_center::{Fault, Progress};
use crate::store::{CommitError, TenantTable, Transaction, assignment_key};

/// How long a lease lasts: longer than any worker waits for Identity Center.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// How long a worker waits for Identity Center before it leaves the rest to the next call.
const PATIENCE: SignedDuration = SignedDuration::from_secs(20);
/// Between two looks at how far a change is, at first; it grows.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reconciled {
    /// Identity Center says what it should.
    Settled(Presence),
    /// Not yet; why.
    Unsettled(String),
    /// It never will; why. Only giving can be hopeless: taking away is tried for ever.
    Hopeless(String),
}

/// An assignment under our lease.
struct Leased<'a> {
    workers: &'a Workers,
    table: TenantTable,
    owner: Uuid,
    assignment: Assignment,
}

impl Workers {
    /// Makes Identity Center say what the holders of an assignment want.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Busy`] while somebody else has the lease for longer than it is worth waiting.
    pub(super) async fn reconcile(&self, tenant: TenantId, key: &AssignmentKey) -> Result<Reconciled, WorkerError> {
        loop {
            match self.reconcile_once(tenant, key).await {
                // What we did came late and may undo what others saw, who need not come again: we see it through.
                Err(WorkerError::LeaseLost) => {}
                other => return other,
            }
        }
    }

    async fn reconcile_once(&self, tenant: TenantId, key: &AssignmentKey) -> Result<Reconciled, WorkerError> {
        let deadline = self.now() + PATIENCE;
        let mut leased = loop {
            match self.lease(tenant, key).await? {
                Taken::Ours(leased) => break *leased,
                Taken::Settled(presence) => return Ok(Reconciled::Settled(presence)),
                Taken::Theirs if self.now() < deadline => self.clock.sleep(Duration::from_millis(500)).await,
                Taken::Theirs => return Err(WorkerError::Busy),
            }
        };
        let outcome = leased.drive(deadline).await;
        leased.release().await?;
        outcome
    }

    async fn lease(&self, tenant: TenantId, key: &AssignmentKey) -> Result<Taken<'_>, WorkerError> {
        let table = self.table.tenant(tenant);
        let owner = self.ids.uuid();
        for _ in 0..ATTEMPTS {
            let Some(mut assignment) = table.get::<Assignment>(assignment_key(key)).await? else {
                // Nobody ever held it, so nobody ever created it.
                return Ok(Taken::Settled(Presence::Absent));
            };
            if settled(&assignment) {
                return Ok(Taken::Settled(assignment.presence));
            }
            let now = self.now();
            if assignment.lease.as_ref().is_some_and(|lease| now < lease.until) {
                return Ok(Taken::Theirs);
            }
            assignment.lease = Some(Lease { owner, until: now + LEASE });
            match save(&table, tenant, &mut assignment, now).await {
                Ok(()) => return Ok(Taken::Ours(Box::new(Leased { workers: self, table, owner, assignment }))),
                Err(CommitError::Conflict) => {}
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }
}

enum Taken<'a> {
    Ours(Box<Leased<'a>>),
    Theirs,
    Settled(Presence),
}

fn settled(assignment: &Assignment) -> bool {
    assignment.operation.is_none() && assignment.presence == assignment.desired()
}

async fn save(
    table: &TenantTable,
    tenant: TenantId,
    assignment: &mut Assignment,
    now: Timestamp,
) -> Result<(), CommitError> {
    assignment.updated_at = now;
    let mut writes = Transaction::new(tenant);
    writes.update(assignment)?;
    table.commit(writes).await?;
    assignment.version += 1;
    Ok(())
}

impl Leased<'_> {
    /// Takes one step after the other until all is settled, or `deadline` has passed.
    async fn drive(&mut self, deadline: Timestamp) -> Result<Reconciled, WorkerError> {
        let mut pause = FIRST_PAUSE;
        while !settled(&self.assignment) {
            let step = match self.assignment.operation.clone() {
                Some(Operation { kind, request_id: Some(request), .. }) => self.look(kind, &request).await?,
                Some(Operation { kind, request_id: None, .. }) => self.begin(kind).await?,
                None => self.intend().await?,
            };
            match step {
                Next::Go => pause = FIRST_PAUSE,
                Next::Stop(reconciled) => return Ok(reconciled),
                Next::Wait(why) if self.workers.now() >= deadline => return Ok(Reconciled::Unsettled(why)),
                Next::Wait(_) => {
                    self.workers.clock.sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        Ok(Reconciled::Settled(self.assignment.presence))
    }

    /// Writes down what is about to be changed, before it is: whatever happens then, nobody takes the old presence for
    /// granted.
    async fn intend(&mut self) -> Result<Next, WorkerError> {
        let kind = wanted(&self.assignment);
        let started_at = self.workers.now();
        self.write(|assignment| {
            assignment.presence = Presence::Unknown;
            assignment.operation = Some(Operation { kind, request_id: None, started_at });
        })
        .await?;
        Ok(Next::Go)
    }

    /// Begins the change that is written down. It may have been begun before, with the answer lost: Identity Center takes
    /// no client token, so what it answers then has to be read with care.
    async fn begin(&mut self, kind: OperationKind) -> Result<Next, WorkerError> {
        if kind != wanted(&self.assignment) {
            // The holders changed since it was written down.
            return self.drop_operation(Next::Go).await;
        }
        if self.assignment.lease.as_ref().is_none_or(|lease| lease.until <= self.workers.now()) {
            return Err(WorkerError::LeaseLost);
        }
        match self.workers.identity_center.begin(kind, &self.assignment.key).await {
            Ok(request) => {
                self.write(|assignment| {
                    if let Some(operation) = &mut assignment.operation {
                        operation.request_id = Some(request.clone());
                    }
                })
                .await?;
                Ok(Next::Go)
            }
            Err(Fault::Conflict) => Ok(Next::Wait("another change of the assignment is under way".to_owned())),
            Err(Fault::NotFound(_) | Fault::Invalid(_)) if kind == OperationKind::Delete => self.look_for_it().await,
            Err(Fault::NotFound(why) | Fault::Invalid(why)) => {
                self.drop_operation(Next::Stop(Reconciled::Hopeless(why))).await
            }
            Err(Fault::Passing(why)) => Ok(Next::Wait(why)),
        }
    }

    /// Asks how far the change is.
    async fn look(&mut self, kind: OperationKind, request: &str) -> Result<Next, WorkerError> {
        let instance = self.assignment.key.instance_arn.clone();
        match self.workers.identity_center.progress(kind, &instance, request).await {
            Ok(Progress::InProgress) => Ok(Next::Wait("Identity Center is still at it".to_owned())),
            Ok(Progress::Succeeded) => {
                self.write(|assignment| {
                    assignment.operation = None;
                    assignment.presence = match kind {
                        OperationKind::Create => Presence::Present,
                        OperationKind::Delete => Presence::Absent,
                    };
                })
                .await?;
                Ok(Next::Go)
            }
            // A change that failed says nothing of what is there now; it is begun anew until the deadline.
            Ok(Progress::Failed(why)) => {
                self.drop_operation(Next::Wait(format!("Identity Center failed: {why}"))).await
            }
            // Identity Center forgets changes after a while.
            Err(Fault::NotFound(_) | Fault::Invalid(_)) => self.drop_operation(Next::Go).await,
            Err(Fault::Conflict) => Ok(Next::Wait("another change of the assignment is under way".to_owned())),
            Err(Fault::Passing(why)) => Ok(Next::Wait(why)),
        }
    }

    /// INVARIANT 3 (done means gone): what could not be deleted is only taken for absent once Identity Center does not
    /// list it.
    async fn look_for_it(&mut self) -> Result<Next, WorkerError> {
        match self.workers.identity_center.exists(&self.assignment.key).await {
            Ok(false) | Err(Fault::NotFound(_)) => {
                self.write(|assignment| {
                    assignment.operation = None;
                    assignment.presence = Presence::Absent;
                })
                .await?;
                Ok(Next::Go)
            }
            Ok(true) => Ok(Next::Wait("Identity Center lists the assignment and would not delete it".to_owned())),
            Err(fault) => Ok(Next::Wait(fault.to_string())),
        }
    }

    async fn drop_operation(&mut self, next: Next) -> Result<Next, WorkerError> {
        self.write(|assignment| assignment.operation = None).await?;
        Ok(next)
    }

    /// Whoever else has the lease now keeps it.
    async fn release(mut self) -> Result<(), WorkerError> {
        if self.is_ours() { self.write(|assignment| assignment.lease = None).await } else { Ok(()) }
    }

    fn is_ours(&self) -> bool {
        self.assignment.lease.as_ref().is_some_and(|lease| lease.owner == self.owner)
    }

    /// Changes the record while the lease is ours. Holders come and go meanwhile: theirs is kept, and seen by the next
    /// step.
    async fn write(&mut self, change: impl Fn(&mut Assignment)) -> Result<(), WorkerError> {
        let tenant = self.table.id();
        for _ in 0..ATTEMPTS {
            let mut changed = self.assignment.clone();
            change(&mut changed);
            match save(&self.table, tenant, &mut changed, self.workers.now()).await {
                Ok(()) => {
                    self.assignment = changed;
                    return Ok(());
                }
                Err(CommitError::Conflict) => {
                    let key = assignment_key(&self.assignment.key);
                    self.assignment = self.table.get::<Assignment>(key).await?.ok_or(WorkerError::LeaseLost)?;
                    if !self.is_ours() {
                        return self.give_way().await;
                    }
                }
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }

    /// The lease went to another while we were at it. What we did in Identity Center may undo what they saw: they must not
    /// trust it.
    async fn give_way(&mut self) -> Result<(), WorkerError> {
        let tenant = self.table.id();
        for _ in 0..ATTEMPTS {
            self.assignment.presence = Presence::Unknown;
            match save(&self.table, tenant, &mut self.assignment, self.workers.now()).await {
                Ok(()) => return Err(WorkerError::LeaseLost),
                Err(CommitError::Conflict) => {
                    let key = assignment_key(&self.assignment.key);
                    self.assignment = self.table.get::<Assignment>(key).await?.ok_or(WorkerError::LeaseLost)?;
                }
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }
}

fn wanted(assignment: &Assignment) -> OperationKind {
    match assignment.desired() {
        Presence::Present => OperationKind::Create,
        Presence::Absent | Presence::Unknown => OperationKind::Delete,
    }
}

enum Next {
    /// Take the next step.
    Go,
    /// Take it after a pause.
    Wait(String),
    /// Take no more.
    Stop(Reconciled),
}
