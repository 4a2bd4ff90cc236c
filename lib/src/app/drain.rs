//! Ends all grants of a stack before it is deleted.

use jiff::Timestamp;

use super::Ids;
use super::change::system_event;
use crate::domain::{EventKind, Grant, GrantStatus};
use crate::store::{CommitError, Table, Transaction};

/// Ends the active grants of all tenants. Returns the number of grants whose revocation is not done: the workers take
/// their access away, so call it again until the number is 0. Requests that are approved meanwhile make new grants.
///
/// # Errors
///
/// [`CommitError`] if the table does not answer; some grants may already be ended.
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
            // Another writer changed it: the next call reads it again.
            Ok(()) | Err(CommitError::Conflict) => {}
            Err(error @ CommitError::Store(_)) => return Err(error),
        }
    }
    Ok(grants.len())
}
