//! The reconciler: the only code that creates or deletes account assignments.
//!
//! Desired state: an assignment is present if and only if a live grant holds it. [`Workers::reconcile`] is
//! level-triggered: it may be called from anywhere, at any time, twice, and after a crash between any two lines. A short
//! lease keeps two from changing the same assignment at once; each step is written down before it is taken. What has to be
//! changed is changed in a turn (`shift`), and left to others if there is none.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::context::{ATTEMPTS, LONGEST_RUN, WorkerError, Workers};
use super::shift::Shift;
use crate::domain::{Assignment, AssignmentKey, Grant, LEASE, Lease, Operation, OperationKind, Presence, TenantId};
use crate::identity_center::{Failure, Fault, Listed, Progress};
use crate::store::{CommitError, TenantTable, Transaction, assignment_key};

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
    /// It is left to others, who are at it or will be: no attempt was made.
    Left,
    /// It never will; why. Only giving can be hopeless: taking away is tried for ever.
    Hopeless(String),
}

/// An assignment under our lease.
pub(super) struct Leased<'a> {
    pub(super) workers: &'a Workers,
    table: TenantTable,
    owner: Uuid,
    pub(super) assignment: Assignment,
}

impl Workers {
    /// Makes Identity Center say what the holders of an assignment want, for the sake of a grant. If the assignment was just
    /// read, it is not read again.
    pub(super) async fn reconcile(
        &self,
        shift: &mut Shift<'_>,
        grant: &Grant,
        key: &AssignmentKey,
        mut read: Option<Assignment>,
    ) -> Result<Reconciled, WorkerError> {
        let mut late = false;
        loop {
            match self.reconcile_once(shift, grant, key, read.take()).await {
                // What we did came late and may undo what others saw, who need not come again: we see it through.
                Err(WorkerError::LeaseLost) => late = true,
                Ok(Reconciled::Left) if late => self.clock.sleep(LONGEST_PAUSE).await,
                other => return other,
            }
        }
    }

    async fn reconcile_once(
        &self,
        shift: &mut Shift<'_>,
        grant: &Grant,
        key: &AssignmentKey,
        mut read: Option<Assignment>,
    ) -> Result<Reconciled, WorkerError> {
        let deadline = self.now() + PATIENCE;
        let mut leased = loop {
            match self.lease(shift, grant, key, read.take()).await? {
                Taken::Ours(leased) => break *leased,
                Taken::Settled(presence) => return Ok(Reconciled::Settled(presence)),
                Taken::Theirs if shift.called && self.now() < deadline => {
                    shift.renew().await?;
                    self.clock.sleep(Duration::from_millis(500)).await;
                }
                Taken::Theirs => {
                    if shift.called {
                        self.leave(grant).await?;
                    }
                    return Ok(Reconciled::Left);
                }
                Taken::NoTurn => return Ok(Reconciled::Left),
            }
        };
        let outcome = leased.drive(shift, deadline).await;
        if leased.is_outstanding(self.now()) {
            // What was begun may go on for a while, and counts at Identity Center as long as it does.
            shift.give_back_unfinished(PATIENCE).await;
        }
        leased.release().await?;
        outcome
    }

    async fn lease(
        &self,
        shift: &mut Shift<'_>,
        grant: &Grant,
        key: &AssignmentKey,
        mut read: Option<Assignment>,
    ) -> Result<Taken<'_>, WorkerError> {
        let tenant = grant.tenant_id;
        let table = self.table.tenant(tenant);
        let owner = self.ids.uuid();
        for _ in 0..ATTEMPTS {
            let assignment = match read.take() {
                Some(assignment) => Some(assignment),
                None => table.get::<Assignment>(assignment_key(key)).await?,
            };
            let Some(mut assignment) = assignment else {
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
            if !self.has_turn(shift, grant).await? {
                return Ok(Taken::NoTurn);
            }
            if let Some(lapsed) = assignment.lease.replace(Lease { owner, until: now + LEASE }) {
                doubt(&mut assignment, lapsed.until);
            }
            intend(&mut assignment, now);
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
    NoTurn,
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
    async fn drive(&mut self, shift: &mut Shift<'_>, deadline: Timestamp) -> Result<Reconciled, WorkerError> {
        let mut pause = FIRST_PAUSE;
        while !settled(&self.assignment) {
            let step = match self.assignment.operation.clone() {
                Some(Operation { kind, request_id: Some(request), .. }) => self.look(shift, kind, &request).await?,
                Some(Operation { kind, request_id: None, .. }) => self.begin(shift, kind).await?,
                None => {
                    let now = self.workers.now();
                    self.write(|assignment| intend(assignment, now)).await?;
                    Next::Go
                }
            };
            match step {
                Next::Go => pause = FIRST_PAUSE,
                Next::Stop(reconciled) => return Ok(reconciled),
                Next::Wait(why) if self.workers.now() >= deadline => return Ok(Reconciled::Unsettled(why)),
                Next::Wait(_) => {
                    self.sleep(shift, pause).await?;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        Ok(Reconciled::Settled(self.assignment.presence))
    }

    /// Begins the change that is written down. It may have been begun before, with the answer lost: Identity Center takes
    /// no client token, so what it answers then has to be read with care.
    async fn begin(&mut self, shift: &mut Shift<'_>, kind: OperationKind) -> Result<Next, WorkerError> {
        if kind != wanted(&self.assignment) {
            // The holders changed since it was written down.
            return self.drop_operation(Next::Go).await;
        }
        let center = self.center(shift).await?;
        if self.assignment.lease.as_ref().is_none_or(|lease| lease.until <= self.workers.now()) {
            return Err(WorkerError::LeaseLost);
        }
        match center.begin(kind, &self.assignment.key).await {
            Ok(request) => {
                self.write(|assignment| {
                    if let Some(operation) = &mut assignment.operation {
                        operation.request_id = Some(request.clone());
                    }
                })
                .await?;
                self.sleep(shift, shift.pause()).await?;
                Ok(Next::Go)
            }
            Err(Fault::Conflict) => Ok(Next::Wait("another change of the assignment is under way".to_owned())),
            Err(Fault::NotFound(_) | Fault::Invalid(_)) if kind == OperationKind::Delete => {
                self.look_for_it(shift).await
            }
            Err(Fault::NotFound(why) | Fault::Invalid(why)) => {
                self.drop_operation(Next::Stop(Reconciled::Hopeless(why))).await
            }
            Err(Fault::Passing(why)) => Ok(Next::Wait(why)),
            Err(Fault::Unanswered(why)) => {
                // Written down with the next change; if there is none, whoever finds our lease lapsed does it.
                doubt(&mut self.assignment, self.workers.now());
                Ok(Next::Wait(why))
            }
        }
    }

    /// Asks how far the change is.
    async fn look(&mut self, shift: &mut Shift<'_>, kind: OperationKind, request: &str) -> Result<Next, WorkerError> {
        let instance = self.assignment.key.instance_arn.clone();
        match self.center(shift).await?.progress(kind, &instance, request).await {
            Ok(Progress::InProgress) => Ok(Next::Wait("Identity Center is still at it".to_owned())),
            Ok(Progress::Succeeded) => match kind {
                OperationKind::Create => self.found(Presence::Present).await,
                OperationKind::Delete if self.assignment.in_doubt_until.is_some() => self.look_for_it(shift).await,
                OperationKind::Delete => self.found(Presence::Absent).await,
            },
            // A change that failed says nothing of what is there now. It is over: the turn is free for others at once, and what
            // a retry can help is tried again later.
            Ok(Progress::Failed(why)) => match (kind, Failure::of(&why)) {
                // Where there is no such account, user or permission set, there is no assignment to take away either.
                (OperationKind::Create, Failure::Missing(sentence)) if self.assignment.in_doubt_until.is_none() => {
                    self.found(Presence::Absent).await?;
                    Ok(Next::Stop(Reconciled::Hopeless(sentence.to_owned())))
                }
                (OperationKind::Create, Failure::Permanent(sentence) | Failure::Missing(sentence)) => {
                    self.drop_operation(Next::Stop(Reconciled::Hopeless(sentence.to_owned()))).await
                }
                (OperationKind::Delete, Failure::Missing(_)) => self.look_for_it(shift).await,
                (OperationKind::Delete, Failure::Permanent(_)) | (_, Failure::Transient) => {
                    let why = format!("Identity Center failed: {why}");
                    self.drop_operation(Next::Stop(Reconciled::Unsettled(why))).await
                }
            },
            // Identity Center forgets changes after a while.
            Err(Fault::NotFound(_) | Fault::Invalid(_)) => self.drop_operation(Next::Go).await,
            Err(Fault::Conflict) => Ok(Next::Wait("another change of the assignment is under way".to_owned())),
            Err(Fault::Passing(why) | Fault::Unanswered(why)) => Ok(Next::Wait(why)),
        }
    }

    /// INVARIANT 3 (done means gone): what could not be deleted, or was while a creation was in doubt, is only taken for
    /// absent once Identity Center is not creating it, for somebody whose answer was lost, and does not list it, and no such
    /// creation can come any more. In this order: what comes or is created in between is found.
    async fn look_for_it(&mut self, shift: &mut Shift<'_>) -> Result<Next, WorkerError> {
        let now = self.workers.now();
        if let Some(until) = self.assignment.in_doubt_until.filter(|until| now < *until) {
            let why = format!("a creation was never answered, and may be carried out until {until}");
            return self.drop_operation(Next::Stop(Reconciled::Unsettled(why))).await;
        }
        match self.find(shift).await? {
            Ok(None) | Err(Fault::NotFound(_)) => self.found(Presence::Absent).await,
            Ok(Some(why)) => self.drop_operation(Next::Wait(why.to_owned())).await,
            Err(fault) => Ok(Next::Wait(fault.to_string())),
        }
    }

    /// Why the assignment cannot be taken for absent, if it cannot.
    async fn find(&mut self, shift: &mut Shift<'_>) -> Result<Result<Option<&'static str>, Fault>, WorkerError> {
        let key = &self.assignment.key.clone();
        let mut page = None;
        loop {
            let (unfinished, next) = match self.center(shift).await?.unfinished_creations(&key.instance_arn, page).await
            {
                Ok(found) => found,
                Err(fault) => return Ok(Err(fault)),
            };
            for request in unfinished {
                match self.center(shift).await?.creates(&request, key).await {
                    Ok(false) | Err(Fault::NotFound(_)) => {}
                    Ok(true) => return Ok(Ok(Some("Identity Center is still creating the assignment"))),
                    Err(fault) => return Ok(Err(fault)),
                }
            }
            match next {
                Some(next) => page = Some(next),
                None => break,
            }
        }
        let mut page = None;
        loop {
            match self.center(shift).await?.lists(key, page).await {
                Ok(Listed::Yes) => return Ok(Ok(Some("Identity Center lists the assignment and would not delete it"))),
                Ok(Listed::NotOnThisPage(next)) => page = Some(next),
                Ok(Listed::No) => return Ok(Ok(None)),
                Err(fault) => return Ok(Err(fault)),
            }
        }
    }

    async fn found(&mut self, presence: Presence) -> Result<Next, WorkerError> {
        self.write(|assignment| {
            assignment.operation = None;
            assignment.presence = presence;
            if presence == Presence::Absent {
                assignment.in_doubt_until = None;
            }
        })
        .await?;
        Ok(Next::Go)
    }

    async fn drop_operation(&mut self, next: Next) -> Result<Next, WorkerError> {
        self.write(|assignment| assignment.operation = None).await?;
        Ok(next)
    }

    /// Whoever else has the lease now keeps it.
    async fn release(mut self) -> Result<(), WorkerError> {
        if self.is_ours() { self.write(|assignment| assignment.lease = None).await } else { Ok(()) }
    }

    /// Whether a change was begun that is not known to be over.
    fn is_outstanding(&self, now: Timestamp) -> bool {
        let begun = self.assignment.operation.as_ref().is_some_and(|operation| operation.request_id.is_some());
        begun || self.assignment.in_doubt_until.is_some_and(|until| now < until)
    }

    fn is_ours(&self) -> bool {
        self.assignment.lease.as_ref().is_some_and(|lease| lease.owner == self.owner)
    }

    /// Changes the record while the lease is ours, which that renews. Holders come and go meanwhile: theirs is kept, and seen
    /// by the next step.
    pub(super) async fn write(&mut self, change: impl Fn(&mut Assignment)) -> Result<(), WorkerError> {
        let tenant = self.table.id();
        for _ in 0..ATTEMPTS {
            let mut changed = self.assignment.clone();
            if let Some(lease) = &mut changed.lease {
                lease.until = self.workers.now() + LEASE;
            }
            change(&mut changed);
            if settled(&changed) {
                changed.lease = None;
            }
            match save(&self.table, tenant, &mut changed, self.workers.now()).await {
                Ok(()) => {
                    self.assignment = changed;
                    return Ok(());
                }
                Err(CommitError::Conflict) => {
                    self.read_again().await?;
                    if !self.is_ours() {
                        return self.give_way().await;
                    }
                }
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }

    async fn read_again(&mut self) -> Result<(), WorkerError> {
        let doubt = self.assignment.in_doubt_until;
        let key = assignment_key(&self.assignment.key);
        self.assignment = self.table.get::<Assignment>(key).await?.ok_or(WorkerError::LeaseLost)?;
        self.assignment.in_doubt_until = self.assignment.in_doubt_until.max(doubt);
        Ok(())
    }

    /// The lease went to another while we were at it. What we did in Identity Center may undo what they saw: they must not
    /// trust it.
    async fn give_way(&mut self) -> Result<(), WorkerError> {
        let tenant = self.table.id();
        for _ in 0..ATTEMPTS {
            self.assignment.presence = Presence::Unknown;
            match save(&self.table, tenant, &mut self.assignment, self.workers.now()).await {
                Ok(()) => return Err(WorkerError::LeaseLost),
                Err(CommitError::Conflict) => self.read_again().await?,
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }
}

/// Writes down what is about to be changed, before it is: whatever happens then, nobody takes the old presence for granted.
fn intend(assignment: &mut Assignment, now: Timestamp) {
    if assignment.operation.is_none() {
        assignment.presence = Presence::Unknown;
        let kind = wanted(assignment);
        assignment.operation = Some(Operation { kind, request_id: None, started_at: now });
    }
}

/// A creation was not answered. It may be on its way, or not even sent by a worker that hangs: one that had the lease until
/// `since` ends in less than [`LONGEST_RUN`] from then.
fn doubt(assignment: &mut Assignment, since: Timestamp) {
    if let Some(Operation { kind: OperationKind::Create, request_id: None, .. }) = assignment.operation {
        assignment.in_doubt_until = assignment.in_doubt_until.max(Some(since + LONGEST_RUN));
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
