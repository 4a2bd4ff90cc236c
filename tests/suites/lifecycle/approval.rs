//! Deciding.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_local::seed::Seed;
use stint_tests::{As, PRODUCTION, World};

async fn pending(world: &World) -> String {
    let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED);
    assert_eq!((&request["status"], &request["approval_mode"]), (&json!("pending"), &json!("require")));
    request["id"].as_str().unwrap().to_owned()
}

async fn decide(world: &World, who: &str, id: &str, verb: &str) -> stint_tests::Answer {
    world.post(As::Person(who), format!("/v1/requests/{id}/{verb}"), json!({"reasoning": "so be it"})).await
}

#[tokio::test]
async fn an_approver_approves_and_the_time_begins_then() {
    let world = World::start().await;
    let id = pending(&world).await;
    world.wait(1800).await;
    assert!(world.assignments().is_empty());

    let request = decide(&world, "bob", &id, "approve").await.expect(StatusCode::OK);
    assert_eq!((&request["status"], &request["decided_by"]), (&json!("approved"), &json!("bob")));
    assert_eq!(request["decision_reasoning"], "so be it");
    world.settle().await;
    assert_eq!(world.assignments(), ["alice ReadOnlyAccess 333333333333"]);
    let grant = world.grant(request["grant_ids"][0].as_str().unwrap()).await;
    assert_eq!(grant["expires_at"], "2026-01-05T09:40:00Z");

    let error = decide(&world, "carol", &id, "deny").await.refused(409, "conflict");
    assert_eq!(error["details"]["status"], "approved");
}

#[tokio::test]
async fn nobody_decides_their_own_request() {
    let mut seed = Seed::example();
    seed.people[0].groups.push("sre".to_owned());
    seed.people[0].groups.push("admins".to_owned());
    let world = World::with(seed).await;
    let id = pending(&world).await;
    decide(&world, "alice", &id, "approve").await.refused(403, "self_approval");
    decide(&world, "alice", &id, "deny").await.refused(403, "self_approval");
}

#[tokio::test]
async fn who_asked_in_anothers_name_does_not_decide_either() {
    let world = World::start().await;
    let mut body = stint_tests::ask(PRODUCTION, "ReadOnlyAccess", 600);
    body["on_behalf_of"] = json!("alice");
    let request = world.post(As::Key, "/v1/requests", body).await.expect(StatusCode::CREATED);
    let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
    world.post(As::Key, path, json!({})).await.refused(403, "self_approval");
}

#[tokio::test]
async fn who_may_not_decide_does_not_even_see_it() {
    let mut seed = Seed::example();
    seed.tenant.roles.insert(stint::domain::Role::Approver, vec!["engineering".to_owned(), "sre".to_owned()]);
    seed.people[3].groups = vec!["engineering".to_owned()];
    let world = World::with(seed).await;
    let id = pending(&world).await;
    decide(&world, "dave", &id, "approve").await.refused(404, "not_found");
    world.get(As::Person("dave"), format!("/v1/requests/{id}")).await.refused(404, "not_found");
    let listed = world.get(As::Person("dave"), "/v1/requests").await.expect(StatusCode::OK);
    assert_eq!(listed["data"], json!([]));
    let listed = world.get(As::Person("bob"), "/v1/requests?status=pending").await.expect(StatusCode::OK);
    assert_eq!(listed["data"][0]["id"], id.as_str());
}

#[tokio::test]
async fn an_administrator_may_decide() {
    let world = World::start().await;
    let id = pending(&world).await;
    decide(&world, "dave", &id, "approve").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_decision_needs_no_body() {
    let world = World::start().await;
    let id = pending(&world).await;
    let call = world.call(As::Person("bob"), reqwest::Method::POST, format!("/v1/requests/{id}/approve"));
    let request = call.send().await.expect(StatusCode::OK);
    assert_eq!(request["decision_reasoning"], Value::Null);
}

#[tokio::test]
async fn one_denial_denies() {
    let world = World::start().await;
    let id = pending(&world).await;
    let request = decide(&world, "carol", &id, "deny").await.expect(StatusCode::OK);
    assert_eq!((&request["status"], &request["decided_by"]), (&json!("denied"), &json!("carol")));
    decide(&world, "bob", &id, "approve").await.refused(409, "conflict");
    world.settle().await;
    assert!(world.assignments().is_empty());
}

#[tokio::test]
async fn a_quorum_needs_different_people() {
    let mut seed = Seed::example();
    seed.policies[1]["required_approvals"] = json!(2);
    let world = World::with(seed).await;
    let id = pending(&world).await;
    let request = decide(&world, "bob", &id, "approve").await.expect(StatusCode::OK);
    assert_eq!((&request["status"], &request["required_approvals"]), (&json!("pending"), &json!(2)));
    decide(&world, "bob", &id, "approve").await.refused(409, "conflict");
    let request = decide(&world, "carol", &id, "approve").await.expect(StatusCode::OK);
    assert_eq!(request["status"], "approved");
    assert_eq!(request["decisions"].as_array().unwrap().len(), 2);
    world.settle().await;
    let audit = world.audit();
    assert_eq!(audit.iter().filter(|action| *action == "request.approval_added").count(), 1);
    assert_eq!(audit.iter().filter(|action| *action == "request.approved").count(), 1);
}

#[tokio::test]
async fn a_request_nobody_decides_lapses() {
    let mut seed = Seed::example();
    seed.policies[1]["approval_timeout_seconds"] = json!(900);
    let world = World::with(seed).await;
    let id = pending(&world).await;
    world.pass(900);
    let error = decide(&world, "bob", &id, "approve").await.refused(409, "conflict");
    assert_eq!(error["details"]["status"], "expired", "even before anybody wrote it down");
    world.local.sweep().await.unwrap();
    let request = world.get(As::Key, format!("/v1/requests/{id}")).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "expired");
    world.settle().await;
    assert_eq!(world.audit().last().unwrap(), "request.expired");
}

#[tokio::test]
async fn the_requester_withdraws() {
    let world = World::start().await;
    let id = pending(&world).await;
    decide(&world, "bob", &id, "cancel").await.refused(400, "invalid_input");
    let cancel = |who| world.post(As::Person(who), format!("/v1/requests/{id}/cancel"), json!({}));
    cancel("bob").await.refused(403, "policy_denied");
    assert_eq!(cancel("alice").await.expect(StatusCode::OK)["status"], "cancelled");
    cancel("alice").await.refused(409, "conflict");
    decide(&world, "bob", &id, "approve").await.refused(409, "conflict");
}

#[tokio::test]
async fn people_talk_about_a_request() {
    let world = World::start().await;
    let id = pending(&world).await;
    let path = format!("/v1/requests/{id}/messages");
    let say = |who, content: &str| world.post(As::Person(who), path.clone(), json!({"content": content}));
    let first = say("bob", "which table?").await.expect(StatusCode::CREATED);
    assert_eq!((&first["author_type"], &first["author_id"]), (&json!("approver"), &json!("bob")));
    let second = say("alice", "orders").await.expect(StatusCode::CREATED);
    assert_eq!(second["author_type"], "user");
    say("alice", " ").await.refused(400, "invalid_input");
    say("alice", &"x".repeat(10_001)).await.refused(400, "invalid_input");

    let page = world.get(As::Person("alice"), format!("{path}?limit=1")).await.expect(StatusCode::OK);
    assert_eq!((&page["data"][0]["content"], &page["has_more"]), (&json!("which table?"), &json!(true)));
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = world.get(As::Person("bob"), format!("{path}?cursor={cursor}")).await.expect(StatusCode::OK);
    assert_eq!((&page["data"][0]["content"], &page["has_more"]), (&json!("orders"), &json!(false)));
}

/// Whoever may not see a request any more does not see it in the answer that was kept, either.
#[tokio::test]
async fn a_kept_answer_is_for_who_still_may_see_what_it_is_about() {
    let world = World::start().await;
    let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED);
    let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
    let approve = |token: String| {
        let (world, path) = (&world, path.clone());
        async move {
            let call = world.call(As::Token(&token), Method::POST, path).json(&json!({}));
            call.header("idempotency-key", "one").send().await
        }
    };
    let first = approve(world.token("bob")).await.expect(StatusCode::OK);
    assert_eq!(approve(world.token("bob")).await.expect(StatusCode::OK), first);
    let left = world.token_with("bob", |claims| claims["groups"] = json!(["engineering"]));
    approve(left).await.refused(404, "not_found");
}
