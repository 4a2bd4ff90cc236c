//! Slots at Identity Center: one change each, and what becomes of those who find none free.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use stint::domain::{Quota, SlotTable, Urgency};
use stint_local::aws::{Fault, FaultKind, Faults, Limits, Service};
use stint_local::seed::Seed;
use stint_tests::{As, PRODUCTION, SANDBOX, World, ask, plain};
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

const SOMEBODY: Uuid = Uuid::from_u128(7);

/// A world with one slot, in which a change takes five seconds.
async fn one_slot() -> (World, Quota) {
    let limits = Limits { outstanding_changes: Some(1), requests_per_second: Some(20) };
    (World::limited(Seed::example(), limits, Duration::from_secs(5)).await, limits.quota())
}

async fn slots(world: &World) -> SlotTable {
    world.local.table().slots(&world.local.seed().aws.instance_arn).await.unwrap()
}

/// Somebody takes the slot that is free by then.
async fn taken(world: &World, quota: &Quota, seconds_from_now: i64) {
    let mut slots = slots(world).await;
    let then = world.now() + jiff::SignedDuration::from_secs(seconds_from_now);
    slots.take(quota, Urgency::Ending, SOMEBODY, then).unwrap();
    world.local.table().put_slots(&slots).await.unwrap();
}

/// Somebody who has the slot lives, and renews it every three seconds until this is aborted.
fn keep_renewing(world: &World) -> JoinHandle<()> {
    let (table, clock, instance) =
        (world.local.table().clone(), world.clock.clone(), world.local.seed().aws.instance_arn.clone());
    let part = clock.take_part();
    tokio::spawn(async move {
        loop {
            let mut held = table.slots(&instance).await.unwrap();
            assert!(held.renew(0, SOMEBODY, clock.now()));
            table.put_slots(&held).await.unwrap();
            clock.sleep(Duration::from_secs(3)).await;
            let _ = &part;
        }
    })
}

fn changes_begun(world: &World) -> usize {
    let calls = world.local.aws().calls();
    calls.iter().filter(|call| call.service == Service::SsoAdmin && call.operation.ends_with("Assignment")).count()
}

fn attempts(world: &World, id: &str) -> Value {
    let grants = world.items("GRANT");
    let grant = grants.iter().map(plain).find(|grant| grant["id"] == id).unwrap();
    grant["provisioning"]["attempts"].clone()
}

#[tokio::test]
async fn without_a_slot_nothing_is_begun_nothing_has_failed_and_a_reminder_is_set() {
    let (world, quota) = one_slot().await;
    // A worker died, and its slot is held until its lease runs out.
    taken(&world, &quota, 0).await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    assert_eq!(changes_begun(&world), 0);
    let grant = world.grant(&id).await;
    assert_eq!((&grant["provisioning_status"], &grant["provisioning_error"]), (&json!("pending"), &Value::Null));
    assert_eq!(attempts(&world, &id), 0);
    assert_eq!(slots(&world).await.wakeups, 1);
    world.wait(59).await;
    assert!(world.assignments().is_empty());
    world.wait(1).await;
    assert_eq!(world.assignments().len(), 1, "the reminder came, and the lease had run out");
    assert_eq!(world.grant(&id).await["provisioning_status"], "successful");
    assert!(slots(&world).await.slots.iter().all(|slot| slot.holder.is_none()), "it was given back");
}

#[tokio::test]
async fn an_end_that_waits_for_a_slot_is_no_failed_attempt_and_is_announced_when_it_is_late() {
    let (world, quota) = one_slot().await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    world.pass(600);
    taken(&world, &quota, 0).await;
    for (seconds, delayed) in [(0, 0), (61, 1), (61, 1)] {
        world.pass(seconds);
        let (keeper, part) = (keep_renewing(&world), world.clock.take_part());
        world.settle().await;
        keeper.abort();
        drop(part);
        let revocation = world.grant(&id).await["revocation"].clone();
        assert_eq!((&revocation["status"], &revocation["attempts"]), (&json!("pending"), &json!(0)), "{revocation}");
        let announced = world.audit().iter().filter(|action| *action == "grant.revocation_delayed").count();
        assert_eq!(announced, delayed, "after {seconds} seconds");
        assert_eq!(world.assignments().len(), 1);
    }
    world.wait(120).await;
    assert!(world.assignments().is_empty());
    assert_eq!(world.grant(&id).await["revocation"]["status"], "done");
}

#[tokio::test]
async fn who_has_the_slot_goes_on_with_what_others_left_emergencies_first() {
    let (world, _) = one_slot().await;
    let mut running = JoinSet::new();
    let part = world.clock.take_part();
    let mut begin = async || world.local.aws().begin_deliveries(&mut running).await;
    let first = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    begin().await;
    begin().await;
    // The first has the slot before the others come.
    world.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(changes_begun(&world), 1);
    let ordinary = world.granted("bob", SANDBOX, "PowerUserAccess", 600).await;
    let mut body = ask(PRODUCTION, "AdministratorAccess", 600);
    body["break_glass"] = json!(true);
    let request = world.post(As::Person("carol"), "/v1/requests", body).await.expect(StatusCode::CREATED);
    let urgent = request["grant_ids"][0].as_str().unwrap().to_owned();
    for _ in 0..30 {
        begin().await;
        world.clock.sleep(Duration::from_secs(1)).await;
    }
    drop(part);
    let mut activated = Vec::new();
    for id in [&first, &urgent, &ordinary] {
        activated.push(world.grant(id).await["activated_at"].as_str().unwrap().to_owned());
    }
    assert!(activated.is_sorted(), "{activated:?}");
    assert_eq!(slots(&world).await.wakeups, 1, "one word tells all who have a slot of everything that is due");
    assert_eq!(world.local.aws().throttled(), 0);
    while running.join_next().await.is_some() {}
    assert!(slots(&world).await.slots.iter().all(|slot| slot.holder.is_none()));
}

#[tokio::test]
async fn whose_slot_ran_out_and_went_to_another_asks_identity_center_nothing_more() {
    let (world, quota) = one_slot().await;
    let mut running = JoinSet::new();
    let part = world.clock.take_part();
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 6000).await;
    world.local.aws().begin_deliveries(&mut running).await;
    world.local.aws().begin_deliveries(&mut running).await;
    world.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(changes_begun(&world), 1);
    // It sleeps for longer than its lease, as a frozen process does, and wakes when the slot is another's.
    taken(&world, &quota, 61).await;
    world.local.aws().clear_calls();
    world.pass(61);
    drop(part);
    while running.join_next().await.is_some() {}
    let calls = world.local.aws().calls();
    assert_eq!(calls.iter().filter(|call| call.service == Service::SsoAdmin).count(), 0, "{calls:?}");
    assert_eq!(slots(&world).await.slots[0].holder, Some(SOMEBODY), "and leaves the slot to the other");
    for _ in 0..4 {
        world.wait(60).await;
    }
    assert_eq!(world.grant(&id).await["provisioning_status"], "successful", "its function was called again");
}

#[tokio::test]
async fn a_worker_that_others_overtake_at_the_slots_tries_on_and_nothing_has_failed() {
    let (world, _) = one_slot().await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    world.pass(600);
    let overtaken = Fault::new(FaultKind::Conflict).on(Service::DynamoDb, "PutItem").times(15);
    world.local.aws().set_faults(Faults { rules: vec![overtaken] });
    world.settle().await;
    assert_eq!(world.local.aws().faults().rules[0].times, 0, "all were met");
    let grant = world.grant(&id).await;
    assert_eq!((&grant["revocation"]["status"], &grant["revocation"]["attempts"]), (&json!("done"), &json!(1)));
}
