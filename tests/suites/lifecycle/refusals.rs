//! What is refused to somebody who lacks the authority is recorded, and cannot fill the log.

use reqwest::StatusCode;
use serde_json::{Value, json};
use stint_tests::invariants::chain;
use stint_tests::{As, PRODUCTION, SANDBOX, World, ask};

use super::people::account;

/// The entries of a kind, oldest first.
async fn recorded(world: &World, kind: &str) -> Vec<Value> {
    world.settle().await;
    let (entries, _) = chain(&world.local.aws().items(), world.local.tenant_id());
    let of_kind = entries.iter().filter(|entry| entry.event.kind.as_str() == kind);
    of_kind.map(|entry| serde_json::to_value(&entry.event).unwrap()).collect()
}

fn emergency() -> Value {
    let mut body = ask(SANDBOX, "AdministratorAccess", 60);
    body["break_glass"] = json!(true);
    body
}

#[tokio::test]
async fn refused_emergency_access_is_recorded_once_a_minute_for_each_principal() {
    let world = World::start().await;
    let tries = async |who: As<'_>| {
        for _ in 0..3 {
            let answer = world.post(who.clone(), "/v1/requests", emergency()).await;
            answer.refused(403, "break_glass_not_permitted");
        }
    };
    tries(As::Person("alice")).await;
    tries(As::Key).await;
    let entries = recorded(&world, "request.break_glass_refused").await;
    let by: Vec<&str> = entries.iter().map(|entry| entry["actor_type"].as_str().unwrap()).collect();
    assert_eq!(by, ["oidc", "api_key"]);
    let alices = &entries[0];
    assert_eq!((&alices["actor_id"], &alices["reasoning"]), (&json!("alice"), &json!("because")));
    assert_eq!(alices["metadata"]["resource"], format!("aws_account:{SANDBOX}"));
    assert_eq!(alices["metadata"]["action"], "AdministratorAccess");
    assert!(world.items("REQUEST").is_empty(), "no request was made");
    world.pass(59);
    tries(As::Person("alice")).await;
    assert_eq!(recorded(&world, "request.break_glass_refused").await.len(), 2);
    world.pass(1);
    tries(As::Person("alice")).await;
    assert_eq!(recorded(&world, "request.break_glass_refused").await.len(), 3);
    // Whoever may have it is not hindered, and is not recorded as refused.
    world.post(As::Person("carol"), "/v1/requests", emergency()).await.expect(StatusCode::CREATED);
    assert_eq!(recorded(&world, "request.break_glass_refused").await.len(), 3);
}

#[tokio::test]
async fn emergency_access_in_anothers_name_is_recorded_as_refused() {
    let world = World::start().await;
    let mut body = emergency();
    body["on_behalf_of"] = json!("alice");
    world.post(As::Key, "/v1/requests", body).await.refused(403, "break_glass_not_permitted");
    let entries = recorded(&world, "request.break_glass_refused").await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["metadata"]["requester_id"], "alice");
}

#[tokio::test]
async fn approvals_of_who_is_nobody_known_are_recorded_once_a_minute_for_each_kind_and_caller() {
    let world = World::start().await;
    let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED);
    let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
    let approve = async |who: As<'_>, code: &str| {
        for _ in 0..2 {
            world.post(who.clone(), path.clone(), json!({})).await.refused(403, code);
        }
    };
    let stranger = account(&world, "stranger", "stranger@elsewhere.example");
    approve(As::Token(&stranger), "not_a_person").await;
    approve(As::Key, "not_a_person").await;
    approve(As::Person("alice"), "self_approval").await;
    let entries = recorded(&world, "request.approval_refused").await;
    let said: Vec<_> = entries.iter().map(|entry| (&entry["actor_id"], &entry["metadata"]["refused_as"])).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(said[0], (&json!("stranger"), &json!("not_a_person")));
    assert_eq!((said[1].1, said[2].1), (&json!("not_a_person"), &json!("self_approval")));
    world.pass(60);
    approve(As::Token(&stranger), "not_a_person").await;
    assert_eq!(recorded(&world, "request.approval_refused").await.len(), 4);
    let request = world.get(As::Key, format!("/v1/requests/{}", request["id"].as_str().unwrap())).await;
    assert_eq!(request.expect(StatusCode::OK)["status"], "pending");
}

/// The approver did not type the action: it is no bad input of theirs.
#[tokio::test]
async fn an_approval_of_a_permission_set_that_is_gone_is_refused_and_names_no_field() {
    let world = World::start().await;
    let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED);
    let id = request["id"].as_str().unwrap();
    world.local.aws().change_permission_sets(|sets| sets.retain(|set| set.name != "ReadOnlyAccess"));
    world.sync().await;
    world.sync().await;
    let answer = world.post(As::Person("bob"), format!("/v1/requests/{id}/approve"), json!({})).await;
    let error = answer.refused(403, "policy_denied");
    assert!(error["message"].as_str().unwrap().contains("`ReadOnlyAccess`"), "{error}");
    assert_eq!(error["details"]["field"], Value::Null);
    assert_eq!(recorded(&world, "request.approval_refused").await.len(), 1);
    let request = world.get(As::Key, format!("/v1/requests/{id}")).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "pending");
}
