//! What Identity Center says of an assignment: before one is created, after one was deleted, and when it is gone that
//! should not be.

use super::super::context::{GrantCall, Step, WorkerError};
use super::super::run::WorkerRun;
use super::lease::Leased;
use super::{Next, Reconciled};
use crate::domain::{EventKind, Holder, OnDrift, Provisioning};
use crate::identity_center::IdentityCenterError;

impl Leased<'_> {
    /// INVARIANT 9 (nothing is deleted that stint did not create): before the first creation, and whenever a grant joins or
    /// is extended, Identity Center is asked what exists. Only what is seen to be absent is created, and the intent is
    /// recorded with what was seen.
    ///
    /// Between the look and the creation somebody else may create the same: Identity Center takes no condition, so that is
    /// taken for ours. That is about a second, and as long as a run's patience where Identity Center refuses the creation
    /// for the moment: a run that gives up drops it, and the next one looks again.
    pub(super) async fn look_before_creation(&mut self, run: &mut WorkerRun<'_>) -> Result<Next, WorkerError> {
        let seen = self.assignment.holders.clone();
        match self.list(run, false).await? {
            Ok((is_there, in_group)) => {
                let now = self.workers.now();
                self.write(|assignment| {
                    assignment.group_access = in_group;
                    if is_there {
                        assignment.confirm_present(&seen, now);
                    } else {
                        assignment.record_creation(now);
                    }
                })
                .await?;
                Ok(Next::Go)
            }
            Err(IdentityCenterError::NotFound(why) | IdentityCenterError::Invalid(why)) => {
                Ok(Next::Stop(Reconciled::Permanent(why)))
            }
            Err(fault) => Ok(Next::Wait(fault.to_string())),
        }
    }

    /// Whether the assignment exists, and whether the person has the same access through a group, which is not asked if
    /// only the first matters.
    async fn list(
        &mut self,
        run: &mut WorkerRun<'_>,
        alone: bool,
    ) -> Result<Result<(bool, bool), IdentityCenterError>, WorkerError> {
        let key = &self.assignment.key.clone();
        let (mut is_there, mut groups, mut page) = (false, Vec::new(), None);
        loop {
            let listed = match self.center(run).await?.list(key, page).await {
                Ok(listed) => listed,
                Err(fault) => return Ok(Err(fault)),
            };
            is_there |= listed.is_there;
            groups.extend(listed.groups);
            match listed.next {
                Some(_) if alone && is_there => break,
                Some(next) => page = Some(next),
                None => break,
            }
        }
        if alone || groups.is_empty() {
            return Ok(Ok((is_there, false)));
        }
        let in_group = self.workers.identity_center.is_in_any(&key.principal_id, &groups).await;
        Ok(in_group.map(|in_group| (is_there, in_group)))
    }

    /// It does not exist any more. If it was gone before we first tried to delete it, somebody else had deleted it.
    pub(super) async fn found_absent(&mut self) -> Result<Next, WorkerError> {
        let drifted = std::mem::take(&mut self.is_drift).then_some(Holder {
            tenant_id: self.grant.tenant_id,
            grant_id: self.grant.id,
            on_drift: self.grant.on_drift,
            confirmed: true,
        });
        self.write(|assignment| {
            assignment.confirm_absent();
            assignment.drifted.extend(drifted.clone());
        })
        .await?;
        Ok(Next::Go)
    }

    /// Tells each grant whose access was deleted outside stint that it was, once, in its own tenant.
    pub(super) async fn announce_drift(&mut self) -> Result<Next, WorkerError> {
        let drifted = self.assignment.drifted.clone();
        for holder in &drifted {
            let call = GrantCall { tenant_id: holder.tenant_id, grant_id: holder.grant_id };
            let now = self.workers.now();
            self.workers
                .change_grant(call, |grant| {
                    // What was never said to be usable is not said to be missing: it is given yet.
                    let was_usable = matches!(grant.provisioning, Provisioning::Successful { .. });
                    if !was_usable || grant.missing_since.is_some() {
                        return Step::Nothing;
                    }
                    if holder.on_drift == OnDrift::Report {
                        grant.missing_since = Some(now);
                    }
                    match std::mem::replace(&mut grant.externally_modified, true) {
                        false => Step::Change(EventKind::DriftDetected),
                        true if grant.missing_since.is_some() => Step::Note,
                        true => Step::Nothing,
                    }
                })
                .await?;
        }
        self.write(|assignment| assignment.drifted.retain(|holder| !drifted.contains(holder))).await?;
        Ok(Next::Go)
    }

    /// INVARIANT 3 (done means gone): what could not be deleted, or was while a creation was in doubt, is only taken for
    /// absent once Identity Center is not creating it, for somebody whose answer was lost, and does not list it, and no such
    /// creation can come any more. In this order: what comes or is created in between is found.
    pub(super) async fn look_for_it(&mut self, run: &mut WorkerRun<'_>) -> Result<Next, WorkerError> {
        let now = self.workers.now();
        if let Some(until) = self.assignment.unresolved_until.filter(|until| now < *until) {
            let why = format!("a creation was never answered, and may be carried out until {until}");
            return self.drop_operation(Next::Stop(Reconciled::Unsettled(why))).await;
        }
        match self.find(run).await? {
            Ok(None) | Err(IdentityCenterError::NotFound(_)) => self.found_absent().await,
            Ok(Some(why)) => self.drop_operation(Next::Wait(why.to_owned())).await,
            Err(fault) => Ok(Next::Wait(fault.to_string())),
        }
    }

    /// Why the assignment cannot be taken for absent, if it cannot.
    async fn find(
        &mut self,
        run: &mut WorkerRun<'_>,
    ) -> Result<Result<Option<&'static str>, IdentityCenterError>, WorkerError> {
        let key = &self.assignment.key.clone();
        let mut page = None;
        loop {
            let (unfinished, next) = match self.center(run).await?.unfinished_creations(&key.instance_arn, page).await {
                Ok(found) => found,
                Err(fault) => return Ok(Err(fault)),
            };
            for request in unfinished {
                match self.center(run).await?.creates(&request, key).await {
                    Ok(false) | Err(IdentityCenterError::NotFound(_)) => {}
                    Ok(true) => return Ok(Ok(Some("Identity Center is still creating the assignment"))),
                    Err(fault) => return Ok(Err(fault)),
                }
            }
            match next {
                Some(next) => page = Some(next),
                None => break,
            }
        }
        match self.list(run, true).await? {
            Ok((true, _)) => Ok(Ok(Some("Identity Center lists the assignment and would not delete it"))),
            Ok((false, _)) => Ok(Ok(None)),
            Err(fault) => Ok(Err(fault)),
        }
    }
}
