//! The slots at an Identity Center instance: one item, which no tenant owns, since an instance may serve many.

use super::keys;
use super::record::from_item;
use super::{CommitError, StoreError, Table};
use crate::domain::SlotTable;

const SORT_KEY: &str = "SLOTS";

impl Table {
    /// The slots at an instance, as they are now.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the table does not answer or the item is corrupt.
    pub async fn slots(&self, instance_arn: &str) -> Result<SlotTable, StoreError> {
        let item = self.get_raw(keys::slots_partition(instance_arn), SORT_KEY.to_owned()).await?;
        Ok(item.map(from_item).transpose()?.unwrap_or_else(|| SlotTable::new(instance_arn.to_owned())))
    }

    /// Writes slots over the version that was read, which this counts up.
    ///
    /// # Errors
    ///
    /// [`CommitError::Conflict`] when somebody else changed them: nothing was written.
    pub async fn put_slots(&self, slots: &SlotTable) -> Result<(), CommitError> {
        let next = SlotTable { version: slots.version + 1, ..slots.clone() };
        self.put_version(keys::slots_partition(&slots.instance_arn), SORT_KEY, slots.version, next).await
    }
}
