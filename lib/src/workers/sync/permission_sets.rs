//! Permission sets: their ARNs are listed, and only unknown ones are described, since the name of a permission set
//! never changes.
//!
//! Identity Center permits few requests. A run takes a slot for non-urgent work, makes a few requests, and gives the
//! slot back, so that access that has to be given or taken away goes first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::resources::TenantDirectory;
use super::{Ended, Run, kind_name};
use crate::aws::DirectoryError;
use crate::aws::identity_center::{IdentityCenter, IdentityCenterError};
use crate::domain::{AwsResource, ResourceType, Urgency};
use crate::provision::WorkerError;
use crate::provision::WorkerRun;

/// How many requests are made before the slot is given back.
const REQUESTS_A_SLOT: usize = 10;
/// How many new permission sets are described before they are written: if the run ends, it loses no more than that.
const NEW_SETS: usize = 20;
/// How long to wait when no slot is free.
const WAIT: Duration = Duration::from_secs(5);
/// How often one request is made at most.
const TRIES: u32 = 5;

/// Requests to Identity Center under slots that are given back after every few of them.
struct Requests<'a> {
    run: WorkerRun<'a>,
    /// How many requests were made under the present slot.
    made: usize,
    /// How often the present request was made.
    tries: u32,
}

impl Run<'_> {
    pub(super) async fn permission_sets(&mut self, tenants: &mut [TenantDirectory]) -> Result<Ended, WorkerError> {
        let mut requests = Requests { run: WorkerRun::new(self.workers), made: 0, tries: 0 };
        let ended = self.read_permission_sets(tenants, &mut requests).await;
        requests.run.give_back(false).await?;
        ended
    }

    async fn read_permission_sets(
        &mut self,
        tenants: &mut [TenantDirectory],
        requests: &mut Requests<'_>,
    ) -> Result<Ended, WorkerError> {
        let mut arns: BTreeSet<String> = BTreeSet::new();
        let mut page = None;
        loop {
            let Some((found, next)) = self.arns(requests, page).await? else { return Ok(Ended::OutOfTime) };
            arns.extend(found);
            page = next;
            if page.is_none() {
                break;
            }
        }
        let known = tenants.iter().flat_map(|tenant| tenant.of(ResourceType::AwsPermissionSet));
        let names: BTreeMap<String, String> =
            known.map(|known| (known.resource.id().to_owned(), known.name.clone())).collect();
        let now = self.workers.now();
        let mut found = Vec::new();
        for arn in &arns {
            if let Some(name) = names.get(arn) {
                found.push(AwsResource::permission_set(arn, name, now).map_err(DirectoryError::from)?);
            }
        }
        let unknown: Vec<&String> = arns.iter().filter(|arn| !names.contains_key(*arn)).collect();
        for unknown in unknown.chunks(NEW_SETS) {
            let mut described = Vec::new();
            for arn in unknown {
                let Some(name) = self.name(requests, arn).await? else { return Ok(Ended::OutOfTime) };
                if let Some(name) = name {
                    described.push(AwsResource::permission_set(arn, &name, now).map_err(DirectoryError::from)?);
                }
            }
            for tenant in &mut *tenants {
                self.write(tenant, described.clone()).await?;
            }
            found.extend(described);
        }
        self.found(kind_name(ResourceType::AwsPermissionSet), found.len());
        for tenant in tenants {
            let sets: Vec<AwsResource> = found.clone();
            let all = self.compare(tenant, ResourceType::AwsPermissionSet, &sets, &BTreeSet::new());
            self.write(tenant, [all.added, all.changed, all.missing, all.gone].concat()).await?;
        }
        Ok(Ended::Complete)
    }

    /// The ARNs on one page, and the token of the next page; `None` if the run is out of time before there is a slot.
    async fn arns(
        &mut self,
        requests: &mut Requests<'_>,
        page: Option<String>,
    ) -> Result<Option<(Vec<String>, Option<String>)>, WorkerError> {
        requests.tries = 0;
        while let Some(center) = self.slot(requests).await? {
            match center.permission_set_arns(page.clone()).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(fault) => self.wait_after(requests, fault).await?,
            }
        }
        Ok(None)
    }

    /// The name of a permission set; the inner `None` if it was deleted since it was listed, the outer `None` if the
    /// run is out of time before there is a slot.
    async fn name(&mut self, requests: &mut Requests<'_>, arn: &str) -> Result<Option<Option<String>>, WorkerError> {
        requests.tries = 0;
        while let Some(center) = self.slot(requests).await? {
            match center.permission_set_name(arn).await {
                Ok(name) => return Ok(Some(Some(name))),
                Err(IdentityCenterError::NotFound(_)) => return Ok(Some(None)),
                Err(fault) => self.wait_after(requests, fault).await?,
            }
        }
        Ok(None)
    }

    /// Identity Center, as soon as a slot permits the next request; `None` if the run is out of time before that.
    async fn slot<'a>(&mut self, requests: &mut Requests<'a>) -> Result<Option<&'a IdentityCenter>, WorkerError> {
        while self.has_time() {
            self.lease.keep().await?;
            if requests.made >= REQUESTS_A_SLOT {
                requests.run.give_back(false).await?;
                requests.made = 0;
            }
            if requests.run.number().is_none() && !requests.run.take(Urgency::Other, false).await? {
                self.workers.clock.sleep(WAIT).await;
                continue;
            }
            requests.made += 1;
            match requests.run.center().await {
                Ok(center) => return Ok(Some(center)),
                // Another worker took the slot over.
                Err(WorkerError::Busy) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Waits before a request is made again; fails if another attempt cannot help.
    async fn wait_after(&self, requests: &mut Requests<'_>, fault: IdentityCenterError) -> Result<(), WorkerError> {
        requests.tries += 1;
        match fault {
            IdentityCenterError::Transient(_) | IdentityCenterError::Conflict if requests.tries < TRIES => {
                self.workers.clock.sleep(Duration::from_secs(1 << requests.tries)).await;
                Ok(())
            }
            fault @ (IdentityCenterError::Transient(_)
            | IdentityCenterError::Conflict
            | IdentityCenterError::NotFound(_)
            | IdentityCenterError::Invalid(_)
            | IdentityCenterError::Unanswered(_)) => Err(fault.into()),
        }
    }
}
