//! Transactions: a state change with its conditions and its event, applied as a whole or not at all.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};

use super::instance::{self, InstanceRecord};
use super::issuers::entry_item;
use super::keys;
use super::pending::{self, PendingWrite};
use super::record::{Item, keyed_item, to_item};
use super::sync::ListedTenant;
use super::{CommitError, IssuerEntry, OutboxEvent, Record, StoreError, TenantTable};
use crate::domain::{Event, Grant, PersonLink, SyncState, TenantId, Versions};

/// Writes that are committed together, in the part of one tenant and of the Identity Center instance it uses.
///
/// Each write of a versioned record is conditional on the version that was read, so a decision is never committed if
/// what it was based on has changed.
#[derive(Debug, Clone)]
pub struct Transaction {
    tenant: TenantId,
    writes: Vec<Write>,
}

/// What a write may replace.
#[derive(Debug, Clone, Copy)]
enum Over {
    Nothing,
    Version(u64),
    Anything,
}

#[derive(Debug, Clone)]
enum Write {
    Put { item: Item, over: Over },
    Delete { pk: String, sk: String, expected_version: u64 },
    Check { pk: String, sk: String, expected_version: u64 },
    CheckFields { pk: String, sk: String, fields: Vec<(&'static str, AttributeValue)>, or_absent: bool },
    CheckLink { pk: String, sk: String, user_ids: Vec<AttributeValue> },
    Count { pk: String, sk: String, counter: &'static str },
    Trust { item: Item, tenant: TenantId },
    Pending(PendingWrite),
}

impl Transaction {
    /// An empty transaction.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self { tenant, writes: Vec::new() }
    }

    /// Whether it contains no writes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Writes a record that must not exist yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] if it cannot be turned into an item.
    pub fn create<R: Record>(&mut self, record: &R) -> Result<(), StoreError> {
        let item = to_item(self.tenant, record)?;
        self.writes.push(Write::Put { item, over: Over::Nothing });
        Ok(())
    }

    /// Writes a record whether or not it exists: for records that are always written as a whole.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] if it cannot be turned into an item.
    pub fn put<R: Record>(&mut self, record: &R) -> Result<(), StoreError> {
        let item = to_item(self.tenant, record)?;
        self.writes.push(Write::Put { item, over: Over::Anything });
        Ok(())
    }

    /// Writes a record on condition that it is still at the version that was read, and raises the version.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] if it cannot be turned into an item.
    pub fn update<R: Record>(&mut self, record: &R) -> Result<(), StoreError> {
        let mut item = to_item(self.tenant, record)?;
        let version = record.version();
        item.insert(VERSION.to_owned(), AttributeValue::N((version + 1).to_string()));
        self.writes.push(Write::Put { item, over: Over::Version(version) });
        Ok(())
    }

    /// Writes a record of an Identity Center instance that must not exist yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] if it cannot be turned into an item.
    pub fn create_shared<R: InstanceRecord>(&mut self, record: &R) -> Result<(), StoreError> {
        self.writes.push(Write::Put { item: instance::to_item(record)?, over: Over::Nothing });
        Ok(())
    }

    /// Writes a record of an Identity Center instance on condition that it is still at the version that was read, and
    /// raises the version.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] if it cannot be turned into an item.
    pub fn update_shared<R: InstanceRecord>(&mut self, record: &R) -> Result<(), StoreError> {
        let mut item = instance::to_item(record)?;
        let version = record.version();
        item.insert(VERSION.to_owned(), AttributeValue::N((version + 1).to_string()));
        self.writes.push(Write::Put { item, over: Over::Version(version) });
        Ok(())
    }

    /// Deletes a record on condition that it is still at the version that was read.
    pub fn delete<R: Record>(&mut self, record: &R) {
        let (pk, sk) = (record.partition(self.tenant), record.sort_key());
        self.writes.push(Write::Delete { pk, sk, expected_version: record.version() });
    }

    /// Makes the commit conditional on a record being at the version that was read.
    pub fn check<R: Record>(&mut self, record: &R) {
        let (pk, sk) = (record.partition(self.tenant), record.sort_key());
        self.writes.push(Write::Check { pk, sk, expected_version: record.version() });
    }

    /// Makes the commit conditional on these fields of a record being as they were read: for records without a version,
    /// or whose other fields change more often.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] if it cannot be turned into an item.
    pub fn check_fields<R: Record>(&mut self, record: &R, fields: &[&'static str]) -> Result<(), StoreError> {
        self.check_item(record, fields, false)
    }

    /// Makes the commit conditional on there being no such record, or one whose fields equal those of `record`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] if it cannot be turned into an item.
    pub fn check_absent_or_fields<R: Record>(&mut self, record: &R, fields: &[&'static str]) -> Result<(), StoreError> {
        self.check_item(record, fields, true)
    }

    fn check_item<R: Record>(
        &mut self,
        record: &R,
        fields: &[&'static str],
        or_absent: bool,
    ) -> Result<(), StoreError> {
        let (pk, sk) = (record.partition(self.tenant), record.sort_key());
        let mut item = to_item(self.tenant, record)?;
        let fields = fields.iter().map(|field| (*field, item.remove(*field).unwrap_or(AttributeValue::Null(true))));
        self.writes.push(Write::CheckFields { pk, sk, fields: fields.collect(), or_absent });
        Ok(())
    }

    /// Adds a new grant to the pending grants of its principal. With a limit, the transaction commits only if there are
    /// fewer than that; otherwise it fails with [`StoreError::TooManyPending`]. Break-glass access is not counted.
    pub fn count_pending(&mut self, grant: &Grant, limit: Option<u32>) {
        if pending::counts(grant) {
            self.writes.push(Write::Pending(PendingWrite::add(self.tenant, grant, limit)));
        }
    }

    /// Removes a grant from the pending grants of its principal if this transaction makes it usable or ends it.
    pub fn uncount_pending(&mut self, before: &Grant, after: &Grant) {
        if pending::counts(before) && !pending::counts(after) {
            self.writes.push(Write::Pending(PendingWrite::remove(self.tenant, before)));
        }
    }

    /// Makes the commit conditional on a link key leading to exactly these users; to nobody, if the set is empty.
    pub fn check_link(&mut self, key: &str, user_ids: &BTreeSet<String>) {
        self.writes.push(Write::CheckLink {
            pk: keys::partition(self.tenant, PersonLink::KIND),
            sk: key.to_owned(),
            user_ids: user_ids.iter().map(|id| AttributeValue::S(id.clone())).collect(),
        });
    }

    /// Raises the version of the tenant's policies.
    pub fn policies_changed(&mut self) {
        self.count("policy_version");
    }

    /// Raises the version of the tenant's directory.
    pub fn directory_changed(&mut self) {
        self.count("directory_version");
    }

    fn count(&mut self, counter: &'static str) {
        let (pk, sk) = (keys::partition(self.tenant, Versions::KIND), Versions::KIND.to_owned());
        self.writes.push(Write::Count { pk, sk, counter });
    }

    /// Writes that an issuer's tokens for an audience belong to this tenant; the commit fails if they belong to another
    /// one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] if it cannot be turned into an item.
    pub fn trust(&mut self, issuer: &str, audience: &str) -> Result<(), StoreError> {
        let item = entry_item(issuer, audience, &IssuerEntry { tenant_id: self.tenant })?;
        self.writes.push(Write::Trust { item, tenant: self.tenant });
        Ok(())
    }

    /// Adds the tenant to the list of the stack's tenants.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] if it cannot be turned into an item.
    pub fn list_tenant(&mut self) -> Result<(), StoreError> {
        let listed = ListedTenant { tenant_id: self.tenant };
        let item = keyed_item(listed, keys::TENANTS.to_owned(), self.tenant.to_string())?;
        self.writes.push(Write::Put { item, over: Over::Anything });
        Ok(())
    }

    /// Makes the commit conditional on the lease of a sync being as it was last written.
    pub fn check_sync(&mut self, state: &SyncState) {
        let (pk, sk) = (keys::sync_partition(&state.instance_arn), keys::SYNC.to_owned());
        self.writes.push(Write::Check { pk, sk, expected_version: state.version });
    }

    /// Adds the event of the change to its transaction: INVARIANT 4 (one audit entry a change).
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] if it cannot be turned into an item.
    pub fn event(&mut self, event: Event) -> Result<(), StoreError> {
        self.create(&OutboxEvent { event, sealed_as: None, published: false, version: 0 })
    }
}

const VERSION: &str = "version";

impl TenantTable {
    /// Commits a transaction.
    ///
    /// # Errors
    ///
    /// [`CommitError::Conflict`] if a condition did not hold: nothing was written.
    pub async fn commit(&self, transaction: Transaction) -> Result<(), CommitError> {
        debug_assert_eq!(transaction.tenant, self.id(), "a transaction belongs to the tenant it was begun for");
        if transaction.is_empty() {
            return Ok(());
        }
        let limits: Vec<_> = transaction.writes.iter().map(Write::limit).collect();
        let writes = transaction
            .writes
            .into_iter()
            .map(|write| write.into_sdk(self.name()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| StoreError::Unstorable(error.to_string()))?;
        match self.client().transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(match over_limit(&error, &limits) {
                Some(limit) => StoreError::TooManyPending(limit).into(),
                None if is_conflict(&error) => CommitError::Conflict,
                None => StoreError::sdk(error).into(),
            }),
        }
    }
}

/// The most items in one transaction (a limit of DynamoDB).
const MOST_AT_ONCE: usize = 100;

impl TenantTable {
    /// Writes records whether or not they exist, in as many transactions as needed. If it was interrupted, call it
    /// again.
    ///
    /// # Errors
    ///
    /// [`CommitError`] if the table does not accept them; some may be written.
    pub async fn put_all<R: Record>(&self, records: &[R]) -> Result<(), CommitError> {
        for records in records.chunks(MOST_AT_ONCE) {
            let mut writes = Transaction::new(self.id());
            for record in records {
                writes.put(record)?;
            }
            self.commit(writes).await?;
        }
        Ok(())
    }
}

/// The limit of pending grants, if reaching it is the only reason why a transaction failed. `limits` has an entry for
/// each write.
fn over_limit<R>(error: &SdkError<TransactWriteItemsError, R>, limits: &[Option<u32>]) -> Option<u32> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return None;
    };
    let failed = |code: Option<&str>| code.is_some_and(|code| code != "None");
    let mut failed = cancelled.cancellation_reasons().iter().zip(limits).filter(|(reason, _)| failed(reason.code()));
    let (reason, limit) = failed.next()?;
    let alone = failed.next().is_none() && reason.code() == Some("ConditionalCheckFailed");
    limit.filter(|_| alone)
}

/// Whether a condition failed, or another transaction was writing one of the items.
fn is_conflict<R>(error: &SdkError<TransactWriteItemsError, R>) -> bool {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled
            .cancellation_reasons()
            .iter()
            .any(|reason| matches!(reason.code(), Some("ConditionalCheckFailed" | "TransactionConflict"))),
        Some(TransactWriteItemsError::TransactionInProgressException(_)) => true,
        Some(_) | None => false,
    }
}

impl Write {
    fn limit(&self) -> Option<u32> {
        match self {
            Self::Pending(write) => write.limit(),
            Self::Put { .. }
            | Self::Delete { .. }
            | Self::Check { .. }
            | Self::CheckFields { .. }
            | Self::CheckLink { .. }
            | Self::Count { .. }
            | Self::Trust { .. } => None,
        }
    }

    fn into_sdk(self, table: &str) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
        let names = || HashMap::from([("#v".to_owned(), VERSION.to_owned())]);
        let values = |version: u64| HashMap::from([(":v".to_owned(), AttributeValue::N(version.to_string()))]);
        let key = |pk, sk| {
            HashMap::from([(keys::PK.to_owned(), AttributeValue::S(pk)), (keys::SK.to_owned(), AttributeValue::S(sk))])
        };
        let item = TransactWriteItem::builder();
        Ok(match self {
            Self::Put { item: record, over } => {
                let put = Put::builder().table_name(table).set_item(Some(record));
                let put = match over {
                    Over::Anything => put,
                    Over::Nothing => put.condition_expression("attribute_not_exists(pk)"),
                    Over::Version(version) => put
                        .condition_expression(AT_VERSION)
                        .set_expression_attribute_names(Some(names()))
                        .set_expression_attribute_values(Some(values(version))),
                };
                item.put(put.build()?)
            }
            Self::Delete { pk, sk, expected_version } => item.delete(
                Delete::builder()
                    .table_name(table)
                    .set_key(Some(key(pk, sk)))
                    .condition_expression(AT_VERSION)
                    .set_expression_attribute_names(Some(names()))
                    .set_expression_attribute_values(Some(values(expected_version)))
                    .build()?,
            ),
            Self::Check { pk, sk, expected_version } => item.condition_check(
                ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(key(pk, sk)))
                    .condition_expression(AT_VERSION)
                    .set_expression_attribute_names(Some(names()))
                    .set_expression_attribute_values(Some(values(expected_version)))
                    .build()?,
            ),
            Self::CheckFields { pk, sk, fields, or_absent } => {
                let same: Vec<String> = (0..fields.len()).map(|place| format!("#f{place} = :f{place}")).collect();
                let mut condition = format!("attribute_exists(pk) AND {}", same.join(" AND "));
                if or_absent {
                    condition = format!("attribute_not_exists(pk) OR ({condition})");
                }
                let mut check = ConditionCheck::builder().table_name(table).set_key(Some(key(pk, sk)));
                for (place, (name, value)) in fields.into_iter().enumerate() {
                    check = check
                        .expression_attribute_names(format!("#f{place}"), name)
                        .expression_attribute_values(format!(":f{place}"), value);
                }
                item.condition_check(check.condition_expression(condition).build()?)
            }
            Self::CheckLink { pk, sk, user_ids } => {
                let check = ConditionCheck::builder().table_name(table).set_key(Some(key(pk, sk)));
                // A set is stored as a list, in its order.
                let check = if user_ids.is_empty() {
                    check
                        .condition_expression("attribute_not_exists(pk) OR size(user_ids) = :none")
                        .expression_attribute_values(":none", AttributeValue::N("0".to_owned()))
                } else {
                    check
                        .condition_expression("user_ids = :users")
                        .expression_attribute_values(":users", AttributeValue::L(user_ids))
                };
                item.condition_check(check.build()?)
            }
            Self::Count { pk, sk, counter } => item.update(
                Update::builder()
                    .table_name(table)
                    .set_key(Some(key(pk, sk)))
                    .update_expression("ADD #counter :one")
                    .condition_expression("attribute_exists(pk)")
                    .expression_attribute_names("#counter", counter)
                    .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
                    .build()?,
            ),
            Self::Pending(write) => item.update(write.into_sdk(table)?),
            Self::Trust { item: entry, tenant } => item.put(
                Put::builder()
                    .table_name(table)
                    .set_item(Some(entry))
                    .condition_expression("attribute_not_exists(pk) OR tenant_id = :tenant")
                    .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_string()))
                    .build()?,
            ),
        }
        .build())
    }
}

const AT_VERSION: &str = "#v = :v";
