//! Policy is asked again when time has passed: by the approval that would grant, and by the worker before it gives.

#[path = "begin.rs"]
mod begin;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint::auth::ApiScope;
use stint::auth::api_key::ApiKey;
use stint::domain::{AccountId, Grant, OnDrift, Tenant, User};
use stint::store::{Record, Transaction};
use stint_local::aws::{Fault, FaultKind, Faults, Service};
use stint_local::seed::Seed;
use stint_tests::{Answer, As, PRODUCTION, SANDBOX, World, ask};

const SANDBOX_POLICY: &str = "engineering in sandbox";
const PRODUCTION_POLICY: &str = "engineering reads production";

/// The policy of that name.
async fn policy(world: &World, name: &str) -> String {
    let policies = world.get(As::Key, "/v1/policies").await.expect(StatusCode::OK);
    let found = policies["data"].as_array().unwrap_or_else(|| policies.as_array().unwrap());
    let policy = found.iter().find(|policy| policy["name"] == name).unwrap();
    format!("/v1/policies/{}", policy["id"].as_str().unwrap())
}

async fn delete(world: &World, name: &str) {
    let path = policy(world, name).await;
    let answer = world.call(As::Key, Method::DELETE, path).send().await;
    assert!(answer.status.is_success(), "{}", answer.body);
}

async fn edit(world: &World, name: &str, change: Value) {
    let path = policy(world, name).await;
    world.call(As::Key, Method::PATCH, path).json(&change).send().await.expect(StatusCode::OK);
}

/// Forbids everything until it is deleted.
async fn freeze(world: &World) {
    let freeze = json!({
        "name": "freeze",
        "priority": 1000,
        "max_duration_seconds": 60,
        "cedar_policy_set": "@notice(\"Nothing is given until the release is out.\")\nforbid (principal, action, resource)\nunless { action == Action::\"approve\" || action == Action::\"revoke\" };",
    });
    world.post(As::Key, "/v1/policies", freeze).await.expect(StatusCode::CREATED);
}

/// What the directory says of a person's groups from now on.
async fn set_groups(world: &World, sub: &str, groups: &[&str]) {
    let tenant = world.local.tenant_id();
    let table = world.local.table().tenant(tenant);
    let mut user = table.get::<User>(sub).await.unwrap().unwrap();
    user.groups = groups.iter().map(|group| (*group).to_owned()).collect();
    let mut writes = Transaction::new(tenant);
    writes.put(&user).unwrap();
    table.commit(writes).await.unwrap();
}

async fn edit_tenant(world: &World, edit: impl FnOnce(&mut Tenant)) {
    let id = world.local.tenant_id();
    let table = world.local.table().tenant(id);
    let mut tenant = table.get::<Tenant>(Tenant::KIND).await.unwrap().unwrap();
    edit(&mut tenant);
    let mut writes = Transaction::new(id);
    writes.put(&tenant).unwrap();
    table.commit(writes).await.unwrap();
}

async fn pending(world: &World) -> String {
    let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 3600).await.expect(StatusCode::CREATED);
    assert_eq!(request["status"], "pending");
    request["id"].as_str().unwrap().to_owned()
}

async fn approve(world: &World, who: &str, id: &str) -> Answer {
    world.post(As::Person(who), format!("/v1/requests/{id}/approve"), json!({})).await
}

async fn request(world: &World, id: &str) -> Value {
    world.get(As::Key, format!("/v1/requests/{id}")).await.expect(StatusCode::OK)
}

/// A request of alice's for the sandbox, granted from an hour later on.
async fn for_later(world: &World) -> String {
    let mut body = ask(SANDBOX, "PowerUserAccess", 3600);
    body["start_at"] = json!(world.now() + jiff::SignedDuration::from_hours(1));
    let request = world.post(As::Person("alice"), "/v1/requests", body).await.expect(StatusCode::CREATED);
    world.settle().await;
    request["grant_ids"][0].as_str().unwrap().to_owned()
}

fn creations(world: &World) -> usize {
    world.local.aws().calls().iter().filter(|call| call.operation == "CreateAccountAssignment").count()
}

/// The grant ended without ever having been given.
async fn assert_refused(world: &World, grant: &str, why: &str) {
    let grant = world.grant(grant).await;
    assert_eq!((&grant["status"], &grant["provisioning_status"]), (&json!("revoked"), &json!("failed")), "{grant}");
    assert!(grant["provisioning_error"].as_str().unwrap().contains(why), "{grant}");
    assert_eq!(grant["revocation"]["status"], "done");
    assert!(world.audit().contains(&"grant.failed".to_owned()));
    assert!(world.assignments().is_empty());
    assert_eq!(creations(world), 0, "nothing ever existed");
}

#[tokio::test]
async fn an_approval_under_a_policy_that_was_deleted_is_refused_and_not_counted() {
    let world = World::start().await;
    let id = pending(&world).await;
    // Bob may still approve; what alice asked for is permitted by nothing.
    let approvers = json!({
        "name": "approvers",
        "max_duration_seconds": 3600,
        "cedar_policy_set": "permit (principal in Group::\"sre\", action == Action::\"approve\", resource);",
    });
    world.post(As::Key, "/v1/policies", approvers).await.expect(StatusCode::CREATED);
    delete(&world, PRODUCTION_POLICY).await;

    approve(&world, "bob", &id).await.refused(403, "policy_denied");
    world.settle().await;
    let request = request(&world, &id).await;
    assert_eq!((&request["status"], &request["decisions"]), (&json!("pending"), &json!([])));
    assert!(world.assignments().is_empty());
    assert_eq!(world.audit().last().unwrap(), "request.approval_refused");
    let denied = world.post(As::Person("bob"), format!("/v1/requests/{id}/deny"), json!({})).await;
    assert_eq!(denied.expect(StatusCode::OK)["status"], "denied");
}

#[tokio::test]
async fn a_freeze_refuses_approvals_while_it_lasts() {
    let world = World::start().await;
    let id = pending(&world).await;
    freeze(&world).await;
    let error = approve(&world, "bob", &id).await.refused(403, "policy_denied");
    assert_eq!(error["notices"], json!(["Nothing is given until the release is out."]));
    delete(&world, "freeze").await;
    let request = approve(&world, "bob", &id).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "approved");
    let policies = world.get(As::Key, "/v1/policies").await;
    assert!(policies.status.is_success());
    world.settle().await;
    assert_eq!(world.assignments(), ["alice ReadOnlyAccess 333333333333"]);
}

#[tokio::test]
async fn refused_approvals_are_recorded_once_a_minute_for_each_principal() {
    let world = World::start().await;
    let id = pending(&world).await;
    freeze(&world).await;
    for who in ["bob", "bob", "carol", "bob"] {
        approve(&world, who, &id).await.refused(403, "policy_denied");
    }
    world.settle().await;
    let recorded = |world: &World| world.audit().iter().filter(|kind| *kind == "request.approval_refused").count();
    assert_eq!(recorded(&world), 2);
    world.pass(60);
    approve(&world, "bob", &id).await.refused(403, "policy_denied");
    world.settle().await;
    assert_eq!(recorded(&world), 3);
}

#[tokio::test]
async fn the_approval_of_ones_own_request_is_recorded() {
    let world = World::start().await;
    let id = pending(&world).await;
    approve(&world, "alice", &id).await.refused(403, "self_approval");
    world.settle().await;
    assert_eq!(world.audit().last().unwrap(), "request.approval_refused");
}

#[tokio::test]
async fn a_refused_approval_is_replayed_to_who_repeats_it() {
    let world = World::start().await;
    let id = pending(&world).await;
    freeze(&world).await;
    let again = || {
        let call = world.call(As::Person("bob"), Method::POST, format!("/v1/requests/{id}/approve"));
        call.header("idempotency-key", "once").json(&json!({})).send()
    };
    let first = again().await;
    assert_eq!(first.status, StatusCode::FORBIDDEN);
    let second = again().await;
    assert_eq!((second.status, &second.body), (first.status, &first.body));
    assert_eq!(second.headers["idempotent-replayed"], "true");
}

#[tokio::test]
async fn a_lowered_maximum_refuses_and_shortens_nothing() {
    let world = World::start().await;
    let id = pending(&world).await;
    edit(&world, PRODUCTION_POLICY, json!({"max_duration_seconds": 600, "default_duration_seconds": null})).await;
    let error = approve(&world, "bob", &id).await.refused(403, "policy_denied");
    assert!(error["message"].as_str().unwrap().contains("600 seconds"), "{error}");
    edit(&world, PRODUCTION_POLICY, json!({"max_duration_seconds": 7200})).await;
    let request = approve(&world, "bob", &id).await.expect(StatusCode::OK);
    assert_eq!(request["duration_seconds"], 3600);
}

#[tokio::test]
async fn a_raised_maximum_does_not_raise_what_was_asked_for_under_the_old_one() {
    let world = World::start().await;
    let id = pending(&world).await;
    edit(&world, PRODUCTION_POLICY, json!({"max_duration_seconds": 28800})).await;
    let request = approve(&world, "bob", &id).await.expect(StatusCode::OK);
    world.settle().await;
    let grant = request["grant_ids"][0].as_str().unwrap();
    let grants = world.items("GRANT");
    let stored = grants.iter().map(stint_tests::plain).find(|stored| stored["id"] == grant).unwrap();
    assert_eq!(stored["latest_end"], "2026-01-05T13:00:00Z");
}

#[tokio::test]
async fn a_request_waits_for_a_second_approval_once_two_are_required() {
    let world = World::start().await;
    let id = pending(&world).await;
    edit(&world, PRODUCTION_POLICY, json!({"required_approvals": 2})).await;
    let request = approve(&world, "bob", &id).await.expect(StatusCode::OK);
    assert_eq!((&request["status"], &request["required_approvals"]), (&json!("pending"), &json!(2)));
    assert_eq!(request["grant_ids"], json!([]));
    // Once asked for, it stays asked for.
    edit(&world, PRODUCTION_POLICY, json!({"required_approvals": 1})).await;
    approve(&world, "bob", &id).await.refused(409, "conflict");
    let request = approve(&world, "carol", &id).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "approved");
}

#[tokio::test]
async fn a_reason_that_is_required_now_and_missing_refuses() {
    let world = World::start().await;
    let mut body = ask(PRODUCTION, "ReadOnlyAccess", 600);
    body["reason"] = Value::Null;
    let request = world.post(As::Person("alice"), "/v1/requests", body).await.expect(StatusCode::CREATED);
    let id = request["id"].as_str().unwrap();
    edit(&world, PRODUCTION_POLICY, json!({"require_reason": true})).await;
    let error = approve(&world, "bob", id).await.refused(403, "policy_denied");
    assert!(error["message"].as_str().unwrap().contains("a reason is required now"), "{error}");
}

#[tokio::test]
async fn who_left_the_group_since_is_not_granted_what_they_asked_for() {
    let world = World::start().await;
    let id = pending(&world).await;
    set_groups(&world, "alice", &["marketing"]).await;
    approve(&world, "bob", &id).await.refused(403, "policy_denied");
    set_groups(&world, "alice", &["marketing", "engineering"]).await;
    let request = approve(&world, "bob", &id).await.expect(StatusCode::OK);
    world.settle().await;
    let grant = world.grant(request["grant_ids"][0].as_str().unwrap()).await;
    assert_eq!(grant["provisioning_status"], "successful");
}

#[tokio::test]
async fn the_approval_of_who_may_not_approve_any_more_does_not_count() {
    let mut seed = Seed::example();
    seed.policies[1]["required_approvals"] = json!(2);
    let world = World::with(seed).await;
    let id = pending(&world).await;
    approve(&world, "bob", &id).await.expect(StatusCode::OK);
    set_groups(&world, "bob", &["engineering"]).await;
    let request = approve(&world, "carol", &id).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "pending", "{request}");
    let request = approve(&world, "dave", &id).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "approved");
}

#[tokio::test]
async fn a_decision_names_the_rules_that_authorized_it() {
    let world = World::start().await;
    let id = pending(&world).await;
    let path = policy(&world, PRODUCTION_POLICY).await;
    let rules = world.get(As::Key, path).await.expect(StatusCode::OK)["rules"].clone();
    let request = approve(&world, "bob", &id).await.expect(StatusCode::OK);
    assert_eq!(request["decisions"][0]["authorized_by"], json!([rules[1]["id"]]));
    let id = pending(&world).await;
    let request = approve(&world, "dave", &id).await.expect(StatusCode::OK);
    assert_eq!(request["decisions"][0]["authorized_by"], json!([]), "an administrator");
}

/// Two functions decide, and their clocks differ.
#[tokio::test]
async fn what_is_approved_by_a_clock_that_is_behind_is_given() {
    let world = World::start().await;
    let id = pending(&world).await;
    world.clock.set_back(std::time::Duration::from_secs(3));
    approve(&world, "bob", &id).await.expect(StatusCode::OK);
    world.settle().await;
    assert_eq!(world.assignments(), ["alice ReadOnlyAccess 333333333333"]);
}
