//! What workers are called with: records of the stream, payloads of Scheduler, events of the bus.

use proptest::prelude::*;
use serde_json::{Value, json};
use stint_tests::{SANDBOX, World};

use super::mutation::{edit, json, try_out};

const WORKERS: [&str; 4] = ["publish_events", "provision_grant", "deprovision_grant", "sync"];

/// What each worker is called with in truth, about a grant that was given.
async fn payloads(world: World) -> (World, [Value; 3]) {
    let grant = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    let event = world.items("EVENT").pop().unwrap();
    let keys = json!({"pk": event["pk"], "sk": event["sk"]});
    let record = json!({"eventName": "INSERT", "dynamodb": {"Keys": keys, "SequenceNumber": "1", "NewImage": event}});
    let by_scheduler = json!({"tenant_id": world.local.tenant_id(), "grant_id": grant});
    let mut detail = stint_tests::plain(&event);
    detail["resource_id"] = json!(grant);
    world.settle().await;
    (world, [json!({"Records": [record]}), json!({"source": "stint", "detail": detail}), by_scheduler])
}

/// A worker that panicked would have been gone, and the batch with it.
async fn call(world: &World, worker: &str, payload: Value) {
    let before = world.assignments();
    let _ = world.local.invoke(worker, payload).await;
    assert_eq!(world.assignments(), before, "{worker}");
    world.audit();
}

#[test]
fn anything_at_all_changes_nothing() {
    let calls = (proptest::sample::select(&WORKERS[..]), json());
    try_out(96, &calls, async |world| world, async |world, (worker, payload)| call(world, worker, payload).await);
}

#[test]
fn what_was_changed_on_the_way_is_read_as_it_is_or_not_at_all() {
    let calls = (0..WORKERS.len(), 0..3_usize, edit());
    try_out(96, &calls, payloads, async |(world, payloads), (worker, payload, edit)| {
        call(world, WORKERS[worker], edit.of(&payloads[payload])).await;
    });
}

#[test]
fn what_was_not_changed_is_read() {
    let calls = Just(());
    try_out(1, &calls, payloads, async |(world, [records, event, by_scheduler]), ()| {
        for (worker, payload) in
            [("publish_events", records), ("provision_grant", event), ("deprovision_grant", by_scheduler)]
        {
            world.local.invoke(worker, payload.clone()).await.unwrap();
        }
    });
}
