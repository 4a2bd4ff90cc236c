//! Streams, events and schedules find their functions.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_eventbridge::error::ProvideErrorMetadata;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::json;
use stint::clock::Clock;

use super::{Functions, options, put, put_event, schedule, start};
use crate::aws::{AwsEndpoint, Options};

#[tokio::test]
async fn the_stream_is_delivered_in_order_filtered_and_retried() {
    let (endpoint, clock) = start(options()).await;
    let functions = Functions::of(&endpoint);
    put(&endpoint, "T#1#REQUEST", "a").await;
    put(&endpoint, "T#1#EVENT", "1").await;
    put(&endpoint, "T#1#EVENT", "2").await;
    put(&endpoint, "T#1#EVENT", "2").await;
    functions.fail(1);
    assert_eq!(endpoint.deliver().await, 1);
    let failed = functions.take();
    assert_eq!(endpoint.deliver().await, 0, "it waits for the clock");
    clock.advance(Duration::from_millis(200));
    assert_eq!(endpoint.deliver().await, 1);
    let calls = functions.take();
    assert_eq!(calls, failed, "the batch is the same");
    let (function, event) = &calls[0];
    assert_eq!(function, "publish");
    let records = event["Records"].as_array().unwrap();
    let keys: Vec<_> = records.iter().map(|record| &record["dynamodb"]["Keys"]["sk"]["S"]).collect();
    assert_eq!(keys, ["1", "2"], "a MODIFY is filtered out");
    let record = &records[0];
    assert_eq!(record["eventName"], "INSERT");
    assert_eq!(record["eventSource"], "aws:dynamodb");
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(record["dynamodb"]["NewImage"]["pk"]["S"], "T#1#EVENT");
    assert_eq!(record["dynamodb"]["ApproximateCreationDateTime"], 1_767_225_600.0);
    assert_eq!(endpoint.deliver().await, 0);
    put(&endpoint, "T#1#EVENT", "3").await;
    assert_eq!(endpoint.deliver().await, 1);
    assert_eq!(functions.take()[0].1["Records"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_long_stream_comes_in_batches_of_a_hundred() {
    let (endpoint, _) = start(options()).await;
    let functions = Functions::of(&endpoint);
    for number in 0..150 {
        put(&endpoint, "T#1#EVENT", &format!("{number:03}")).await;
    }
    assert_eq!(endpoint.deliver().await, 2);
    let sizes: Vec<_> = functions.take().iter().map(|(_, event)| event["Records"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [100, 50]);
}

#[tokio::test]
async fn an_event_reaches_its_rule_until_it_succeeds() {
    let (endpoint, clock) = start(options()).await;
    let functions = Functions::of(&endpoint);
    put_event(&endpoint, "grant.requested").await;
    put_event(&endpoint, "grant.other").await;
    assert_eq!(endpoint.queued_events(), 1);
    functions.fail(2);
    assert_eq!(endpoint.deliver().await, 1);
    assert_eq!(endpoint.deliver().await, 0);
    clock.advance(Duration::from_millis(200));
    assert_eq!(endpoint.deliver().await, 1);
    clock.advance(Duration::from_millis(200));
    assert_eq!(endpoint.deliver().await, 0, "the delay grows");
    clock.advance(Duration::from_millis(200));
    assert_eq!(endpoint.deliver().await, 1);
    assert_eq!(endpoint.queued_events(), 0);
    let calls = functions.take();
    let (function, event) = &calls[2];
    assert_eq!(function, "provision");
    assert_eq!(event["detail-type"], "grant.requested");
    assert_eq!(event["source"], "stint");
    assert_eq!(event["time"], "2026-01-01T00:00:00Z");
    assert_eq!(event["detail"], json!({ "grant": "g" }));
}

#[tokio::test]
async fn entries_fail_one_by_one_and_too_much_fails_whole() {
    let (endpoint, _) = start(options()).await;
    let client = aws_sdk_eventbridge::Client::new(&endpoint.sdk_config());
    let entry = || PutEventsRequestEntry::builder().source("stint").detail_type("t");
    let answer = client
        .put_events()
        .entries(entry().detail("{}").build())
        .entries(entry().detail("{").build())
        .entries(PutEventsRequestEntry::builder().source("stint").detail("{}").build())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.failed_entry_count(), 2);
    let codes: Vec<_> = answer.entries().iter().map(|entry| entry.error_code()).collect();
    assert_eq!(codes, [None, Some("MalformedDetail"), Some("InvalidArgument")]);
    let eleven = vec![entry().detail("{}").build(); 11];
    let error = client.put_events().set_entries(Some(eleven)).send().await.unwrap_err();
    assert_eq!(error.code(), Some("ValidationException"));
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(256 * 1024));
    let error = client.put_events().entries(entry().detail(large).build()).send().await;
    assert_eq!(error.unwrap_err().code(), Some("ValidationException"));
}

#[tokio::test]
async fn a_batch_that_failed_in_part_is_taken_up_where_it_failed() {
    let (endpoint, clock) = start(options()).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    endpoint.set_invoker(Arc::new(move |_, event| {
        let records = event["Records"].as_array().unwrap().clone();
        let failed = records.get(1).map(|record| &record["dynamodb"]["SequenceNumber"]);
        let failures: Vec<_> = failed.into_iter().map(|number| json!({ "itemIdentifier": number })).collect();
        let answer = json!({ "batchItemFailures": failures });
        let keys = records.iter().map(|record| record["dynamodb"]["Keys"]["sk"]["S"].clone());
        log.lock().unwrap().push(keys.collect::<Vec<_>>());
        Box::pin(async move { Ok(answer) })
    }));
    put(&endpoint, "T#1#EVENT", "1").await;
    put(&endpoint, "T#1#EVENT", "2").await;
    assert_eq!(endpoint.deliver().await, 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(endpoint.deliver().await, 1);
    assert_eq!(endpoint.deliver().await, 0);
    assert_eq!(*seen.lock().unwrap(), [vec!["1", "2"], vec!["2"]]);
}

#[tokio::test]
async fn a_function_runs_no_more_often_at_once_than_it_may() {
    let (endpoint, clock) = start(options()).await;
    let running = Arc::new(Mutex::new((0_usize, 0_usize)));
    let (log, sleeps) = (Arc::clone(&running), clock.clone());
    endpoint.set_invoker(Arc::new(move |_, _| {
        let (log, sleeps) = (Arc::clone(&log), sleeps.clone());
        Box::pin(async move {
            {
                let mut log = log.lock().unwrap();
                log.0 += 1;
                log.1 = log.1.max(log.0);
            }
            sleeps.sleep(Duration::from_secs(1)).await;
            log.lock().unwrap().0 -= 1;
            Ok(json!(null))
        })
    }));
    for _ in 0..5 {
        put_event(&endpoint, "grant.requested").await;
    }
    let mut jobs = tokio::task::JoinSet::new();
    while endpoint.queued_events() > 0 {
        endpoint.begin_deliveries(&mut jobs).await;
        while jobs.join_next().await.is_some() {}
    }
    assert_eq!(*running.lock().unwrap(), (0, 2));
}

/// The only test on the machine's clock: what it asserts is that waiting is short, and idling free.
#[tokio::test]
async fn a_running_endpoint_delivers_as_things_come() {
    let (endpoint, _) = start(Options { clock: Clock::System, ..options() }).await;
    let functions = Functions::of(&endpoint);
    let run = tokio::spawn(Arc::clone(&endpoint).run());
    put(&endpoint, "T#1#EVENT", "1").await;
    waits_for(&endpoint, &functions, 1).await;
    put_event(&endpoint, "grant.requested").await;
    waits_for(&endpoint, &functions, 2).await;
    schedule(&endpoint, "grant-1", "2026-01-01T00:00:00").await;
    waits_for(&endpoint, &functions, 3).await;
    functions.fail(1);
    put_event(&endpoint, "grant.requested").await;
    waits_for(&endpoint, &functions, 5).await;
    run.abort();
}

async fn waits_for(endpoint: &AwsEndpoint, functions: &Functions, calls: usize) {
    let wait = async {
        while functions.count() < calls {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(5), wait).await;
    assert!(waited.is_ok(), "{} of {calls} calls, {} queued", functions.count(), endpoint.queued_events());
}
