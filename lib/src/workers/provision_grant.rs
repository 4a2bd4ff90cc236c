//! `provision_grant`: gives the access of a grant.

use serde_json::Value;

use crate::provision::WorkerRun;
use crate::provision::{GrantCall, WorkerError, Workers};

/// Handles a call of the bus or of Scheduler.
///
/// # Errors
///
/// [`WorkerError`] if it has to be called again.
pub async fn handle(workers: &Workers, call: Value) -> Result<Value, WorkerError> {
    let call = GrantCall::read(call)?;
    let mut run = WorkerRun::new(workers);
    let done = workers.provision(&mut run, call).await;
    workers.drain_queue(run).await;
    done.map(|()| Value::Null)
}
