//! What the adapters that read the directory share: pages, errors, and which Identity Center instance is read.

use crate::clock::Clock;
use crate::domain::ResourceError;

use super::paced::paced;
use super::{IdentityStore, Organizations};

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The entries. A page may be empty although another one follows.
    pub found: Vec<T>,
    /// The token of the next page; `None` on the last page.
    pub next: Option<String>,
}

/// Why the directory could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// AWS refused the call or did not answer.
    #[error("{call}: {cause}")]
    Aws {
        /// The name of the call.
        call: &'static str,
        /// The error code from AWS; `None` if there was none.
        code: Option<String>,
        /// The message from AWS.
        cause: String,
    },
    /// There are several instances, and none was named.
    #[error("Identity Center has {0} instances here: name one")]
    Instances(usize),
    /// There is no instance with this ARN.
    #[error("Identity Center has no instance `{0}` here")]
    NoInstance(String),
    /// AWS returned an id of unknown format.
    #[error(transparent)]
    Resource(#[from] ResourceError),
}

/// The AWS services that the directory is read from, besides Identity Center.
#[derive(Debug, Clone)]
pub struct DirectorySource {
    /// Organizational units, accounts and tags.
    pub organizations: Organizations,
    /// People.
    pub identity_store: IdentityStore,
}

/// An Identity Center instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The ARN of the instance.
    pub arn: String,
    /// The id of its Identity Store.
    pub identity_store_id: String,
}

/// The instance with this ARN; without an ARN, the only instance these credentials can see.
///
/// # Errors
///
/// [`DirectoryError`] if there is none, or several to choose from.
pub async fn instance(
    sso: &aws_sdk_ssoadmin::Client,
    arn: Option<&str>,
    clock: &Clock,
) -> Result<Instance, DirectoryError> {
    let mut instances = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let ask = || sso.list_instances().set_next_token(token.clone()).send();
        let answer = paced(clock, "sso:ListInstances", ask).await?;
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
