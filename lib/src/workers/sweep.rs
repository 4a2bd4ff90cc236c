//! `sweep`: does whatever is due and was not done. It depends on no event and no reminder.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::app::lapse;
use crate::domain::AccessRequest;
use crate::metrics::Measurement;
use crate::provision::WorkerRun;
use crate::provision::{GrantCall, WorkerError, Workers};
use crate::store::{CommitError, DueItem, Work};

/// The most items of one shard in one call. The next call is five minutes away, and this one has to end before Lambda
/// ends it.
const MOST: i32 = 50;

/// Handles a call of the schedule.
///
/// # Errors
///
/// [`WorkerError`] if an item could not be handled. All others were.
pub async fn handle(workers: &Workers, _: Value) -> Result<Value, WorkerError> {
    let now = workers.now();
    let due = workers.table.due(now, MOST).await?;
    workers.metrics.record(Measurement::OldestOverdueSeconds(oldest(&due, now)), now);
    let (all, mut failed) = (due.len(), 0);
    let mut run = WorkerRun::new(workers);
    // Never wait for another worker: the one that holds a grant's assignment does what is due.
    run.called = false;
    for item in due {
        if !run.has_time() {
            break;
        }
        if let Err(error) = workers.settle(&mut run, &item).await {
            tracing::error!(tenant_id = %item.tenant, work = ?item.work, cause = %error, "due work failed");
            failed += 1;
        }
    }
    workers.drain_queue(run).await;
    if failed == 0 { Ok(Value::Null) } else { Err(WorkerError::Some(failed, all)) }
}

/// How long the oldest obligation has been due. A pending request whose time has passed is not an obligation: it counts
/// as expired from that time on, and `sweep` only writes that down.
fn oldest(due: &[DueItem], now: Timestamp) -> SignedDuration {
    let obligations = due.iter().filter(|item| !matches!(item.work, Work::Request(_)));
    obligations.map(|item| now.duration_since(item.due_at)).max().unwrap_or_default()
}

impl Workers {
    async fn settle(&self, run: &mut WorkerRun<'_>, item: &DueItem) -> Result<(), WorkerError> {
        let table = self.table.tenant(item.tenant);
        match &item.work {
            Work::Request(id) => {
                let Some(request) = table.get::<AccessRequest>(id.clone()).await? else { return Ok(()) };
                match lapse(item.tenant, request, &self.ids, self.now())? {
                    Some(writes) => match table.commit(writes).await {
                        // Somebody decided the request just before it expired, or another sweep wrote it down.
                        Ok(()) | Err(CommitError::Conflict) => Ok(()),
                        Err(error @ CommitError::Store(_)) => Err(error.into()),
                    },
                    None => Ok(()),
                }
            }
            Work::Grant(id) => {
                let grant_id = id.parse().map_err(|_| WorkerError::Event(format!("`{id}` is not a grant id")))?;
                self.carry_out(run, item.urgency, GrantCall { tenant_id: item.tenant, grant_id }).await
            }
            Work::Event(id) => {
                let id = id.parse().map_err(|_| WorkerError::Event(format!("`{id}` is not an event id")))?;
                self.publish(item.tenant, &[id]).await
            }
        }
    }
}
