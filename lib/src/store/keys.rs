//! All keys of the table and its indexes, and nothing else.
//!
//! A tenant's partition keys all begin with `T#<tenant>`, so that `dynamodb:LeadingKeys` can restrict a function to one
//! tenant.
//!
//! | what | `pk` | `sk` |
//! |---|---|---|
//! | a tenant's records, by kind | `T#<tenant>#<KIND>` | the record's own key |
//! | the versions of a tenant's policies and directory | `T#<tenant>#VERSIONS` | `VERSIONS` |
//! | the ids of a principal's grants that are not usable yet | `T#<tenant>#PENDING` | the principal |
//! | the directory of issuers (no tenant's data) | `ISSUER#<issuer>` | the audience |
//! | the public keys of an issuer (no tenant's data) | `ISSUERKEYS#<issuer>` | `ISSUERKEYS` |
//! | the lookups of unknown keys at an issuer (no tenant's data) | `KEYLOOKUP#<issuer>` | the minute |
//! | an assignment of an Identity Center instance (of no tenant alone) | `ASSIGNMENT#<instance>` | its own key |
//! | the tenants that may use an Identity Center instance | `INSTANCE#<instance>` | `INSTANCE` |
//! | the slot table of an Identity Center instance (no tenant's data) | `SLOTS#<instance>` | `SLOTS` |
//! | the tenants of the stack (no tenant's data) | `TENANTS` | `<tenant>` |
//! | the progress of directory syncs (no tenant's data) | `SYNC#<instance>` | `SYNC` |
//!
//! | index | partition | for |
//! |---|---|---|
//! | `by_principal` | `T#<tenant>#<KIND>#P#<principal>` | the requests or grants of a principal |
//! | `by_access` | `T#<tenant>#<KIND>#A#<principal>#<resource>#<action>` | ensure: a live grant or an open request |
//! | `by_access` | `T#<tenant>#GRANT#A#<principal>#<resource>#<action>#<day>` | the same, ended on that day |
//! | `by_holder` | `T#<tenant>#GRANT#H#<holder><account><permission set>` | how long a user had an access |
//! | `by_holder` | `T#<tenant>#GRANT#H#<holder><account><permission set>#<day>` | the same, ended on that day |
//! | `by_access` | `T#<tenant>#AUDIT#A#<id>` | the audit entry of an event |
//! | `by_status` | `T#<tenant>#<KIND>#S#<status>` | what is pending, what is active |
//! | `due` | `DUE#<urgency>#<shard>` | due work, by time; tenant and principal determine the shard |

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;

use crate::domain::{AccountId, PrincipalRef, ResourceRef, TenantId, Urgency};

/// The attribute of the partition key.
pub const PK: &str = "pk";
/// The attribute of the sort key.
pub const SK: &str = "sk";
/// The attribute with the time, in epoch seconds, after which DynamoDB deletes an item.
pub const TTL: &str = "ttl";
/// The name of the due index.
pub const DUE_INDEX: &str = "due";
/// The attribute of the due index's partition key.
pub const DUE_PK: &str = "due_pk";
/// The attribute of the due index's sort key.
pub const DUE_SK: &str = "due_sk";
/// How many groups of partitions tenants are spread over. Within a group, principals are spread over partitions.
/// Workers read the partitions one after the other, so much due work in one does not delay that in others.
const TENANT_GROUPS: u8 = 4;
const PRINCIPAL_SHARDS: u8 = 8;

/// How many partitions the due work of an urgency is spread over. Break glass has one, since it is rare and read often.
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

/// The tenant and kind in a partition key; `None` if it is not a tenant's.
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

/// The key of one access of one principal, which requests, grants and ensure's slot share. It is a hash, since each of
/// its parts may contain the separator.
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

/// The partition of [`super::Index::Access`] for what has ended: one for each day (UTC), so that what ended lately is
/// found however much ended before.
#[must_use]
pub fn by_access_ended(tenant: TenantId, kind: &str, access: &str, ended: Timestamp) -> String {
    on_day(&by_access(tenant, kind, access), ended)
}

/// The key of an access that a holder has, however it was requested. It is a hash, since each of its parts may contain
/// the separator.
#[must_use]
pub fn holding(holder: &Holder<'_>, account: &AccountId, permission_set_arn: &str) -> String {
    let (kind, id) = match holder {
        Holder::User(id) => ("identity_store_user", (*id).to_owned()),
        Holder::Unlinked(principal) => ("unlinked", principal.to_string()),
    };
    let text = serde_json::json!([kind, id, account.as_str(), permission_set_arn]).to_string();
    hex::encode(digest(&SHA256, text.as_bytes()))
}

/// Who has an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder<'a> {
    /// The id of the Identity Store user who receives it, whichever subject or API key requested it.
    User(&'a str),
    /// A principal that the directory links to no user.
    Unlinked(&'a PrincipalRef),
}

/// The partition of [`super::Index::Holder`]; what has ended has one for each day (UTC), as in [`by_access_ended`].
#[must_use]
pub fn by_holder(tenant: TenantId, kind: &str, holding: &str, ended: Option<Timestamp>) -> String {
    let partition = format!("T#{tenant}#{kind}#H#{holding}");
    match ended {
        Some(ended) => on_day(&partition, ended),
        None => partition,
    }
}

fn on_day(partition: &str, ended: Timestamp) -> String {
    format!("{partition}#{}", ended.strftime("%Y-%m-%d"))
}

/// The partition of [`super::Index::Status`].
#[must_use]
pub fn by_status(tenant: TenantId, kind: &str, status: &str) -> String {
    format!("T#{tenant}#{kind}#S#{status}")
}

/// The partition of the due index that an item is in, by its urgency, tenant and owner. Consecutive shards belong to
/// different groups of tenants.
#[must_use]
pub fn due_partition_of(urgency: Urgency, tenant: TenantId, owner: &str) -> String {
    let hash = |text: String| digest(&SHA256, text.as_bytes()).as_ref().first().copied().unwrap_or_default();
    let (group, shard) =
        (hash(tenant.to_string()) % TENANT_GROUPS, hash(format!("{tenant}|{owner}")) % PRINCIPAL_SHARDS);
    due_partition(urgency, (shard * TENANT_GROUPS + group) % due_shards(urgency))
}

/// A partition of the due index. Each urgency has its own, so that urgent work is found without reading the rest.
#[must_use]
pub fn due_partition(urgency: Urgency, shard: u8) -> String {
    match urgency {
        Urgency::BreakGlass => format!("DUE#BREAKGLASS#{shard:02}"),
        Urgency::Ending => format!("DUE#ENDING#{shard:02}"),
        Urgency::Other => format!("DUE#OTHER#{shard:02}"),
    }
}

/// A sort key of the due index: milliseconds since the epoch, padded so that it sorts.
#[must_use]
pub fn due_time(at: Timestamp) -> String {
    format!("{:015}", at.as_millisecond().max(0))
}

/// The time in a sort key of the due index.
#[must_use]
pub fn parse_due_time(text: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(text.parse().ok()?).ok()
}

/// The partition of the directory of issuers.
#[must_use]
pub fn issuer_partition(issuer: &str) -> String {
    format!("ISSUER#{issuer}")
}

/// The sort key of an issuer's public keys.
pub const ISSUER_KEYS: &str = "ISSUERKEYS";

/// The partition of an issuer's public keys. It is not that of the directory of issuers: who may write one may not
/// write the other.
#[must_use]
pub fn issuer_keys_partition(issuer: &str) -> String {
    format!("{ISSUER_KEYS}#{issuer}")
}

/// The partition of the counters of lookups of unknown keys at an issuer.
#[must_use]
pub fn key_lookup_partition(issuer: &str) -> String {
    format!("KEYLOOKUP#{issuer}")
}

/// The partition of an Identity Center instance's records of one kind.
#[must_use]
pub fn instance_partition(kind: &str, instance_arn: &str) -> String {
    format!("{kind}#{instance_arn}")
}

/// The partition of an Identity Center instance's slot table.
#[must_use]
pub fn slots_partition(instance_arn: &str) -> String {
    format!("SLOTS#{instance_arn}")
}

/// The partition that lists the stack's tenants.
pub const TENANTS: &str = "TENANTS";

/// The sort key of a sync's progress.
pub const SYNC: &str = "SYNC";

/// The partition of the progress of an instance's syncs.
#[must_use]
pub fn sync_partition(instance_arn: &str) -> String {
    format!("SYNC#{instance_arn}")
}
