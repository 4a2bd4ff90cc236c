//! The turns at an Identity Center instance: one item, which no tenant owns, since an instance may serve many.

use super::keys;
use super::record::from_item;
use super::{CommitError, StoreError, Table};
use crate::domain::Turns;

const SORT_KEY: &str = "TURNS";

impl Table {
    /// The turns at an instance, as they are now.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the table does not answer or the item is corrupt.
    pub async fn turns(&self, instance_arn: &str) -> Result<Turns, StoreError> {
        let item = self.get_raw(keys::turns_partition(instance_arn), SORT_KEY.to_owned()).await?;
        Ok(item.map(from_item).transpose()?.unwrap_or_else(|| Turns::new(instance_arn.to_owned())))
    }

    /// Writes turns over the version that was read, which this counts up.
    ///
    /// # Errors
    ///
    /// [`CommitError::Conflict`] when somebody else changed them: nothing was written.
    pub async fn put_turns(&self, turns: &Turns) -> Result<(), CommitError> {
        let next = Turns { version: turns.version + 1, ..turns.clone() };
        self.put_version(keys::turns_partition(&turns.instance_arn), SORT_KEY, turns.version, next).await
    }
}
