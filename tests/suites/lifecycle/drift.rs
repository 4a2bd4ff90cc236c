//! Access that somebody deletes outside stint while its grant lives.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_tests::invariants::rest;
use stint_tests::{As, SANDBOX, World};

async fn given(world: &World) -> String {
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 3600).await;
    world.settle().await;
    assert_eq!(world.assignments().len(), 1);
    id
}

async fn restores(world: &World) {
    let policies = world.get(As::Key, "/v1/policies").await.expect(StatusCode::OK);
    for policy in policies["data"].as_array().unwrap() {
        let path = format!("/v1/policies/{}", policy["id"].as_str().unwrap());
        let body = json!({"on_drift": "restore"});
        let call = world.call(As::Key, Method::PATCH, path).json(&body);
        let changed = call.send().await.expect(StatusCode::OK);
        assert_eq!(changed["on_drift"], "restore");
    }
}

async fn deleted_outside(world: &World) {
    world.pass(60);
    world.unassign_outside("alice", "PowerUserAccess", SANDBOX).await;
    assert!(world.assignments().is_empty());
}

async fn extend(world: &World, id: &str) {
    let path = format!("/v1/grants/{id}/extend");
    world.post(As::Person("alice"), path, json!({"duration_seconds": 60})).await.expect(StatusCode::OK);
    world.settle().await;
}

fn drifts(world: &World) -> usize {
    world.audit().iter().filter(|action| *action == "drift.detected").count()
}

async fn ensured(world: &World, more: Value) -> Value {
    let ensured = world.ensure("alice", SANDBOX, "PowerUserAccess", more).await.expect(StatusCode::OK);
    ensured["grants"][0].clone()
}

#[tokio::test]
async fn a_new_request_makes_it_again_and_the_old_grant_says_that_it_was_deleted() {
    let world = World::start().await;
    let first = given(&world).await;
    deleted_outside(&world).await;
    let second = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    assert_eq!(world.assignments().len(), 1, "it was decided anew");
    let (old, new) = (world.grant(&first).await, world.grant(&second).await);
    assert_eq!((&old["status"], &old["provisioning_status"]), (&json!("active"), &json!("failed")));
    assert_eq!((&old["externally_modified"], &new["externally_modified"]), (&json!(true), &json!(false)));
    assert_eq!(new["provisioning_status"], "successful");
    assert_eq!(drifts(&world), 1);
    // The second ends first: what was deleted from the first is not given to it again.
    world.wait(600).await;
    assert!(world.assignments().is_empty());
    world.wait(3600).await;
    rest(&world).await;
    assert_eq!(world.grant(&first).await["revocation"]["status"], "done");
    assert_eq!(world.grant(&first).await["externally_modified"], true, "it stays so");
    assert_eq!(drifts(&world), 1);
}

#[tokio::test]
async fn an_extension_finds_it_missing_and_it_is_not_made_again() {
    let world = World::start().await;
    let id = given(&world).await;
    deleted_outside(&world).await;
    extend(&world, &id).await;
    assert!(world.assignments().is_empty(), "an incident responder may have deleted it");
    let grant = world.grant(&id).await;
    assert_eq!((&grant["provisioning_status"], &grant["externally_modified"]), (&json!("failed"), &json!(true)));
    assert!(grant["provisioning_error"].as_str().unwrap().contains("deleted outside"));
    assert_eq!(drifts(&world), 1);
    let path = format!("/v1/grants/{id}/extend");
    let again = world.post(As::Person("alice"), path, json!({"duration_seconds": 60})).await;
    again.refused(409, "conflict");
    rest(&world).await;
}

#[tokio::test]
async fn ensure_does_not_claim_what_is_missing_and_makes_it_again_for_a_reason_only() {
    let world = World::start().await;
    let id = given(&world).await;
    deleted_outside(&world).await;
    extend(&world, &id).await;
    let polled = ensured(&world, json!({})).await;
    assert_eq!((&polled["status"], &polled["change"]), (&json!("revoked"), &json!("none")));
    assert_eq!((&polled["approved"], &polled["provisioning_status"]), (&json!(false), &json!("failed")));
    assert_eq!(polled["diagnostics"][0]["level"], "error");
    assert!(polled["diagnostics"][0]["message"].as_str().unwrap().contains("deleted outside"), "{polled}");
    let asked = ensured(&world, json!({"justification": {"reason": "still needed"}})).await;
    assert_eq!(asked["change"], "activated");
    world.settle().await;
    assert_eq!(world.assignments().len(), 1);
    assert_eq!(ensured(&world, json!({})).await["status"], "active");
}

#[tokio::test]
async fn it_is_made_again_where_policy_says_so_and_is_announced_all_the_same() {
    let world = World::start().await;
    restores(&world).await;
    let id = given(&world).await;
    deleted_outside(&world).await;
    extend(&world, &id).await;
    assert_eq!(world.assignments().len(), 1);
    let grant = world.grant(&id).await;
    assert_eq!((&grant["provisioning_status"], &grant["externally_modified"]), (&json!("successful"), &json!(true)));
    assert_eq!(drifts(&world), 1);
    world.wait(3660).await;
    rest(&world).await;
    assert!(world.assignments().is_empty());
}

#[tokio::test]
async fn an_end_that_finds_it_gone_says_so() {
    let world = World::start().await;
    let id = given(&world).await;
    deleted_outside(&world).await;
    world.wait(3600).await;
    rest(&world).await;
    let grant = world.grant(&id).await;
    assert_eq!((&grant["revocation"]["status"], &grant["externally_modified"]), (&json!("done"), &json!(true)));
    assert_eq!(drifts(&world), 1);
}

/// Somebody deleted it and the answer of our own deletion was lost: that is no drift.
#[tokio::test]
async fn a_deletion_of_ours_is_no_drift() {
    use stint_local::aws::{Fault, FaultKind, Faults, Service};
    for kind in [FaultKind::LoseAnswer, FaultKind::DieAfter] {
        let world = World::start().await;
        given(&world).await;
        let delete = Fault::new(kind).on(Service::SsoAdmin, "DeleteAccountAssignment");
        world.local.aws().set_faults(Faults { rules: vec![delete] });
        world.wait(3600).await;
        rest(&world).await;
        assert_eq!(drifts(&world), 0, "{kind:?}");
    }
}
