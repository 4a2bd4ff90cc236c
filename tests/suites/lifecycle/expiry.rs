//! Ending: at the end, early, later, and whatever fails.

use reqwest::{Method, StatusCode};
use serde_json::json;
use stint::domain::User;
use stint::store::Transaction;
use stint_local::aws::{Fault, FaultKind, Faults, Service};
use stint_tests::{As, SANDBOX, World};

async fn revoke(world: &World, who: As<'_>, id: &str) -> stint_tests::Answer {
    world.call(who, Method::DELETE, format!("/v1/grants/{id}")).send().await
}

#[tokio::test]
async fn access_is_gone_when_its_time_is_over() {
    let world = World::start().await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    world.wait(599).await;
    assert_eq!(world.assignments().len(), 1);
    world.wait(1).await;
    assert!(world.assignments().is_empty());
    let grant = world.grant(&id).await;
    assert_eq!((&grant["status"], &grant["revocation"]["status"]), (&json!("expired"), &json!("done")));
    assert_eq!(grant["revocation"]["credentials_valid_until"], "2026-01-05T10:10:00Z");
    assert!(world.local.aws().schedules().is_empty(), "no schedule is left behind");
    let audit = world.audit();
    let of_the_grant: Vec<_> = audit.iter().filter(|action| action.starts_with("grant.")).collect();
    assert_eq!(of_the_grant, ["grant.provisioning", "grant.active", "grant.expired", "grant.revocation_done"]);
}

#[tokio::test]
async fn the_sweep_ends_it_when_scheduler_never_calls() {
    let world = World::start().await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    world.pass(601);
    world.local.sweep().await.unwrap();
    assert!(world.assignments().is_empty());
    assert_eq!(world.grant(&id).await["revocation"]["status"], "done");
}

#[tokio::test]
async fn the_sweep_gives_and_publishes_what_the_stream_never_delivered() {
    let world = World::start().await;
    let lost = Fault::new(FaultKind::DropDelivery).on(Service::StreamDelivery, "publish_events");
    world.local.aws().set_faults(Faults { rules: vec![lost] });
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    assert!(world.assignments().is_empty());
    world.pass(61);
    world.local.sweep().await.unwrap();
    assert_eq!(world.grant(&id).await["provisioning_status"], "successful");
    world.local.sweep().await.unwrap();
    world.settle().await;
    assert!(world.audit().contains(&"grant.provisioning".to_owned()));
}

#[tokio::test]
async fn the_grantee_an_approver_and_an_administrator_end_it_early() {
    let world = World::start().await;
    for who in [As::Person("alice"), As::Person("dave"), As::Key] {
        let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
        world.settle().await;
        assert_eq!(world.assignments().len(), 1);
        let grant = revoke(&world, who.clone(), &id).await.expect(StatusCode::ACCEPTED);
        assert_eq!((&grant["status"], &grant["revocation"]["status"]), (&json!("revoked"), &json!("pending")));
        world.settle().await;
        assert!(world.assignments().is_empty());
        let grant = revoke(&world, who, &id).await.expect(StatusCode::ACCEPTED);
        assert_eq!(grant["revocation"]["status"], "done");
    }
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    revoke(&world, As::Person("carol"), &id).await.refused(404, "not_found");
}

#[tokio::test]
async fn overlapping_grants_keep_the_assignment_until_the_later_end() {
    let world = World::start().await;
    let first = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.wait(300).await;
    let second = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    assert_eq!(world.assignments().len(), 1, "one assignment for both");
    world.wait(300).await;
    assert_eq!(world.grant(&first).await["revocation"]["status"], "done");
    assert_eq!(world.assignments().len(), 1, "the second still holds it");
    revoke(&world, As::Person("alice"), &second).await.expect(StatusCode::ACCEPTED);
    world.settle().await;
    assert!(world.assignments().is_empty());
}

#[tokio::test]
async fn an_extended_grant_ends_later_and_not_before() {
    let world = World::start().await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    let extend = |seconds: i64| {
        let path = format!("/v1/grants/{id}/extend");
        world.post(As::Person("alice"), path, json!({"duration_seconds": seconds, "reason": "more"}))
    };
    let grant = extend(300).await.expect(StatusCode::OK);
    assert_eq!(grant["expires_at"], "2026-01-05T09:15:00Z");
    world.wait(600).await;
    assert_eq!(world.assignments().len(), 1, "the first reminder is stale");
    let error = extend(28_800 - 900 + 1).await.refused(400, "duration_exceeds_maximum");
    assert_eq!(error["details"]["max_duration_seconds"], 28_800 - 900);
    world.wait(300).await;
    assert!(world.assignments().is_empty());
    extend(10).await.refused(409, "conflict");
}

#[tokio::test]
async fn an_extension_is_justified_by_the_tickets_of_its_grant() {
    let mut seed = stint_local::seed::Seed::example();
    seed.policies[0]["ticket_pattern"] = json!("^OPS-[0-9]+$");
    let world = World::with(seed).await;
    let mut body = stint_tests::ask(SANDBOX, "PowerUserAccess", 600);
    world.post(As::Person("alice"), "/v1/requests", body.clone()).await.refused(400, "invalid_input");
    body["metadata"] = json!({"tickets": ["OPS-7"]});
    let request = world.post(As::Person("alice"), "/v1/requests", body).await.expect(StatusCode::CREATED);
    let extend = format!("/v1/grants/{}/extend", request["grant_ids"][0].as_str().unwrap());
    let more = json!({"duration_seconds": 60});
    world.post(As::Person("alice"), extend.clone(), more.clone()).await.expect(StatusCode::OK);

    let policies = world.get(As::Key, "/v1/policies").await.expect(StatusCode::OK);
    let named = |policy: &&serde_json::Value| policy["name"] == "engineering in sandbox";
    let policy = policies["data"].as_array().unwrap().iter().find(named).unwrap()["id"].as_str().unwrap();
    let path = format!("/v1/policies/{policy}");
    let stricter = json!({"ticket_pattern": "^SEC-"});
    world.call(As::Key, Method::PATCH, path).json(&stricter).send().await.expect(StatusCode::OK);
    let error = world.post(As::Person("alice"), extend, more).await.refused(400, "invalid_input");
    assert_eq!(error["details"]["field"], "tickets");
}

#[tokio::test]
async fn a_revocation_that_fails_is_tried_for_ever_and_never_called_done() {
    let world = World::start().await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    let refuses = Fault::new(FaultKind::Throttle).on(Service::SsoAdmin, "DeleteAccountAssignment").times(u32::MAX);
    world.local.aws().set_faults(Faults { rules: vec![refuses] });
    for _ in 0..40 {
        world.wait(900).await;
        let grant = world.grant(&id).await;
        assert_eq!(grant["status"], "expired");
        assert_eq!(grant["revocation"]["status"], "retrying");
        assert!(grant["revocation"]["last_error"].as_str().unwrap().contains("Throttling"));
        assert_eq!(world.assignments().len(), 1);
    }
    let delayed = world.audit().iter().filter(|action| *action == "grant.revocation_delayed").count();
    assert_eq!(delayed, 1, "it is announced once");
    world.local.aws().set_faults(Faults::default());
    world.wait(900).await;
    assert!(world.assignments().is_empty());
    assert_eq!(world.grant(&id).await["revocation"]["status"], "done");
}

#[tokio::test]
async fn a_lost_answer_and_an_asynchronous_failure_are_seen_through() {
    for (operation, kind) in [
        ("CreateAccountAssignment", FaultKind::LoseAnswer),
        ("CreateAccountAssignment", FaultKind::FailAsync),
        ("CreateAccountAssignment", FaultKind::Conflict),
        ("DeleteAccountAssignment", FaultKind::LoseAnswer),
        ("DeleteAccountAssignment", FaultKind::FailAsync),
        ("DeleteAccountAssignment", FaultKind::Conflict),
    ] {
        let world = World::start().await;
        let fault = Fault::new(kind).on(Service::SsoAdmin, operation).times(1);
        world.local.aws().set_faults(Faults { rules: vec![fault] });
        let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
        world.wait(60).await;
        // What failed is tried again after ten to twenty seconds.
        world.wait(20).await;
        assert_eq!(world.assignments().len(), 1, "{operation} {kind:?}");
        assert_eq!(world.grant(&id).await["provisioning_status"], "successful", "{operation} {kind:?}");
        world.wait(600).await;
        world.wait(60).await;
        assert!(world.assignments().is_empty(), "{operation} {kind:?}");
        assert_eq!(world.grant(&id).await["revocation"]["status"], "done", "{operation} {kind:?}");
    }
}

#[tokio::test]
async fn somebody_without_a_user_in_the_identity_store_is_told_so() {
    let mut seed = stint_local::seed::Seed::example();
    seed.aws.users.retain(|user| user.sub != "alice");
    let world = World::with(seed).await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    let grant = world.grant(&id).await;
    assert_eq!((&grant["status"], &grant["provisioning_status"]), (&json!("revoked"), &json!("failed")));
    assert!(grant["provisioning_error"].as_str().unwrap().contains("alice@example.com"));
    assert_eq!(grant["revocation"]["status"], "done");
    assert!(world.audit().contains(&"grant.failed".to_owned()));
}

#[tokio::test]
async fn whose_user_in_the_identity_store_was_replaced_is_given_access_as_the_new_one() {
    let world = World::start().await;
    let created = Fault::new(FaultKind::LoseAnswer).on(Service::SsoAdmin, "CreateAccountAssignment");
    let unseen = Fault::new(FaultKind::Refuse).on(Service::SsoAdmin, "DescribeAccountAssignmentCreationStatus");
    world.local.aws().set_faults(Faults { rules: vec![created, unseen.times(u32::MAX)] });
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 1200).await;
    world.settle().await;
    assert_eq!(world.assignments(), ["alice PowerUserAccess 111111111111"], "it was begun for the old user");
    assert_eq!(world.grant(&id).await["provisioning_status"], "pending");

    // Her address is another user's now.
    let table = world.local.table().tenant(world.local.tenant_id());
    let mut alice: User = table.get("alice").await.unwrap().unwrap();
    alice.email = Some("bob@example.com".to_owned());
    let mut writes = Transaction::new(table.id());
    writes.update(&alice).unwrap();
    table.commit(writes).await.unwrap();
    world.local.aws().set_faults(Faults::default());
    world.wait(60).await;
    assert!(world.assignments().is_empty(), "it is taken away, and may come again");
    world.wait(600).await;
    assert_eq!(world.assignments(), ["bob PowerUserAccess 111111111111"]);
    assert_eq!(world.grant(&id).await["provisioning_status"], "successful");
    world.wait(600).await;
    assert!(world.assignments().is_empty());
}

/// Role credentials may have been issued as soon as the assignment may have existed.
#[tokio::test]
async fn credentials_are_said_to_work_on_after_an_end_during_the_creation() {
    for (kind, milliseconds) in [(None, 0), (Some(FaultKind::LoseAnswer), 0), (Some(FaultKind::DieLate), 60_000)] {
        let world = World::asynchronous().await;
        let create =
            |kind| Fault::new(kind).on(Service::SsoAdmin, "CreateAccountAssignment").milliseconds(milliseconds);
        let part = world.clock.take_part();
        let mut running = tokio::task::JoinSet::new();
        world.local.aws().set_faults(Faults { rules: kind.map(create).into_iter().collect() });
        let id = world.granted("alice", SANDBOX, "PowerUserAccess", 3600).await;
        world.local.aws().begin_deliveries(&mut running).await;
        world.local.aws().begin_deliveries(&mut running).await;
        world.clock.sleep(std::time::Duration::from_secs(1)).await;
        let begun = world.local.aws().calls().iter().any(|call| call.operation == "CreateAccountAssignment");
        assert!(begun, "{kind:?}");
        revoke(&world, As::Person("alice"), &id).await.expect(StatusCode::ACCEPTED);
        drop(part);
        running.shutdown().await;
        stint_tests::invariants::rest(&world).await;
        let grant = world.grant(&id).await;
        assert_eq!(grant["activated_at"], serde_json::Value::Null, "{kind:?}");
        assert!(grant["revocation"]["credentials_valid_until"].is_string(), "{kind:?}: {grant}");
    }
}

#[tokio::test]
async fn nothing_is_said_of_credentials_where_nothing_was_begun() {
    let world = World::start().await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 3600).await;
    revoke(&world, As::Person("alice"), &id).await.expect(StatusCode::ACCEPTED);
    world.settle().await;
    let grant = world.grant(&id).await;
    assert_eq!(grant["revocation"]["status"], "done");
    assert_eq!(grant["revocation"]["credentials_valid_until"], serde_json::Value::Null);
}
