//! The store: one DynamoDB table, opened for one tenant at a time.
//!
//! Every state change is one [`Transaction`]: the new state, conditional on the old version, together with its event.
//! [`keys`] is the only module that builds keys.

mod audit;
mod due;
mod error;
mod instance;
mod issuers;
pub mod keys;
mod pending;
mod people;
mod query;
mod record;
mod records;
mod slots;
mod sync;
mod table;
mod transaction;

pub use audit::{AuditEntry, AuditHead, HIGHEST_SEQUENCE, StoredEntry, audit_entry_of, audit_key};
pub use due::{DueItem, Work, round_robin};
pub use error::{CommitError, StoreError};
pub use instance::InstanceRecord;
pub use issuers::{IssuerEntry, IssuerKeys};
pub use query::{Listing, Page};
pub use record::{Index, Record};
pub use records::{EnsureSlot, IdempotencyRecord, OutboxEvent, RecordedRefusal, messages_of};
pub use table::{Table, TenantTable};
pub use transaction::Transaction;
