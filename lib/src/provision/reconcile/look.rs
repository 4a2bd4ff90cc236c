//! What Identity Center says of an assignment: asked before one is created, after one was deleted, and when one is
//! unexpectedly absent.

use super::super::context::{GrantCall, Step, WorkerError};
use super::super::run::WorkerRun;
use super::lease::Leased;
use super::{Next, Reconciled};
use crate::aws::identity_center::IdentityCenterError;
use crate::domain::{EventKind, Holder, OnDrift, Provisioning};

impl Leased<'_> {
    /// INVARIANT 9 (nothing is deleted that stint did not create): before the first creation, and whenever a grant
    /// becomes a holder or is extended, Identity Center is asked what exists. stint creates an assignment only if it
    /// was seen to be absent, and records its intent together with what it saw.
    ///
    /// Somebody else may create the same assignment between the question and the creation. Identity Center takes no
    /// condition, so stint would take that assignment for its own. The window is about a second. If Identity Center
    /// refuses the creation for the moment, it is as long as a run's patience; a run that gives up drops the creation,
    /// and the next one asks again. If the worker dies between its record and its call, it lasts until another worker
    /// sends the creation: up to five minutes.
    pub(super) async fn look_before_creation(&mut self, run: &mut WorkerRun<'_>) -> Result<Next, WorkerError> {
        let (seen, asked_at) = (self.assignment.holders.clone(), self.workers.now());
        match self.list(run, false).await? {
            Ok((is_there, in_group)) => {
                let now = self.workers.now();
                self.write(|assignment| {
                    assignment.group_access = in_group;
                    if is_there {
                        assignment.confirm_present(&seen, asked_at);
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

    /// Whether the assignment exists, and whether the person has the same access through a group. With `alone`, the
    /// second is not looked up and is `false`.
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

    /// Records that the assignment is absent. If it was absent before stint first tried to delete it, somebody outside
    /// stint deleted it.
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

    /// Announces the drift to each grant whose access was deleted outside stint: once, in the grant's own tenant.
    pub(super) async fn announce_drift(&mut self) -> Result<Next, WorkerError> {
        let drifted = self.assignment.drifted.clone();
        for holder in &drifted {
            let call = GrantCall { tenant_id: holder.tenant_id, grant_id: holder.grant_id };
            let now = self.workers.now();
            self.workers
                .change_grant(call, |grant| {
                    // Access that was never reported as usable is not reported as missing: it is still being given.
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

    /// INVARIANT 3 (done means gone): an assignment that could not be deleted, or was deleted while a creation was
    /// unresolved, counts as absent only when all of this holds, checked in this order: no unresolved creation can be
    /// carried out any more; Identity Center is not creating it for a call whose answer was lost; Identity Center does
    /// not list it. The order matters: a creation that ends between two checks is found by the later one.
    pub(super) async fn look_for_it(&mut self, run: &mut WorkerRun<'_>) -> Result<Next, WorkerError> {
        let now = self.workers.now();
        if let Some(until) = self.assignment.unresolved_until.filter(|until| now < *until) {
            let why = format!("a creation is unresolved: it may still be carried out until {until}");
            return self.drop_operation(Next::Stop(Reconciled::Unsettled(why))).await;
        }
        match self.find(run).await? {
            Ok(None) | Err(IdentityCenterError::NotFound(_)) => self.found_absent().await,
            Ok(Some(why)) => self.drop_operation(Next::Wait(why.to_owned())).await,
            Err(fault) => Ok(Next::Wait(fault.to_string())),
        }
    }

    /// Why the assignment does not count as absent; `None` if it does.
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
            Ok((true, _)) => Ok(Ok(Some("Identity Center lists the assignment but did not delete it"))),
            Ok((false, _)) => Ok(Ok(None)),
            Err(fault) => Ok(Err(fault)),
        }
    }
}
