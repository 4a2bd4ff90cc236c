//! What every kind of item says of itself.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys;
use super::{StoreError, TenantTable};
use crate::domain::{PrincipalRef, TenantId, Urgency, Versions};

/// A listing index of the table. Its sort key is the table's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// By requester or grantee.
    Principal,
    /// By principal, resource and action.
    Access,
    /// By who has it, account and permission set.
    Holder,
    /// By status.
    Status,
}

impl Index {
    /// The index's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Principal => "by_principal",
            Self::Access => "by_access",
            Self::Holder => "by_holder",
            Self::Status => "by_status",
        }
    }

    /// Its partition key's attribute.
    #[must_use]
    pub const fn attribute(self) -> &'static str {
        match self {
            Self::Principal => "principal_pk",
            Self::Access => "access_pk",
            Self::Holder => "holder_pk",
            Self::Status => "status_pk",
        }
    }
}

/// A kind of item in a tenant's part of the table.
pub trait Record: Serialize + DeserializeOwned + Send + Sync {
    /// The kind, as it stands in the partition key.
    const KIND: &'static str;

    /// Its partition: one for all of a kind, unless they belong to something.
    fn partition(&self, tenant: TenantId) -> String {
        keys::partition(tenant, Self::KIND)
    }

    /// Its key within the partition.
    fn sort_key(&self) -> String;

    /// Counts its changes, from 0; what is only ever written once stays at 0.
    fn version(&self) -> u64 {
        0
    }

    /// The listing indexes it is in.
    fn indexes(&self, _tenant: TenantId) -> Vec<(Index, String)> {
        Vec::new()
    }

    /// When work on it falls due, if any is left.
    fn due_at(&self) -> Option<Timestamp> {
        None
    }

    /// How urgent that work is.
    fn urgency(&self) -> Urgency {
        Urgency::Other
    }

    /// Whose work that is, as far as it is anybody's: one principal's never delays another's.
    fn owner(&self) -> Option<&PrincipalRef> {
        None
    }

    /// When DynamoDB may delete it.
    fn delete_after(&self) -> Option<Timestamp> {
        None
    }
}

/// An item: attribute names and values.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The item of a record, with its keys.
pub(super) fn to_item<R: Record>(tenant: TenantId, record: &R) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(record).map_err(|error| StoreError::Unstorable(error.to_string()))?;
    let pk = record.partition(tenant);
    let sk = record.sort_key();
    if let Some(due_at) = record.due_at() {
        let owner = record.owner().map_or_else(|| sk.clone(), ToString::to_string);
        let partition = keys::due_partition_of(record.urgency(), tenant, &owner);
        item.insert(keys::DUE_PK.to_owned(), AttributeValue::S(partition));
        item.insert(keys::DUE_SK.to_owned(), AttributeValue::S(keys::due_time(due_at)));
    }
    for (index, partition) in record.indexes(tenant) {
        item.insert(index.attribute().to_owned(), AttributeValue::S(partition));
    }
    if let Some(delete_after) = record.delete_after() {
        item.insert(keys::TTL.to_owned(), AttributeValue::N(delete_after.as_second().to_string()));
    }
    item.insert(keys::PK.to_owned(), AttributeValue::S(pk));
    item.insert(keys::SK.to_owned(), AttributeValue::S(sk));
    Ok(item)
}

/// The record of an item; a corrupt one is an error that names its key.
pub(super) fn from_item<R: DeserializeOwned>(item: Item) -> Result<R, StoreError> {
    let key = [keys::PK, keys::SK].map(|name| match item.get(name) {
        Some(AttributeValue::S(value)) => value.clone(),
        Some(_) | None => "?".to_owned(),
    });
    serde_dynamo::from_item(item)
        .map_err(|error| StoreError::Corrupt { key: key.join(" / "), reason: error.to_string() })
}

impl TenantTable {
    /// Reads the versions of what the tenant's decisions are made by. A tenant without them is corrupt.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the table does not answer or the item is missing or corrupt.
    pub async fn versions(&self) -> Result<Versions, StoreError> {
        let key = format!("{} / {}", keys::partition(self.id(), Versions::KIND), Versions::KIND);
        let missing = || StoreError::Corrupt { key, reason: "it is missing".to_owned() };
        self.get(Versions::KIND).await?.ok_or_else(missing)
    }

    /// Reads one record, strongly consistent.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the table does not answer or the item is corrupt.
    pub async fn get<R: Record>(&self, sort_key: impl Into<String>) -> Result<Option<R>, StoreError> {
        let answer = self
            .client()
            .get_item()
            .table_name(self.name())
            .key(keys::PK, AttributeValue::S(keys::partition(self.id(), R::KIND)))
            .key(keys::SK, AttributeValue::S(sort_key.into()))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::sdk)?;
        answer.item.map(from_item).transpose()
    }
}
