//! Provisioning: sets the reminder for the end of a grant, then creates its assignment.

use futures_util::future::try_join;

use super::context::{ATTEMPTS, GrantCall, Step, WorkerError, Workers, read_grant};
use super::reconcile::{Purpose, Reconciled, Settled};
use super::reconsider::Confirmation;
use super::run::WorkerRun;
use crate::app::reconsider::Refusal;
use crate::aws::identity_center::IdentityCenterError;
use crate::aws::scheduler::ScheduledWorker;
use crate::domain::{
    Assignment, AssignmentKey, EventKind, Grant, GrantStatus, Presence, Principal, Provisioning, RevocationStatus,
    Urgency,
};
use crate::store::{CommitError, Transaction};

/// The error of a grant whose tenant neither registered the Identity Center instance nor shares it.
const NOT_SHARED: &str = "this tenant may not use the stack's Identity Center instance: `stint-bootstrap --sync` \
                          registers it for a tenant, which can share it with others (`--share-instance-with`)";

/// The error of a grant whose grantee is another user at the Identity Store than in the directory.
const NOT_SYNCED: &str = "the grantee is another user at the Identity Store than in the directory: nothing is given \
                          before the next sync";

impl Workers {
    /// Makes a live grant usable. A grant that has ended is revoked; a call that is early or repeated changes nothing.
    pub(crate) async fn provision(&self, run: &mut WorkerRun<'_>, call: GrantCall) -> Result<(), WorkerError> {
        let table = self.table.tenant(call.tenant_id);
        let Some(grant) = read_grant(&table, call.grant_id).await? else { return Ok(()) };
        let now = self.now();
        if !grant.is_live(now) {
            return self.revoke(run, call).await;
        }
        // INVARIANT 1 (obligation and schedule first): the grant has been in the due index since it was decided. Now
        // Scheduler gets its end too, and only then is Identity Center changed. An extended grant passes here again,
        // which moves its reminder.
        self.schedules.remind(ScheduledWorker::Revoke, grant.tenant_id, grant.id, grant.expires_at).await?;
        match grant.provisioning {
            Provisioning::Successful { .. } => self.confirm_extended(run, &grant).await,
            Provisioning::Failed { .. } => Ok(()),
            Provisioning::Pending { .. } if now < grant.granted_at => Ok(self
                .schedules
                .remind(ScheduledWorker::Provision, grant.tenant_id, grant.id, grant.granted_at)
                .await?),
            Provisioning::Pending { .. } => self.give(run, call, &grant).await,
        }
    }

    async fn give(&self, run: &mut WorkerRun<'_>, call: GrantCall, grant: &Grant) -> Result<(), WorkerError> {
        // Earlier confirmations do not count: access that is reported as usable must be usable now.
        let since = Some(self.now());
        let outcome = match self.hold(run, call).await? {
            Hold::Holds(key, assignment) => {
                self.reconcile(run, &Purpose { grant, since }, &key, assignment.map(|read| *read)).await?
            }
            Hold::NotYet(reconciled) => reconciled,
            Hold::Refused(refusal) => return self.fail(run, call, refusal).await,
            Hold::Over => return self.revoke(run, call).await,
        };
        let now = self.now();
        match outcome {
            Reconciled::Settled(Settled { presence: Presence::Present, persists }) => {
                if persists {
                    self.announce_standing_access(call).await?;
                }
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
            // The grant has ended, or its access was deleted outside stint before it was confirmed for this grant.
            Reconciled::Settled(_) => {
                self.try_again(call, "the access was deleted outside stint".to_owned()).await?;
                self.revoke(run, call).await
            }
            Reconciled::Unsettled(why) => self.try_again(call, why).await,
            Reconciled::Left => Ok(()),
            Reconciled::Permanent(why) => self.fail(run, call, Refusal { reason: why, notices: Vec::new() }).await,
        }
    }

    /// Announces, once, that the access a grant gives existed before.
    async fn announce_standing_access(&self, call: GrantCall) -> Result<(), WorkerError> {
        self.change_grant(call, |grant| {
            if !is_pending(grant) || std::mem::replace(&mut grant.access_persists, true) {
                return Step::Nothing;
            }
            Step::Change(EventKind::GrantStandingAccess)
        })
        .await?;
        Ok(())
    }

    /// Confirms that the access of an extended grant still exists. If Identity Center cannot tell now, the grant keeps
    /// what was last confirmed.
    async fn confirm_extended(&self, run: &mut WorkerRun<'_>, grant: &Grant) -> Result<(), WorkerError> {
        let (Some(key), Some(extended_at)) = (&grant.assignment, grant.extended_at) else { return Ok(()) };
        if grant.missing_since.is_some() {
            return Ok(());
        }
        let assignment = self.table.assignment(key).await?;
        let is_confirmed = |one: &Assignment| one.confirmed_at.is_some_and(|at| extended_at <= at);
        if assignment.as_ref().is_none_or(is_confirmed) || !run.take(Urgency::Other, false).await? {
            return Ok(());
        }
        let purpose = Purpose { grant, since: Some(extended_at) };
        match self.reconcile(run, &purpose, key, assignment).await? {
            Reconciled::Settled(_) | Reconciled::Left => {}
            Reconciled::Unsettled(why) | Reconciled::Permanent(why) => {
                tracing::warn!(grant_id = %grant.id, cause = why, "could not confirm that the access still exists");
            }
        }
        Ok(())
    }

    /// Ends a grant that cannot be provisioned, and takes away what may have been created for it.
    async fn fail(&self, run: &mut WorkerRun<'_>, call: GrantCall, why: Refusal) -> Result<(), WorkerError> {
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
        self.revoke(run, call).await
    }

    /// Records a failed attempt, and sets a reminder for the next one.
    async fn try_again(&self, call: GrantCall, why: String) -> Result<(), WorkerError> {
        let noted = self
            .change_grant(call, |grant| {
                if !is_pending(grant) {
                    return Step::Nothing;
                }
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
                Ok(self.schedules.remind(ScheduledWorker::Provision, call.tenant_id, call.grant_id, at).await?)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The assignment for the user that the directory links the grantee to. Approvals were counted by that link: if the
    /// Identity Store leads to another user, nothing is given until a sync has read the change.
    async fn assignment_for(&self, grant: &Grant, grantee: &Principal) -> Result<AssignmentKey, Reconciled> {
        let principal_id = match self.identity_center.user_id(grantee).await {
            Ok(user_id) => user_id,
            Err(IdentityCenterError::NotFound(why) | IdentityCenterError::Invalid(why)) => {
                return Err(Reconciled::Permanent(why));
            }
            Err(
                fault @ (IdentityCenterError::Transient(_)
                | IdentityCenterError::Unanswered(_)
                | IdentityCenterError::Conflict),
            ) => {
                return Err(Reconciled::Unsettled(fault.to_string()));
            }
        };
        if grantee.user_id().is_some_and(|linked| linked != principal_id) {
            return Err(Reconciled::Unsettled(NOT_SYNCED.to_owned()));
        }
        Ok(AssignmentKey {
            instance_arn: self.identity_center.instance_arn().to_owned(),
            principal_id,
            account_id: grant.account_id.clone(),
            permission_set_arn: grant.permission_set_arn.clone(),
        })
    }

    /// Makes a live grant a holder of its assignment, in one transaction with the grant: if the grant ends meanwhile,
    /// it does not become a holder.
    async fn hold(&self, run: &mut WorkerRun<'_>, call: GrantCall) -> Result<Hold, WorkerError> {
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
            let key = match self.assignment_for(&grant, confirmed.requester()).await {
                Ok(key) => key,
                Err(reconciled) => return Ok(Hold::NotYet(reconciled)),
            };
            if let Some(other) = grant.assignment.clone().filter(|other| *other != key) {
                // The person's user in the Identity Store was replaced: first undo what was begun for the old one.
                let (released, assignment) = self.release(grant, &other).await?;
                grant = released;
                if !grant.is_live(now) {
                    return Ok(Hold::Over);
                }
                let purpose = Purpose { grant: &grant, since: None };
                match self.reconcile(run, &purpose, &other, assignment).await? {
                    Reconciled::Settled(_) => {}
                    Reconciled::Left => return Ok(Hold::NotYet(Reconciled::Left)),
                    // The grant is no longer for the old user, so a failure there does not end it.
                    Reconciled::Unsettled(why) | Reconciled::Permanent(why) => {
                        return Ok(Hold::NotYet(Reconciled::Unsettled(why)));
                    }
                }
            }
            let (assignment, instance) =
                try_join(self.table.assignment(&key), self.table.instance(&key.instance_arn)).await?;
            if instance.is_none_or(|instance| !instance.may_be_used_by(call.tenant_id)) {
                return Ok(Hold::NotYet(Reconciled::Permanent(NOT_SHARED.to_owned())));
            }
            let held = assignment.as_ref().is_some_and(|one| one.is_held_by(call.tenant_id, grant.id));
            if grant.assignment.as_ref() == Some(&key) && held && !confirmed.is_new() {
                return Ok(Hold::Holds(key, assignment.map(Box::new)));
            }
            grant.assignment = Some(key.clone());
            grant.updated_at = now;
            confirmed.note(&mut grant);
            let mut writes = Transaction::new(call.tenant_id);
            writes.update(&grant)?;
            confirmed.check(&mut writes)?;
            match assignment {
                Some(mut assignment) => {
                    assignment.hold(call.tenant_id, grant.id, grant.on_drift);
                    writes.update_shared(&assignment)?;
                }
                None => {
                    let mut assignment = Assignment::new(key.clone(), now);
                    assignment.hold(call.tenant_id, grant.id, grant.on_drift);
                    writes.create_shared(&assignment)?;
                }
            }
            match table.commit(writes).await {
                Ok(()) => return Ok(Hold::Holds(key, None)),
                Err(CommitError::Conflict) => {}
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }
}

/// Whether a grant holds its assignment.
enum Hold {
    /// It does. The record is included if it was just read.
    Holds(AssignmentKey, Option<Box<Assignment>>),
    /// Its earlier assignment is not undone yet, or policy could not be evaluated.
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
