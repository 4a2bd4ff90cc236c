//! Ensure, as a Granted client uses it: a dry run, the call, and polls that are the same call without a justification.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_local::aws::{Fault, FaultKind, Faults, Service};
use stint_local::seed::Seed;
use stint_tests::{As, PRODUCTION, SANDBOX, World, ask};

fn only(answer: &Value) -> &Value {
    let grants = answer["grants"].as_array().unwrap();
    assert_eq!(grants.len(), 1);
    &grants[0]
}

async fn ensure(world: &World, account: &str, role: &str, more: Value) -> Value {
    only(&world.ensure("alice", account, role, more).await.expect(StatusCode::OK)).clone()
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    let world = World::start().await;
    let before = world.local.aws().items().len();
    let sandbox = ensure(&world, SANDBOX, "PowerUserAccess", json!({"dry_run": true})).await;
    assert_eq!((&sandbox["change"], &sandbox["approved"]), (&json!("activated"), &json!(true)));
    assert_eq!(sandbox["access_request_id"], Value::Null);
    let production = ensure(&world, PRODUCTION, "ReadOnlyAccess", json!({"dry_run": true})).await;
    assert_eq!((&production["change"], &production["status"]), (&json!("requested"), &json!("pending")));
    let denied = ensure(&world, PRODUCTION, "AdministratorAccess", json!({"dry_run": true})).await;
    assert_eq!((&denied["change"], &denied["approved"]), (&json!("none"), &json!(false)));
    assert_eq!(denied["diagnostics"][0]["level"], "error");
    assert_eq!(world.local.aws().items().len(), before);
}

#[tokio::test]
async fn missing_access_is_activated_once_and_then_reported() {
    let world = World::start().await;
    let first = ensure(&world, SANDBOX, "PowerUserAccess", json!({"duration": "1h0m0s"})).await;
    assert_eq!((&first["change"], &first["status"]), (&json!("activated"), &json!("provisioning")));
    assert_eq!((&first["duration_seconds"], &first["duration"]), (&json!(3600), &json!("1h0m0s")));
    let poll = ensure(&world, SANDBOX, "PowerUserAccess", json!({"duration": "1h0m0s"})).await;
    assert_eq!((&poll["change"], &poll["status"]), (&json!("none"), &json!("provisioning")));
    assert_eq!(poll["activated_at"], Value::Null);
    world.settle().await;
    let poll = ensure(&world, SANDBOX, "PowerUserAccess", json!({"duration": "1h0m0s"})).await;
    assert_eq!((&poll["change"], &poll["status"]), (&json!("none"), &json!("active")));
    assert_eq!(poll["provisioning_status"], "successful");
    assert_eq!(poll["activated_at"], "2026-01-05T09:00:00Z");
    assert_eq!(poll["id"], first["id"]);
    assert_eq!((world.items("GRANT").len(), world.items("REQUEST").len()), (1, 1));

    let path = format!("/v1/access/requests/{}", first["access_request_id"].as_str().unwrap());
    let status = world.get(As::Person("alice"), path).await.expect(StatusCode::OK);
    assert_eq!((&status["status"], &status["grants"][0]["status"]), (&json!("approved"), &json!("active")));
}

#[tokio::test]
async fn what_needs_approval_is_requested_once_and_polled_without_a_reason() {
    let world = World::start().await;
    let reason = json!({"justification": {"reason": "look at a trace", "attachments": []}});
    let first = ensure(&world, PRODUCTION, "ReadOnlyAccess", reason).await;
    assert_eq!((&first["change"], &first["status"]), (&json!("requested"), &json!("pending")));
    let poll = ensure(&world, PRODUCTION, "ReadOnlyAccess", json!({"justification": {}})).await;
    assert_eq!((&poll["change"], &poll["status"]), (&json!("none"), &json!("pending")));
    assert_eq!(poll["access_request_id"], first["access_request_id"]);
    assert_eq!(world.items("REQUEST").len(), 1);

    let id = first["access_request_id"].as_str().unwrap();
    world.post(As::Person("bob"), format!("/v1/requests/{id}/approve"), json!({})).await.expect(StatusCode::OK);
    world.settle().await;
    let poll = ensure(&world, PRODUCTION, "ReadOnlyAccess", json!({})).await;
    assert_eq!((&poll["approved"], &poll["status"]), (&json!(true), &json!("active")));
}

#[tokio::test]
async fn after_a_denial_only_a_reason_opens_a_new_request() {
    let world = World::start().await;
    let reason = json!({"justification": {"reason": "please"}});
    let first = ensure(&world, PRODUCTION, "ReadOnlyAccess", reason.clone()).await;
    let id = first["access_request_id"].as_str().unwrap();
    world.post(As::Person("bob"), format!("/v1/requests/{id}/deny"), json!({})).await.expect(StatusCode::OK);
    for _ in 0..3 {
        world.pass(5);
        let poll = ensure(&world, PRODUCTION, "ReadOnlyAccess", json!({})).await;
        assert_eq!((&poll["status"], &poll["change"]), (&json!("revoked"), &json!("none")));
        assert_eq!(poll["diagnostics"][0]["level"], "error");
        assert_eq!(poll["validation"]["has_reason"], true, "a client that prompts, prompts for one");
    }
    assert_eq!(world.items("REQUEST").len(), 1);
    let anew = ensure(&world, PRODUCTION, "ReadOnlyAccess", reason).await;
    assert_eq!((&anew["status"], &anew["change"]), (&json!("pending"), &json!("requested")));
}

#[tokio::test]
async fn an_ended_grant_is_reported_as_ended_and_not_as_active() {
    let world = World::start().await;
    ensure(&world, SANDBOX, "PowerUserAccess", json!({"duration_seconds": 60})).await;
    world.settle().await;
    world.wait(60).await;
    let poll = ensure(&world, SANDBOX, "PowerUserAccess", json!({"duration_seconds": 60})).await;
    assert_eq!((&poll["status"], &poll["approved"]), (&json!("expired"), &json!(false)));
    assert_eq!(poll["activated_at"], Value::Null, "approved and activated never stand on an ended grant");
    let anew = json!({"duration_seconds": 60, "justification": {"reason": "again"}});
    assert_eq!(ensure(&world, SANDBOX, "PowerUserAccess", anew).await["change"], "activated");
}

#[tokio::test]
async fn a_grant_about_to_end_is_extended_once() {
    let world = World::start().await;
    ensure(&world, SANDBOX, "PowerUserAccess", json!({"duration_seconds": 3600})).await;
    world.wait(2879).await;
    let early = ensure(&world, SANDBOX, "PowerUserAccess", json!({"duration_seconds": 3600})).await;
    assert_eq!(early["change"], "none");
    world.wait(1).await;
    let extended = ensure(&world, SANDBOX, "PowerUserAccess", json!({"duration_seconds": 3600})).await;
    assert_eq!((&extended["change"], &extended["expires_at"]), (&json!("extended"), &json!("2026-01-05T10:48:00Z")));
    let poll = ensure(&world, SANDBOX, "PowerUserAccess", json!({"duration_seconds": 3600})).await;
    assert_eq!(poll["change"], "none");
    world.wait(720).await;
    assert_eq!(world.assignments().len(), 1);
    world.wait(2880).await;
    assert!(world.assignments().is_empty());
}

#[tokio::test]
async fn each_entitlement_is_decided_by_itself() {
    let world = World::start().await;
    let entitlement = |account: &str, role: &str, seconds: i64| json!({"target": format!("AWS::Account::{account}"), "role": role, "duration_seconds": seconds});
    let body = json!({"entitlements": [
        entitlement(PRODUCTION, "AdministratorAccess", 60),
        entitlement(SANDBOX, "PowerUserAccess", 60),
        entitlement(SANDBOX, "ReadOnlyAccess", 28_801),
        entitlement(PRODUCTION, "ReadOnlyAccess", 60),
    ]});
    let answer = world.post(As::Person("alice"), "/v1/access/ensure", body).await.expect(StatusCode::OK);
    let changes: Vec<_> = answer["grants"].as_array().unwrap().iter().map(|grant| grant["change"].clone()).collect();
    assert_eq!(changes, ["none", "activated", "none", "requested"]);
    let text = answer["diagnostics"].to_string();
    assert!(text.contains("break the glass") && text.contains("28800 seconds"), "{text}");
}

#[tokio::test]
async fn what_the_policies_require_is_named_and_missing_parts_are_diagnostics() {
    let mut seed = Seed::example();
    seed.policies[0]["require_reason"] = json!(true);
    seed.policies[0]["ticket_pattern"] = json!("^OPS-[0-9]+$");
    let world = World::with(seed).await;
    let answer = world.ensure("alice", SANDBOX, "PowerUserAccess", json!({"dry_run": true})).await;
    let answer = answer.expect(StatusCode::OK);
    let required = json!({"has_reason": true, "has_ticket_attachment": true, "has_jira_ticket": true});
    assert_eq!(answer["validation"], required);
    assert_eq!(answer["diagnostics"].as_array().unwrap().len(), 2);
    let justified = json!({"justification": {"reason": "deploy", "attachments": ["OPS-12"]}});
    assert_eq!(ensure(&world, SANDBOX, "PowerUserAccess", justified).await["change"], "activated");
}

#[tokio::test]
async fn malformed_input_is_400() {
    let world = World::start().await;
    for (body, field) in [
        (json!({"entitlements": []}), "entitlements"),
        (json!({"entitlements": [{"target": "example", "role": "example"}]}), "entitlements[0].target"),
        (json!({"entitlements": [{"target": "AWS::Account::111111111111", "role": ""}]}), "entitlements[0].role"),
        (
            json!({"entitlements": [{"target": "AWS::Account::111111111111", "role": "x", "duration": "soon"}]}),
            "entitlements[0].duration",
        ),
        (
            json!({"entitlements": [{"target": "AWS::Account::111111111111", "role": "x", "duration_seconds": 0}]}),
            "entitlements[0].duration_seconds",
        ),
    ] {
        let error = world.post(As::Person("alice"), "/v1/access/ensure", body).await.refused(400, "invalid_input");
        assert_eq!(error["details"]["field"], field);
    }
}

#[tokio::test]
async fn why_it_does_not_become_usable_is_said_while_it_is_tried_and_when_it_has_ended() {
    let world = World::start().await;
    let refused = Fault::new(FaultKind::Throttle).on(Service::SsoAdmin, "CreateAccountAssignment").times(1000);
    world.local.aws().set_faults(Faults { rules: vec![refused] });
    ensure(&world, SANDBOX, "PowerUserAccess", json!({"duration_seconds": 120})).await;
    world.settle().await;
    let tried = ensure(&world, SANDBOX, "PowerUserAccess", json!({})).await;
    assert_eq!(tried["status"], "provisioning");
    let [diagnostic] = tried["diagnostics"].as_array().unwrap().as_slice() else { panic!("{tried}") };
    assert_eq!(diagnostic["level"], "warning");
    assert!(diagnostic["message"].as_str().unwrap().contains("not usable yet"), "{tried}");
    assert!(diagnostic["message"].as_str().unwrap().contains("Throttling"), "{tried}");
    for _ in 0..3 {
        world.wait(60).await;
    }
    let ended = ensure(&world, SANDBOX, "PowerUserAccess", json!({})).await;
    assert_eq!(ended["status"], "expired");
    let [diagnostic] = ended["diagnostics"].as_array().unwrap().as_slice() else { panic!("{ended}") };
    let message = diagnostic["message"].as_str().unwrap();
    assert_eq!(diagnostic["level"], "error");
    assert!(message.contains("before it became usable") && message.contains("Throttling"), "{message}");
    assert!(!message.contains("the access has ended"), "{message}");
}

#[tokio::test]
async fn what_begins_later_is_pending_and_says_when() {
    let world = World::start().await;
    let mut body = ask(SANDBOX, "PowerUserAccess", 600);
    body["start_at"] = json!(world.now() + jiff::SignedDuration::from_hours(20));
    world.post(As::Person("alice"), "/v1/requests", body).await.expect(StatusCode::CREATED);
    let ensured = world.ensure("alice", SANDBOX, "PowerUserAccess", json!({})).await.expect(StatusCode::OK);
    let grant = &ensured["grants"][0];
    assert_eq!((&grant["status"], &grant["change"]), (&json!("pending"), &json!("none")), "{grant}");
    assert!(grant.to_string().contains("begins at 2026-01-06T05:00:00Z"), "{grant}");
}

/// The stored answer is given, and nothing is ensured again.
#[tokio::test]
async fn a_call_that_is_sent_again_with_its_key_ensures_nothing() {
    let world = World::start().await;
    let body = json!({
        "entitlements": [{"target": format!("AWS::Account::{SANDBOX}"), "role": "PowerUserAccess"}],
        "justification": {"reason": "roll out", "attachments": []},
    });
    let ensure = || {
        let call = world.call(As::Person("alice"), Method::POST, "/v1/access/ensure").json(&body);
        call.header("idempotency-key", "once").send()
    };
    let first = ensure().await.expect(StatusCode::OK);
    world.settle().await;
    world.wait(8 * 3600 + 60).await;
    assert_eq!(world.assignments(), [""; 0]);
    assert_eq!(ensure().await.expect(StatusCode::OK), first);
    assert_eq!((world.items("GRANT").len(), world.items("REQUEST").len()), (1, 1));
}
