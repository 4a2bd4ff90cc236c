//! The traits of all kinds of item, and their indexes.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys;
use super::{StoreError, TenantTable};
use crate::domain::{PrincipalRef, TenantId, Urgency, Versions};

/// An index for lists. Its sort key is the sort key of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// By requester or grantee.
    Principal,
    /// By principal, resource and action.
    Access,
    /// By the user who has it, account and permission set.
    Holder,
    /// By status.
    Status,
}

impl Index {
    /// The name of the index.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Principal => "by_principal",
            Self::Access => "by_access",
            Self::Holder => "by_holder",
            Self::Status => "by_status",
        }
    }

    /// The attribute of its partition key.
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
    /// The kind, as in the partition key.
    const KIND: &'static str;

    /// The partition key: the same for all records of a kind, unless they belong to another record.
    fn partition(&self, tenant: TenantId) -> String {
        keys::partition(tenant, Self::KIND)
    }

    /// The sort key.
    fn sort_key(&self) -> String;

    /// The version that was read; 0 for a new record, and for records that are written only once.
    fn version(&self) -> u64 {
        0
    }

    /// The indexes for lists that it is in, each with the partition key.
    fn indexes(&self, _tenant: TenantId) -> Vec<(Index, String)> {
        Vec::new()
    }

    /// When work on it is due; `None` if there is none.
    fn due_at(&self) -> Option<Timestamp> {
        None
    }

    /// The urgency of that work.
    fn urgency(&self) -> Urgency {
        Urgency::Other
    }

    /// The principal that the work belongs to; `None` if it belongs to none. One principal's work must not delay
    /// another's.
    fn owner(&self) -> Option<&PrincipalRef> {
        None
    }

    /// When DynamoDB may delete it; `None` if never.
    fn delete_after(&self) -> Option<Timestamp> {
        None
    }
}

/// An item: attribute names and values.
pub(super) type Item = HashMap<String, AttributeValue>;

/// An item with this partition key and sort key.
pub(super) fn keyed_item(record: impl Serialize, pk: String, sk: impl Into<String>) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(record).map_err(|error| StoreError::Unstorable(error.to_string()))?;
    item.insert(keys::PK.to_owned(), AttributeValue::S(pk));
    item.insert(keys::SK.to_owned(), AttributeValue::S(sk.into()));
    Ok(item)
}

/// The item of a record, with its keys.
pub(super) fn to_item<R: Record>(tenant: TenantId, record: &R) -> Result<Item, StoreError> {
    let sk = record.sort_key();
    let mut item = keyed_item(record, record.partition(tenant), sk.clone())?;
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
    Ok(item)
}

/// The record of an item; the error for a corrupt item names its key.
pub(super) fn from_item<R: DeserializeOwned>(item: Item) -> Result<R, StoreError> {
    let key = [keys::PK, keys::SK].map(|name| match item.get(name) {
        Some(AttributeValue::S(value)) => value.clone(),
        Some(_) | None => "?".to_owned(),
    });
    serde_dynamo::from_item(item)
        .map_err(|error| StoreError::Corrupt { key: key.join(" / "), reason: error.to_string() })
}

impl TenantTable {
    /// Reads the versions of the tenant's policies and directory. A tenant without them is corrupt.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or the item is missing or corrupt.
    pub async fn versions(&self) -> Result<Versions, StoreError> {
        let key = format!("{} / {}", keys::partition(self.id(), Versions::KIND), Versions::KIND);
        let missing = || StoreError::Corrupt { key, reason: "it is missing".to_owned() };
        self.get(Versions::KIND).await?.ok_or_else(missing)
    }

    /// Reads one record, strongly consistent.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or the item is corrupt.
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
