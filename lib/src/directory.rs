//! What there is to ask for: accounts and units as Organizations has them, permission sets as Identity Center has them,
//! read into the tenant's directory.

use std::collections::BTreeMap;

use aws_sdk_organizations::types::{Account, AccountState};
use aws_sdk_ssoadmin::error::{DisplayErrorContext, SdkError};
use jiff::Timestamp;

use crate::domain::{AccountId, AwsResource, Metadata, ResourceError, ResourceRef, ResourceType};
use crate::store::{CommitError, StoreError, TenantTable, Transaction};

/// An organization and its Identity Center instance.
#[derive(Debug, Clone)]
pub struct Organization {
    organizations: aws_sdk_organizations::Client,
    sso: aws_sdk_ssoadmin::Client,
    instance_arn: Option<String>,
}

/// The directory was not read or not written.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// AWS did not answer.
    #[error("{call}: {cause}")]
    Aws {
        /// The call.
        call: &'static str,
        /// What AWS says.
        cause: String,
    },
    /// It cannot be told which instance is meant.
    #[error("Identity Center has {0} instances here: name one")]
    Instances(usize),
    /// AWS named something in a way nobody knows.
    #[error(transparent)]
    Resource(#[from] ResourceError),
    /// The table did not take it.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl From<StoreError> for DirectoryError {
    fn from(error: StoreError) -> Self {
        Self::Commit(error.into())
    }
}

/// What a sync found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// How many of each kind there are.
    pub found: BTreeMap<ResourceType, usize>,
    /// What the directory has and AWS has not any more; it stays.
    pub gone: Vec<ResourceRef>,
}

impl Organization {
    /// The organization of these clients' account. Without an ARN, the instance is the one there is.
    #[must_use]
    pub fn new(
        organizations: aws_sdk_organizations::Client,
        sso: aws_sdk_ssoadmin::Client,
        instance_arn: Option<String>,
    ) -> Self {
        Self { organizations, sso, instance_arn }
    }

    /// Reads everything, writes it into the tenant's directory, and then counts the directory's version up. What AWS
    /// does not know of a resource (rank, tags, metadata) stays as it was. Interrupted, it is done again.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`]; nothing is written unless everything was read.
    pub async fn sync(&self, tenant: &TenantTable, now: Timestamp) -> Result<Synced, DirectoryError> {
        let mut resources = self.tree(now).await?;
        resources.extend(self.permission_sets(now).await?);
        let known: Vec<AwsResource> = tenant.list_all().await?;
        let mut known: BTreeMap<_, _> = known.into_iter().map(|known| (known.resource.clone(), known)).collect();
        let mut found = BTreeMap::new();
        for resource in &mut resources {
            *found.entry(resource.resource.kind()).or_default() += 1;
            if let Some(known) = known.remove(&resource.resource) {
                (resource.rank, resource.tags, resource.metadata) = (known.rank, known.tags, known.metadata);
            }
        }
        tenant.put_all(&resources).await?;
        // Last: an engine that was compiled in between is of the old version, and made anew.
        let mut writes = Transaction::new(tenant.id());
        writes.directory_changed();
        tenant.commit(writes).await?;
        let synced = [ResourceType::AwsAccount, ResourceType::AwsOrganizationalUnit, ResourceType::AwsPermissionSet];
        let gone = known.into_keys().filter(|resource| synced.contains(&resource.kind())).collect();
        Ok(Synced { found, gone })
    }

    /// The units and accounts, from the root down.
    async fn tree(&self, now: Timestamp) -> Result<Vec<AwsResource>, DirectoryError> {
        let mut resources = Vec::new();
        let mut units = Vec::new();
        let mut pages = self.organizations.list_roots().into_paginator().send();
        while let Some(page) = pages.next().await {
            for root in page.map_err(aws("organizations:ListRoots"))?.roots.unwrap_or_default() {
                let id = root.id.unwrap_or_default();
                resources.push(unit(&id, root.name.as_deref().unwrap_or(&id), None, now)?);
                units.push(id);
            }
        }
        while let Some(parent) = units.pop() {
            let accounts = self.organizations.list_accounts_for_parent().parent_id(&parent);
            let mut pages = accounts.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(aws("organizations:ListAccountsForParent"))?;
                for found in page.accounts.unwrap_or_default().into_iter().filter(in_use) {
                    let id = found.id.unwrap_or_default();
                    resources.push(account(&id, found.name.as_deref().unwrap_or(&id), &parent, now)?);
                }
            }
            let below = self.organizations.list_organizational_units_for_parent().parent_id(&parent);
            let mut pages = below.into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(aws("organizations:ListOrganizationalUnitsForParent"))?;
                for found in page.organizational_units.unwrap_or_default() {
                    let id = found.id.unwrap_or_default();
                    resources.push(unit(&id, found.name.as_deref().unwrap_or(&id), Some(&parent), now)?);
                    units.push(id);
                }
            }
        }
        Ok(resources)
    }

    async fn permission_sets(&self, now: Timestamp) -> Result<Vec<AwsResource>, DirectoryError> {
        let instance = self.instance().await?;
        let mut resources = Vec::new();
        let mut pages = self.sso.list_permission_sets().instance_arn(&instance).into_paginator().send();
        while let Some(page) = pages.next().await {
            for arn in page.map_err(aws("sso:ListPermissionSets"))?.permission_sets.unwrap_or_default() {
                let set = self.sso.describe_permission_set().instance_arn(&instance).permission_set_arn(&arn);
                let set = set.send().await.map_err(aws("sso:DescribePermissionSet"))?.permission_set;
                let name = set.and_then(|set| set.name).unwrap_or_else(|| arn.clone());
                resources.push(permission_set(&arn, &name, now)?);
            }
        }
        Ok(resources)
    }

    async fn instance(&self) -> Result<String, DirectoryError> {
        if let Some(arn) = &self.instance_arn {
            return Ok(arn.clone());
        }
        let mut instances = Vec::new();
        let mut pages = self.sso.list_instances().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(aws("sso:ListInstances"))?.instances.unwrap_or_default();
            instances.extend(page.into_iter().filter_map(|instance| instance.instance_arn));
        }
        match instances.as_slice() {
            [one] => Ok(one.clone()),
            several => Err(DirectoryError::Instances(several.len())),
        }
    }
}

/// Access to an account that is closed or not there yet cannot be given.
fn in_use(account: &Account) -> bool {
    account.state.as_ref().is_none_or(|state| *state == AccountState::Active)
}

fn aws<E, R>(call: &'static str) -> impl Fn(SdkError<E, R>) -> DirectoryError
where
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    move |error| DirectoryError::Aws { call, cause: DisplayErrorContext(error).to_string() }
}

/// A unit, or without a parent the root.
///
/// # Errors
///
/// [`ResourceError`] when that is no id of one.
pub fn unit(id: &str, name: &str, parent: Option<&str>, now: Timestamp) -> Result<AwsResource, ResourceError> {
    let unit = known(ResourceType::AwsOrganizationalUnit, id, name, now)?;
    Ok(AwsResource { parent: parent.map(str::to_owned), ..unit })
}

/// An account directly below `parent`.
///
/// # Errors
///
/// [`ResourceError`] when that is no id of one.
pub fn account(id: &str, name: &str, parent: &str, now: Timestamp) -> Result<AwsResource, ResourceError> {
    let account = known(ResourceType::AwsAccount, id, name, now)?;
    Ok(AwsResource { account_id: Some(AccountId::parse(id)?), parent: Some(parent.to_owned()), ..account })
}

/// A permission set.
///
/// # Errors
///
/// [`ResourceError`] when that is no ARN of one.
pub fn permission_set(arn: &str, name: &str, now: Timestamp) -> Result<AwsResource, ResourceError> {
    known(ResourceType::AwsPermissionSet, arn, name, now)
}

fn known(kind: ResourceType, id: &str, name: &str, now: Timestamp) -> Result<AwsResource, ResourceError> {
    Ok(AwsResource {
        resource: ResourceRef::new(kind, id)?,
        name: name.to_owned(),
        account_id: None,
        parent: None,
        tags: BTreeMap::new(),
        rank: None,
        metadata: Metadata::new(),
        last_synced_at: now,
        missing_since: None,
        gone_at: None,
    })
}
