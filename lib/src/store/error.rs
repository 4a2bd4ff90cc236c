//! Errors of the store.

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// The table did not answer, or an item cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB refused or could not be reached.
    #[error("the table did not answer: {0}")]
    Unavailable(String),
    /// The table does not exist in this account and Region.
    #[error("the table does not exist")]
    NoTable,
    /// An item does not have the expected form. A corrupt item is never treated as missing.
    #[error("item `{key}` is corrupt: {reason}")]
    Corrupt {
        /// The key of the item.
        key: String,
        /// What is wrong with the item.
        reason: String,
    },
    /// The principal has this many grants that are not usable yet, which is the tenant's limit. Nothing was written.
    #[error("{0} grants of this principal are not usable yet, which is the most its tenant allows")]
    TooManyPending(u32),
    /// A value cannot be stored.
    #[error("a value cannot be stored: {0}")]
    Unstorable(String),
}

impl StoreError {
    /// Converts DynamoDB's error, with all its causes.
    pub(crate) fn sdk<E, R>(error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        if error.code() == Some("ResourceNotFoundException") {
            return Self::NoTable;
        }
        Self::Unavailable(DisplayErrorContext(error).to_string())
    }
}

/// A transaction was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another writer changed a record: read and decide again.
    #[error("a record was changed in the meantime")]
    Conflict,
    /// The table did not answer; the transaction may have been applied.
    #[error(transparent)]
    Store(#[from] StoreError),
}
