//! The items of a tenant's audit chain: its entries, and its head.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::keys;
use super::{Index, Record};
use crate::domain::{Event, EventId, TenantId};

/// An entry of a tenant's audit chain. It is never written again and never deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// Its place in the chain, from 1, without a gap.
    pub sequence: u64,
    /// The hash of the entry before; of the first, 64 zeros.
    pub prev_hash: String,
    /// SHA-256 over everything else the entry says.
    pub hash: String,
}

impl Record for AuditEntry {
    const KIND: &'static str = "AUDIT";

    fn sort_key(&self) -> String {
        audit_key(self.sequence)
    }

    fn indexes(&self, tenant: TenantId) -> Vec<(Index, String)> {
        vec![(Index::Access, audit_entry_of(tenant, self.event.id))]
    }
}

/// The highest sequence that [`audit_key`] has room for.
pub const HIGHEST_SEQUENCE: u64 = 999_999_999_999_999;

/// The sort key of the entry with that sequence.
#[must_use]
pub fn audit_key(sequence: u64) -> String {
    format!("{sequence:015}")
}

/// The partition of [`Index::Access`] that holds the entry of an event.
#[must_use]
pub fn audit_entry_of(tenant: TenantId, event: EventId) -> String {
    keys::by_access(tenant, AuditEntry::KIND, &event.to_string())
}

/// An entry as it is stored, whatever has become of it since it was sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "HashMap<String, Attribute>")]
pub struct StoredEntry(Map<String, Value>);

/// Whatever DynamoDB can hold.
#[derive(Deserialize)]
#[serde(untagged)]
enum Attribute {
    Json(Value),
    /// Bytes, which no entry holds.
    Other(IgnoredAny),
}

impl From<HashMap<String, Attribute>> for StoredEntry {
    fn from(item: HashMap<String, Attribute>) -> Self {
        let json = |attribute| match attribute {
            Attribute::Json(value) => value,
            // Something no entry says, so that it is found to be changed and can still be shown.
            Attribute::Other(IgnoredAny) => Value::from("bytes"),
        };
        Self(item.into_iter().map(|(name, attribute)| (name, json(attribute))).collect())
    }
}

impl Record for StoredEntry {
    const KIND: &'static str = AuditEntry::KIND;

    fn sort_key(&self) -> String {
        self.text(keys::SK).to_owned()
    }
}

impl StoredEntry {
    /// What it says: everything but the keys it is stored under.
    #[must_use]
    pub fn into_content(mut self) -> Map<String, Value> {
        for key in [keys::PK, keys::SK, Index::Access.attribute()] {
            self.0.remove(key);
        }
        self.0
    }

    /// Whether it stands under the keys of what it says it is.
    #[must_use]
    pub fn is_in_place(&self, tenant: TenantId) -> bool {
        let sequence = self.0.get("sequence").and_then(Value::as_u64);
        let id = self.text("id").parse().ok();
        sequence.is_some_and(|sequence| self.text(keys::SK) == audit_key(sequence))
            && id.is_some_and(|id| self.text(Index::Access.attribute()) == audit_entry_of(tenant, id))
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The end of a tenant's audit chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// The sequence of the last entry; 0 when there is none.
    pub sequence: u64,
    /// Its hash.
    pub hash: String,
    /// Counts the changes.
    pub version: u64,
}

impl Record for AuditHead {
    const KIND: &'static str = "AUDITHEAD";

    fn sort_key(&self) -> String {
        Self::KIND.to_owned()
    }

    fn version(&self) -> u64 {
        self.version
    }
}
