//! `stint-drain`: ends every grant of a stack and waits until their access is gone, so that the stack can be deleted.

use std::io::Write;
use std::time::Duration;

use aws_config::SdkConfig;
use clap::Parser;
use stint::app::{Ids, drain as end_all};
use stint::clock::Clock;
use stint::context;
use stint::store::{CommitError, StoreError};

/// How often it looks.
const PAUSE: Duration = Duration::from_secs(5);

/// Ends every grant of every tenant of a stack, and waits until their access is known to be gone. Then the stack can be deleted.
///
/// Region and credentials come from the environment, as with the AWS CLI.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct DrainArguments {
    /// The stack's table: its output `TableName`.
    #[arg(long)]
    pub table: String,
}

/// It did not get to its end; it can be run again.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    /// There is no such table.
    #[error("there is no table `{0}` in this account and region")]
    NoTable(String),
    /// The table did not take it.
    #[error(transparent)]
    Commit(CommitError),
    /// What happens cannot be told.
    #[error("the terminal cannot be written to: {0}")]
    Io(#[from] std::io::Error),
}

/// Ends all grants, and says to `notes` how many are left, until none is.
///
/// # Errors
///
/// [`DrainError`]; what was ended stays ended.
pub async fn drain(
    arguments: &DrainArguments,
    aws: &SdkConfig,
    clock: Clock,
    notes: &mut impl Write,
) -> Result<(), DrainError> {
    let table = context::table(aws, arguments.table.clone());
    let ids = Ids::new(clock.clone());
    loop {
        let left = end_all(&table, &ids, clock.now()).await.map_err(|error| match error {
            CommitError::Store(StoreError::NoTable) => DrainError::NoTable(arguments.table.clone()),
            error @ (CommitError::Conflict | CommitError::Store(_)) => DrainError::Commit(error),
        })?;
        if left == 0 {
            writeln!(notes, "no grant is left: the stack can be deleted")?;
            return Ok(());
        }
        writeln!(notes, "{left} grants are ended; waiting until their access is gone")?;
        clock.sleep(PAUSE).await;
    }
}
