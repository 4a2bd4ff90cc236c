//! Faults strike where they are told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue::S;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use serde_json::json;

use super::{Functions, create_schedule, options, put_event, schedule, start};
use crate::aws::{AwsEndpoint, Fault, FaultKind, Faults, Options, Service};

fn set(endpoint: &AwsEndpoint, fault: Fault) {
    endpoint.set_faults(Faults { rules: vec![fault] });
}

#[tokio::test]
async fn a_refused_call_changes_nothing_and_a_lost_answer_everything() {
    let (endpoint, _) = start(options()).await;
    let at = "2026-01-01T00:10:00";
    let fault = |kind| Fault::new(kind).on(Service::Scheduler, "CreateSchedule");
    set(&endpoint, fault(FaultKind::Refuse));
    let error = create_schedule(&endpoint, "a", at).send().await.unwrap_err();
    assert_eq!(error.code(), Some("InternalServerException"));
    assert!(endpoint.schedules().is_empty());
    set(&endpoint, fault(FaultKind::LoseAnswer));
    let error = create_schedule(&endpoint, "a", at).send().await.unwrap_err();
    assert_eq!(error.code(), None, "{error:?}");
    assert_eq!(endpoint.schedules().len(), 1);
    set(&endpoint, fault(FaultKind::Throttle));
    let error = create_schedule(&endpoint, "b", at).send().await.unwrap_err();
    assert!(error.into_service_error().is_throttling_exception());
}

#[tokio::test]
async fn a_client_that_retries_survives_a_lost_answer() {
    let (endpoint, _) = start(Options { max_attempts: 2, ..options() }).await;
    set(&endpoint, Fault::new(FaultKind::LoseAnswer));
    create_schedule(&endpoint, "a", "2026-01-01T00:10:00").send().await.unwrap();
    assert_eq!(endpoint.calls().len(), 2);
    assert_eq!(endpoint.faults().rules[0].hits, 1);
}

#[tokio::test]
async fn a_conflict_cancels_a_transaction() {
    let (endpoint, _) = start(options()).await;
    set(&endpoint, Fault::new(FaultKind::Conflict).on(Service::DynamoDb, "TransactWriteItems"));
    let put = Put::builder().table_name("stint").item("pk", S("a".into())).item("sk", S("a".into()));
    let item = TransactWriteItem::builder().put(put.build().unwrap()).build();
    let client = aws_sdk_dynamodb::Client::new(&endpoint.sdk_config());
    let error = client.transact_write_items().transact_items(item).send().await.unwrap_err();
    let error = error.into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
        cancelled,
    ) = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(cancelled.cancellation_reasons()[0].code(), Some("TransactionConflict"));
    assert!(endpoint.items().is_empty());
}

#[tokio::test]
async fn calls_pass_until_it_is_their_slot() {
    let (endpoint, _) = start(options()).await;
    set(&endpoint, Fault::new(FaultKind::Refuse).after(1).times(2));
    let mut went = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let call = create_schedule(&endpoint, name, "2026-01-01T00:10:00");
        went.push(call.send().await.is_ok());
    }
    assert_eq!(went, [true, false, false, true]);
}

#[tokio::test]
async fn chance_hits_some_and_lets_the_others_pass() {
    let (endpoint, _) = start(options()).await;
    set(&endpoint, Fault::new(FaultKind::Refuse).chance(50));
    let mut went = Vec::new();
    for number in 0..40 {
        let call = create_schedule(&endpoint, &number.to_string(), "2026-01-01T00:10:00");
        went.push(call.send().await.is_ok());
    }
    assert!(went.contains(&true) && went.contains(&false), "{went:?}");
}

#[tokio::test]
async fn jitter_lets_calls_overtake_one_another() {
    let (endpoint, _) = start(options()).await;
    set(&endpoint, Fault::new(FaultKind::Jitter).times(u32::MAX).milliseconds(20));
    let came = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&came);
    endpoint.set_observer(Arc::new(move |_, input| log.lock().unwrap().push(input["Name"].clone())));
    let names: Vec<String> = (0..20).map(|number| format!("{number:02}")).collect();
    let calls = names.iter().map(|name| create_schedule(&endpoint, name, "2026-01-01T00:10:00").send());
    futures_util::future::try_join_all(calls).await.unwrap();
    let came = came.lock().unwrap().clone();
    assert_eq!(came.len(), names.len());
    assert!(!came.is_sorted_by_key(|name| name.to_string()), "{came:?}");
}

#[tokio::test]
async fn deliveries_are_dropped_doubled_and_delayed() {
    let (endpoint, clock) = start(options()).await;
    let functions = Functions::of(&endpoint);
    let bus = |kind| Fault::new(kind).on(Service::BusDelivery, "provision");
    set(&endpoint, bus(FaultKind::DropDelivery));
    put_event(&endpoint, "grant.requested").await;
    assert_eq!(endpoint.deliver().await, 0);
    assert_eq!(endpoint.queued_events(), 0);
    set(&endpoint, bus(FaultKind::DoubleDelivery));
    put_event(&endpoint, "grant.requested").await;
    assert_eq!(endpoint.deliver().await, 2);
    let calls = functions.take();
    assert_eq!(calls[0], calls[1]);
    set(&endpoint, bus(FaultKind::LoseAnswer));
    put_event(&endpoint, "grant.requested").await;
    assert_eq!(endpoint.deliver().await, 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(endpoint.deliver().await, 1);
    let late = Fault::new(FaultKind::DelayDelivery).on(Service::ScheduleDelivery, "revoke");
    set(&endpoint, late.milliseconds(60_000));
    schedule(&endpoint, "a", "2026-01-01T00:00:00").await;
    assert_eq!(endpoint.deliver().await, 0);
    clock.advance(Duration::from_secs(60));
    assert_eq!(endpoint.deliver().await, 1);
}

#[test]
fn faults_are_read_from_what_a_person_writes() {
    let written = json!({ "rules": [
        { "service": "sso_admin", "operation": "CreateAccountAssignment", "kind": "slow", "milliseconds": 500 },
        { "kind": "drop_delivery", "skip": 2, "times": 3 },
    ]});
    let faults: Faults = serde_json::from_value(written).unwrap();
    assert_eq!(faults.rules[0].service, Some(Service::SsoAdmin));
    assert_eq!(faults.rules[1].times, 3);
    assert!(serde_json::from_value::<Faults>(json!({ "rules": [{ "kind": "explode" }] })).is_err());
}
