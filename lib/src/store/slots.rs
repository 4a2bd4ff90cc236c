//! The slot table of an Identity Center instance: one item, which belongs to no tenant, since tenants may share an
//! instance.

use super::keys;
use super::record::from_item;
use super::{CommitError, StoreError, Table};
use crate::domain::SlotTable;

const SORT_KEY: &str = "SLOTS";

impl Table {
    /// Reads the slot table of an instance; a new one if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or the item is corrupt.
    pub async fn slots(&self, instance_arn: &str) -> Result<SlotTable, StoreError> {
        let item = self.get_raw(keys::slots_partition(instance_arn), SORT_KEY.to_owned()).await?;
        Ok(item.map(from_item).transpose()?.unwrap_or_else(|| SlotTable::new(instance_arn.to_owned())))
    }

    /// Writes a slot table on condition that it is still at the version that was read, and raises the version.
    ///
    /// # Errors
    ///
    /// [`CommitError::Conflict`] if another writer changed it: nothing was written.
    pub async fn put_slots(&self, slots: &SlotTable) -> Result<(), CommitError> {
        let next = SlotTable { version: slots.version + 1, ..slots.clone() };
        self.put_version(keys::slots_partition(&slots.instance_arn), SORT_KEY, slots.version, next).await
    }
}
