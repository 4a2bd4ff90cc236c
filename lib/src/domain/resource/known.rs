//! Resources as AWS lists them: nothing else is known of them yet.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{AwsResource, ResourceError, ResourceRef, ResourceType};
use crate::domain::{AccountId, Metadata};

impl AwsResource {
    /// An organizational unit; the root if it has no parent.
    ///
    /// # Errors
    ///
    /// [`ResourceError`] if `id` does not have the format of one.
    pub fn unit(id: &str, name: &str, parent: Option<&str>, now: Timestamp) -> Result<Self, ResourceError> {
        let unit = Self::known(ResourceType::AwsOrganizationalUnit, id, name, now)?;
        Ok(Self { parent: parent.map(str::to_owned), ..unit })
    }

    /// An account directly below `parent`.
    ///
    /// # Errors
    ///
    /// [`ResourceError`] if `id` does not have the format of one.
    pub fn account(id: &str, name: &str, parent: &str, now: Timestamp) -> Result<Self, ResourceError> {
        let account = Self::known(ResourceType::AwsAccount, id, name, now)?;
        Ok(Self { account_id: Some(AccountId::parse(id)?), parent: Some(parent.to_owned()), ..account })
    }

    /// A permission set.
    ///
    /// # Errors
    ///
    /// [`ResourceError`] if `arn` does not have the format of one.
    pub fn permission_set(arn: &str, name: &str, now: Timestamp) -> Result<Self, ResourceError> {
        Self::known(ResourceType::AwsPermissionSet, arn, name, now)
    }

    fn known(kind: ResourceType, id: &str, name: &str, now: Timestamp) -> Result<Self, ResourceError> {
        Ok(Self {
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
}
