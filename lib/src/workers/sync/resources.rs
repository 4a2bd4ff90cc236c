//! Organizational units and accounts: the organization is read as a whole, then compared and written.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ended, Run, TAGS_A_RUN, kind_name};
use crate::directory::{Difference, compare};
use crate::domain::{AwsResource, ResourceRef, ResourceType};
use crate::provision::{ATTEMPTS, WorkerError};
use crate::store::{CommitError, TenantTable, Transaction};

/// The most records in one transaction. DynamoDB takes a hundred items; the lease and the directory version need some.
const BATCH: usize = 90;
/// How many new accounts are tagged before they are written: if the run ends, it loses no more than that.
const NEW_ACCOUNTS: usize = 25;

/// The directory of a tenant, as stored.
pub(super) struct TenantDirectory {
    pub(super) table: TenantTable,
    resources: BTreeMap<ResourceRef, AwsResource>,
}

impl TenantDirectory {
    pub(super) async fn read(table: TenantTable) -> Result<Self, WorkerError> {
        let known: Vec<AwsResource> = table.list_all().await?;
        Ok(Self { table, resources: known.into_iter().map(|known| (known.resource.clone(), known)).collect() })
    }

    pub(super) fn of(&self, kind: ResourceType) -> impl Iterator<Item = &AwsResource> {
        self.resources.values().filter(move |known| known.resource.kind() == kind)
    }
}

/// An organization, read in full.
#[derive(Default)]
struct Tree {
    /// The root first, and each unit after its parent.
    units: Vec<AwsResource>,
    accounts: Vec<AwsResource>,
    closed: BTreeSet<ResourceRef>,
}

impl Run<'_> {
    pub(super) async fn organization(&mut self, tenants: &mut [TenantDirectory]) -> Result<Ended, WorkerError> {
        let tree = self.tree().await?;
        self.found(kind_name(ResourceType::AwsOrganizationalUnit), tree.units.len());
        self.found(kind_name(ResourceType::AwsAccount), tree.accounts.len());
        let mut tags = BTreeMap::new();
        for tenant in tenants {
            let units = self.compare(tenant, ResourceType::AwsOrganizationalUnit, &tree.units, &BTreeSet::new());
            let accounts = self.compare(tenant, ResourceType::AwsAccount, &tree.accounts, &tree.closed);
            // Units first: rules on a unit would not match an account below it while its parents are unknown.
            self.write(tenant, [units.added, units.changed].concat()).await?;
            self.write(tenant, accounts.changed).await?;
            if self.add_accounts(tenant, accounts.added, &mut tags).await? == Ended::OutOfTime {
                return Ok(Ended::OutOfTime);
            }
            self.write(tenant, [accounts.missing, accounts.gone, units.missing, units.gone].concat()).await?;
        }
        Ok(Ended::Complete)
    }

    /// Reads units and accounts, from the root down.
    async fn tree(&mut self) -> Result<Tree, WorkerError> {
        let (organizations, now) = (&self.workers.directory.organizations, self.workers.now());
        let mut tree = Tree::default();
        let mut token = None;
        loop {
            let page = organizations.roots(token, now).await?;
            tree.units.extend(page.found);
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        let mut read = 0;
        while let Some(parent) = tree.units.get(read).map(|unit| unit.resource.id().to_owned()) {
            read += 1;
            let mut token = None;
            loop {
                self.lease.keep().await?;
                let page = organizations.accounts_below(&parent, token, now).await?;
                for found in page.found {
                    if found.is_active {
                        tree.accounts.push(found.account);
                    } else {
                        tree.closed.insert(found.account.resource);
                    }
                }
                token = page.next;
                if token.is_none() {
                    break;
                }
            }
            let mut token = None;
            loop {
                self.lease.keep().await?;
                let page = organizations.units_below(&parent, token, now).await?;
                tree.units.extend(page.found);
                token = page.next;
                if token.is_none() {
                    break;
                }
            }
        }
        Ok(tree)
    }

    /// Compares the stored resources of a kind with a full read, and adds the result to the report.
    pub(super) fn compare(
        &mut self,
        tenant: &TenantDirectory,
        kind: ResourceType,
        found: &[AwsResource],
        ended: &BTreeSet<ResourceRef>,
    ) -> Difference<AwsResource> {
        let difference = compare(tenant.of(kind), found.to_vec(), ended, self.accepts_loss, self.workers.now());
        let names =
            |resources: &[AwsResource]| resources.iter().map(|one| one.resource.to_string()).collect::<Vec<_>>();
        self.synced.missing.extend(names(&difference.missing));
        self.synced.gone.extend(names(&difference.gone));
        self.held_back(tenant.table.id(), kind_name(kind), names(&difference.held_back));
        difference
    }

    /// Adds accounts together with their tags: rules on tags would not match an account without them.
    async fn add_accounts(
        &mut self,
        tenant: &mut TenantDirectory,
        accounts: Vec<AwsResource>,
        tags: &mut BTreeMap<String, BTreeMap<String, String>>,
    ) -> Result<Ended, WorkerError> {
        for accounts in accounts.chunks(NEW_ACCOUNTS) {
            let mut tagged = Vec::new();
            for account in accounts {
                if !self.has_time() {
                    return Ok(Ended::OutOfTime);
                }
                let id = account.resource.id();
                if !tags.contains_key(id) {
                    self.lease.keep().await?;
                    // The account was closed or removed since it was listed; the next read finds that.
                    let Some(read) = self.workers.directory.organizations.tags_of(id).await? else { continue };
                    tags.insert(id.to_owned(), read);
                }
                let tags = tags.get(id).cloned().unwrap_or_default();
                tagged.push(AwsResource { tags, ..account.clone() });
            }
            self.write(tenant, tagged).await?;
        }
        Ok(Ended::Complete)
    }

    /// Reads the tags of known accounts again, beginning with those read longest ago.
    pub(super) async fn account_tags(&mut self, tenants: &mut [TenantDirectory]) -> Result<Ended, WorkerError> {
        let live =
            tenants.iter().flat_map(|tenant| tenant.of(ResourceType::AwsAccount)).filter(|known| known.is_live());
        let accounts: BTreeSet<String> = live.map(|known| known.resource.id().to_owned()).collect();
        let after = self.lease.state().tags_after.clone().unwrap_or_default();
        let (before, following): (Vec<_>, Vec<_>) = accounts.into_iter().partition(|account| *account <= after);
        let whose: Vec<String> = following.into_iter().chain(before).take(TAGS_A_RUN).collect();
        let mut last = None;
        for account in whose {
            if !self.has_time() {
                break;
            }
            self.lease.keep().await?;
            let read = self.workers.directory.organizations.tags_of(&account).await?;
            let Some(tags) = read else { continue };
            for tenant in &mut *tenants {
                let known = tenant.of(ResourceType::AwsAccount).find(|known| known.resource.id() == account);
                let retagged = known.filter(|known| known.is_live() && known.tags != tags).map(|known| AwsResource {
                    tags: tags.clone(),
                    last_synced_at: self.workers.now(),
                    ..known.clone()
                });
                self.write(tenant, retagged.into_iter().collect()).await?;
            }
            last = Some(account);
        }
        if last.is_some() {
            self.lease.read_tags_to(last).await?;
        }
        Ok(Ended::Complete)
    }

    /// Writes resources in batches. A batch raises the directory version if decisions depend on any of its resources.
    pub(super) async fn write(
        &mut self,
        tenant: &mut TenantDirectory,
        resources: Vec<AwsResource>,
    ) -> Result<(), WorkerError> {
        for batch in resources.chunks(BATCH) {
            let matters = batch.iter().any(|resource| matters(tenant.resources.get(&resource.resource), resource));
            self.commit(&tenant.table, |writes| {
                for resource in batch {
                    writes.put(resource)?;
                }
                if matters {
                    writes.directory_changed();
                }
                Ok(())
            })
            .await?;
            self.synced.written += batch.len();
            tenant.resources.extend(batch.iter().map(|resource| (resource.resource.clone(), resource.clone())));
        }
        Ok(())
    }

    /// Commits writes on condition that this run holds the lease.
    pub(super) async fn commit(
        &mut self,
        table: &TenantTable,
        fill: impl Fn(&mut Transaction) -> Result<(), CommitError>,
    ) -> Result<(), WorkerError> {
        self.lease.keep().await?;
        for _ in 0..ATTEMPTS {
            let mut writes = Transaction::new(table.id());
            writes.check_sync(self.lease.state());
            fill(&mut writes)?;
            match table.commit(writes).await {
                Ok(()) => return Ok(()),
                // Another writer changed the tenant's item at that moment, or another run took the lease over.
                Err(CommitError::Conflict) => self.lease.confirm().await?,
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }
}

/// Whether decisions depend on the change. The time of the last read does not matter, nor does being missing once,
/// except for a permission set: a missing one no longer has precedence over another one of its name.
fn matters(known: Option<&AwsResource>, new: &AwsResource) -> bool {
    let decided_by = |one: &AwsResource| AwsResource {
        last_synced_at: jiff::Timestamp::UNIX_EPOCH,
        missing_since: one.missing_since.filter(|_| one.resource.kind() == ResourceType::AwsPermissionSet),
        gone_at: one.gone_at.map(|_| jiff::Timestamp::UNIX_EPOCH),
        metadata: crate::domain::Metadata::new(),
        ..one.clone()
    };
    known.is_none_or(|known| decided_by(known) != decided_by(new))
}
