//! The audit chain: how entries are sealed, and whether they still are what was sealed.
//!
//! An entry's hash is SHA-256 over the canonical JSON (RFC 8785) of everything else it says, the hash of the entry before
//! among it. So an entry cannot be changed, removed, added or moved without changing every one after it, up to the head
//! of the chain, which is stored apart. Who can write the table can do even that: then the chain differs from a head
//! that was noted outside. `infra/audit/verify.py` says the same in another language.

mod ocsf;

use std::fmt;
use std::str::FromStr;

use futures_util::future::try_join;
use serde::Serialize;
use serde_json::{Map, Value, json};

pub use ocsf::ocsf;
pub use stint_api::ChainDefect;

use crate::domain::{Event, TenantId};
use crate::store::{AuditEntry, AuditHead, Listing, Page, Record, StoreError, StoredEntry, TenantTable, audit_key};

/// What the first entry of a chain follows.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A place in a chain: the sequence and the hash of an entry, or the beginning. `57:9f86d0…` as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainPosition {
    /// The sequence of the entry; 0 at the beginning.
    pub sequence: u64,
    /// Its hash; 64 zeros at the beginning.
    pub hash: String,
}

impl ChainPosition {
    /// Before the first entry.
    #[must_use]
    pub fn beginning() -> Self {
        Self { sequence: 0, hash: GENESIS.to_owned() }
    }
}

impl From<AuditHead> for ChainPosition {
    fn from(head: AuditHead) -> Self {
        Self { sequence: head.sequence, hash: head.hash }
    }
}

impl fmt::Display for ChainPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash)
    }
}

/// The text names no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a sequence and a hash with a colon between them")]
pub struct ChainPositionError;

impl FromStr for ChainPosition {
    type Err = ChainPositionError;

    fn from_str(text: &str) -> Result<Self, ChainPositionError> {
        let (sequence, hash) = text.split_once(':').ok_or(ChainPositionError)?;
        Ok(Self { sequence: sequence.parse().map_err(|_| ChainPositionError)?, hash: hash.to_owned() })
    }
}

impl AuditEntry {
    /// The entry of an event, after that place.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] when the event has no canonical form.
    pub fn following(place: &ChainPosition, event: Event) -> Result<Self, StoreError> {
        let sequence = place.sequence + 1;
        let hash = Self::hash_of(&place.hash, sequence, &event)?;
        Ok(Self { event, sequence, prev_hash: place.hash.clone(), hash })
    }

    /// The hash of the entry of an event.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] when the event has no canonical form.
    pub fn hash_of(prev_hash: &str, sequence: u64, event: &Event) -> Result<String, StoreError> {
        #[derive(Serialize)]
        struct Content<'a> {
            #[serde(flatten)]
            event: &'a Event,
            prev_hash: &'a str,
            sequence: u64,
        }
        Ok(crate::hash::sha256(line(&Content { event, prev_hash, sequence })?.as_bytes()))
    }
}

/// The canonical JSON (RFC 8785) of what an entry says: a line of the export.
///
/// # Errors
///
/// [`StoreError::Unstorable`] when it has none.
pub fn line(content: &impl Serialize) -> Result<String, StoreError> {
    serde_json_canonicalizer::to_string(content).map_err(|error| StoreError::Unstorable(error.to_string()))
}

/// Goes on from a place by one entry.
fn follow(place: &ChainPosition, tenant: TenantId, entry: StoredEntry) -> Result<ChainPosition, ChainDefect> {
    let sequence = place.sequence + 1;
    let key = entry.sort_key();
    if key > audit_key(sequence) {
        return Err(ChainDefect::Missing);
    }
    let in_place = key == audit_key(sequence) && entry.is_in_place(tenant);
    let mut content = entry.into_content();
    let Some(Value::String(hash)) = content.remove("hash") else { return Err(ChainDefect::Changed) };
    if sealed(&content).as_ref() != Some(&hash) {
        Err(ChainDefect::Changed)
    } else if !in_place {
        Err(ChainDefect::Misplaced)
    } else if content.get("tenant_id") != Some(&json!(tenant)) {
        Err(ChainDefect::OtherTenant)
    } else if content.get("prev_hash") != Some(&json!(place.hash)) {
        Err(ChainDefect::Unlinked)
    } else {
        Ok(ChainPosition { sequence, hash })
    }
}

/// The hash of what an entry says, if it can be one at all.
fn sealed(content: &Map<String, Value>) -> Option<String> {
    let line = content.values().all(is_exact).then(|| line(content).ok())?;
    line.map(|line| crate::hash::sha256(line.as_bytes()))
}

/// Entries hold whole numbers only: of others, several are written the same.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_f64(),
        Value::Array(values) => values.iter().all(is_exact),
        Value::Object(fields) => fields.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The head of the chain, as it is stored; the beginning if there is none.
    pub head: ChainPosition,
    /// How far the chain is what was sealed.
    pub to: ChainPosition,
    /// Whether that is all of it.
    pub verdict: ChainStatus,
}

/// Whether a chain holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainStatus {
    /// Up to its head.
    Valid,
    /// As far as this went; others follow.
    Unfinished,
    /// Up to an entry that is not what was sealed.
    Invalid(u64, ChainDefect),
}

/// Some entries, and the head of the chain at about the same time.
#[derive(Debug, Clone)]
pub struct VerifiedRange {
    entries: Page<StoredEntry>,
    head: ChainPosition,
}

/// Entries of one round. DynamoDB ends it at 1 MB.
const MOST_ENTRIES: usize = 1_000;
/// Rounds of one verification: far less than the 29 seconds API Gateway waits.
const MOST_ROUNDS: usize = 10;

impl VerifiedRange {
    /// Reads what follows a place.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the table does not answer.
    pub async fn read(table: &TenantTable, after: &ChainPosition) -> Result<Self, StoreError> {
        let (entries, head) =
            try_join(stored(table, audit_key(after.sequence)), table.get::<AuditHead>(AuditHead::KIND)).await?;
        Ok(Self { entries, head: head.map_or_else(ChainPosition::beginning, ChainPosition::from) })
    }
}

/// Entries as they are stored, oldest first, from after that key on.
///
/// # Errors
///
/// [`StoreError`] when the table does not answer.
pub async fn stored(table: &TenantTable, after: String) -> Result<Page<StoredEntry>, StoreError> {
    let listing = Listing::all::<StoredEntry>(table).oldest_first().after(Some(after));
    table.first_page(&listing.limit(MOST_ENTRIES - 1)).await
}

/// Follows a chain from a place on, beginning with a round that was read there.
///
/// # Errors
///
/// [`StoreError`] when the table does not answer.
pub async fn verify(
    table: &TenantTable,
    from: ChainPosition,
    first: VerifiedRange,
) -> Result<Verification, StoreError> {
    let (mut to, mut round, mut head) = (from, first, ChainPosition::beginning());
    // Entries and head change together, but are not read together: what one of them says is held against what the other
    // says later.
    let mut promised = 0;
    for left in (0..MOST_ROUNDS).rev() {
        let known = to.sequence;
        head = round.head;
        for entry in round.entries.records {
            match follow(&to, table.id(), entry) {
                Ok(next) => to = next,
                Err(flaw) => {
                    let verdict = ChainStatus::Invalid(to.sequence + 1, flaw);
                    return Ok(Verification { head, to, verdict });
                }
            }
        }
        let verdict = if head.sequence < known {
            Some(ChainStatus::Invalid(head.sequence + 1, ChainDefect::BeyondHead))
        } else if round.entries.next.is_some() {
            None
        } else if to.sequence < promised {
            Some(ChainStatus::Invalid(to.sequence + 1, ChainDefect::Missing))
        } else if head == to {
            Some(ChainStatus::Valid)
        } else if head.sequence == to.sequence {
            Some(ChainStatus::Invalid(to.sequence, ChainDefect::HeadDiffers))
        } else {
            None
        };
        if let Some(verdict) = verdict {
            return Ok(Verification { head, to, verdict });
        }
        promised = head.sequence;
        if left == 0 {
            break;
        }
        round = VerifiedRange::read(table, &to).await?;
    }
    Ok(Verification { head, to, verdict: ChainStatus::Unfinished })
}
