//! Revocation: takes access away, and tries until it is confirmed to be gone.

use jiff::{SignedDuration, Timestamp};

use super::context::{ATTEMPTS, GrantCall, Step, WorkerError, Workers, overdue, read_grant};
use super::reconcile::{Purpose, Reconciled};
use super::run::WorkerRun;
use crate::aws::scheduler::ScheduledWorker;
use crate::domain::{Assignment, AssignmentKey, EventKind, Grant, GrantStatus, Provisioning, RevocationStatus};
use crate::metrics::Measurement;
use crate::store::{CommitError, Transaction};

/// A reminder may come early, since clocks differ. Up to this long the worker waits for the end; if more is left, it
/// sets another reminder.
const EARLY: SignedDuration = SignedDuration::from_secs(20);
/// How long after its end access that is not gone is announced as late.
const LATE: SignedDuration = SignedDuration::from_mins(1);

impl Workers {
    /// Ends a grant whose time is over, and takes the access of an ended grant away. A call that is early, stale or
    /// repeated changes nothing.
    pub(crate) async fn revoke(&self, run: &mut WorkerRun<'_>, call: GrantCall) -> Result<(), WorkerError> {
        let table = self.table.tenant(call.tenant_id);
        let Some(grant) = read_grant(&table, call.grant_id).await? else { return Ok(()) };
        if grant.status == GrantStatus::Active {
            let left = grant.expires_at.duration_since(self.now());
            if left > EARLY {
                return Ok(self
                    .schedules
                    .remind(ScheduledWorker::Revoke, grant.tenant_id, grant.id, grant.expires_at)
                    .await?);
            }
            if left.is_positive() {
                self.clock.sleep(left.unsigned_abs()).await;
            }
        }
        let ended = self
            .change_known_grant(grant, |grant| {
                let now = self.now();
                if grant.status != GrantStatus::Active || now < grant.expires_at {
                    return Step::Nothing;
                }
                grant.end(GrantStatus::Expired, None, now);
                Step::Change(EventKind::GrantExpired)
            })
            .await?;
        match ended {
            Some(grant) if grant.status != GrantStatus::Active && grant.revocation.status != RevocationStatus::Done => {
                self.take_away(run, call, &grant).await
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn take_away(&self, run: &mut WorkerRun<'_>, call: GrantCall, grant: &Grant) -> Result<(), WorkerError> {
        let Some(key) = &grant.assignment else { return self.done(run, call, grant).await };
        let (grant, assignment) = self.release(grant.clone(), key).await?;
        let purpose = Purpose { grant: &grant, since: None };
        match self.reconcile(run, &purpose, key, assignment).await {
            // INVARIANT 3: a settled assignment that exists is held by another live grant, or stint did not create it.
            Ok(Reconciled::Settled(_)) => self.done(run, call, &grant).await,
            Ok(Reconciled::Unsettled(why) | Reconciled::Permanent(why)) => self.not_yet(call, why).await,
            Ok(Reconciled::Left) => Ok(()),
            Err(error) => self.not_yet(call, error.to_string()).await,
        }
    }

    /// Records that the revocation is done, and until when credentials issued before may be valid.
    ///
    /// INVARIANT 3 (done means gone): called only if the grant has no assignment, or its assignment is settled.
    async fn done(&self, run: &mut WorkerRun<'_>, call: GrantCall, grant: &Grant) -> Result<(), WorkerError> {
        let may_have_given = grant.may_have_given_access || grant.activated_at().is_some();
        let credentials_valid_until = match may_have_given {
            // If the permission set cannot be described, it gives no new sessions, and existing ones last at most
            // twelve hours (AWS IAM Identity Center, "Set session duration").
            true => {
                if !self.has_slot(run, grant).await? {
                    return Ok(());
                }
                let longest = SignedDuration::from_hours(12);
                let session = run.session_duration(&grant.permission_set_arn).await?.unwrap_or(longest);
                Some(self.now() + session)
            }
            false => None,
        };
        self.change_known_grant(grant.clone(), |grant| {
            if grant.revocation.status == RevocationStatus::Done {
                return Step::Nothing;
            }
            grant.revocation.status = RevocationStatus::Done;
            grant.revocation.attempts += 1;
            grant.revocation.last_error = None;
            grant.revocation.credentials_valid_until = credentials_valid_until;
            Step::Change(EventKind::GrantRevocationDone)
        })
        .await?;
        // A reminder that could not be deleted does no harm: its worker finds nothing to do. A grant that was given has
        // no provisioning reminder.
        let given = matches!(grant.provisioning, Provisioning::Successful { .. });
        for reminder in
            [Some(ScheduledWorker::Revoke), (!given).then_some(ScheduledWorker::Provision)].into_iter().flatten()
        {
            if let Err(error) = self.schedules.forget(reminder, call.grant_id).await {
                tracing::warn!(grant_id = %call.grant_id, cause = %error, "could not delete a reminder");
            }
        }
        Ok(())
    }

    /// Records a failed attempt.
    ///
    /// INVARIANT 2 (nothing without an obligation): the grant stays due, Scheduler calls a worker again, and if it does
    /// not, `sweep` finds the grant. There is no last attempt.
    async fn not_yet(&self, call: GrantCall, why: String) -> Result<(), WorkerError> {
        tracing::warn!(grant_id = %call.grant_id, cause = why, "access is not taken away yet");
        let noted = self
            .change_grant(call, |grant| {
                if grant.revocation.status == RevocationStatus::Done {
                    return Step::Nothing;
                }
                let now = self.now();
                let revocation = &mut grant.revocation;
                revocation.status = RevocationStatus::Retrying;
                revocation.attempts += 1;
                revocation.last_error = Some(why.clone());
                grant.next_attempt_at = self.next_attempt(revocation.attempts);
                announce_if_late(grant, now).map_or(Step::Note, Step::Change)
            })
            .await?;
        match noted {
            Some(grant) if grant.due_at().is_some() => {
                // The grant is not due before its next attempt, so `sweep` does not count it as overdue.
                let now = self.now();
                self.metrics.record(Measurement::OldestOverdueSeconds(overdue(&grant, now)), now);
                let at = grant.next_attempt_at;
                Ok(self.schedules.remind(ScheduledWorker::Revoke, call.tenant_id, call.grant_id, at).await?)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Removes a grant from the holders of an assignment, and records whether it may have given access, in one
    /// transaction. Returns both as they are afterwards.
    pub(crate) async fn release(
        &self,
        mut grant: Grant,
        key: &AssignmentKey,
    ) -> Result<(Grant, Option<Assignment>), WorkerError> {
        let table = self.table.tenant(grant.tenant_id);
        for _ in 0..ATTEMPTS {
            let Some(mut assignment) = self.table.assignment(key).await? else { return Ok((grant, None)) };
            if !assignment.release(grant.tenant_id, grant.id) {
                return Ok((grant, Some(assignment)));
            }
            assignment.updated_at = self.now();
            let mut writes = Transaction::new(grant.tenant_id);
            writes.update_shared(&assignment)?;
            let noted = assignment.may_give_access() && !grant.may_have_given_access;
            if noted {
                grant.may_have_given_access = true;
                writes.update(&grant)?;
            }
            match table.commit(writes).await {
                Ok(()) => {
                    assignment.version += 1;
                    grant.version += u64::from(noted);
                    return Ok((grant, Some(assignment)));
                }
                Err(CommitError::Conflict) => {
                    let read = read_grant(&table, grant.id).await?;
                    let Some(read) = read else { return Ok((grant, None)) };
                    grant = read;
                }
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }
}

/// Marks access as late if it is not gone one minute after its end. Returns the event that announces it, once.
pub(crate) fn announce_if_late(grant: &mut Grant, now: Timestamp) -> Option<EventKind> {
    let pending = !matches!(grant.revocation.status, RevocationStatus::None | RevocationStatus::Done);
    let late = grant.ended_at.is_some_and(|ended_at| now >= ended_at + LATE);
    if !(pending && late) || grant.revocation.delay_announced {
        return None;
    }
    grant.revocation.delay_announced = true;
    Some(EventKind::GrantRevocationDelayed)
}
