//! Work that falls due: what expires, lapses, or is to be tried again.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use jiff::Timestamp;

use super::keys;
use super::query::sort_key;
use super::record::Item;
use super::{OutboxEvent, Record, StoreError, Table};
use crate::domain::{AccessRequest, Grant, TenantId, Urgency};

/// Something that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueItem {
    /// Whose.
    pub tenant: TenantId,
    /// What.
    pub work: Work,
    /// How urgent it is.
    pub urgency: Urgency,
    /// Since when.
    pub due_at: Timestamp,
}

/// What is due, by the key of its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A request lapses.
    Request(String),
    /// A grant is to be carried out, ended, or taken away.
    Grant(String),
    /// An event was not published.
    Event(String),
}

impl Table {
    /// What is due at `now`, the most urgent first: at most `limit` items of each shard, the longest overdue first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the table does not answer or an item is corrupt.
    pub async fn due(&self, now: Timestamp, limit: i32) -> Result<Vec<DueItem>, StoreError> {
        let shards = Urgency::ALL.into_iter().flat_map(|urgency| {
            (0..keys::due_shards(urgency)).map(move |shard| self.due_in(urgency, shard, now, limit))
        });
        Ok(try_join_all(shards).await?.into_iter().flatten().collect())
    }

    /// What is due at `now` of one shard: at most `limit` items, the longest overdue first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the table does not answer or an item is corrupt.
    pub async fn due_in(
        &self,
        urgency: Urgency,
        shard: u8,
        now: Timestamp,
        limit: i32,
    ) -> Result<Vec<DueItem>, StoreError> {
        let answer = self
            .client()
            .query()
            .table_name(self.name())
            .index_name(keys::DUE_INDEX)
            .key_condition_expression("#pk = :pk AND #sk <= :now")
            .expression_attribute_names("#pk", keys::DUE_PK)
            .expression_attribute_names("#sk", keys::DUE_SK)
            .expression_attribute_values(":pk", AttributeValue::S(keys::due_partition(urgency, shard)))
            .expression_attribute_values(":now", AttributeValue::S(keys::due_time(now)))
            .limit(limit)
            .send()
            .await
            .map_err(StoreError::sdk)?;
        answer.items.unwrap_or_default().iter().map(|item| due_item(urgency, item)).collect()
    }
}

fn due_item(urgency: Urgency, item: &Item) -> Result<DueItem, StoreError> {
    let pk = item.get(keys::PK).and_then(|value| value.as_s().ok()).map_or("?", String::as_str);
    let corrupt = |reason: &str| StoreError::Corrupt { key: pk.to_owned(), reason: reason.to_owned() };
    let (tenant, kind) = keys::parse_partition(pk).ok_or_else(|| corrupt("not a tenant's partition"))?;
    let sk = sort_key(item).ok_or_else(|| corrupt("no sort key"))?;
    let work = match kind {
        AccessRequest::KIND => Work::Request(sk),
        Grant::KIND => Work::Grant(sk),
        OutboxEvent::KIND => Work::Event(sk),
        _ => return Err(corrupt("a kind that never falls due")),
    };
    let due_at = item.get(keys::DUE_SK).and_then(|value| value.as_s().ok()).and_then(|text| keys::parse_due_time(text));
    Ok(DueItem { tenant, work, urgency, due_at: due_at.ok_or_else(|| corrupt("no time it is due at"))? })
}
