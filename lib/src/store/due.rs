//! The due index: requests that expire, grants that need work, events that were not published.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use jiff::Timestamp;

use super::keys;
use super::query::sort_key;
use super::record::Item;
use super::{Index, OutboxEvent, Record, StoreError, Table};
use crate::domain::{AccessRequest, Grant, GrantId, IdError, TenantId, Urgency};

/// An entry of the due index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueItem {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The kind and key of the record.
    pub work: Work,
    /// How urgent it is.
    pub urgency: Urgency,
    /// When it became due.
    pub due_at: Timestamp,
    /// The principal it belongs to, as the partition of the index `by_principal`; empty if it belongs to none.
    pub owner: String,
}

/// Orders items by fairness: first one item of each tenant, then a second one of each, and so on; within a tenant
/// likewise by principal. The items of one principal keep their order.
#[must_use]
pub fn round_robin(items: Vec<DueItem>) -> Vec<DueItem> {
    let by_owner = by_rank(items, |item| (item.tenant, item.owner.clone()));
    by_rank(by_owner, |item| (item.tenant, String::new()))
}

/// Sorts by how many items of the same group come before.
fn by_rank(items: Vec<DueItem>, group: impl Fn(&DueItem) -> (TenantId, String)) -> Vec<DueItem> {
    let mut counts = HashMap::new();
    let mut ranked: Vec<_> = items
        .into_iter()
        .map(|item| {
            let count: &mut usize = counts.entry(group(&item)).or_default();
            *count += 1;
            (*count, item)
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, item)| item).collect()
}

/// The kind of a due record, with its sort key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A request that expires.
    Request(String),
    /// A grant that has to be provisioned, ended or revoked.
    Grant(String),
    /// An event that was not published.
    Event(String),
}

impl Table {
    /// What is due at `now`: the most urgent first, within an urgency by [`round_robin`]. From each shard at most
    /// `limit` items, those due longest.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or an item is corrupt.
    pub async fn due(&self, now: Timestamp, limit: i32) -> Result<Vec<DueItem>, StoreError> {
        let shards = Urgency::ALL.into_iter().flat_map(|urgency| {
            (0..keys::due_shards(urgency)).map(move |shard| self.due_in(urgency, shard, now, limit))
        });
        let items: Vec<_> = try_join_all(shards).await?.into_iter().flatten().collect();
        let mut items = round_robin(items);
        items.sort_by_key(|item| item.urgency);
        Ok(items)
    }

    /// The grants of all tenants that are not done, whenever they are due: pending or active ones, and those whose
    /// access is not confirmed to be gone.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or an item is corrupt.
    pub async fn unfinished_grants(&self) -> Result<Vec<(TenantId, GrantId)>, StoreError> {
        let shards = Urgency::ALL
            .into_iter()
            .flat_map(|urgency| (0..keys::due_shards(urgency)).map(move |shard| self.unfinished_in(urgency, shard)));
        Ok(try_join_all(shards).await?.into_iter().flatten().collect())
    }

    async fn unfinished_in(&self, urgency: Urgency, shard: u8) -> Result<Vec<(TenantId, GrantId)>, StoreError> {
        let mut grants = Vec::new();
        let mut from = None;
        loop {
            let query = self.client().query().table_name(self.name()).index_name(keys::DUE_INDEX);
            let query = query.key_condition_expression("#pk = :pk").expression_attribute_names("#pk", keys::DUE_PK);
            let query =
                query.expression_attribute_values(":pk", AttributeValue::S(keys::due_partition(urgency, shard)));
            let answer = query.set_exclusive_start_key(from).send().await.map_err(StoreError::sdk)?;
            for item in answer.items.unwrap_or_default() {
                let DueItem { tenant, work, .. } = due_item(urgency, &item)?;
                if let Work::Grant(id) = work {
                    let corrupt = |error: IdError| StoreError::Corrupt { key: id.clone(), reason: error.to_string() };
                    grants.push((tenant, id.parse().map_err(corrupt)?));
                }
            }
            match answer.last_evaluated_key {
                Some(next) => from = Some(next),
                None => return Ok(grants),
            }
        }
    }

    /// What is due at `now` in one shard: at most `limit` items, those due longest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or an item is corrupt.
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
        _ => return Err(corrupt("a kind that is never due")),
    };
    let due_at = item.get(keys::DUE_SK).and_then(|value| value.as_s().ok()).and_then(|text| keys::parse_due_time(text));
    let owner = item.get(Index::Principal.attribute()).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    Ok(DueItem { tenant, owner, work, urgency, due_at: due_at.ok_or_else(|| corrupt("no due time"))? })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn due(tenant: u128, owner: &str, number: u32) -> DueItem {
        DueItem {
            tenant: uuid::Uuid::from_u128(tenant).into(),
            work: Work::Grant(number.to_string()),
            urgency: Urgency::Other,
            due_at: Timestamp::UNIX_EPOCH,
            owner: owner.to_owned(),
        }
    }

    #[test]
    fn tenants_take_slots_and_within_a_tenant_principals_do() {
        let mut items: Vec<_> = (0..4).map(|number| due(1, "alice", number)).collect();
        items.extend([due(1, "bob", 4), due(2, "carol", 5), due(2, "carol", 6)]);
        let order: Vec<u32> = round_robin(items)
            .into_iter()
            .map(|item| match item.work {
                Work::Grant(number) => number.parse().unwrap(),
                Work::Request(_) | Work::Event(_) => 99,
            })
            .collect();
        assert_eq!(order, [0, 5, 4, 6, 1, 2, 3]);
    }

    #[test]
    fn all_work_of_a_principal_is_in_one_partition_and_principals_are_spread() {
        let tenant = uuid::Uuid::from_u128(1).into();
        let of = |owner: &str| keys::due_partition_of(Urgency::Ending, tenant, owner);
        assert_eq!(of("user:alice"), of("user:alice"));
        let partitions: std::collections::BTreeSet<_> = (0..100).map(|number| of(&format!("user:{number}"))).collect();
        assert_eq!(partitions.len(), 8);
    }
}
