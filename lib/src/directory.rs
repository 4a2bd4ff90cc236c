//! What there is to ask for, and who asks: units and accounts as Organizations has them, permission sets as Identity
//! Center has them, people as the Identity Store has them. Here AWS is read, and what was read is compared with what a
//! tenant's directory knows; the worker `sync` does both and writes the difference.

mod compare;
mod identity_store;
mod organizations;
mod retry;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::domain::{AccountId, AwsResource, Metadata, ResourceError, ResourceRef, ResourceType};

pub use compare::{Difference, Tracked, compare};
pub use identity_store::IdentityStore;
pub use organizations::{FoundAccount, Organizations};

/// A page of a list, and what to ask for the next one with; `None` after the last.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// What is on it; may be nothing although another follows.
    pub found: Vec<T>,
    /// The token of the next.
    pub next: Option<String>,
}

/// The directory was not read.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// AWS refused or did not answer.
    #[error("{call}: {cause}")]
    Aws {
        /// The call.
        call: &'static str,
        /// AWS's name for what went wrong, if it gave one.
        code: Option<String>,
        /// What AWS says.
        cause: String,
    },
    /// It cannot be told which instance is meant.
    #[error("Identity Center has {0} instances here: name one")]
    Instances(usize),
    /// There is no instance of that ARN.
    #[error("Identity Center has no instance `{0}` here")]
    NoInstance(String),
    /// AWS named something in a way nobody knows.
    #[error(transparent)]
    Resource(#[from] ResourceError),
}

/// What a directory is read from, besides Identity Center.
#[derive(Debug, Clone)]
pub struct DirectorySource {
    /// Units, accounts and tags.
    pub organizations: Organizations,
    /// People.
    pub identity_store: IdentityStore,
}

/// An Identity Center instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its ARN.
    pub arn: String,
    /// The id of its Identity Store.
    pub identity_store_id: String,
}

/// The instance of that ARN; without one, the only one these credentials see.
///
/// # Errors
///
/// [`DirectoryError`] when there is none, or more than one to choose from.
pub async fn instance(
    sso: &aws_sdk_ssoadmin::Client,
    arn: Option<&str>,
    clock: &Clock,
) -> Result<Instance, DirectoryError> {
    let mut instances = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let ask = || sso.list_instances().set_next_token(token.clone()).send();
        let answer = retry::paced(clock, "sso:ListInstances", ask).await?;
        instances.extend(answer.instances.unwrap_or_default().into_iter().filter_map(|found| {
            Some(Instance { arn: found.instance_arn?, identity_store_id: found.identity_store_id? })
        }));
        match answer.next_token {
            Some(next) => token = Some(next),
            None => break,
        }
    }
    if let Some(arn) = arn {
        let named = instances.into_iter().find(|instance| instance.arn == arn);
        return named.ok_or_else(|| DirectoryError::NoInstance(arn.to_owned()));
    }
    match instances.as_slice() {
        [one] => Ok(one.clone()),
        several => Err(DirectoryError::Instances(several.len())),
    }
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
