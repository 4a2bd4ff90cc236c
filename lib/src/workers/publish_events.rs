//! `publish_events`: seals events into the audit chain and puts them on the bus.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::{EventId, TenantId};
use crate::provision::{WorkerError, Workers};
use crate::store::{OutboxEvent, Record, keys};

/// Handles a batch of the table's stream. The records of one tenant are handled together and in order; if that fails,
/// all of them are reported as failed and delivered again.
///
/// # Errors
///
/// [`WorkerError::Event`] if the batch cannot be parsed.
pub async fn handle(workers: &Workers, batch: Value) -> Result<Value, WorkerError> {
    let records = batch.get("Records").and_then(Value::as_array).ok_or_else(|| unreadable("`Records` is missing"))?;
    let mut tenants: BTreeMap<TenantId, Vec<(EventId, &str)>> = BTreeMap::new();
    for record in records {
        if let Some((tenant, event)) = event_of(record)? {
            let sequence = record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str).unwrap_or_default();
            tenants.entry(tenant).or_default().push((event, sequence));
        }
    }
    let mut failures = Vec::new();
    for (tenant, events) in tenants {
        let ids: Vec<EventId> = events.iter().map(|(id, _)| *id).collect();
        if let Err(error) = workers.publish(tenant, &ids).await {
            tracing::error!(tenant_id = %tenant, cause = %error, "could not publish events");
            failures.extend(events.iter().map(|(_, sequence)| json!({"itemIdentifier": sequence})));
        }
    }
    Ok(json!({"batchItemFailures": failures}))
}

/// The tenant and id of a new event; `None` for the stream's other records, since it carries every change of the table.
fn event_of(record: &Value) -> Result<Option<(TenantId, EventId)>, WorkerError> {
    let key = |name: &str| record.pointer(&format!("/dynamodb/Keys/{name}/S")).and_then(Value::as_str);
    let inserted = record.get("eventName").and_then(Value::as_str) == Some("INSERT");
    let (Some(pk), Some(sk)) = (key(keys::PK), key(keys::SK)) else {
        return Err(unreadable("a record has no keys"));
    };
    match keys::parse_partition(pk) {
        Some((tenant, OutboxEvent::KIND)) if inserted => {
            let id = sk.parse().map_err(|_| unreadable("the key of an event is not an id"))?;
            Ok(Some((tenant, id)))
        }
        Some(_) | None => Ok(None),
    }
}

fn unreadable(why: &str) -> WorkerError {
    WorkerError::Event(why.to_owned())
}
