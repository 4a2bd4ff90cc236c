//! The events in `tests/events`, which are there for `cargo lambda invoke`, do what their functions are for.

use std::collections::BTreeMap;
use std::path::Path;

use axum::Router;
use reqwest::StatusCode;
use serde_json::{Value, json};
use stint::clock::Clock;
use stint::http::{Api, app, endpoint};
use stint::workers::{deprovision_grant, provision_grant, publish_events, sweep};
use stint_local::example::{self, Example};
use stint_tests::Answer;
use stint_tests::contract::Operation;
use tower::ServiceExt as _;

fn event(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("events").join(name).with_extension("json");
    std::fs::read_to_string(path).unwrap()
}

fn worker_event(name: &str) -> Value {
    serde_json::from_str(&event(name)).unwrap()
}

async fn start() -> (Example, Clock) {
    let clock = Clock::manual("2026-01-05T09:00:00Z".parse().unwrap());
    (example::start(0, clock.clone()).await.unwrap(), clock)
}

/// Sends an event to one function, as the Lambda runtime does. The events are of the stage `live`.
async fn send(function: Router, event: &str) -> Answer {
    let request = lambda_http::request::from_str(event).unwrap();
    let answer = Router::new().nest("/live", function).oneshot(request).await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let headers: BTreeMap<String, String> =
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or_default() }
}

fn assignments(example: &Example) -> Vec<String> {
    let all = example.aws.assignments().into_iter();
    let mut all: Vec<String> = all.map(|one| format!("{} {}", one.principal, one.permission_set)).collect();
    all.sort();
    all
}

/// One after another, as somebody would who tries them all.
#[tokio::test]
async fn the_event_of_an_endpoint_is_answered_with_success() {
    let (example, clock) = start().await;
    for (name, router) in endpoint::all() {
        let function = app(router, Api::new(example.table.clone(), clock.clone()));
        let event = event(name);
        let answer = send(function, &event).await;
        let said: Value = serde_json::from_str(&event).unwrap();
        let (method, path) = (said["httpMethod"].as_str().unwrap(), said["path"].as_str().unwrap());
        let operation = Operation::of(&method.parse().unwrap(), path).unwrap();
        if name == "approve_request" {
            // Nobody issues tokens here, and a key approves nothing.
            answer.clone().refused(403, "not_a_person");
        } else {
            assert!(answer.status.is_success(), "{name}: {} {}", answer.status, answer.body);
        }
        operation.documents(&answer);
    }
}

#[tokio::test]
async fn the_events_of_workers_publish_give_and_take_away() {
    let (example, _clock) = start().await;
    let workers = &example.workers;
    assert_eq!(assignments(&example), ["alice PowerUserAccess", "bob ReadOnlyAccess", "stint-local ReadOnlyAccess"]);

    let sealed = |example: &Example| {
        let items = example.aws.items();
        items.iter().filter(|item| item["pk"]["S"].as_str().is_some_and(|pk| pk.ends_with("#AUDIT"))).count()
    };
    let before = sealed(&example);
    let answer = publish_events::handle(workers, worker_event("publish_events")).await.unwrap();
    assert_eq!((answer, sealed(&example)), (json!({"batchItemFailures": []}), before + 2));
    provision_grant::handle(workers, worker_event("provision_grant")).await.unwrap();
    deprovision_grant::handle(workers, worker_event("deprovision_grant")).await.unwrap();
    assert_eq!(assignments(&example), ["alice PowerUserAccess", "bob PowerUserAccess", "stint-local ReadOnlyAccess"]);
}

/// What the others were not called for, it does.
#[tokio::test]
async fn the_event_of_sweep_does_what_is_due() {
    let (example, clock) = start().await;
    clock.advance(std::time::Duration::from_secs(120));
    sweep::handle(&example.workers, worker_event("sweep")).await.unwrap();
    assert_eq!(assignments(&example), ["alice PowerUserAccess", "bob PowerUserAccess", "stint-local ReadOnlyAccess"]);
}

/// Nobody without a credential is let in, though everybody knows this one.
#[tokio::test]
async fn an_event_without_its_key_is_refused() {
    let (example, clock) = start().await;
    let function = app(endpoint::policies::list_policies::router(), Api::new(example.table.clone(), clock));
    let stranger = event("list_policies").replace(example.key.expose(), "stint_unknown");
    assert_eq!(send(function, &stranger).await.status, StatusCode::UNAUTHORIZED);
}
