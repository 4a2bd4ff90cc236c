//! The event bus (Amazon EventBridge).

use aws_sdk_eventbridge::error::DisplayErrorContext;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use crate::domain::Event;

/// The `source` of stint's events.
pub const SOURCE: &str = "stint";
/// The most events in a call of `PutEvents` (Amazon EventBridge quotas).
pub const MOST_AT_ONCE: usize = 10;

/// The event bus of a stack.
#[derive(Debug, Clone)]
pub struct Bus {
    client: aws_sdk_eventbridge::Client,
    name: String,
}

/// The bus refused the call or could not be reached.
#[derive(Debug, Clone, thiserror::Error)]
#[error("event bus: {0}")]
pub struct BusError(String);

impl Bus {
    /// The bus with this name.
    #[must_use]
    pub fn new(client: aws_sdk_eventbridge::Client, name: String) -> Self {
        Self { client, name }
    }

    /// Puts at most [`MOST_AT_ONCE`] events on the bus. They may arrive more than once and in any order.
    ///
    /// # Errors
    ///
    /// [`BusError`] if not all of them were accepted; some may have been.
    pub async fn put(&self, events: &[&Event]) -> Result<(), BusError> {
        let entries = events.iter().map(|event| self.entry(event)).collect::<Result<Vec<_>, _>>()?;
        let answer = self
            .client
            .put_events()
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|error| BusError(DisplayErrorContext(error).to_string()))?;
        if answer.failed_entry_count == 0 {
            return Ok(());
        }
        let codes: Vec<_> =
            answer.entries.unwrap_or_default().into_iter().filter_map(|entry| entry.error_code).collect();
        Err(BusError(format!("{} of {} refused: {}", answer.failed_entry_count, events.len(), codes.join(", "))))
    }

    fn entry(&self, event: &Event) -> Result<PutEventsRequestEntry, BusError> {
        let detail = serde_json::to_string(event).map_err(|error| BusError(error.to_string()))?;
        Ok(PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(event.kind.as_str())
            .detail(detail)
            .build())
    }
}
