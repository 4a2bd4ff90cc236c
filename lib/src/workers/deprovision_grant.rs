//! `deprovision_grant`: takes the access of a grant away.

use serde_json::Value;

use super::context::{GrantCall, WorkerError, Workers};

/// Handles a call of the bus or of Scheduler.
///
/// # Errors
///
/// [`WorkerError`] when it is to be called again.
pub async fn handle(workers: &Workers, call: Value) -> Result<Value, WorkerError> {
    workers.revoke(GrantCall::read(call)?).await?;
    Ok(Value::Null)
}
