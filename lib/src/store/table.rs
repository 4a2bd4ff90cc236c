//! The table, and the part of it that belongs to one tenant.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;

use super::keys;
use super::record::{Item, keyed_item};
use super::{CommitError, StoreError};
use crate::domain::TenantId;

/// The whole table. Only authentication and the workers open it for a tenant.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// The table with this name.
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    /// The part of one tenant: it cannot read or write keys outside of it.
    #[must_use]
    pub fn tenant(&self, id: TenantId) -> TenantTable {
        TenantTable { table: self.clone(), id }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Checks that the table answers.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.get_raw("HEALTH".to_owned(), "HEALTH".to_owned()).await.map(|_| ())
    }

    /// Writes an item on condition that it is still at the version that was read; version 0 means that it does not
    /// exist.
    ///
    /// # Errors
    ///
    /// [`CommitError::Conflict`] if another writer changed it: nothing was written.
    pub(super) async fn put_version<T: Serialize>(
        &self,
        pk: String,
        sk: &str,
        version: u64,
        next: T,
    ) -> Result<(), CommitError> {
        let item = keyed_item(next, pk, sk)?;
        let put = self.client.put_item().table_name(&self.name).set_item(Some(item));
        let put = match version {
            0 => put.condition_expression("attribute_not_exists(pk)"),
            version => put
                .condition_expression("#v = :v")
                .expression_attribute_names("#v", "version")
                .expression_attribute_values(":v", AttributeValue::N(version.to_string())),
        };
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if matches!(error.code(), Some("ConditionalCheckFailedException" | "TransactionConflictException")) =>
            {
                Err(CommitError::Conflict)
            }
            Err(error) => Err(CommitError::Store(StoreError::sdk(error))),
        }
    }

    pub(super) async fn get_raw(&self, pk: String, sk: String) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key(keys::PK, AttributeValue::S(pk))
            .key(keys::SK, AttributeValue::S(sk))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::sdk)?;
        Ok(answer.item)
    }
}

/// One tenant's part of the table.
#[derive(Debug, Clone)]
pub struct TenantTable {
    table: Table,
    id: TenantId,
}

impl TenantTable {
    /// The id of the tenant.
    #[must_use]
    pub fn id(&self) -> TenantId {
        self.id
    }

    pub(super) fn client(&self) -> &Client {
        self.table.client()
    }

    pub(super) fn name(&self) -> &str {
        self.table.name()
    }
}
