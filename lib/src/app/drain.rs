//! Ending every grant of a stack, before it is deleted.

use jiff::Timestamp;

use super::Ids;
use super::change::system_event;
use crate::domain::{EventKind, Grant, GrantStatus};
use crate::store::{CommitError, Table, Transaction};

/// Ends the grants of all tenants that are active. Returns how many grants are left that are not done: the workers take their
/// access away, so call it again until there are none. Requests that are approved meanwhile make new ones.
///
/// # Errors
///
/// [`CommitError`] when the table does not answer; some grants may be ended.
pub async fn drain(table: &Table, ids: &Ids, now: Timestamp) -> Result<usize, CommitError> {
    let grants = table.unfinished_grants().await?;
    for (tenant, id) in &grants {
        let table = table.tenant(*tenant);
        let Some(mut grant) = table.get::<Grant>(id.to_string()).await? else { continue };
        if grant.status != GrantStatus::Active {
            continue;
        }
        let before = grant.clone();
        grant.end(GrantStatus::Revoked, None, now);
        let mut writes = Transaction::new(*tenant);
        writes.update(&grant)?;
        writes.uncount_pending(&before, &grant);
        writes.event(system_event(&grant, EventKind::GrantRevoked, *tenant, ids.id(), now))?;
        match table.commit(writes).await {
            // Somebody else changed it: the next call looks at it anew.
            Ok(()) | Err(CommitError::Conflict) => {}
            Err(error @ CommitError::Store(_)) => return Err(error),
        }
    }
    Ok(grants.len())
}
