//! Every key of the table and its indexes, and nothing else.
//!
//! A tenant's partition keys all begin with `T#<tenant>`, so that `dynamodb:LeadingKeys` can hold a function to one
//! tenant.
//!
//! | what | `pk` | `sk` |
//! |---|---|---|
//! | a tenant's records, by kind | `T#<tenant>#<KIND>` | the record's own key |
//! | the ids of a principal's grants that are not usable yet | `T#<tenant>#PENDING` | the principal |
//! | the directory of issuers (no tenant's data) | `ISSUER#<issuer>` | `AUD#<audience>` |
//! | an assignment of an Identity Center instance (of no tenant alone) | `ASSIGNMENT#<instance>` | its own key |
//! | the tenants that may use an Identity Center instance | `INSTANCE#<instance>` | `INSTANCE` |
//! | the slots at an Identity Center instance (no tenant's data) | `SLOTS#<instance>` | `SLOTS` |
//! | the tenants of the stack (no tenant's data) | `TENANTS` | `<tenant>` |
//! | how far syncs of the directory have come (no tenant's data) | `SYNC#<instance>` | `SYNC` |
//!
//! | index | partition | for |
//! |---|---|---|
//! | `by_principal` | `T#<tenant>#<KIND>#P#<principal>` | what a person asked for or was granted |
//! | `by_access` | `T#<tenant>#<KIND>#A#<principal>#<resource>#<action>` | ensure: is there a live grant or an open request? |
//! | `by_access` | `T#<tenant>#GRANT#A#<principal>#<resource>#<action>#<day>` | the same, of grants that are over: the day they ended |
//! | `by_access` | `T#<tenant>#AUDIT#A#<id>` | the audit entry of an event |
//! | `by_status` | `T#<tenant>#<KIND>#S#<status>` | what is pending, what is active |
//! | `due` | `DUE#<urgency>#<shard>` | work that falls due, by time; the shard follows from the tenant and the principal |

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;

use crate::domain::{PrincipalRef, ResourceRef, TenantId, Urgency};

/// The partition key's attribute.
pub const PK: &str = "pk";
/// The sort key's attribute.
pub const SK: &str = "sk";
/// The attribute by which DynamoDB deletes what has had its day, in epoch seconds.
pub const TTL: &str = "ttl";
/// The index of work that falls due.
pub const DUE_INDEX: &str = "due";
/// Its partition key's attribute.
pub const DUE_PK: &str = "due_pk";
/// Its sort key's attribute.
pub const DUE_SK: &str = "due_sk";
/// Work of tenants is spread over so many groups of partitions, and that of principals over so many partitions of a group:
/// who has much due does not stand in the way of those in other partitions, since one is looked at after the other.
const TENANT_GROUPS: u8 = 4;
const PRINCIPAL_SHARDS: u8 = 8;

/// Over so many partitions work that falls due is spread. Of emergencies there are few, and they are looked for often.
#[must_use]
pub const fn due_shards(urgency: Urgency) -> u8 {
    match urgency {
        Urgency::BreakGlass => 1,
        Urgency::Ending | Urgency::Other => TENANT_GROUPS * PRINCIPAL_SHARDS,
    }
}

/// The partition of a tenant's records of one kind.
#[must_use]
pub fn partition(tenant: TenantId, kind: &str) -> String {
    format!("T#{tenant}#{kind}")
}

/// The tenant and kind a partition key names, if it is one of a tenant's.
#[must_use]
pub fn parse_partition(pk: &str) -> Option<(TenantId, &str)> {
    let (tenant, kind) = pk.strip_prefix("T#")?.split_once('#')?;
    Some((tenant.parse().ok()?, kind))
}

/// The partition of [`super::Index::Principal`].
#[must_use]
pub fn by_principal(tenant: TenantId, kind: &str, principal: &PrincipalRef) -> String {
    format!("T#{tenant}#{kind}#P#{principal}")
}

/// The key of one access of one principal, shared by requests, grants and ensure's slot. It is hashed, since none of
/// its parts is free of the separator.
#[must_use]
pub fn access(principal: &PrincipalRef, resource: &ResourceRef, action: &str) -> String {
    let text = serde_json::json!([principal.to_string(), resource.to_string(), action]).to_string();
    hex::encode(digest(&SHA256, text.as_bytes()))
}

/// The partition of [`super::Index::Access`].
#[must_use]
pub fn by_access(tenant: TenantId, kind: &str, access: &str) -> String {
    format!("T#{tenant}#{kind}#A#{access}")
}

/// The partition of [`super::Index::Access`] of what is over: it is kept by the day (UTC) it ended, so that what ended
/// lately is found however much ended before.
#[must_use]
pub fn by_access_ended(tenant: TenantId, kind: &str, access: &str, ended: Timestamp) -> String {
    format!("{}#{}", by_access(tenant, kind, access), ended.strftime("%Y-%m-%d"))
}

/// The partition of [`super::Index::Status`].
#[must_use]
pub fn by_status(tenant: TenantId, kind: &str, status: &str) -> String {
    format!("T#{tenant}#{kind}#S#{status}")
}

/// The partition of the due index an item is in: by how urgent it is, its tenant and whose it is. Shards that follow one
/// another are of different groups of tenants.
#[must_use]
pub fn due_partition_of(urgency: Urgency, tenant: TenantId, owner: &str) -> String {
    let hash = |text: String| digest(&SHA256, text.as_bytes()).as_ref().first().copied().unwrap_or_default();
    let (group, shard) =
        (hash(tenant.to_string()) % TENANT_GROUPS, hash(format!("{tenant}|{owner}")) % PRINCIPAL_SHARDS);
    due_partition(urgency, (shard * TENANT_GROUPS + group) % due_shards(urgency))
}

/// A partition of the due index. Each urgency has its own, so that what is urgent is found without reading the rest.
#[must_use]
pub fn due_partition(urgency: Urgency, shard: u8) -> String {
    match urgency {
        Urgency::BreakGlass => format!("DUE#BREAKGLASS#{shard:02}"),
        Urgency::Ending => format!("DUE#ENDING#{shard:02}"),
        Urgency::Other => format!("DUE#OTHER#{shard:02}"),
    }
}

/// A place in the due index: milliseconds since the epoch, in a width that sorts.
#[must_use]
pub fn due_time(at: Timestamp) -> String {
    format!("{:015}", at.as_millisecond().max(0))
}

/// The time a place in the due index names.
#[must_use]
pub fn parse_due_time(text: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(text.parse().ok()?).ok()
}

/// The partition of the directory of issuers.
#[must_use]
pub fn issuer_partition(issuer: &str) -> String {
    format!("ISSUER#{issuer}")
}

/// The partition of an Identity Center instance's records of one kind.
#[must_use]
pub fn instance_partition(kind: &str, instance_arn: &str) -> String {
    format!("{kind}#{instance_arn}")
}

/// The partition of the slots at an Identity Center instance.
#[must_use]
pub fn slots_partition(instance_arn: &str) -> String {
    format!("SLOTS#{instance_arn}")
}

/// The partition that lists the stack's tenants.
pub const TENANTS: &str = "TENANTS";

/// The sort key of how far syncs have come.
pub const SYNC: &str = "SYNC";

/// The partition of how far the syncs of an instance have come.
#[must_use]
pub fn sync_partition(instance_arn: &str) -> String {
    format!("SYNC#{instance_arn}")
}
