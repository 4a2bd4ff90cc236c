//! What of the directory can be asked for.
//!
//! The directory keeps what is gone, for the grants that carry it and the rules that name it; it is never offered.

use super::model::Directory;
use crate::domain::{AwsResource, ResourceRef, ResourceType};

/// No one permission set is meant by a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PermissionSetError {
    /// There is none.
    #[error("the directory knows no permission set named `{0}`")]
    Unknown(String),
    /// There are several; the ARNs, in order.
    #[error("several permission sets are named `{name}`: {}", arns.join(" and "))]
    Ambiguous {
        /// The name.
        name: String,
        /// Their ARNs.
        arns: Vec<String>,
    },
}

impl Directory {
    /// Whether a resource is in the directory and is not gone; of a permission set on an account, whether the account is,
    /// too: the units and tags of one that is unknown are not there for the rules that forbid by them.
    #[must_use]
    pub fn is_offered(&self, resource: &ResourceRef) -> bool {
        let is_live = |resource: &ResourceRef| self.get(resource).is_some_and(AwsResource::is_live);
        let account = self.get(resource).and_then(|known| known.account_id.as_ref());
        let account = account.filter(|_| resource.kind() == ResourceType::AwsPermissionSet);
        is_live(resource) && account.is_none_or(|account| is_live(&ResourceRef::account(account)))
    }

    /// The permission set of that name, of those that are not gone. One that the last read did not find gives way to one it
    /// did: it was deleted and made again under its name.
    ///
    /// # Errors
    ///
    /// [`PermissionSetError`] when there is none, or more than one.
    pub fn permission_set_named(&self, name: &str) -> Result<&AwsResource, PermissionSetError> {
        let is_meant = |known: &&AwsResource| {
            known.resource.kind() == ResourceType::AwsPermissionSet && known.name == name && known.is_live()
        };
        let named: Vec<_> = self.iter().filter(is_meant).collect();
        let found: Vec<_> = named.iter().filter(|known| known.missing_since.is_none()).copied().collect();
        match if found.is_empty() { named.as_slice() } else { found.as_slice() } {
            [] => Err(PermissionSetError::Unknown(name.to_owned())),
            [one] => Ok(one),
            several => Err(PermissionSetError::Ambiguous {
                name: name.to_owned(),
                arns: several.iter().map(|known| known.resource.id().to_owned()).collect(),
            }),
        }
    }
}
