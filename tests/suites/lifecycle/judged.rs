//! What policy judges is what is given, when it is given, and what is approved.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_local::seed::Seed;
use stint_tests::{As, PRODUCTION, SANDBOX, World, ask};

const POWER: &str = "PowerUserAccess";

/// A world of one policy, with what is to be different about it.
pub(super) async fn world_of(text: &str, settings: Value) -> World {
    let mut seed = Seed::example();
    let mut policy = json!({
        "name": "the only one", "max_duration_seconds": 28_800, "approval_mode": "auto", "cedar_policy_set": text,
    });
    for (name, value) in settings.as_object().unwrap() {
        policy[name] = value.clone();
    }
    seed.policies = vec![policy];
    World::with(seed).await
}

fn without_duration(account: &str, action: &str) -> Value {
    let mut body = ask(account, action, 1);
    body.as_object_mut().unwrap().remove("duration_seconds");
    body
}

/// What `evaluate` says of a person, a role in the sandbox, and a context.
pub(super) async fn evaluate(world: &World, who: &str, action: &str, context: Value) -> Value {
    let body = json!({
        "principal": who, "resource": format!("aws_account:{SANDBOX}"), "action": action, "context": context,
    });
    world.post(As::Key, "/v1/policies/evaluate", body).await.expect(StatusCode::OK)
}

#[tokio::test]
async fn a_duration_that_was_left_out_is_judged_as_the_one_that_is_given() {
    // As the guide has it: without asking whether there is a duration.
    let text = "permit(principal, action, resource is AwsAccount);
        forbid(principal, action, resource) when { context.duration_seconds > 14400 };";
    let world = world_of(text, json!({"default_duration_seconds": 28_800})).await;
    world
        .post(As::Person("alice"), "/v1/requests", without_duration(SANDBOX, POWER))
        .await
        .refused(403, "policy_denied");
    assert_eq!(evaluate(&world, "alice", POWER, json!({})).await["permitted"], false);
    let ensured = world.ensure("alice", SANDBOX, POWER, json!({})).await.expect(StatusCode::OK);
    assert_eq!(ensured["grants"][0]["change"], "none", "{ensured}");
    world.request("alice", SANDBOX, POWER, 14_400).await.expect(StatusCode::CREATED);
    world.request("alice", SANDBOX, POWER, 14_401).await.refused(403, "policy_denied");
}

#[tokio::test]
async fn what_was_judged_is_what_is_given() {
    let mut seed = Seed::example();
    let policy = |name: &str, maximum: i64, default: Value, text: &str| {
        json!({
            "name": name, "max_duration_seconds": maximum, "default_duration_seconds": default,
            "approval_mode": "auto", "cedar_policy_set": text,
        })
    };
    let judged = "permit(principal, action, resource is AwsAccount) when { context.duration_seconds == 600 };";
    seed.policies = vec![
        policy("decides", 7200, json!(1800), judged),
        // In scope, so its settings hold for what is left out, whether or not its condition does.
        policy("only in scope", 600, Value::Null, "permit(principal, action, resource) when { context.mfa };"),
        // About what is below units: not in scope of an account outside of them.
        policy("elsewhere", 60, json!(60), "permit(principal, action, resource == AwsOrganizationalUnit::\"r-ab12\");"),
    ];
    let world = World::with(seed).await;
    let request = world.post(As::Person("alice"), "/v1/requests", without_duration(SANDBOX, POWER)).await;
    let request = request.expect(StatusCode::CREATED);
    assert_eq!(request["duration_seconds"], 600);
    let grant = world.grant(request["grant_ids"][0].as_str().unwrap()).await;
    assert_eq!(grant["expires_at"], "2026-01-05T09:10:00Z");
    assert_eq!(evaluate(&world, "alice", POWER, json!({})).await["evaluated_context"]["duration_seconds"], 600);
}

#[tokio::test]
async fn an_extension_is_judged_by_the_whole_of_the_grant() {
    let text = "permit(principal, action, resource is AwsAccount) when { context.duration_seconds <= 60 };";
    let world = world_of(text, json!({})).await;
    let id = world.granted("alice", SANDBOX, POWER, 30).await;
    let extend = async |seconds: i64| {
        let body = json!({"duration_seconds": seconds});
        world.post(As::Person("alice"), format!("/v1/grants/{id}/extend"), body).await
    };
    extend(31).await.refused(403, "policy_denied");
    assert_eq!(extend(30).await.expect(StatusCode::OK)["expires_at"], "2026-01-05T09:01:00Z");
    extend(1).await.refused(403, "policy_denied");
    world.wait(50).await;
    let ensured = world.ensure("alice", SANDBOX, POWER, json!({"duration_seconds": 30})).await.expect(StatusCode::OK);
    assert_eq!(ensured["grants"][0]["change"], "none", "{ensured}");
    world.wait(10).await;
    assert!(world.assignments().is_empty());
}

#[tokio::test]
async fn renewal_without_end_is_stopped_by_how_long_the_access_was_held() {
    let text = "permit(principal, action, resource is AwsAccount);
        @notice(\"enough for today\") forbid(principal, action, resource is AwsAccount)
            when { context has held_seconds && context.held_seconds >= 20 };";
    let world = world_of(text, json!({"max_duration_seconds": 10})).await;
    // Each begins before the one before has ended: no second is free, and none counts twice.
    for held in [0, 6, 12, 18] {
        assert_eq!(evaluate(&world, "alice", POWER, json!({})).await["evaluated_context"]["held_seconds"], held);
        world.request("alice", SANDBOX, POWER, 10).await.expect(StatusCode::CREATED);
        world.wait(6).await;
    }
    let refused = world.request("alice", SANDBOX, POWER, 10).await.refused(403, "policy_denied");
    assert_eq!(refused["notices"], json!(["enough for today"]));
    let ensured = world.ensure("alice", SANDBOX, POWER, json!({})).await.expect(StatusCode::OK);
    assert_eq!(ensured["grants"][0]["change"], "none");
    world.request("bob", SANDBOX, POWER, 10).await.expect(StatusCode::CREATED);
    world.request("alice", SANDBOX, "ReadOnlyAccess", 10).await.expect(StatusCode::CREATED);

    // 28 seconds were held; a day later they are out of sight.
    world.wait(60).await;
    world.wait(60).await;
    assert_eq!(evaluate(&world, "alice", POWER, json!({})).await["evaluated_context"]["held_seconds"], 28);
    world.request("alice", SANDBOX, POWER, 10).await.refused(403, "policy_denied");
    world.wait(24 * 3600 - 140).await;
    assert_eq!(evaluate(&world, "alice", POWER, json!({})).await["evaluated_context"]["held_seconds"], 24);
    world.wait(24).await;
    world.request("alice", SANDBOX, POWER, 10).await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn an_extension_is_stopped_by_how_long_the_access_was_held() {
    let text = "permit(principal, action, resource is AwsAccount);
        forbid(principal, action, resource is AwsAccount) when { context has held_seconds && context.held_seconds >= 20 };";
    let world = world_of(text, json!({})).await;
    world.granted("alice", SANDBOX, POWER, 15).await;
    world.wait(10).await;
    let id = world.granted("alice", SANDBOX, POWER, 600).await;
    let extend = async || {
        let body = json!({"duration_seconds": 1});
        world.post(As::Person("alice"), format!("/v1/grants/{id}/extend"), body).await
    };
    world.wait(9).await;
    extend().await.expect(StatusCode::OK);
    world.wait(1).await;
    extend().await.refused(403, "policy_denied");
}

#[tokio::test]
async fn a_window_holds_for_what_is_given_and_not_for_when_it_is_asked() {
    let text = "permit(principal, action, resource is AwsAccount) when {
        context.start_at >= datetime(\"2026-01-05T09:00:00Z\") && context.ends_at <= datetime(\"2026-01-05T09:10:00Z\") };";
    let world = world_of(text, json!({})).await;
    let mut later = ask(SANDBOX, POWER, 300);
    later["start_at"] = json!("2026-01-05T15:00:00Z");
    world.post(As::Person("alice"), "/v1/requests", later.clone()).await.refused(403, "policy_denied");
    later["start_at"] = json!("2026-01-05T09:05:01Z");
    world.post(As::Person("alice"), "/v1/requests", later.clone()).await.refused(403, "policy_denied");
    let context = json!({"start_at": later["start_at"], "duration_seconds": 300});
    assert_eq!(evaluate(&world, "alice", POWER, context).await["permitted"], false);
    later["start_at"] = json!("2026-01-05T09:05:00Z");
    let context = json!({"start_at": later["start_at"], "duration_seconds": 300});
    assert_eq!(evaluate(&world, "alice", POWER, context).await["permitted"], true);
    world.post(As::Person("alice"), "/v1/requests", later).await.expect(StatusCode::CREATED);
    world.request("alice", SANDBOX, POWER, 600).await.expect(StatusCode::CREATED);
    world.pass(1);
    world.request("alice", SANDBOX, POWER, 600).await.refused(403, "policy_denied");
}

/// Everybody may ask, SRE may approve what this lets them.
async fn world_of_approvals(forbid: &str) -> World {
    let text = format!(
        "permit(principal, action, resource is AwsAccount)
            unless {{ [Action::\"approve\", Action::\"revoke\"].contains(action) }};
        permit(principal in Group::\"sre\", action == Action::\"approve\", resource);
        @notice(\"ask the administrators\") {forbid}"
    );
    world_of(&text, json!({"approval_mode": "require"})).await
}

/// Bob's answer to approving what alice asks for, and what `evaluate` says to it beforehand.
async fn approval(world: &World, body: Value) -> (bool, bool) {
    let context = json!({
        "role": body["action"], "duration_seconds": body["duration_seconds"], "reason": body["reason"],
        "requester": {"type": "User", "id": "alice"},
    });
    let evaluated = evaluate(world, "bob", "approve", context).await["permitted"].as_bool().unwrap();
    let id = world.post(As::Person("alice"), "/v1/requests", body).await.expect(StatusCode::CREATED)["id"].clone();
    let path = format!("/v1/requests/{}/approve", id.as_str().unwrap());
    let answer = world.post(As::Person("bob"), path, json!({})).await;
    if answer.status != StatusCode::OK {
        // Who may not decide it does not know of it.
        answer.clone().refused(404, "not_found");
    }
    (answer.status == StatusCode::OK, evaluated)
}

#[tokio::test]
async fn an_approval_is_judged_by_what_is_approved() {
    let rules = [
        "context has role && context.role == \"AdministratorAccess\"",
        "context.duration_seconds > 600",
        "!context.has_reason",
        "context.ends_at.durationSince(context.now) > duration(\"10m\")",
        "context has requester && !(context.requester in Group::\"sre\") && context.role == \"AdministratorAccess\"",
    ];
    for (number, rule) in rules.into_iter().enumerate() {
        let forbid = format!("forbid(principal, action == Action::\"approve\", resource) when {{ {rule} }};");
        let world = world_of_approvals(&forbid).await;
        let mut forbidden = ask(SANDBOX, "AdministratorAccess", 601);
        if number == 2 {
            forbidden.as_object_mut().unwrap().remove("reason");
        }
        assert_eq!(approval(&world, forbidden).await, (false, false), "{rule}");
        assert_eq!(approval(&world, ask(SANDBOX, POWER, 600)).await, (true, true), "{rule}");
    }
}

#[tokio::test]
async fn a_revocation_is_judged_by_the_grant_it_ends() {
    let text = "permit(principal, action, resource is AwsAccount)
            unless { [Action::\"approve\", Action::\"revoke\"].contains(action) };
        permit(principal in Group::\"sre\", action == Action::\"revoke\", resource)
            when { context.break_glass && context has reason && context.reason == \"because\" };
        permit(principal in Group::\"sre\", action == Action::\"approve\", resource)
            when { context.role == \"ReadOnlyAccess\" && context.duration_seconds == 660 };";
    let world = world_of(text, json!({})).await;
    let revoke =
        async |id: &str| world.call(As::Person("bob"), Method::DELETE, format!("/v1/grants/{id}")).send().await.status;
    let mut emergency = ask(PRODUCTION, "AdministratorAccess", 600);
    emergency["break_glass"] = json!(true);
    let emergency = world.post(As::Person("carol"), "/v1/requests", emergency).await.expect(StatusCode::CREATED);
    assert_eq!(revoke(emergency["grant_ids"][0].as_str().unwrap()).await, StatusCode::ACCEPTED);
    // Who may approve such an access may end it: with the facts of the grant, its extension included.
    let read = world.granted("alice", SANDBOX, "ReadOnlyAccess", 600).await;
    assert_eq!(revoke(&read).await, StatusCode::NOT_FOUND);
    let path = format!("/v1/grants/{read}/extend");
    world.post(As::Person("alice"), path, json!({"duration_seconds": 60})).await.expect(StatusCode::OK);
    assert_eq!(revoke(&read).await, StatusCode::ACCEPTED);
    let power = world.granted("alice", SANDBOX, POWER, 660).await;
    assert_eq!(revoke(&power).await, StatusCode::NOT_FOUND);

    let context = |role: &str, broken: bool| {
        json!({
            "role": role, "duration_seconds": 660, "break_glass": broken, "reason": "because",
        })
    };
    for (role, broken, permitted) in
        [("AdministratorAccess", true, true), ("ReadOnlyAccess", false, true), (POWER, false, false)]
    {
        assert_eq!(evaluate(&world, "bob", "revoke", context(role, broken)).await["permitted"], permitted, "{role}");
    }
}

/// Identity providers do not tell the cases of an address apart.
#[tokio::test]
async fn how_an_address_is_typed_does_not_matter_to_a_rule() {
    let world = world_of(
        "permit(principal, action, resource is AwsAccount); \
         forbid(principal, action, resource) when { principal has email && principal.email == \"alice@example.com\" };",
        json!({}),
    )
    .await;
    for email in ["alice@example.com", "Alice@Example.COM"] {
        let token = world.token_with("alice", |claims| claims["email"] = json!(email));
        let answer = world.post(As::Token(&token), "/v1/requests", ask(SANDBOX, POWER, 60)).await;
        answer.refused(403, "policy_denied");
    }
}
