//! The outbox: each event is sealed into its tenant's audit chain once, and put on the bus at least once.

use futures_util::future::try_join_all;

use crate::audit::ChainPosition;
use crate::aws::event_bus::MOST_AT_ONCE;
use crate::domain::{Event, EventId, EventKind, TenantId};
use crate::metrics::{Measurement, RequestOutcome};
use crate::provision::{ATTEMPTS, WorkerError, Workers};
use crate::store::{AuditEntry, AuditHead, CommitError, OutboxEvent, Record, TenantTable, Transaction};

/// A transaction takes 100 items: two for each event, and one for the head of the chain.
const MOST_SEALED_AT_ONCE: usize = 40;

impl Workers {
    /// Seals events and puts them on the bus. Those that were sealed or published before are skipped.
    pub(super) async fn publish(&self, tenant: TenantId, ids: &[EventId]) -> Result<(), WorkerError> {
        let table = self.table.tenant(tenant);
        for ids in ids.chunks(MOST_SEALED_AT_ONCE) {
            self.publish_some(&table, ids).await?;
        }
        Ok(())
    }

    async fn publish_some(&self, table: &TenantTable, ids: &[EventId]) -> Result<(), WorkerError> {
        let mut on_the_bus = false;
        for _ in 0..ATTEMPTS {
            let mut unpublished = self.seal(table, ids).await?;
            unpublished.retain(|outbox| !outbox.published);
            if !on_the_bus {
                for events in unpublished.chunks(MOST_AT_ONCE) {
                    let events: Vec<_> = events.iter().map(|outbox| &outbox.event).collect();
                    self.bus.put(&events).await?;
                }
                on_the_bus = true;
            }
            let mut writes = Transaction::new(table.id());
            for outbox in unpublished {
                writes.update(&OutboxEvent { published: true, ..outbox })?;
            }
            match table.commit(writes).await {
                Ok(()) => return Ok(()),
                // Another delivery published some of them too. They are on the bus twice, which consumers have to
                // accept.
                Err(CommitError::Conflict) => {}
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }

    /// Seals events that are not sealed yet.
    ///
    /// INVARIANT 4 (no gap, no double): an event, its entry and the head of the chain change together or not at all.
    async fn seal(&self, table: &TenantTable, ids: &[EventId]) -> Result<Vec<OutboxEvent>, WorkerError> {
        for _ in 0..ATTEMPTS {
            let read = ids.iter().map(|id| table.get::<OutboxEvent>(id.to_string()));
            let mut events: Vec<OutboxEvent> = try_join_all(read).await?.into_iter().flatten().collect();
            if events.iter().all(|outbox| outbox.sealed_as.is_some()) {
                return Ok(events);
            }
            let found = table.get::<AuditHead>(AuditHead::KIND).await?;
            let mut last = found.clone().map_or_else(ChainPosition::beginning, ChainPosition::from);
            let mut writes = Transaction::new(table.id());
            let mut decisions = Vec::new();
            for outbox in events.iter_mut().filter(|outbox| outbox.sealed_as.is_none()) {
                decisions.extend(outcome(&outbox.event));
                let entry = AuditEntry::following(&last, outbox.event.clone())?;
                outbox.sealed_as = Some(entry.sequence);
                writes.create(&entry)?;
                last = ChainPosition { sequence: entry.sequence, hash: entry.hash };
                writes.update(outbox)?;
                outbox.version += 1;
            }
            let version = found.as_ref().map_or(0, |found| found.version);
            let head = AuditHead { sequence: last.sequence, hash: last.hash, version };
            if found.is_some() {
                writes.update(&head)?
            } else {
                writes.create(&head)?
            }
            match table.commit(writes).await {
                Ok(()) => {
                    // An event is sealed once, so a decision is counted once.
                    for decision in decisions {
                        self.metrics.record(Measurement::Decisions(decision), self.now());
                    }
                    return Ok(events);
                }
                Err(CommitError::Conflict) => {}
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }
}

/// The outcome of a new request, if the event reports one. What people decide later is not counted again.
fn outcome(event: &Event) -> Option<RequestOutcome> {
    let by_policy = event.metadata.get("decisions").and_then(serde_json::Value::as_u64) == Some(0);
    if event.kind == EventKind::RequestBreakGlass {
        Some(RequestOutcome::BreakGlass)
    } else if event.kind == EventKind::RequestPending {
        Some(RequestOutcome::Require)
    } else if event.kind == EventKind::RequestApproved && by_policy {
        Some(RequestOutcome::Auto)
    } else if event.kind == EventKind::RequestDenied && by_policy {
        Some(RequestOutcome::Denied)
    } else {
        None
    }
}
