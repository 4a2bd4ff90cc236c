//! Giving access: reminder first, then the assignment.

use super::assignment::Reconciled;
use super::context::{ATTEMPTS, GrantCall, Step, WorkerError, Workers, read_grant};
use super::reconsider::Confirmation;
use super::shift::Shift;
use crate::access::reconsider::Refusal;
use crate::domain::{
    Assignment, AssignmentKey, EventKind, Grant, GrantStatus, Presence, Provisioning, RevocationStatus,
};
use crate::identity_center::Fault;
use crate::schedule::Reminder;
use crate::store::{CommitError, Transaction, assignment_key};

impl Workers {
    /// Brings a grant to where it should be now: usable, if it is live.
    pub(super) async fn provision(&self, shift: &mut Shift<'_>, call: GrantCall) -> Result<(), WorkerError> {
        let table = self.table.tenant(call.tenant_id);
        let Some(grant) = read_grant(&table, call.grant_id).await? else { return Ok(()) };
        let now = self.now();
        if !grant.is_live(now) {
            return self.revoke(shift, call).await;
        }
        // INVARIANT 1 (obligation and schedule first): the grant has stood in the index of what falls due since it was
        // decided; now Scheduler knows its end too, and only then is Identity Center touched. An extended grant comes
        // here again, and its reminder moves.
        self.schedules.remind(Reminder::Revoke, grant.tenant_id, grant.id, grant.expires_at).await?;
        match grant.provisioning {
            Provisioning::Successful { .. } | Provisioning::Failed { .. } => Ok(()),
            Provisioning::Pending { .. } if now < grant.granted_at => {
                Ok(self.schedules.remind(Reminder::Provision, grant.tenant_id, grant.id, grant.granted_at).await?)
            }
            Provisioning::Pending { .. } => self.give(shift, call, &grant).await,
        }
    }

    async fn give(&self, shift: &mut Shift<'_>, call: GrantCall, grant: &Grant) -> Result<(), WorkerError> {
        let outcome = match self.identity_center.user_id(&grant.grantee).await {
            Ok(principal_id) => {
                let key = AssignmentKey {
                    instance_arn: self.identity_center.instance_arn().to_owned(),
                    principal_id,
                    account_id: grant.account_id.clone(),
                    permission_set_arn: grant.permission_set_arn.clone(),
                };
                match self.hold(shift, call, &key).await? {
                    Hold::Holds => self.reconcile(shift, grant, &key, None).await?,
                    Hold::NotYet(reconciled) => reconciled,
                    Hold::Refused(refusal) => return self.fail(shift, call, refusal).await,
                    Hold::Over => return self.revoke(shift, call).await,
                }
            }
            Err(Fault::NotFound(why) | Fault::Invalid(why)) => Reconciled::Hopeless(why),
            Err(fault @ (Fault::Passing(_) | Fault::Unanswered(_) | Fault::Conflict)) => {
                Reconciled::Unsettled(fault.to_string())
            }
        };
        let now = self.now();
        match outcome {
            Reconciled::Settled(Presence::Present) => {
                self.change_grant(call, |grant| {
                    if !is_pending(grant) {
                        return Step::Nothing;
                    }
                    grant.provisioning = Provisioning::Successful { activated_at: now };
                    Step::Change(EventKind::GrantActive)
                })
                .await?;
                Ok(())
            }
            Reconciled::Settled(Presence::Absent | Presence::Unknown) => self.revoke(shift, call).await,
            Reconciled::Unsettled(why) => self.try_again(call, why).await,
            Reconciled::Left => Ok(()),
            Reconciled::Hopeless(why) => self.fail(shift, call, Refusal { reason: why, notices: Vec::new() }).await,
        }
    }

    /// Ends a grant that cannot be given; what may have been begun is taken away.
    async fn fail(&self, shift: &mut Shift<'_>, call: GrantCall, why: Refusal) -> Result<(), WorkerError> {
        let now = self.now();
        self.change_grant(call, |grant| {
            if !is_pending(grant) {
                return Step::Nothing;
            }
            let Refusal { reason, notices } = why.clone();
            grant.end(GrantStatus::Revoked, None, now);
            grant.provisioning = Provisioning::Failed { error: reason, notices };
            Step::Change(EventKind::GrantFailed)
        })
        .await?;
        self.revoke(shift, call).await
    }

    /// Notes a failed attempt, and sets a reminder for the next.
    async fn try_again(&self, call: GrantCall, why: String) -> Result<(), WorkerError> {
        let noted = self
            .change_grant(call, |grant| {
                let Provisioning::Pending { attempts, last_error } = &mut grant.provisioning else {
                    return Step::Nothing;
                };
                *attempts += 1;
                *last_error = Some(why.clone());
                grant.next_attempt_at = self.next_attempt(*attempts);
                Step::Note
            })
            .await?;
        match noted {
            Some(grant) if is_pending(&grant) => {
                let at = grant.next_attempt_at;
                Ok(self.schedules.remind(Reminder::Provision, call.tenant_id, call.grant_id, at).await?)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Makes a live grant a holder of its assignment, in one transaction with the grant: one that ends in the meantime
    /// holds nothing.
    async fn hold(&self, shift: &mut Shift<'_>, call: GrantCall, key: &AssignmentKey) -> Result<Hold, WorkerError> {
        let table = self.table.tenant(call.tenant_id);
        for _ in 0..ATTEMPTS {
            let now = self.now();
            let Some(mut grant) = read_grant(&table, call.grant_id).await? else { return Ok(Hold::Over) };
            if !grant.is_live(now) {
                return Ok(Hold::Over);
            }
            let confirmed = match self.reconsider(&grant).await? {
                Confirmation::Confirmed(confirmed) => confirmed,
                Confirmation::Refused(refusal) => return Ok(Hold::Refused(refusal)),
                Confirmation::Unknown(why) => return Ok(Hold::NotYet(Reconciled::Unsettled(why))),
            };
            if grant.assignment.as_ref() == Some(key) && !confirmed.is_new() {
                return Ok(Hold::Holds);
            }
            if let Some(other) = grant.assignment.as_ref().filter(|other| *other != key) {
                // The person's user in the Identity Store was replaced: what was begun for the old one is undone first.
                let assignment = self.release(call, other).await?;
                match self.reconcile(shift, &grant, other, assignment).await? {
                    Reconciled::Settled(_) => {}
                    Reconciled::Left => return Ok(Hold::NotYet(Reconciled::Left)),
                    // The grant is not for the old user any more: that nothing can be done there does not end it.
                    Reconciled::Unsettled(why) | Reconciled::Hopeless(why) => {
                        return Ok(Hold::NotYet(Reconciled::Unsettled(why)));
                    }
                }
            }
            grant.assignment = Some(key.clone());
            grant.updated_at = now;
            confirmed.note(&mut grant);
            let mut writes = Transaction::new(call.tenant_id);
            writes.update(&grant)?;
            confirmed.check(&mut writes)?;
            match table.get::<Assignment>(assignment_key(key)).await? {
                Some(mut assignment) => {
                    assignment.holders.insert(grant.id);
                    writes.update(&assignment)?;
                }
                None => {
                    let mut assignment = Assignment::new(key.clone(), now);
                    assignment.holders.insert(grant.id);
                    writes.create(&assignment)?;
                }
            }
            match table.commit(writes).await {
                Ok(()) => return Ok(Hold::Holds),
                Err(CommitError::Conflict) => {}
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }
}

/// Whether a grant holds its assignment.
enum Hold {
    /// It does.
    Holds,
    /// Its earlier one is not undone, or policy cannot be asked.
    NotYet(Reconciled),
    /// Policy would refuse it now.
    Refused(Refusal),
    /// It has ended.
    Over,
}

fn is_pending(grant: &Grant) -> bool {
    grant.status == GrantStatus::Active
        && grant.revocation.status == RevocationStatus::None
        && matches!(grant.provisioning, Provisioning::Pending { .. })
}
