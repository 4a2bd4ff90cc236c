//! The reconciler: the only code that creates or deletes account assignments.
//!
//! The record says what has to be done ([`Assignment::next_step`]); this module does it. [`Workers::reconcile`] is
//! level-triggered: it may be called from anywhere, at any time, twice, and after a crash between any two lines. A
//! short lease (`lease`) keeps two workers from changing the same assignment at once. Each step is recorded before it
//! is taken, and an assignment is created only after Identity Center was asked whether it exists (`look`). Changes need
//! a slot (`run`); if none is free, they are left to the workers that hold one.

mod lease;
mod look;
mod renew;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use self::lease::{Leased, Taken};
use super::context::{WorkerError, Workers};
use super::run::WorkerRun;
use crate::aws::identity_center::{Failure, IdentityCenterError, Progress};
use crate::domain::{Assignment, AssignmentKey, Grant, NextStep, Operation, OperationKind, Presence};

/// How long a worker waits for Identity Center before it leaves the rest to a later call.
const PATIENCE: SignedDuration = SignedDuration::from_secs(20);
/// The first pause between two questions for the progress of a change; each further pause is longer.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The result of reconciling an assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reconciled {
    /// Identity Center's state is the wanted one.
    Settled(Settled),
    /// Not settled yet, with the cause: this counts as a failed attempt.
    Unsettled(String),
    /// Another worker holds the lease or a slot and will do it: this does not count as an attempt.
    Left,
    /// Identity Center will never accept the change, with the cause. Only a creation fails permanently: a deletion is
    /// tried until it succeeds.
    Permanent(String),
}

/// What was last confirmed of an assignment that needs no further step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) presence: Presence,
    /// Whether the person keeps the same access without stint.
    pub(crate) persists: bool,
}

impl From<&Assignment> for Settled {
    fn from(assignment: &Assignment) -> Self {
        Self { presence: assignment.presence, persists: assignment.persists() }
    }
}

/// What an assignment is reconciled for.
pub(crate) struct Purpose<'g> {
    /// The grant that is worked on.
    pub(crate) grant: &'g Grant,
    /// Confirmations from before this time do not count; `None` if any confirmation counts.
    pub(crate) since: Option<Timestamp>,
}

impl Workers {
    /// Brings Identity Center to the state that the holders of an assignment want, on behalf of a grant. `read` is the
    /// record if it was just read; otherwise it is read.
    pub(crate) async fn reconcile(
        &self,
        run: &mut WorkerRun<'_>,
        purpose: &Purpose<'_>,
        key: &AssignmentKey,
        mut read: Option<Assignment>,
    ) -> Result<Reconciled, WorkerError> {
        let mut late = false;
        loop {
            match self.reconcile_once(run, purpose, key, read.take()).await {
                // The other worker acted on a state that this worker then changed, and may not be called again: this
                // worker continues until the assignment is settled.
                Err(WorkerError::LeaseLost) => late = true,
                Ok(Reconciled::Left) if late => self.clock.sleep(LONGEST_PAUSE).await,
                other => return other,
            }
        }
    }

    async fn reconcile_once(
        &self,
        run: &mut WorkerRun<'_>,
        purpose: &Purpose<'_>,
        key: &AssignmentKey,
        mut read: Option<Assignment>,
    ) -> Result<Reconciled, WorkerError> {
        let deadline = self.now() + PATIENCE;
        let mut leased = loop {
            match self.lease(run, purpose, key, read.take()).await? {
                Taken::Ours(leased) => break *leased,
                Taken::Settled(settled) => return Ok(Reconciled::Settled(settled)),
                Taken::Theirs if run.called && self.now() < deadline => {
                    run.renew().await?;
                    self.clock.sleep(Duration::from_millis(500)).await;
                }
                Taken::Theirs => {
                    if run.called {
                        self.leave(purpose.grant).await?;
                    }
                    return Ok(Reconciled::Left);
                }
                Taken::NoSlot => return Ok(Reconciled::Left),
            }
        };
        let outcome = leased.drive(run, deadline).await;
        if leased.is_outstanding(self.now()) {
            // A change that was begun may continue for a while, and counts against Identity Center's limit until it
            // ends.
            run.give_back_unfinished(PATIENCE).await;
        }
        leased.release().await?;
        outcome
    }
}

impl Leased<'_> {
    /// Takes one step after the other until the assignment is settled or `deadline` has passed.
    async fn drive(&mut self, run: &mut WorkerRun<'_>, deadline: Timestamp) -> Result<Reconciled, WorkerError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let step = match (self.assignment.next_step(self.since), self.assignment.operation.clone()) {
                (NextStep::Nothing, _) => return Ok(Reconciled::Settled((&self.assignment).into())),
                (NextStep::AnnounceDrift, _) => self.announce_drift().await?,
                (_, Some(operation)) => match &operation.request_id {
                    Some(request) => self.look_at_change(run, &operation, request).await?,
                    None => self.begin(run, operation.kind).await?,
                },
                (NextStep::Delete, None) => {
                    let now = self.workers.now();
                    self.write(|assignment| assignment.record_deletion(now)).await?;
                    Next::Go
                }
                (NextStep::Look | NextStep::Follow, None) => self.look_before_creation(run).await?,
            };
            match step {
                Next::Go => pause = FIRST_PAUSE,
                Next::Stop(reconciled) => return Ok(reconciled),
                Next::Wait(why) if self.workers.now() >= deadline => return Ok(Reconciled::Unsettled(why)),
                Next::Wait(_) => {
                    self.sleep(run, pause).await?;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Begins the recorded change. It may have been begun before and its answer lost: Identity Center takes no client
    /// token, so an error can mean that the earlier call succeeded.
    async fn begin(&mut self, run: &mut WorkerRun<'_>, kind: OperationKind) -> Result<Next, WorkerError> {
        if kind != self.assignment.wanted() {
            // The holders changed since the operation was recorded.
            let unresolved = self.creation_unresolved;
            self.write(|assignment| {
                if !unresolved {
                    assignment.drop_refused_creation();
                }
                assignment.operation = None;
            })
            .await?;
            return Ok(Next::Go);
        }
        let center = self.center(run).await?;
        if self.assignment.lease.as_ref().is_none_or(|lease| lease.until <= self.workers.now()) {
            return Err(WorkerError::LeaseLost);
        }
        self.began_creation |= kind == OperationKind::Create;
        self.creation_unresolved = kind == OperationKind::Create;
        match center.begin(kind, &self.assignment.key).await {
            Ok(request) => {
                self.sees_drift = false;
                self.write(|assignment| {
                    assignment.was_ours |= kind == OperationKind::Create;
                    if let Some(operation) = &mut assignment.operation {
                        operation.request_id = Some(request.clone());
                    }
                })
                .await?;
                self.creation_unresolved = false;
                self.sleep(run, run.pause()).await?;
                Ok(Next::Go)
            }
            Err(IdentityCenterError::Conflict) => {
                // The other change may be somebody else's creation of the same assignment: ask again whether it exists.
                self.creation_unresolved = false;
                self.write(Assignment::drop_refused_creation).await?;
                Ok(Next::Wait("another change of the assignment is under way".to_owned()))
            }
            Err(IdentityCenterError::NotFound(_) | IdentityCenterError::Invalid(_))
                if kind == OperationKind::Delete =>
            {
                self.is_drift |= std::mem::take(&mut self.sees_drift);
                self.look_for_it(run).await
            }
            Err(IdentityCenterError::NotFound(why) | IdentityCenterError::Invalid(why)) => {
                self.creation_unresolved = false;
                self.write(|assignment| {
                    // The refused call created nothing; an earlier one may have, if its answer was lost.
                    assignment.drop_refused_creation();
                    assignment.operation = None;
                })
                .await?;
                Ok(Next::Stop(Reconciled::Permanent(why)))
            }
            Err(IdentityCenterError::Transient(why)) => {
                self.creation_unresolved = false;
                Ok(Next::Wait(why))
            }
            Err(IdentityCenterError::Unanswered(why)) => {
                self.sees_drift = false;
                // The next write saves this; if there is none, the worker that finds this lease expired marks it.
                lease::mark_unresolved(&mut self.assignment, self.workers.now());
                Ok(Next::Wait(why))
            }
        }
    }

    /// Asks Identity Center for the progress of the change.
    async fn look_at_change(
        &mut self,
        run: &mut WorkerRun<'_>,
        operation: &Operation,
        request: &str,
    ) -> Result<Next, WorkerError> {
        let Operation { kind, started_at, .. } = *operation;
        let instance = self.assignment.key.instance_arn.clone();
        let seen = self.assignment.holders.clone();
        match self.center(run).await?.progress(kind, &instance, request).await {
            Ok(Progress::InProgress) => Ok(Next::Wait("Identity Center is still making the change".to_owned())),
            Ok(Progress::Succeeded) => match kind {
                // It was created after `started_at`, which says little if that is long ago, and nothing to a grant that
                // became a holder since: somebody may have deleted it. Then Identity Center is asked whether it exists.
                OperationKind::Create
                    if self.since.map_or(!self.assignment.holders.is_empty(), |since| started_at < since) =>
                {
                    self.drop_operation(Next::Go).await
                }
                OperationKind::Create => {
                    self.write(|assignment| assignment.confirm_present(&seen, started_at)).await?;
                    Ok(Next::Go)
                }
                OperationKind::Delete if self.assignment.unresolved_until.is_some() => self.look_for_it(run).await,
                OperationKind::Delete => self.found_absent().await,
            },
            // A failed change does not tell whether the assignment exists. Since the change is over, its slot is free
            // at once; if a retry can help, it is made later.
            Ok(Progress::Failed(why)) => match (kind, Failure::of(&why)) {
                // Without the account, user or permission set there can be no assignment to delete either.
                (OperationKind::Create, Failure::Missing(sentence)) if self.assignment.unresolved_until.is_none() => {
                    self.found_absent().await?;
                    Ok(Next::Stop(Reconciled::Permanent(sentence.to_owned())))
                }
                (OperationKind::Create, Failure::Permanent(sentence) | Failure::Missing(sentence)) => {
                    self.drop_operation(Next::Stop(Reconciled::Permanent(sentence.to_owned()))).await
                }
                (OperationKind::Delete, Failure::Missing(_)) => self.look_for_it(run).await,
                (OperationKind::Delete, Failure::Permanent(_)) | (_, Failure::Transient) => {
                    let why = format!("Identity Center reported a failure: {why}");
                    self.drop_operation(Next::Stop(Reconciled::Unsettled(why))).await
                }
            },
            // Identity Center forgets a change after a while.
            Err(IdentityCenterError::NotFound(_) | IdentityCenterError::Invalid(_)) => {
                self.drop_operation(Next::Go).await
            }
            Err(IdentityCenterError::Conflict) => {
                Ok(Next::Wait("another change of the assignment is under way".to_owned()))
            }
            Err(IdentityCenterError::Transient(why) | IdentityCenterError::Unanswered(why)) => Ok(Next::Wait(why)),
        }
    }

    async fn drop_operation(&mut self, next: Next) -> Result<Next, WorkerError> {
        self.write(|assignment| assignment.operation = None).await?;
        Ok(next)
    }

    /// Whether a change was begun that may still be under way.
    fn is_outstanding(&self, now: Timestamp) -> bool {
        let begun = self.assignment.operation.as_ref().is_some_and(|operation| operation.request_id.is_some());
        begun || self.assignment.unresolved_until.is_some_and(|until| now < until)
    }
}

/// How a worker continues after a step.
enum Next {
    /// Take the next step.
    Go,
    /// Take the next step after a pause; the cause of the wait.
    Wait(String),
    /// Take no further step.
    Stop(Reconciled),
}
