//! How long a principal had an access recently. Policy gets it as `held_seconds`, so that a rule can limit renewals.

use jiff::{SignedDuration, Timestamp};

use super::TenantEngine;
use crate::domain::{AccountId, Grant, Principal, PrincipalRef, Provisioning, RequestId, ResourceRef};
use crate::store::keys::{self, Holder};
use crate::store::{Index, Listing, Record, StoreError, TenantTable};

/// The time span that `held_seconds` covers.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// The most pages of grants of one access that are read: thousands within two days.
const MOST_PAGES: usize = 8;
/// The page size; DynamoDB ends a page earlier at 1 MB.
const LARGE_PAGE: usize = 1_000;

/// A principal's grants of one access that are live, or ended today or yesterday.
///
/// # Errors
///
/// [`StoreError`] if the table does not answer, and if there are more grants than are read: then nothing is decided,
/// since new grants must not hide old ones.
pub async fn recent_grants(
    table: &TenantTable,
    principal: &PrincipalRef,
    resource: &ResourceRef,
    action: &str,
    now: Timestamp,
) -> Result<Vec<Grant>, StoreError> {
    let access = keys::access(principal, resource, action);
    let of = |ended| keys::by_access_ended(table.id(), Grant::KIND, &access, ended);
    let partitions = vec![keys::by_access(table.id(), Grant::KIND, &access), of(now), of(now - WINDOW)];
    all_of_each(table, Index::Access, partitions).await
}

/// The access a grant gives: an account, and the ARN of a permission set.
pub(super) type Given = (AccountId, String);

impl TenantEngine {
    /// The access an action on a resource gives; `None` if the directory does not know it, so that nobody can have it.
    pub(super) fn given_by(&self, resource: &ResourceRef, action: &str) -> Option<Given> {
        Some((self.account_of(resource).ok()?, self.permission_set_of(resource, action).ok()?))
    }

    /// How many seconds of the last 24 hours a principal had an access: the same permission set on the same account for
    /// the same Identity Store user, whichever of the person's accounts requested it, and however it was named. Grants
    /// from before the principal was linked to the user count too; grants of the request `besides` do not. It is read
    /// only if a rule uses it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as [`recent_grants`].
    pub(super) async fn held_seconds(
        &self,
        table: &TenantTable,
        principal: &Principal,
        given: Option<Given>,
        besides: Option<RequestId>,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let (true, Some((account, permission_set))) = (self.engine.asks_held_seconds(), given) else { return Ok(0) };
        let linked = principal.user_id().map(Holder::User);
        let mut partitions = Vec::new();
        for holder in linked.into_iter().chain([Holder::Unlinked(&principal.who)]) {
            let holding = keys::holding(&holder, &account, &permission_set);
            let of = |ended| keys::by_holder(table.id(), Grant::KIND, &holding, ended);
            partitions.extend([of(None), of(Some(now)), of(Some(now - WINDOW))]);
        }
        let mut grants = all_of_each(table, Index::Holder, partitions).await?;
        grants.retain(|grant| besides.is_none() || grant.request_id != besides);
        Ok(held_seconds(&grants, now))
    }
}

/// The grants of several partitions of an index, newest first.
async fn all_of_each(table: &TenantTable, index: Index, partitions: Vec<String>) -> Result<Vec<Grant>, StoreError> {
    let grants = partitions.into_iter().map(|partition| all_of(table, index, partition));
    let mut grants = futures_util::future::try_join_all(grants).await?.concat();
    grants.sort_unstable_by_key(|grant| std::cmp::Reverse(grant.id));
    // A grant that ends between the reads may be in both partitions.
    grants.dedup_by_key(|grant| grant.id);
    Ok(grants)
}

async fn all_of(table: &TenantTable, index: Index, partition: String) -> Result<Vec<Grant>, StoreError> {
    let mut grants = Vec::new();
    let mut after = None;
    for _ in 0..MOST_PAGES {
        let listing = Listing::index(index, partition.clone()).after(after).limit(LARGE_PAGE);
        let page = table.first_page::<Grant>(&listing).await?;
        grants.extend(page.records);
        after = page.next;
        if after.is_none() {
            return Ok(grants);
        }
    }
    Err(StoreError::Unavailable("one access has too many grants within two days to read them all".to_owned()))
}

/// How many seconds of the last 24 hours at least one of the grants entitled to access. Overlapping time counts once,
/// and a begun second counts as one. A grant that was never usable and cannot become so counts as 0.
fn held_seconds(grants: &[Grant], now: Timestamp) -> i64 {
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
            "grantee": {"kind": PrincipalKind::User, "id": "alice", "email": null, "name": null, "groups": [],
                "link": {"external_id": null, "service_user_id": null, "found": []}},
            "resource": {"type": "aws_account", "id": "111111111111"}, "action": "ReadOnlyAccess",
            "account_id": "111111111111", "permission_set_arn": "x", "status": GrantStatus::Active,
            "granted_at": at(NOW + begin), "expires_at": at(NOW + end), "duration_seconds": 1,
            "latest_end": at(NOW + end), "extended_at": null, "ended_at": ended.map(|ended| at(NOW + ended)),
            "ended_by": null, "provisioning": {"status": "pending", "attempts": 0, "last_error": null},
            "assignment": null,
            "revocation": {"status": "none", "attempts": 0, "last_error": null, "credentials_valid_until": null,
                "delay_announced": false},
            "evaluation": {"policy_version": 1, "directory_version": 1, "settings_hash": "", "at": at(NOW)}, "on_drift": "report",
            "may_have_given_access": false, "access_persists": false, "externally_modified": false,
            "missing_since": null,
            "next_attempt_at": at(NOW), "reason": null, "break_glass": false, "tickets": [], "audit_enabled": true, "metadata": {}, "created_at": at(NOW),
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
        assert_eq!(held_seconds(&[failed], at(NOW)), 0, "failed access was not held");
        let begun = at(NOW) + SignedDuration::from_millis(1);
        assert_eq!(held_seconds(&[grant(-10, 10, None)], begun), 11, "a begun second counts");
    }
}
