//! The progress of syncs and the list of tenants: items that belong to no tenant.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::keys;
use super::record::from_item;
use super::{CommitError, StoreError, Table};
use crate::domain::{SyncState, TenantId};

/// An entry in the list of tenants.
#[derive(Serialize, Deserialize)]
pub(super) struct ListedTenant {
    pub(super) tenant_id: TenantId,
}

impl Table {
    /// Reads the ids of all tenants of the stack, sorted.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or an item is corrupt.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let mut tenants = Vec::new();
        let mut from = None;
        loop {
            let query = self.client().query().table_name(self.name()).consistent_read(true);
            let query = query.key_condition_expression("#pk = :pk").expression_attribute_names("#pk", keys::PK);
            let query = query.expression_attribute_values(":pk", AttributeValue::S(keys::TENANTS.to_owned()));
            let answer = query.set_exclusive_start_key(from).send().await.map_err(StoreError::sdk)?;
            for item in answer.items.unwrap_or_default() {
                tenants.push(from_item::<ListedTenant>(item)?.tenant_id);
            }
            match answer.last_evaluated_key {
                Some(next) => from = Some(next),
                None => return Ok(tenants),
            }
        }
    }

    /// Reads the progress of an instance's syncs.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or the item is corrupt.
    pub async fn sync_state(&self, instance_arn: &str) -> Result<SyncState, StoreError> {
        let item = self.get_raw(keys::sync_partition(instance_arn), keys::SYNC.to_owned()).await?;
        Ok(item.map(from_item).transpose()?.unwrap_or_else(|| SyncState::new(instance_arn.to_owned())))
    }

    /// Writes the progress on condition that it is still at the version that was read, and raises the version.
    ///
    /// # Errors
    ///
    /// [`CommitError::Conflict`] if another writer changed it: nothing was written.
    pub async fn put_sync_state(&self, state: &SyncState) -> Result<(), CommitError> {
        let next = SyncState { version: state.version + 1, ..state.clone() };
        self.put_version(keys::sync_partition(&state.instance_arn), keys::SYNC, state.version, next).await
    }
}
