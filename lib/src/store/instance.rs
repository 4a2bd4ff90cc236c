//! Records of an Identity Center instance: of no tenant alone, since several tenants may share one.
//!
//! A tenant's transaction may write them beside the tenant's own records; everything else in it stays within the tenant.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys;
use super::record::{Item, from_item};
use super::{StoreError, Table};
use crate::domain::{Assignment, AssignmentKey, InstanceTenants};

/// A kind of item that belongs to an Identity Center instance.
pub trait InstanceRecord: Serialize + DeserializeOwned + Send + Sync {
    /// The kind, with which its partition begins.
    const KIND: &'static str;

    /// The instance.
    fn instance_arn(&self) -> &str;

    /// Its key within the partition.
    fn sort_key(&self) -> String;

    /// Counts its changes, from 0.
    fn version(&self) -> u64;
}

impl InstanceRecord for Assignment {
    const KIND: &'static str = "ASSIGNMENT";

    fn instance_arn(&self) -> &str {
        &self.key.instance_arn
    }

    fn sort_key(&self) -> String {
        assignment_key(&self.key)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl InstanceRecord for InstanceTenants {
    const KIND: &'static str = "INSTANCE";

    fn instance_arn(&self) -> &str {
        &self.instance_arn
    }

    fn sort_key(&self) -> String {
        Self::KIND.to_owned()
    }

    fn version(&self) -> u64 {
        self.version
    }
}

fn assignment_key(key: &AssignmentKey) -> String {
    format!("{}#{}#{}", key.principal_id, key.account_id, key.permission_set_arn)
}

/// The item of a record, with its keys.
pub(super) fn to_item<R: InstanceRecord>(record: &R) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(record).map_err(|error| StoreError::Unstorable(error.to_string()))?;
    let pk = keys::instance_partition(R::KIND, record.instance_arn());
    item.insert(keys::PK.to_owned(), AttributeValue::S(pk));
    item.insert(keys::SK.to_owned(), AttributeValue::S(record.sort_key()));
    Ok(item)
}

impl Table {
    /// Reads the record of an assignment, strongly consistent; none if no grant ever held it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the table does not answer or the item is corrupt.
    pub async fn assignment(&self, key: &AssignmentKey) -> Result<Option<Assignment>, StoreError> {
        let pk = keys::instance_partition(Assignment::KIND, &key.instance_arn);
        self.get_raw(pk, assignment_key(key)).await?.map(from_item).transpose()
    }

    /// Which tenants may use an instance, strongly consistent; none if it is not registered.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the table does not answer or the item is corrupt.
    pub async fn instance(&self, instance_arn: &str) -> Result<Option<InstanceTenants>, StoreError> {
        let pk = keys::instance_partition(InstanceTenants::KIND, instance_arn);
        self.get_raw(pk, InstanceTenants::KIND.to_owned()).await?.map(from_item).transpose()
    }
}
