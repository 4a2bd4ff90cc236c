//! The invariants of ARCHITECTURE.md, each by its number.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_local::aws::{Fault, FaultKind, Faults, Service};
use stint_tests::{As, PRODUCTION, SANDBOX, World, ask};

/// The grants that stand in the index of what falls due.
fn obligations(items: &[Value]) -> usize {
    items
        .iter()
        .filter(|item| item["pk"]["S"].as_str().unwrap().ends_with("#GRANT") && item.get("due_pk").is_some())
        .count()
}

#[tokio::test]
async fn invariant_1_obligation_and_schedule_exist_before_the_assignment() {
    let world = World::start().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (aws, log) = (Arc::downgrade(world.local.aws()), Arc::clone(&seen));
    world.local.aws().set_observer(Arc::new(move |operation, _| {
        if operation == "CreateAccountAssignment" {
            let aws = aws.upgrade().unwrap();
            log.lock().unwrap().push((obligations(&aws.items()), aws.schedules().len()));
        }
    }));
    world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    assert_eq!(obligations(&world.local.aws().items()), 1, "from the decision on");
    world.settle().await;
    assert_eq!(*seen.lock().unwrap(), [(1, 1)]);
}

#[tokio::test]
async fn invariant_2_an_assignment_has_a_live_grant_or_an_obligation_whatever_call_fails() {
    // Every call the workers make in the life of one grant, refused once.
    for skip in 0..40 {
        let world = World::start().await;
        world.granted("alice", SANDBOX, "PowerUserAccess", 120).await;
        let fault = Fault::new(FaultKind::Refuse).after(skip).times(1);
        world.local.aws().set_faults(Faults { rules: vec![fault] });
        for step in 0..12 {
            world.wait(60).await;
            // What the sweep alone finds, it finds within its five minutes.
            if step >= 4 {
                let _ = world.local.sweep().await;
            }
            let items = world.local.aws().items();
            assert!(world.assignments().is_empty() || obligations(&items) == 1, "call {skip}");
        }
        assert!(world.assignments().is_empty(), "call {skip}");
        assert_eq!(obligations(&world.local.aws().items()), 0, "call {skip}");
        world.audit();
    }
}

#[tokio::test]
async fn invariant_3_done_means_gone_or_held_by_another() {
    let world = World::start().await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    let fails = Fault::new(FaultKind::FailAsync).on(Service::SsoAdmin, "DeleteAccountAssignment").times(5);
    world.local.aws().set_faults(Faults { rules: vec![fails] });
    world.pass(600);
    for _ in 0..30 {
        world.wait(60).await;
        let done = world.grant(&id).await["revocation"]["status"] == "done";
        assert_eq!(done, world.assignments().is_empty());
    }
    assert!(world.assignments().is_empty());

    // Another grant holds it.
    let shorter = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    let longer = world.granted("alice", SANDBOX, "PowerUserAccess", 1200).await;
    world.settle().await;
    let is_done = async |id: &str| world.grant(id).await["revocation"]["status"] == "done";
    world.wait(600).await;
    assert!(is_done(&shorter).await && !world.assignments().is_empty());
    world.wait(600).await;
    assert!(is_done(&longer).await && world.assignments().is_empty());

    // It was there before.
    world.assign_outside("alice", "PowerUserAccess", SANDBOX).await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    world.wait(600).await;
    assert!(is_done(&id).await && !world.assignments().is_empty());
}

#[tokio::test]
async fn invariant_4_each_change_has_one_audit_entry_and_the_chain_verifies() {
    let world = World::start().await;
    let doubled = Fault::new(FaultKind::DoubleDelivery).on(Service::StreamDelivery, "publish_events").times(u32::MAX);
    world.local.aws().set_faults(Faults { rules: vec![doubled] });
    world.granted("alice", SANDBOX, "PowerUserAccess", 60).await;
    world.request("alice", PRODUCTION, "AdministratorAccess", 60).await.refused(403, "policy_denied");
    world.settle().await;
    world.wait(60).await;
    let audit = world.audit();
    assert_eq!(audit.len(), world.items("EVENT").len());
    assert_eq!(audit.iter().filter(|action| *action == "grant.active").count(), 1);
}

#[tokio::test]
async fn invariant_5_a_request_has_one_outcome() {
    let world = World::start().await;
    for _ in 0..4 {
        let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 60).await.expect(StatusCode::CREATED);
        let id = request["id"].as_str().unwrap();
        let calls = (0..12).map(|n| {
            let (who, verb) = [("bob", "approve"), ("carol", "deny"), ("alice", "cancel")][n % 3];
            world.post(As::Person(who), format!("/v1/requests/{id}/{verb}"), json!({}))
        });
        let answers = join_all(calls).await;
        let won = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
        let lost = answers.iter().filter(|answer| answer.status == StatusCode::CONFLICT).count();
        assert_eq!((won, lost), (1, 11));
    }
    world.settle().await;
    let outcomes = ["request.approved", "request.denied", "request.cancelled"];
    let audit = world.audit();
    assert_eq!(audit.iter().filter(|action| outcomes.contains(&action.as_str())).count(), 4);
}

#[tokio::test]
async fn invariant_6_tenants_never_meet() {
    let world = World::start().await;
    let other = world.second_tenant().await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;

    let here = world.local.tenant_id().to_string();
    let there = other.id.to_string();
    let call = |who, tenant: &str, path: &str| {
        world.call(who, Method::GET, path.to_owned()).header("x-tenant-id", tenant).send()
    };
    let grant = format!("/v1/grants/{id}");
    call(As::ApiKey(&other.key), &here, &grant).await.refused(403, "tenant_mismatch");
    call(As::ApiKey(&other.key), &there, &grant).await.refused(404, "not_found");
    call(As::Key, &there, &grant).await.refused(403, "tenant_mismatch");
    call(As::Person("alice"), &there, &grant).await.refused(403, "tenant_mismatch");
    let listed = call(As::ApiKey(&other.key), &there, "/v1/grants").await.expect(StatusCode::OK);
    assert_eq!(listed["data"], json!([]));
}

#[tokio::test]
async fn invariant_7_no_grant_outlives_the_maximum_of_its_policies() {
    let world = World::start().await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 28_000).await;
    world.settle().await;
    let extend = |seconds: i64| {
        let path = format!("/v1/grants/{id}/extend");
        world.post(As::Person("alice"), path, json!({"duration_seconds": seconds}))
    };
    extend(801).await.refused(400, "duration_exceeds_maximum");
    extend(800).await.expect(StatusCode::OK);
    extend(1).await.refused(409, "conflict");
    world.wait(28_799).await;
    let more = json!({"duration_seconds": 28_800});
    let ensured = world.ensure("alice", SANDBOX, "PowerUserAccess", more).await.expect(StatusCode::OK);
    assert_eq!(ensured["grants"][0]["change"], "none");
    world.wait(1).await;
    assert!(world.assignments().is_empty());
}

#[tokio::test]
async fn invariant_8_twice_is_once() {
    let world = World::start().await;
    let doubled = |service| Fault { service: Some(service), ..Fault::new(FaultKind::DoubleDelivery).times(u32::MAX) };
    let services = [Service::StreamDelivery, Service::BusDelivery, Service::ScheduleDelivery];
    world.local.aws().set_faults(Faults { rules: services.map(doubled).into() });
    let send = || {
        let call = world.call(As::Person("alice"), Method::POST, "/v1/requests").header("idempotency-key", "k");
        call.json(&ask(SANDBOX, "PowerUserAccess", 60)).send()
    };
    let answers = join_all((0..8).map(|_| send())).await;
    let first = &answers[0];
    assert!(answers.iter().all(|answer| answer.status == StatusCode::CREATED && answer.body == first.body));
    world.settle().await;
    assert_eq!(world.assignments().len(), 1);
    world.wait(60).await;
    world.wait(60).await;
    assert!(world.assignments().is_empty());
    let audit = world.audit();
    for once in ["request.approved", "grant.provisioning", "grant.active", "grant.expired", "grant.revocation_done"] {
        assert_eq!(audit.iter().filter(|action| *action == once).count(), 1, "{once}");
    }
}
