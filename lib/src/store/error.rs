//! What can go wrong with the table.

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// The table could not answer, or what it holds cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB refused or could not be reached.
    #[error("the table did not answer: {0}")]
    Unavailable(String),
    /// There is no table of that name where we look for it.
    #[error("there is no such table")]
    NoTable,
    /// An item is not what it should be; never read as missing.
    #[error("item `{key}` is corrupt: {reason}")]
    Corrupt {
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The principal has as many grants that are not usable yet as the tenant allows: so many. Nothing was written.
    #[error("{0} grants of this principal are not usable yet, which is the most its tenant allows")]
    TooManyPending(u32),
    /// A value cannot be stored.
    #[error("a value cannot be stored: {0}")]
    Unstorable(String),
}

impl StoreError {
    /// DynamoDB's error with all its causes.
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
    /// Somebody else changed something in the meantime: read again and decide again.
    #[error("something changed in the meantime")]
    Conflict,
    /// The table could not answer; whether the transaction was applied is unknown.
    #[error(transparent)]
    Store(#[from] StoreError),
}
