//! How long somebody had an access lately: what policy is told as `held_seconds`, so that a rule can stop renewal
//! without end.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{Grant, PrincipalRef, Provisioning, ResourceRef};
use crate::store::{Index, Listing, Record, StoreError, TenantTable, keys};

/// The time policy is told about.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// The most pages of grants of one access that are read: thousands within two days.
const MOST_PAGES: usize = 8;
/// DynamoDB ends a page at 1 MB of its own accord.
const LARGE_PAGE: usize = 1_000;

/// Somebody's grants of one access that are not over, or ended today or yesterday: all that lie within the window.
///
/// # Errors
///
/// [`StoreError`] when the table does not answer, and when there are more of them than are read: then nothing is
/// decided, since the oldest of them must not be pushed out of view.
pub async fn recent_grants(
    table: &TenantTable,
    principal: &PrincipalRef,
    resource: &ResourceRef,
    action: &str,
    now: Timestamp,
) -> Result<Vec<Grant>, StoreError> {
    let access = keys::access(principal, resource, action);
    let of = |ended| keys::by_access_ended(table.id(), Grant::KIND, &access, ended);
    let partitions = [keys::by_access(table.id(), Grant::KIND, &access), of(now), of(now - WINDOW)];
    let grants = partitions.map(|partition| all_of(table, partition));
    let mut grants = futures_util::future::try_join_all(grants).await?.concat();
    grants.sort_unstable_by_key(|grant| std::cmp::Reverse(grant.id));
    // A grant that ends meanwhile may be seen in both places.
    grants.dedup_by_key(|grant| grant.id);
    Ok(grants)
}

async fn all_of(table: &TenantTable, partition: String) -> Result<Vec<Grant>, StoreError> {
    let mut grants = Vec::new();
    let mut after = None;
    for _ in 0..MOST_PAGES {
        let listing = Listing::index(Index::Access, partition.clone()).after(after).limit(LARGE_PAGE);
        let page = table.first_page::<Grant>(&listing).await?;
        grants.extend(page.records);
        after = page.next;
        if after.is_none() {
            return Ok(grants);
        }
    }
    Err(StoreError::Unavailable("too many grants of one access within two days to look at them all".to_owned()))
}

/// For how many seconds of the last 24 hours one of the grants gave access, as far as the decision goes; time that
/// several of them gave counts once, time that is begun counts as a second. What could never be given counts for
/// nothing.
pub(crate) fn held_seconds(grants: &[Grant], now: Timestamp) -> i64 {
    let given = grants.iter().filter(|grant| !matches!(grant.provisioning, Provisioning::Failed { .. }));
    let mut times: Vec<_> = given
        .map(|grant| {
            let end = grant.ended_at.unwrap_or(grant.expires_at).min(grant.expires_at);
            (grant.granted_at.max(now - WINDOW), end.min(now))
        })
        .filter(|(begin, end)| begin < end)
        .collect();
    times.sort_unstable();
    let mut counted = SignedDuration::ZERO;
    let mut until = Timestamp::MIN;
    for (begin, end) in times {
        counted += end.duration_since(begin.max(until).min(end));
        until = until.max(end);
    }
    let begun = i64::from(counted.subsec_nanos() > 0);
    counted.as_secs().saturating_add(begun)
}
