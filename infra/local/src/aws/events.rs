//! EventBridge: accepts events and queues them for each rule's function.
//!
//! An accepted event is on disk before it is answered, once for every target, and leaves when that target succeeded.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::options::Rule;
use super::permissions::{Permission, arn, everything, members, permission, text};
use super::service::{CONFLICT, Invocation, StandIn};
use super::state::{QueuedEvent, Retry};
use super::wire::{Answer, Failure, Request, read};
use super::{REGION, Services};

/// Of one entry, and of all entries of a call.
const LARGEST: usize = 256 * 1024;

const MOST_ENTRIES: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    time: Option<f64>,
    source: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    event_bus_name: Option<String>,
}

/// An entry that lacks nothing.
struct Event {
    bus: String,
    source: String,
    detail_type: String,
    detail: Value,
    resources: Vec<String>,
    time: Timestamp,
}

/// `ErrorCode` and `ErrorMessage` of an entry.
type Rejected = (&'static str, String);

pub(super) const STAND_IN: StandIn = StandIn {
    target: Some("AWSEvents"),
    answer: Services::events,
    required_permissions,
    on_change: |services| services.delivery.queue_changed.notify_one(),
    internal_error: "InternalException",
    conflict: |_| Failure::new("ConcurrentModificationException", CONFLICT),
    ..StandIn::JSON_1_1
};

fn required_permissions(request: &Request, account: &str) -> Vec<Permission> {
    if request.operation != "PutEvents" {
        return everything(request, account);
    }
    let buses = members(&request.input, "Entries").map(|entry| text(entry, "EventBusName"));
    buses.map(|bus| permission("events", "PutEvents", arn("events", account, "event-bus/", bus))).collect()
}

impl Services {
    fn events(&self, call: &Invocation<'_>) -> Answer {
        let (operation, input) = (call.operation, call.input);
        match operation {
            "PutEvents" => self.put_events(read(input)?),
            _ => Err(Failure::unknown_operation(operation)),
        }
    }

    fn put_events(&self, input: PutEvents) -> Answer {
        if input.entries.is_empty() || input.entries.len() > MOST_ENTRIES {
            return Err(Failure::validation(format!(
                "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have \
                 length between 1 and {MOST_ENTRIES}"
            )));
        }
        if input.entries.iter().map(Entry::size).sum::<usize>() > LARGEST {
            return Err(Failure::validation("Total size of the entries in the request is over the limit."));
        }
        let now = self.clock.now();
        let entries: Vec<_> = input.entries.into_iter().map(|entry| entry.check(now)).collect();
        let failed = entries.iter().filter(|entry| entry.is_err()).count();
        let entries = self.store.change(|state| {
            let answers = entries.into_iter().map(|entry| match entry {
                Err((code, message)) => json!({ "ErrorCode": code, "ErrorMessage": message }),
                Ok(event) => {
                    let id = state.next_uuid(now).to_string();
                    for rule in self.wiring.rules.iter().filter(|rule| rule.matches(&event)) {
                        let queued = QueuedEvent {
                            id: state.next_number(),
                            function: rule.function.clone(),
                            event: event.document(&id, &self.seeded.account_id),
                            retry: Retry::default(),
                        };
                        state.queue.push(queued);
                    }
                    json!({ "EventId": id })
                }
            });
            Ok(answers.collect::<Vec<_>>())
        })?;
        Ok(json!({ "FailedEntryCount": failed, "Entries": entries }))
    }
}

impl Entry {
    /// As EventBridge counts: the time is 14 bytes, text is its UTF-8 length.
    fn size(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        let resources: usize = self.resources.iter().map(String::len).sum();
        texts + resources + if self.time.is_some() { 14 } else { 0 }
    }

    fn check(self, now: Timestamp) -> Result<Event, Rejected> {
        let source = required(self.source, "Source")?;
        let detail_type = required(self.detail_type, "DetailType")?;
        let detail = required(self.detail, "Detail")?;
        let detail = serde_json::from_str(&detail)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| ("MalformedDetail", "Detail is malformed.".to_owned()))?;
        let time = match self.time {
            None => now,
            Some(seconds) => jiff::SignedDuration::try_from_secs_f64(seconds)
                .and_then(Timestamp::from_duration)
                .map_err(|error| ("InvalidArgument", format!("Parameter Time is not valid: {error}")))?,
        };
        // A bus in the same account is named by its name or by its ARN.
        let bus = self.event_bus_name.as_deref().unwrap_or("default");
        Ok(Event {
            bus: bus.rsplit('/').next().unwrap_or(bus).to_owned(),
            source,
            detail_type,
            detail,
            resources: self.resources,
            time,
        })
    }
}

fn required(value: Option<String>, name: &str) -> Result<String, Rejected> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| {
        let message = format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
        ("InvalidArgument", message)
    })
}

impl Event {
    /// What a Lambda target is given.
    fn document(&self, id: &str, account_id: &str) -> Value {
        json!({
            "version": "0",
            "id": id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": account_id,
            "time": self.time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": REGION,
            "resources": self.resources,
            "detail": self.detail,
        })
    }
}

impl Rule {
    fn matches(&self, event: &Event) -> bool {
        self.bus == event.bus
            && self.source == event.source
            && (self.detail_types.is_empty() || self.detail_types.contains(&event.detail_type))
    }
}
