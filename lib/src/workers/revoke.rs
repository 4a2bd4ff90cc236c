//! Taking access away, until it is gone.

use jiff::{SignedDuration, Timestamp};

use super::assignment::Reconciled;
use super::context::{ATTEMPTS, GrantCall, Step, WorkerError, Workers, overdue, read_grant};
use super::shift::Shift;
use crate::domain::{
    Assignment, AssignmentKey, EventKind, Grant, GrantStatus, Presence, Provisioning, RevocationStatus,
};
use crate::metrics::Measurement;
use crate::schedule::Reminder;
use crate::store::{CommitError, Transaction, assignment_key};

/// A reminder may come early by as much as clocks differ: so much is waited for, the rest is another reminder's.
const EARLY: SignedDuration = SignedDuration::from_secs(20);
/// From so long after its end on, access that is not gone is announced as late.
const LATE: SignedDuration = SignedDuration::from_mins(1);

impl Workers {
    /// Brings a grant to where it should be now: ended if its time is over, and gone if it has ended. A call that is
    /// early, stale or doubled changes nothing.
    pub(super) async fn revoke(&self, shift: &mut Shift<'_>, call: GrantCall) -> Result<(), WorkerError> {
        let table = self.table.tenant(call.tenant_id);
        let Some(grant) = read_grant(&table, call.grant_id).await? else { return Ok(()) };
        if grant.status == GrantStatus::Active {
            let left = grant.expires_at.duration_since(self.now());
            if left > EARLY {
                return Ok(self
                    .schedules
                    .remind(Reminder::Revoke, grant.tenant_id, grant.id, grant.expires_at)
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
                self.take_away(shift, call, &grant).await
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn take_away(&self, shift: &mut Shift<'_>, call: GrantCall, grant: &Grant) -> Result<(), WorkerError> {
        let outcome = match &grant.assignment {
            None => Ok(Reconciled::Settled(Presence::Absent)),
            Some(key) => {
                let assignment = self.release(call, key).await?;
                self.reconcile(shift, grant, key, assignment).await
            }
        };
        match outcome {
            // INVARIANT 3: present now means that another live grant holds it.
            Ok(Reconciled::Settled(Presence::Absent | Presence::Present)) => self.done(shift, call, grant).await,
            Ok(Reconciled::Settled(Presence::Unknown)) => self.not_yet(call, "nothing is confirmed".to_owned()).await,
            Ok(Reconciled::Unsettled(why) | Reconciled::Hopeless(why)) => self.not_yet(call, why).await,
            Ok(Reconciled::Left) => Ok(()),
            Err(error) => self.not_yet(call, error.to_string()).await,
        }
    }

    async fn done(&self, shift: &mut Shift<'_>, call: GrantCall, grant: &Grant) -> Result<(), WorkerError> {
        let credentials_valid_until = match grant.provisioning {
            // Without a set that can be described there are no new sessions, and old ones last twelve hours at most (AWS
            // IAM Identity Center, "Set session duration").
            Provisioning::Successful { .. } => {
                if !self.has_turn(shift, grant).await? {
                    return Ok(());
                }
                let longest = SignedDuration::from_hours(12);
                let session = shift.session_duration(&grant.permission_set_arn).await?.unwrap_or(longest);
                Some(self.now() + session)
            }
            Provisioning::Pending { .. } | Provisioning::Failed { .. } => None,
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
        // A reminder that stays behind finds nothing to do. Of what was given there is none to give it.
        let given = matches!(grant.provisioning, Provisioning::Successful { .. });
        for reminder in [Some(Reminder::Revoke), (!given).then_some(Reminder::Provision)].into_iter().flatten() {
            if let Err(error) = self.schedules.forget(reminder, call.grant_id).await {
                tracing::warn!(grant_id = %call.grant_id, cause = %error, "a schedule was left behind");
            }
        }
        Ok(())
    }

    /// INVARIANT 2 (nothing without an obligation): the grant stays due, Scheduler reminds us, and `sweep` finds it if
    /// Scheduler does not. There is no last attempt.
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
                // Until its next attempt it is not due, and `sweep` does not see it; overdue it is.
                let now = self.now();
                self.metrics.record(Measurement::OldestOverdueSeconds(overdue(&grant, now)), now);
                let at = grant.next_attempt_at;
                Ok(self.schedules.remind(Reminder::Revoke, call.tenant_id, call.grant_id, at).await?)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Takes a grant off the holders of an assignment, and returns what is left of that.
    pub(super) async fn release(
        &self,
        call: GrantCall,
        key: &AssignmentKey,
    ) -> Result<Option<Assignment>, WorkerError> {
        let table = self.table.tenant(call.tenant_id);
        for _ in 0..ATTEMPTS {
            let Some(mut assignment) = table.get::<Assignment>(assignment_key(key)).await? else { return Ok(None) };
            if !assignment.holders.remove(&call.grant_id) {
                return Ok(Some(assignment));
            }
            assignment.updated_at = self.now();
            let mut writes = Transaction::new(call.tenant_id);
            writes.update(&assignment)?;
            match table.commit(writes).await {
                Ok(()) => {
                    assignment.version += 1;
                    return Ok(Some(assignment));
                }
                Err(CommitError::Conflict) => {}
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }
}

/// Access that is not gone a minute after its end is announced as late, once: by the event that is returned.
pub(super) fn announce_if_late(grant: &mut Grant, now: Timestamp) -> Option<EventKind> {
    let pending = !matches!(grant.revocation.status, RevocationStatus::None | RevocationStatus::Done);
    let late = grant.ended_at.is_some_and(|ended_at| now >= ended_at + LATE);
    if !(pending && late) || grant.revocation.delay_announced {
        return None;
    }
    grant.revocation.delay_announced = true;
    Some(EventKind::GrantRevocationDelayed)
}
