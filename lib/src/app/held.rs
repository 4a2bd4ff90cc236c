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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::domain::{GrantStatus, PrincipalKind};

    const NOW: i64 = 1_000_000;
    const DAY: i64 = 24 * 60 * 60;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A grant from `begin` to `end`, ended early at `ended`, in seconds from now.
    fn grant(begin: i64, end: i64, ended: Option<i64>) -> Grant {
        let text = serde_json::json!({
            "id": uuid::Uuid::nil(), "tenant_id": uuid::Uuid::nil(), "request_id": null,
            "grantee": {"kind": PrincipalKind::User, "id": "alice", "email": null, "name": null, "groups": []},
            "resource": {"type": "aws_account", "id": "111111111111"}, "action": "ReadOnlyAccess",
            "account_id": "111111111111", "permission_set_arn": "x", "status": GrantStatus::Active,
            "granted_at": at(NOW + begin), "expires_at": at(NOW + end), "duration_seconds": 1,
            "latest_end": at(NOW + end), "extended_at": null, "ended_at": ended.map(|ended| at(NOW + ended)),
            "ended_by": null, "provisioning": {"status": "pending", "attempts": 0, "last_error": null},
            "assignment": null,
            "revocation": {"status": "none", "attempts": 0, "last_error": null, "credentials_valid_until": null,
                "delay_announced": false},
            "evaluation": {"policy_version": 1, "directory_version": 1, "at": at(NOW)}, "on_drift": "report",
            "may_have_given_access": false, "access_persists": false, "externally_modified": false,
            "missing_since": null,
            "next_attempt_at": at(NOW), "tickets": [], "audit_enabled": true, "metadata": {}, "created_at": at(NOW),
            "updated_at": at(NOW), "version": 1,
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn time_held_is_that_of_the_window_and_counts_once() {
        let table = [
            (vec![], 0),
            (vec![grant(-10, 10, None)], 10),
            (vec![grant(0, 10, None)], 0),
            (vec![grant(5, 10, None)], 0),
            (vec![grant(-10, -5, None), grant(-10, -5, None), grant(-7, -3, None)], 7),
            (vec![grant(-30, -20, None), grant(-10, -5, None)], 15),
            (vec![grant(-30, 100, None), grant(-20, -10, None)], 30),
            (vec![grant(-30, 100, Some(-20)), grant(-5, -1, Some(3))], 14),
            (vec![grant(-DAY - 50, -DAY + 7, None), grant(-DAY - 50, -DAY, None)], 7),
        ];
        for (grants, held) in table {
            assert_eq!(held_seconds(&grants, at(NOW)), held, "{grants:#?}");
        }
        let mut failed = grant(-10, 10, None);
        failed.provisioning = Provisioning::Failed { error: String::new(), notices: Vec::new() };
        assert_eq!(held_seconds(&[failed], at(NOW)), 0, "what could never be given was not held");
        let begun = at(NOW) + SignedDuration::from_millis(1);
        assert_eq!(held_seconds(&[grant(-10, 10, None)], begun), 11, "a second that is begun counts");
    }
}
