//! The event that an export of the audit log leaves in it.

use serde_json::Value;

use super::OperationContext;
use super::change::{About, metadata};
use crate::domain::{EventKind, EventSubject};
use crate::store::{StoreError, Transaction};

/// Records that the caller began to export the log, so that the log shows who took a copy of it.
///
/// # Errors
///
/// [`StoreError::Unstorable`] if the event cannot be turned into an item.
pub fn exported(access: &OperationContext, format: Value, after_sequence: u64) -> Result<Transaction, StoreError> {
    let about = About {
        resource_type: EventSubject::AuditLog,
        resource_id: "*".to_owned(),
        metadata: metadata([("format", format), ("after_sequence", after_sequence.into())]),
        reasoning: None,
    };
    let mut writes = access.begin();
    writes.event(access.event(EventKind::AuditExported, about))?;
    Ok(writes)
}
