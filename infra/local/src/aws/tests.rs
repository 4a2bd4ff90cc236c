//! The endpoint, driven by the real SDK clients.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails where it stands")]

mod database;
mod delivery;
mod directories;
mod faults;
mod persistence;
mod scheduler;
mod sso_admin;

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::{Value, json};
use stint::clock::Clock;

use super::{AwsEndpoint, Invoker, Options, Rule, StreamTarget, Wiring};

fn clock() -> Clock {
    Clock::manual("2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap())
}

/// Wired as the template is: the stream to `publish`, `requested` events to `provision`, a group `stint`.
fn options() -> Options {
    Options {
        wiring: Wiring {
            stream: Some(StreamTarget {
                function: "publish".to_owned(),
                inserts_with_pk_suffix: Some("#EVENT".to_owned()),
            }),
            rules: vec![Rule {
                bus: "stint".to_owned(),
                source: "stint".to_owned(),
                detail_types: vec!["grant.requested".to_owned()],
                function: "provision".to_owned(),
            }],
            schedule_groups: vec!["stint".to_owned()],
            ..Wiring::default()
        },
        ..Options::in_memory(clock(), crate::seed::Seed::example().aws)
    }
}

async fn start(options: Options) -> (Arc<AwsEndpoint>, Clock) {
    let clock = options.clock.clone();
    (AwsEndpoint::start(options).await.unwrap(), clock)
}

/// The functions' calls, and whether they succeed.
#[derive(Clone, Default)]
struct Functions {
    calls: Arc<Mutex<Vec<(String, Value)>>>,
    /// How many of the next calls fail.
    failures: Arc<Mutex<usize>>,
}

impl Functions {
    fn of(endpoint: &AwsEndpoint) -> Self {
        let functions = Self::default();
        endpoint.set_invoker(functions.invoker());
        functions
    }

    fn invoker(&self) -> Invoker {
        let functions = self.clone();
        Arc::new(move |name, event| {
            functions.calls.lock().unwrap().push((name, event));
            let mut failures = functions.failures.lock().unwrap();
            let fails = *failures > 0;
            *failures = failures.saturating_sub(1);
            Box::pin(async move { if fails { Err("broken".to_owned()) } else { Ok(json!({})) } })
        })
    }

    fn fail(&self, times: usize) {
        *self.failures.lock().unwrap() = times;
    }

    fn take(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

async fn put(endpoint: &AwsEndpoint, pk: &str, sk: &str) {
    use aws_sdk_dynamodb::types::AttributeValue::S;
    aws_sdk_dynamodb::Client::new(&endpoint.sdk_config())
        .put_item()
        .table_name("stint")
        .item("pk", S(pk.to_owned()))
        .item("sk", S(sk.to_owned()))
        .send()
        .await
        .unwrap();
}

async fn put_event(endpoint: &AwsEndpoint, detail_type: &str) {
    let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
        .event_bus_name("stint")
        .source("stint")
        .detail_type(detail_type)
        .detail(r#"{"grant":"g"}"#)
        .build();
    let client = aws_sdk_eventbridge::Client::new(&endpoint.sdk_config());
    let answer = client.put_events().entries(entry).send().await.unwrap();
    assert_eq!(answer.failed_entry_count(), 0);
}

async fn schedule(endpoint: &AwsEndpoint, name: &str, at: &str) {
    create_schedule(endpoint, name, at).send().await.unwrap();
}

fn create_schedule(
    endpoint: &AwsEndpoint,
    name: &str,
    at: &str,
) -> aws_sdk_scheduler::operation::create_schedule::builders::CreateScheduleFluentBuilder {
    use aws_sdk_scheduler::types::{ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, Target};
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off);
    let target = Target::builder()
        .arn("arn:aws:lambda:us-east-1:000000000000:function:revoke")
        .role_arn("arn:aws:iam::000000000000:role/scheduler")
        .input(r#"{"grant":"g"}"#);
    aws_sdk_scheduler::Client::new(&endpoint.sdk_config())
        .create_schedule()
        .name(name)
        .group_name("stint")
        .schedule_expression(format!("at({at})"))
        .flexible_time_window(window.build().unwrap())
        .target(target.build().unwrap())
        .action_after_completion(ActionAfterCompletion::Delete)
}
