//! Turns at Identity Center: one change each, and what becomes of those who find none free.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use stint::domain::{Quota, Turns, Urgency};
use stint_local::aws::{Limits, Service};
use stint_local::seed::Seed;
use stint_tests::{As, PRODUCTION, SANDBOX, World, ask, plain};
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

const SOMEBODY: Uuid = Uuid::from_u128(7);

/// A world with one turn, in which a change takes five seconds.
async fn one_turn() -> (World, Quota) {
    let limits = Limits { outstanding_changes: Some(1), requests_per_second: Some(20) };
    (World::limited(Seed::example(), limits, Duration::from_secs(5)).await, limits.quota())
}

async fn turns(world: &World) -> Turns {
    world.local.table().turns(&world.local.seed().aws.instance_arn).await.unwrap()
}

/// Somebody takes the turn that is free by then.
async fn taken(world: &World, quota: &Quota, seconds_from_now: i64) {
    let mut turns = turns(world).await;
    let then = world.now() + jiff::SignedDuration::from_secs(seconds_from_now);
    turns.take(quota, Urgency::Ending, SOMEBODY, then).unwrap();
    world.local.table().put_turns(&turns).await.unwrap();
}

/// Somebody who has the turn lives, and renews it every three seconds until this is aborted.
fn keep_renewing(world: &World) -> JoinHandle<()> {
    let (table, clock, instance) =
        (world.local.table().clone(), world.clock.clone(), world.local.seed().aws.instance_arn.clone());
    let part = clock.take_part();
    tokio::spawn(async move {
        loop {
            let mut held = table.turns(&instance).await.unwrap();
            assert!(held.keep(0, SOMEBODY, clock.now()));
            table.put_turns(&held).await.unwrap();
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
async fn without_a_turn_nothing_is_begun_nothing_has_failed_and_a_reminder_is_set() {
    let (world, quota) = one_turn().await;
    // A worker died, and its turn is held until its lease runs out.
    taken(&world, &quota, 0).await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    assert_eq!(changes_begun(&world), 0);
    let grant = world.grant(&id).await;
    assert_eq!((&grant["provisioning_status"], &grant["provisioning_error"]), (&json!("pending"), &Value::Null));
    assert_eq!(attempts(&world, &id), 0);
    assert_eq!(turns(&world).await.words, 1);
    world.wait(59).await;
    assert!(world.assignments().is_empty());
    world.wait(1).await;
    assert_eq!(world.assignments().len(), 1, "the reminder came, and the lease had run out");
    assert_eq!(world.grant(&id).await["provisioning_status"], "successful");
    assert!(turns(&world).await.turns.iter().all(|turn| turn.holder.is_none()), "it was given back");
}

#[tokio::test]
async fn an_end_that_waits_for_a_turn_is_no_failed_attempt_and_is_announced_when_it_is_late() {
    let (world, quota) = one_turn().await;
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
async fn who_has_the_turn_goes_on_with_what_others_left_emergencies_first() {
    let (world, _) = one_turn().await;
    let mut running = JoinSet::new();
    let part = world.clock.take_part();
    let mut begin = async || world.local.aws().begin_deliveries(&mut running).await;
    let first = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    begin().await;
    begin().await;
    // The first has the turn before the others come.
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
    assert_eq!(turns(&world).await.words, 1, "one word tells all who have a turn of everything that is due");
    assert_eq!(world.local.aws().throttled(), 0);
    while running.join_next().await.is_some() {}
    assert!(turns(&world).await.turns.iter().all(|turn| turn.holder.is_none()));
}

#[tokio::test]
async fn whose_turn_ran_out_and_went_to_another_asks_identity_center_nothing_more() {
    let (world, quota) = one_turn().await;
    let mut running = JoinSet::new();
    let part = world.clock.take_part();
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 6000).await;
    world.local.aws().begin_deliveries(&mut running).await;
    world.local.aws().begin_deliveries(&mut running).await;
    world.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(changes_begun(&world), 1);
    // It sleeps for longer than its lease, as a frozen process does, and wakes when the turn is another's.
    taken(&world, &quota, 61).await;
    world.local.aws().clear_calls();
    world.pass(61);
    drop(part);
    while running.join_next().await.is_some() {}
    let calls = world.local.aws().calls();
    assert_eq!(calls.iter().filter(|call| call.service == Service::SsoAdmin).count(), 0, "{calls:?}");
    assert_eq!(turns(&world).await.turns[0].holder, Some(SOMEBODY), "and leaves the turn to the other");
    for _ in 0..4 {
        world.wait(60).await;
    }
    assert_eq!(world.grant(&id).await["provisioning_status"], "successful", "its function was called again");
}
