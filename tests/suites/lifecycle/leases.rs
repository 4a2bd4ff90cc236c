//! Workers that die: how long what they held delays others.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use stint::domain::Urgency;
use stint_local::aws::{Fault, FaultKind, Faults, Limits, Service};
use stint_local::seed::Seed;
use stint_tests::invariants::assignments;
use stint_tests::{As, SANDBOX, World};
use uuid::Uuid;

/// What a dead worker may delay the next deletion by.
const MOST_SECONDS: f64 = 15.0;
/// Lambda calls a function that failed again after a minute (AWS Lambda, "Asynchronous invocation": error handling).
const LAMBDA_RETRY: i64 = 60_000;

async fn world(slots: Option<usize>, latency: u64) -> World {
    let limits = Limits { outstanding_changes: slots, requests_per_second: slots.map(|_| 20) };
    World::limited(Seed::example(), limits, Duration::from_secs(latency)).await
}

/// The worker dies at that call, and is called again when Lambda would.
fn dies(world: &World, function: &str, death: Fault) {
    let again = Fault::new(FaultKind::DelayDelivery).on(Service::BusDelivery, function).after(1);
    world.local.aws().set_faults(Faults { rules: vec![death, again.milliseconds(LAMBDA_RETRY)] });
}

/// When Identity Center was asked for a deletion.
fn deletions(world: &World) -> Arc<Mutex<Vec<Timestamp>>> {
    let (begun, clock) = (Arc::new(Mutex::new(Vec::new())), world.clock.clone());
    let seen = Arc::clone(&begun);
    world.local.aws().set_observer(Arc::new(move |operation, _| {
        if operation == "DeleteAccountAssignment" {
            seen.lock().unwrap().push(clock.now());
        }
    }));
    begun
}

async fn revoke(world: &World, id: &str) {
    world
        .call(As::Person("alice"), Method::DELETE, format!("/v1/grants/{id}"))
        .send()
        .await
        .expect(StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_worker_killed_while_it_gives_access_delays_the_deletion_by_fifteen_seconds_at_most() {
    let deaths = [
        ("CreateAccountAssignment", FaultKind::DieBefore),
        ("CreateAccountAssignment", FaultKind::DieAfter),
        ("DescribeAccountAssignmentCreationStatus", FaultKind::DieBefore),
    ];
    for slots in [None, Some(1)] {
        for (operation, kind) in deaths {
            let world = world(slots, 3).await;
            dies(&world, "provision_grant", Fault::new(kind).on(Service::SsoAdmin, operation));
            let id = world.granted("alice", SANDBOX, "PowerUserAccess", 3600).await;
            world.settle().await;
            assert_eq!(world.local.aws().faults().rules[0].hits, 1, "{operation} {kind:?}");
            let (begun, revoked_at) = (deletions(&world), world.now());
            revoke(&world, &id).await;
            world.settle().await;
            let first = begun.lock().unwrap().first().copied().unwrap();
            let delay = first.duration_since(revoked_at).as_secs_f64();
            assert!(delay <= MOST_SECONDS, "{operation} {kind:?}, {slots:?} slots: {delay} s");
        }
    }
}

#[tokio::test]
async fn slots_of_dead_workers_delay_a_deletion_by_fifteen_seconds_at_most() {
    let world = world(Some(10), 3).await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 3600).await;
    world.settle().await;
    let instance = world.local.seed().aws.instance_arn.clone();
    let quota = Limits { outstanding_changes: Some(10), requests_per_second: Some(20) }.quota();
    world.pass(60);
    let mut held = world.local.table().slots(&instance).await.unwrap();
    while held.take(&quota, Urgency::Ending, Uuid::from_u128(7), world.now()).is_some() {}
    world.local.table().put_slots(&held).await.unwrap();
    let (begun, revoked_at) = (deletions(&world), world.now());
    revoke(&world, &id).await;
    world.settle().await;
    let first = begun.lock().unwrap().first().copied().unwrap();
    let delay = first.duration_since(revoked_at).as_secs_f64();
    assert!(delay <= MOST_SECONDS, "{delay} s");
    assert_eq!(world.grant(&id).await["revocation"]["status"], "done");
}

#[tokio::test]
async fn a_worker_killed_while_it_takes_access_away_is_followed_by_another_within_two_minutes() {
    for place in (0_u32..).step_by(3) {
        let kind = [FaultKind::DieBefore, FaultKind::DieAfter][usize::from(place % 2 == 1)];
        let world = world(Some(1), 3).await;
        let id = world.granted("alice", SANDBOX, "PowerUserAccess", 3600).await;
        world.settle().await;
        world.pass(60);
        let revoked_at = world.now();
        revoke(&world, &id).await;
        dies(&world, "deprovision_grant", Fault::new(kind).after(place));
        world.settle().await;
        if world.local.aws().faults().rules[0].hits == 0 {
            assert!(place > 5, "{place}");
            break;
        }
        while world.grant(&id).await["revocation"]["status"] != "done" {
            let late = world.now().duration_since(revoked_at).as_secs();
            assert!(late <= 120, "{kind:?} at call {place}: {late} s");
            world.wait(5).await;
        }
    }
}

#[tokio::test]
async fn a_worker_that_waits_renews_its_lease_and_its_slot() {
    let world = world(Some(1), 18).await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 3600).await;
    let mut running = tokio::task::JoinSet::new();
    let part = world.clock.take_part();
    let mut held = 0;
    for _ in 0..20 {
        world.local.aws().begin_deliveries(&mut running).await;
        world.clock.sleep(Duration::from_secs(1)).await;
        let items = world.local.aws().items();
        let leases = assignments(&items).filter_map(|assignment| assignment.lease);
        let slots = world.local.table().slots(&world.local.seed().aws.instance_arn).await.unwrap().slots;
        let slots = slots.iter().filter(|slot| slot.holder.is_some()).map(|slot| slot.until);
        for until in leases.map(|lease| lease.until).chain(slots) {
            let left = until.duration_since(world.now()).as_secs_f64();
            assert!(left > 4.0, "{left} s are left of a lease whose holder lives");
            held += 1;
        }
    }
    drop(part);
    while running.join_next().await.is_some() {}
    assert!(held >= 30, "{held}");
    assert_eq!(world.grant(&id).await["provisioning_status"], "successful");
    let begun = world.local.aws().calls().iter().filter(|call| call.operation == "CreateAccountAssignment").count();
    assert_eq!(begun, 1);
}

/// Each step of a change is a write anyway, and renews the lease: so many, before leases were renewed, too.
#[tokio::test]
async fn a_grant_given_without_trouble_costs_no_write_for_renewal() {
    let world = world(Some(10), 3).await;
    world.granted("alice", SANDBOX, "PowerUserAccess", 3600).await;
    world.local.aws().clear_calls();
    world.settle().await;
    let calls = world.local.aws().calls();
    let writes = calls.iter().filter(|call| call.function.as_deref() == Some("provision_grant"));
    let writes = writes.filter(|call| ["PutItem", "TransactWriteItems"].contains(&call.operation.as_str())).count();
    assert_eq!(writes, 8);
}

#[tokio::test]
async fn a_creation_of_long_ago_is_no_access_for_a_grant_that_came_later() {
    let world = world(None, 3).await;
    let dead_at_its_first_question = |calls: u32| {
        let death = Fault::new(FaultKind::DieBefore).on(Service::SsoAdmin, "DescribeAccountAssignmentCreationStatus");
        let again = Fault::new(FaultKind::DelayDelivery).on(Service::BusDelivery, "provision_grant").after(1);
        Faults { rules: vec![death, again.times(calls).milliseconds(60_000)] }
    };
    world.local.aws().set_faults(dead_at_its_first_question(1));
    let first = world.granted("alice", SANDBOX, "PowerUserAccess", 3600).await;
    world.settle().await;
    world.pass(20);
    world.unassign_outside("alice", "PowerUserAccess", SANDBOX).await;
    world.pass(10);
    world.local.aws().set_faults(dead_at_its_first_question(3));
    let second = world.granted("alice", SANDBOX, "PowerUserAccess", 7200).await;
    world.settle().await;
    world.call(As::Person("alice"), Method::DELETE, format!("/v1/grants/{first}")).send().await;
    world.settle().await;
    world.local.aws().set_faults(Faults::default());
    for _ in 0..4 {
        world.wait(30).await;
    }
    assert_eq!(
        (world.grant(&second).await["provisioning_status"].as_str(), world.assignments().len()),
        (Some("successful"), 1)
    );
    world.wait(7200).await;
    assert!(world.assignments().is_empty());
}
