//! The items of a tenant's audit chain: its entries and its head.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::keys;
use super::{Index, Record};
use crate::domain::{Event, EventId, TenantId};

/// An entry of a tenant's audit chain. It is written once and never deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The event that was sealed.
    #[serde(flatten)]
    pub event: Event,
    /// Its position in the chain, from 1, without gaps.
    pub sequence: u64,
    /// The hash of the entry before it; 64 zeros for the first one.
    pub prev_hash: String,
    /// SHA-256 over everything else in the entry.
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

/// The highest sequence that fits into [`audit_key`].
pub const HIGHEST_SEQUENCE: u64 = 999_999_999_999_999;

/// The sort key of the entry with this sequence.
#[must_use]
pub fn audit_key(sequence: u64) -> String {
    format!("{sequence:015}")
}

/// The partition of [`Index::Access`] that holds the entry of an event.
#[must_use]
pub fn audit_entry_of(tenant: TenantId, event: EventId) -> String {
    keys::by_access(tenant, AuditEntry::KIND, &event.to_string())
}

/// An entry as stored, even if it was changed after it was sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "HashMap<String, Attribute>")]
pub struct StoredEntry(Map<String, Value>);

/// Any value that DynamoDB can hold.
#[derive(Deserialize)]
#[serde(untagged)]
enum Attribute {
    Json(Value),
    /// Binary data, which no valid entry contains.
    Other(IgnoredAny),
}

impl From<HashMap<String, Attribute>> for StoredEntry {
    fn from(item: HashMap<String, Attribute>) -> Self {
        let json = |attribute| match attribute {
            Attribute::Json(value) => value,
            // A value that no valid entry has, so that the change is detected and the entry can still be shown.
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
    /// The content of the entry: all attributes except its keys.
    #[must_use]
    pub fn into_content(mut self) -> Map<String, Value> {
        for key in [keys::PK, keys::SK, Index::Access.attribute()] {
            self.0.remove(key);
        }
        self.0
    }

    /// Whether the entry's keys match its content.
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
    /// The sequence of the last entry; 0 if there is none.
    pub sequence: u64,
    /// The hash of the last entry.
    pub hash: String,
    /// Raised with each change.
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
