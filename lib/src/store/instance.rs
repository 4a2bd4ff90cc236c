//! Records of an Identity Center instance. They belong to no single tenant, since several tenants may share an
//! instance.
//!
//! A tenant's transaction may write them together with the tenant's own records; it can write nothing else outside its
//! tenant.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys;
use super::record::{Item, from_item, keyed_item};
use super::{StoreError, Table};
use crate::domain::{Assignment, AssignmentKey, InstanceTenants};

/// A kind of item that belongs to an Identity Center instance.
pub trait InstanceRecord: Serialize + DeserializeOwned + Send + Sync {
    /// The kind, which is the first part of its partition key.
    const KIND: &'static str;

    /// The ARN of the instance.
    fn instance_arn(&self) -> &str;

    /// Its sort key.
    fn sort_key(&self) -> String;

    /// The version that was read; 0 for a new record.
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
    keyed_item(record, keys::instance_partition(R::KIND, record.instance_arn()), record.sort_key())
}

impl Table {
    /// Reads the record of an assignment, strongly consistent; `None` if no grant ever held it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or the item is corrupt.
    pub async fn assignment(&self, key: &AssignmentKey) -> Result<Option<Assignment>, StoreError> {
        let pk = keys::instance_partition(Assignment::KIND, &key.instance_arn);
        self.get_raw(pk, assignment_key(key)).await?.map(from_item).transpose()
    }

    /// Reads which tenants may use an instance, strongly consistent; `None` if it is not registered.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or the item is corrupt.
    pub async fn instance(&self, instance_arn: &str) -> Result<Option<InstanceTenants>, StoreError> {
        let pk = keys::instance_partition(InstanceTenants::KIND, instance_arn);
        self.get_raw(pk, InstanceTenants::KIND.to_owned()).await?.map(from_item).transpose()
    }
}
