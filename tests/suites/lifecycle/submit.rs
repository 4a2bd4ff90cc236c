//! Requests: what is granted at once, what waits for people, and what is refused.

use reqwest::StatusCode;
use serde_json::{Value, json};
use stint_tests::{As, PRODUCTION, SANDBOX, STAGING, World, ask};

#[tokio::test]
async fn policy_grants_at_once_and_the_access_is_there() {
    let world = World::start().await;
    let request = world.request("alice", SANDBOX, "PowerUserAccess", 600).await.expect(StatusCode::CREATED);
    assert_eq!(request["status"], "approved");
    assert_eq!(request["approval_mode"], "auto");
    assert_eq!(request["decided_by"], Value::Null);
    let id = request["grant_ids"][0].as_str().unwrap();

    let decided = world.grant(id).await;
    assert_eq!((&decided["status"], &decided["provisioning_status"]), (&json!("active"), &json!("pending")));
    assert!(world.assignments().is_empty(), "an endpoint gives nothing itself");

    world.settle().await;
    let usable = world.grant(id).await;
    assert_eq!(usable["provisioning_status"], "successful");
    assert_eq!(usable["activated_at"], "2026-01-05T09:00:00Z");
    assert_eq!(usable["expires_at"], "2026-01-05T09:10:00Z");
    assert_eq!(world.assignments(), ["alice PowerUserAccess 111111111111"]);
}

#[tokio::test]
async fn a_request_without_a_duration_gets_the_policies_default() {
    let world = World::start().await;
    let mut body = ask(SANDBOX, "PowerUserAccess", 1);
    body["duration_seconds"] = Value::Null;
    let mut left_out = body.clone();
    left_out.as_object_mut().unwrap().remove("duration_seconds");
    for body in [body, left_out] {
        let request = world.post(As::Person("alice"), "/v1/requests", body).await.expect(StatusCode::CREATED);
        assert_eq!(request["duration_seconds"], 3600);
    }
}

#[tokio::test]
async fn more_time_than_the_policy_allows_is_refused_and_nothing_is_recorded() {
    let world = World::start().await;
    let error =
        world.request("alice", SANDBOX, "PowerUserAccess", 28_801).await.refused(400, "duration_exceeds_maximum");
    assert_eq!(error["details"]["max_duration_seconds"], 28_800);
    assert!(world.items("REQUEST").is_empty());
}

#[tokio::test]
async fn a_forbidden_request_is_recorded_and_answered_with_the_notice() {
    let world = World::start().await;
    let error = world.request("alice", PRODUCTION, "AdministratorAccess", 600).await.refused(403, "policy_denied");
    let notice = "Administrator access to production is forbidden. In an emergency, break the glass.";
    assert_eq!(error["notices"], json!([notice]));

    let id = error["details"]["request_id"].as_str().unwrap();
    let recorded = world.get(As::Person("alice"), format!("/v1/requests/{id}")).await.expect(StatusCode::OK);
    assert_eq!(recorded["status"], "denied");
    assert_eq!(recorded["approval_mode"], Value::Null);
    world.settle().await;
    assert_eq!(world.audit().last().unwrap(), "request.denied");
}

#[tokio::test]
async fn what_no_policy_permits_is_denied() {
    let world = World::start().await;
    world.request("alice", STAGING, "ReadOnlyAccess", 600).await.refused(403, "policy_denied");
    world.request("dave", SANDBOX, "PowerUserAccess", 600).await.refused(403, "policy_denied");
    world.request("alice", SANDBOX, "NoSuchSet", 600).await.refused(403, "policy_denied");
}

#[tokio::test]
async fn what_cannot_be_given_yet_is_refused_before_policy_is_asked() {
    let world = World::start().await;
    for (kind, id) in [
        ("aws_s3_bucket", "my-bucket"),
        ("aws_rds_instance", "arn:aws:rds:eu-west-1:111111111111:db:orders"),
        ("aws_ec2_instance", "i-0123456789abcdef0"),
        ("aws_organizational_unit", "ou-ab12-12345678"),
    ] {
        let body = json!({"resource": {"type": kind, "id": id}, "action": "read"});
        let error = world.post(As::Person("alice"), "/v1/requests", body).await.refused(400, "invalid_input");
        assert_eq!(error["details"]["field"], "resource.type", "{kind}");
    }
}

#[tokio::test]
async fn break_glass_is_for_its_group_with_a_reason_and_capped() {
    let world = World::start().await;
    let mut body = ask(PRODUCTION, "AdministratorAccess", 600);
    body["break_glass"] = json!(true);
    world.post(As::Person("alice"), "/v1/requests", body.clone()).await.refused(403, "break_glass_not_permitted");
    world.post(As::Person("dave"), "/v1/requests", body.clone()).await.refused(403, "break_glass_not_permitted");

    for reason in [Value::Null, json!("  ")] {
        let mut silent = body.clone();
        silent["reason"] = reason;
        let error = world.post(As::Person("carol"), "/v1/requests", silent).await.refused(400, "invalid_input");
        assert_eq!(error["details"]["field"], "reason");
    }
    let mut long = body.clone();
    long["duration_seconds"] = json!(3601);
    let error = world.post(As::Person("carol"), "/v1/requests", long).await.refused(400, "duration_exceeds_maximum");
    assert_eq!(error["details"]["max_duration_seconds"], 3600);

    let request = world.post(As::Person("carol"), "/v1/requests", body).await.expect(StatusCode::CREATED);
    assert_eq!((&request["status"], &request["approval_mode"]), (&json!("approved"), &json!("break_glass")));
    world.settle().await;
    assert_eq!(world.assignments(), ["carol AdministratorAccess 333333333333"]);
    assert!(world.audit().contains(&"request.break_glass".to_owned()));
}

#[tokio::test]
async fn who_may_impersonate_asks_in_the_name_of_somebody_known() {
    let world = World::start().await;
    let mut body = ask(SANDBOX, "PowerUserAccess", 600);
    body["on_behalf_of"] = json!("alice");
    world.post(As::Person("bob"), "/v1/requests", body.clone()).await.refused(403, "insufficient_scope");

    let request = world.post(As::Key, "/v1/requests", body.clone()).await.expect(StatusCode::CREATED);
    assert_eq!(request["requester_id"], "alice");
    world.settle().await;
    assert_eq!(world.assignments(), ["alice PowerUserAccess 111111111111"]);

    body["on_behalf_of"] = json!("mallory");
    let error = world.post(As::Key, "/v1/requests", body).await.refused(400, "invalid_input");
    assert_eq!(error["details"]["field"], "on_behalf_of");
}

#[tokio::test]
async fn a_permission_set_on_its_account_is_asked_for_by_its_arn() {
    let mut seed = stint_local::seed::Seed::example();
    seed.policies = vec![json!({
        "name": "all", "max_duration_seconds": 3600, "approval_mode": "auto",
        "cedar_policy_set": "permit (principal, action == Action::\"assume\", resource is AwsPermissionSet);"
    })];
    let arn = seed.aws.permission_sets.first().unwrap().arn.clone();
    let world = World::with(seed).await;
    let body = json!({"resource": {"type": "aws_permission_set", "id": arn}, "action": "assume"});
    let error = world.post(As::Person("alice"), "/v1/requests", body).await.refused(400, "invalid_input");
    assert_eq!(error["details"]["field"], "resource.id", "the directory knows no account for it");
}

#[tokio::test]
async fn a_later_start_gives_nothing_before() {
    let world = World::start().await;
    let mut body = ask(SANDBOX, "PowerUserAccess", 600);
    body["start_at"] = json!("2026-01-05T10:00:00Z");
    let request = world.post(As::Person("alice"), "/v1/requests", body.clone()).await.expect(StatusCode::CREATED);
    world.settle().await;
    assert!(world.assignments().is_empty());
    let grant = world.grant(request["grant_ids"][0].as_str().unwrap()).await;
    assert_eq!(grant["granted_at"], "2026-01-05T10:00:00Z");
    assert_eq!(grant["expires_at"], "2026-01-05T10:10:00Z");

    world.wait(3600).await;
    assert_eq!(world.assignments(), ["alice PowerUserAccess 111111111111"]);
    world.wait(600).await;
    assert!(world.assignments().is_empty());

    body["start_at"] = json!("2026-01-05T09:00:00Z");
    world.post(As::Person("alice"), "/v1/requests", body).await.refused(400, "invalid_input");
}

#[tokio::test]
async fn an_idempotency_key_answers_the_same_and_makes_one() {
    let world = World::start().await;
    let send = |body: Value| {
        let call = world.call(As::Person("alice"), reqwest::Method::POST, "/v1/requests");
        call.header("idempotency-key", "once").json(&body).send()
    };
    let first = send(ask(SANDBOX, "PowerUserAccess", 600)).await.expect(StatusCode::CREATED);
    let again = send(ask(SANDBOX, "PowerUserAccess", 600)).await.expect(StatusCode::CREATED);
    assert_eq!(first, again);
    assert_eq!(world.items("GRANT").len(), 1);
    send(ask(SANDBOX, "PowerUserAccess", 601)).await.refused(409, "idempotency_conflict");

    world.pass(24 * 3600 + 1);
    let anew = send(ask(SANDBOX, "PowerUserAccess", 601)).await.expect(StatusCode::CREATED);
    assert_ne!(first["id"], anew["id"]);
}
