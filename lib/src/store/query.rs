//! Lists: pages of records in the order of their keys.

use aws_sdk_dynamodb::types::AttributeValue;

use super::keys;
use super::record::{Item, from_item};
use super::{Index, Record, StoreError, TenantTable};

/// A query for a list.
#[derive(Debug, Clone)]
pub struct Listing {
    index: Option<Index>,
    partition: String,
    after: Option<String>,
    ascending: bool,
    limit: usize,
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page<R> {
    /// The records.
    pub records: Vec<R>,
    /// The sort key after which the next page begins; `None` on the last page.
    pub next: Option<String>,
}

impl Listing {
    /// All records of a kind, newest first.
    #[must_use]
    pub fn all<R: Record>(table: &TenantTable) -> Self {
        Self::partition(keys::partition(table.id(), R::KIND))
    }

    /// The records in a partition of the table, newest first.
    #[must_use]
    pub fn partition(partition: String) -> Self {
        Self { index: None, partition, after: None, ascending: false, limit: 50 }
    }

    /// The records in a partition of an index, newest first.
    #[must_use]
    pub fn index(index: Index, partition: String) -> Self {
        Self { index: Some(index), ..Self::partition(partition) }
    }

    /// Orders by the oldest first.
    #[must_use]
    pub fn oldest_first(mut self) -> Self {
        self.ascending = true;
        self
    }

    /// Begins after this sort key, in the order of the list.
    #[must_use]
    pub fn after(mut self, sort_key: Option<String>) -> Self {
        self.after = sort_key;
        self
    }

    /// Limits the number of records.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// The most pages that are read for one answer. If a filter drops most records, the caller continues with the cursor.
const MOST_PAGES: usize = 20;

impl TenantTable {
    /// Reads the first page, unfiltered; [`TenantTable::complete`] turns it into the answer.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or an item is corrupt.
    pub async fn first_page<R: Record>(&self, listing: &Listing) -> Result<Page<R>, StoreError> {
        // One more than the limit shows whether there is a next page.
        self.query(listing, listing.after.as_deref(), listing.limit.saturating_add(1)).await
    }

    /// Filters a first page with `keep`, and reads further pages until the list's limit is reached.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or an item is corrupt.
    pub async fn complete<R: Record>(
        &self,
        listing: &Listing,
        first: Page<R>,
        keep: impl Fn(&R) -> bool,
    ) -> Result<Page<R>, StoreError> {
        let mut kept: Vec<R> = first.records.into_iter().filter(&keep).collect();
        let mut next = first.next;
        for _ in 1..MOST_PAGES {
            let Some(after) = next.as_deref().filter(|_| kept.len() <= listing.limit) else { break };
            let page = self.query(listing, Some(after), LARGE_PAGE).await?;
            kept.extend(page.records.into_iter().filter(&keep));
            next = page.next;
        }
        if kept.len() > listing.limit {
            kept.truncate(listing.limit);
            next = kept.last().map(Record::sort_key);
        }
        Ok(Page { records: kept, next })
    }

    /// Reads one unfiltered page.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or an item is corrupt.
    pub async fn list<R: Record>(&self, listing: &Listing) -> Result<Page<R>, StoreError> {
        let first = self.first_page(listing).await?;
        self.complete(listing, first, |_| true).await
    }

    /// Reads all records of a kind, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or an item is corrupt.
    pub async fn list_all<R: Record>(&self) -> Result<Vec<R>, StoreError> {
        let listing = Listing::all::<R>(self).oldest_first();
        let mut records = Vec::new();
        let mut after = None;
        loop {
            let page = self.query(&listing, after.as_deref(), LARGE_PAGE).await?;
            records.extend(page.records);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(records),
            }
        }
    }

    async fn query<R: Record>(
        &self,
        listing: &Listing,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<R>, StoreError> {
        let mut query = self
            .client()
            .query()
            .table_name(self.name())
            .set_index_name(listing.index.map(|index| index.name().to_owned()))
            // An index supports eventually consistent reads only.
            .consistent_read(listing.index.is_none())
            .scan_index_forward(listing.ascending)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .expression_attribute_names("#pk", listing.index.map_or(keys::PK, Index::attribute))
            .expression_attribute_values(":pk", AttributeValue::S(listing.partition.clone()));
        query = match after {
            None => query.key_condition_expression("#pk = :pk"),
            Some(after) => query
                .key_condition_expression(if listing.ascending {
                    "#pk = :pk AND #sk > :after"
                } else {
                    "#pk = :pk AND #sk < :after"
                })
                .expression_attribute_names("#sk", keys::SK)
                .expression_attribute_values(":after", AttributeValue::S(after.to_owned())),
        };
        let answer = query.send().await.map_err(StoreError::sdk)?;
        let records = answer.items.unwrap_or_default().into_iter().map(from_item).collect::<Result<_, _>>()?;
        Ok(Page { records, next: answer.last_evaluated_key.as_ref().and_then(sort_key) })
    }
}

/// The page size; DynamoDB ends a page earlier at 1 MB.
const LARGE_PAGE: usize = 1_000;

/// The sort key of an item or of a key.
pub(super) fn sort_key(item: &Item) -> Option<String> {
    item.get(keys::SK).and_then(|value| value.as_s().ok()).cloned()
}
