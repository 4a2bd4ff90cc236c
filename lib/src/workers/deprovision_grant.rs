//! `deprovision_grant`: takes the access of a grant away.

use serde_json::Value;

use super::context::{GrantCall, WorkerError, Workers};
use super::shift::Shift;

/// Handles a call of the bus or of Scheduler.
///
/// # Errors
///
/// [`WorkerError`] when it is to be called again.
pub async fn handle(workers: &Workers, call: Value) -> Result<Value, WorkerError> {
    let call = GrantCall::read(call)?;
    let mut shift = Shift::new(workers);
    let done = workers.revoke(&mut shift, call).await;
    workers.work_off(shift).await;
    done.map(|()| Value::Null)
}
