//! The turns at an Identity Center instance: one item, which no tenant owns, since an instance may serve many.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;

use super::keys;
use super::record::{Item, from_item};
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
        let mut item: Item = serde_dynamo::to_item(next).map_err(|error| StoreError::Unstorable(error.to_string()))?;
        item.insert(keys::PK.to_owned(), AttributeValue::S(keys::turns_partition(&turns.instance_arn)));
        item.insert(keys::SK.to_owned(), AttributeValue::S(SORT_KEY.to_owned()));
        let put = self.client().put_item().table_name(self.name()).set_item(Some(item));
        let put = match turns.version {
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
}
