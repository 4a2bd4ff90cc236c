//! Policies over HTTP, and that the next decision goes by them.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_tests::{Answer, As, Call, PRODUCTION, SANDBOX, STAGING, World};

const NOTICE: &str = "Ask the platform team first.";

/// Two statements, one of them with a notice.
fn two_statements() -> Value {
    json!({
        "name": "staging",
        "max_duration_seconds": 1800,
        "default_duration_seconds": 900,
        "approval_mode": "auto",
        "cedar_policy_set": format!(
            "@id(\"readers\")\npermit (principal in Group::\"engineering\", action == Action::\"ReadOnlyAccess\", \
             resource == AwsAccount::\"{STAGING}\");\n\n@notice(\"{NOTICE}\")\nforbid (principal, action == \
             Action::\"AdministratorAccess\", resource == AwsAccount::\"{STAGING}\");"
        ),
    })
}

/// Makes a policy nothing is to be warned about, and returns it as it is read.
async fn create(world: &World, body: &Value) -> Value {
    let mut policy = world.post(As::Key, "/v1/policies", body.clone()).await.expect(StatusCode::CREATED);
    assert_eq!(policy.as_object_mut().unwrap().remove("warnings"), Some(json!([])));
    policy
}

fn path(policy: &Value) -> String {
    format!("/v1/policies/{}", policy["id"].as_str().unwrap())
}

fn patch<'a>(world: &'a World, path: &str, body: &Value) -> Call<'a> {
    world.call(As::Key, Method::PATCH, path).json(body)
}

async fn read(world: &World, path: &str) -> Answer {
    world.get(As::Key, path).await
}

/// What alice is answered when she asks for a role in staging.
async fn asks(world: &World, role: &str) -> Answer {
    world.request("alice", STAGING, role, 600).await
}

#[tokio::test]
async fn a_policy_of_two_statements_decides_the_next_request() {
    let world = World::start().await;
    asks(&world, "ReadOnlyAccess").await.refused(403, "policy_denied");

    let policy = create(&world, &two_statements()).await;
    assert_eq!(policy["rules"].as_array().unwrap().len(), 2);
    let request = asks(&world, "ReadOnlyAccess").await.expect(StatusCode::CREATED);
    assert_eq!((&request["status"], &request["approval_mode"]), (&json!("approved"), &json!("auto")));
    let error = asks(&world, "AdministratorAccess").await.refused(403, "policy_denied");
    assert_eq!(error["notices"], json!([NOTICE]));
    world.request("alice", STAGING, "ReadOnlyAccess", 1801).await.refused(400, "duration_exceeds_maximum");

    let later = world.get(As::Key, path(&policy)).await.expect(StatusCode::OK);
    assert_eq!(later, policy);
    let listed = world.get(As::Key, "/v1/policies").await.expect(StatusCode::OK);
    let summary = listed["data"].as_array().unwrap().iter().find(|one| one["id"] == policy["id"]).unwrap();
    assert_eq!(summary["rule_count"], 2);
    assert!(summary.get("rules").is_none());
}

#[tokio::test]
async fn each_change_is_seen_by_the_next_decision_and_by_its_version() {
    let world = World::start().await;
    let policy = create(&world, &two_statements()).await;
    let before = asks(&world, "ReadOnlyAccess").await.expect(StatusCode::CREATED);
    let disabled = patch(&world, &path(&policy), &json!({"enabled": false})).send().await.expect(StatusCode::OK);
    assert_eq!((&disabled["enabled"], &disabled["version"]), (&json!(false), &json!(1)));
    asks(&world, "ReadOnlyAccess").await.refused(403, "policy_denied");
    assert!(asks(&world, "AdministratorAccess").await.body.get("notices").is_none(), "a disabled rule has no notice");
    patch(&world, &path(&policy), &json!({"enabled": true})).send().await.expect(StatusCode::OK);
    let after = asks(&world, "ReadOnlyAccess").await.expect(StatusCode::CREATED);
    assert_eq!(after["policy_version"].as_u64(), before["policy_version"].as_u64().map(|version| version + 2));

    let text = "permit (principal in Group::\"sre\", action, resource);";
    let changed = patch(&world, &path(&policy), &json!({"cedar_policy_set": text})).send().await;
    assert_eq!(changed.expect(StatusCode::OK)["rules"].as_array().unwrap().len(), 1);
    asks(&world, "ReadOnlyAccess").await.refused(403, "policy_denied");

    let gone = world.call(As::Key, Method::DELETE, path(&policy)).send().await;
    assert_eq!((gone.status, gone.body), (StatusCode::NO_CONTENT, json!("")));
    read(&world, &path(&policy)).await.refused(404, "not_found");
    world.request("bob", STAGING, "ReadOnlyAccess", 600).await.refused(403, "policy_denied");
    world.settle().await;
    let audit = world.audit();
    let policies: Vec<&str> = audit.iter().map(String::as_str).filter(|action| action.starts_with("policy.")).collect();
    assert!(policies.ends_with(&[
        "policy.created",
        "policy.updated",
        "policy.updated",
        "policy.updated",
        "policy.deleted"
    ]));
}

#[tokio::test]
async fn the_highest_priority_decides() {
    let world = World::start().await;
    let forbids = json!({"name": "freeze", "max_duration_seconds": 60, "cedar_policy_set":
        "@notice(\"Frozen.\") forbid (principal, action, resource);"});
    let low = {
        let mut body = forbids.clone();
        body["priority"] = json!(-1);
        create(&world, &body).await
    };
    world.granted("alice", SANDBOX, "ReadOnlyAccess", 60).await;
    let with = |priority: i32| patch(&world, &path(&low), &json!({"priority": priority})).send();
    with(0).await.expect(StatusCode::OK);
    let error = world.request("alice", SANDBOX, "PowerUserAccess", 60).await.refused(403, "policy_denied");
    assert_eq!(error["notices"], json!(["Frozen."]), "of one priority, a forbid wins");
    with(-1).await.expect(StatusCode::OK);
    world.granted("alice", SANDBOX, "PowerUserAccess", 60).await;

    // The order that is asked for is the order they are in.
    let listed = world.get(As::Key, "/v1/policies").await.expect(StatusCode::OK);
    let mut order: Vec<Value> = listed["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    order.retain(|id| *id != low["id"]);
    order.insert(0, low["id"].clone());
    let reordered = patch(&world, "/v1/policies/reorder", &json!({"ids": order})).send().await.expect(StatusCode::OK);
    assert_eq!(reordered["data"][0]["id"], low["id"]);
    let listed = world.get(As::Key, "/v1/policies").await.expect(StatusCode::OK);
    let now: Vec<Value> = listed["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(now, order);
    world.request("alice", SANDBOX, "PowerUserAccess", 60).await.refused(403, "policy_denied");
}

#[tokio::test]
async fn a_text_that_is_not_valid_is_told_where_and_nothing_is_stored() {
    let world = World::start().await;
    let policy = create(&world, &two_statements()).await;
    let stored = world.items("POLICY").len();
    let texts = [
        ("permit (principal, action, resource)", 1),
        ("permit (principal, action, resource);\npermit (principal, action, resource) when { context.nonsense };", 2),
        ("permit (principal,\n action == Action::\"NoSuchSet\",\n resource);", 2),
        ("permit (principal, action, resource == Nonsense::\"x\");", 1),
        ("permit (principal, action, resource) when { context.reason > 1 };", 1),
        ("@notice(\"a\") @notice(\"b\") permit (principal, action, resource);", 1),
        ("permit (principal == ?principal, action, resource);", 1),
    ];
    for (text, line) in texts {
        let body = json!({"name": "broken", "max_duration_seconds": 60, "cedar_policy_set": text});
        let rule = json!({"policy_text": text});
        for answer in [
            world.post(As::Key, "/v1/policies", body).await,
            patch(&world, &path(&policy), &json!({"cedar_policy_set": text})).send().await,
            world.post(As::Key, format!("{}/rules", path(&policy)), rule).await,
        ] {
            let error = answer.refused(400, "invalid_policy");
            let first = &error["details"]["errors"][0];
            // A rule is one statement: two are a mistake of their own.
            assert!(first["line"] == line || first["line"] == 1, "{text}: {error}");
            assert!(first["column"].as_u64().unwrap() >= 1 && !first["message"].as_str().unwrap().is_empty());
        }
        let said = world.post(As::Key, "/v1/policies/validate", json!({"cedar_policy_set": text})).await;
        let said = said.expect(StatusCode::OK);
        assert_eq!((&said["valid"], &said["errors"][0]["line"]), (&json!(false), &json!(line)), "{text}: {said}");
    }
    assert_eq!(world.items("POLICY").len(), stored);
    assert_eq!(read(&world, &path(&policy)).await.body, policy);
    let text = json!({"cedar_policy_set": two_statements()["cedar_policy_set"]});
    let said = world.post(As::Key, "/v1/policies/validate", text).await.expect(StatusCode::OK);
    assert_eq!(said, json!({"valid": true, "errors": [], "warnings": []}));
}

#[tokio::test]
async fn fields_make_the_text_and_the_text_the_fields() {
    let world = World::start().await;
    let policy = create(&world, &json!({"name": "empty", "max_duration_seconds": 60})).await;
    let rules = format!("{}/rules", path(&policy));
    let fields = [
        "effect",
        "principal_scope_type",
        "principal_entity_type",
        "principal_entity_id",
        "action_scope_type",
        "action_ids",
        "resource_scope_type",
        "resource_entity_type",
        "resource_entity_id",
        "conditions",
        "notice",
        "audit_session",
    ];
    let texts = [
        "permit (principal, action, resource);",
        "permit (principal == User::\"alice\", action == Action::\"ReadOnlyAccess\", resource is AwsAccount);",
        "forbid (principal in Group::\"sre\", action in [Action::\"approve\", Action::\"revoke\"], resource);",
        "permit (principal is User in Group::\"sre\", action, resource in AwsOrganizationalUnit::\"ou-abcd-12345678\");",
        "@notice(\"say why\")\n@audit_session(\"false\")\npermit (principal, action, resource) when { context.has_reason };",
    ];
    for text in texts {
        let by_text = world.post(As::Key, &rules, json!({"policy_text": text})).await.expect(StatusCode::CREATED);
        let said: serde_json::Map<String, Value> =
            fields.iter().map(|&field| (field.to_owned(), by_text[field].clone())).collect();
        let by_fields = world.post(As::Key, &rules, Value::Object(said)).await.expect(StatusCode::CREATED);
        for field in fields {
            assert_eq!(by_fields[field], by_text[field], "{text}: {field}");
        }
        let again = json!({"policy_text": by_fields["policy_text"]});
        let again = world.post(As::Key, &rules, again).await.expect(StatusCode::CREATED);
        assert_eq!(again["policy_text"], by_fields["policy_text"]);
    }
}

#[tokio::test]
async fn rules_are_made_changed_put_in_order_and_deleted_one_by_one() {
    let world = World::start().await;
    let policy = create(&world, &two_statements()).await;
    let rules = format!("{}/rules", path(&policy));
    let (first, second) = (&policy["rules"][0], &policy["rules"][1]);
    let rule = json!({"effect": "permit", "action_scope_type": "eq", "action_ids": ["PowerUserAccess"],
        "principal_scope_type": "eq", "principal_entity_type": "User", "principal_entity_id": "alice"});
    let third = world.post(As::Key, &rules, rule).await.expect(StatusCode::CREATED);
    assert_eq!(third["ordinal"], 2);
    asks(&world, "PowerUserAccess").await.expect(StatusCode::CREATED);

    let at = |rule: &Value| format!("{rules}/{}", rule["id"].as_str().unwrap());
    let changed = patch(&world, &at(&third), &json!({"principal_entity_id": "bob"})).send().await;
    assert_eq!(changed.expect(StatusCode::OK)["principal_entity_id"], "bob");
    asks(&world, "PowerUserAccess").await.refused(403, "policy_denied");

    let order = json!({"ids": [third["id"], second["id"], first["id"]]});
    patch(&world, &format!("{rules}/reorder"), &order).send().await.expect(StatusCode::OK);
    let listed = read(&world, &rules).await.expect(StatusCode::OK);
    let ids: Vec<&Value> = listed["data"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
    assert_eq!(json!(ids), order["ids"]);
    let part = json!({"ids": [third["id"]]});
    patch(&world, &format!("{rules}/reorder"), &part).send().await.refused(400, "invalid_input");
    let too_many = patch(&world, &format!("{rules}/reorder"), &json!({"ids": vec![&third["id"]; 201]}));
    too_many.header("if-match", "\"0\"").send().await.refused(400, "invalid_input");

    let gone = world.call(As::Key, Method::DELETE, at(second)).send().await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    read(&world, &at(second)).await.refused(404, "not_found");
    assert!(asks(&world, "AdministratorAccess").await.body.get("notices").is_none());
    // A rule is found in its own policy only.
    let other = create(&world, &json!({"name": "another", "max_duration_seconds": 60})).await;
    let astray = format!("{}/rules/{}", path(&other), first["id"].as_str().unwrap());
    read(&world, &astray).await.refused(404, "not_found");
}

#[tokio::test]
async fn nobody_writes_over_anothers_change() {
    let world = World::start().await;
    let made = world.post(As::Key, "/v1/policies", two_statements()).await;
    let tag = made.headers["etag"].clone();
    let policy = made.expect(StatusCode::CREATED);
    let (policy_path, rule_path) =
        (path(&policy), format!("{}/rules/{}", path(&policy), policy["rules"][0]["id"].as_str().unwrap()));
    assert_eq!(read(&world, &policy_path).await.headers["etag"], tag);

    let rename =
        |name: &str, tag: &str| patch(&world, &policy_path, &json!({"name": name})).header("if-match", tag).send();
    let renamed = rename("first", &tag).await;
    let newer = renamed.headers["etag"].clone();
    assert_ne!(newer, tag);
    let error = rename("second", &tag).await.refused(412, "precondition_failed");
    assert_eq!(error["details"]["etag"], newer.as_str());
    assert_eq!(read(&world, &policy_path).await.body["name"], "first");
    for (method, path) in [(Method::DELETE, &policy_path), (Method::DELETE, &rule_path)] {
        let call = world.call(As::Key, method, path.clone()).header("if-match", tag.clone());
        call.send().await.refused(412, "precondition_failed");
    }
    rename("third", "nonsense").await.refused(400, "invalid_input");
    rename("fourth", "*").await.expect(StatusCode::OK);

    // Of eight at once with the same tag, one wins.
    let tag = read(&world, &policy_path).await.headers["etag"].clone();
    let names: Vec<String> = (0..8).map(|n| format!("name {n}")).collect();
    let answers = join_all(names.iter().map(|name| rename(name, &tag))).await;
    let won = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    let lost = answers.iter().filter(|answer| answer.status == StatusCode::PRECONDITION_FAILED).count();
    assert_eq!((won, lost), (1, 7));
}

#[tokio::test]
async fn a_policy_posted_twice_with_one_key_is_made_once() {
    let world = World::start().await;
    let before = world.items("POLICY").len();
    let post = |body: &Value| {
        let call = world.call(As::Key, Method::POST, "/v1/policies").header("idempotency-key", "staging-1");
        call.json(body).send()
    };
    let (first, second) = (post(&two_statements()).await, post(&two_statements()).await);
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    assert_eq!(first.headers["etag"], second.headers["etag"]);
    assert_ne!(first.headers["x-request-id"], second.headers["x-request-id"]);
    assert_eq!(world.items("POLICY").len(), before + 1);
    post(&json!({"name": "another", "max_duration_seconds": 1})).await.refused(409, "idempotency_conflict");
    // Another caller's key of the same name is another key.
    let call = world.call(As::Person("dave"), Method::POST, "/v1/policies").header("idempotency-key", "staging-1");
    assert_ne!(call.json(&two_statements()).send().await.expect(StatusCode::CREATED)["id"], first.body["id"]);
    world.pass(24 * 3600 + 1);
    assert_ne!(post(&two_statements()).await.expect(StatusCode::CREATED)["id"], first.body["id"]);
}

#[tokio::test]
async fn a_policy_deleted_twice_with_one_key_gets_the_same_answer() {
    let world = World::start().await;
    let policy = world.post(As::Key, "/v1/policies", two_statements()).await.expect(StatusCode::CREATED);
    let path = format!("/v1/policies/{}", policy["id"].as_str().unwrap());
    for replayed in [false, true] {
        let call = world.call(As::Key, Method::DELETE, path.clone()).header("idempotency-key", "gone-1");
        let answer = call.send().await;
        assert_eq!(
            (answer.status, answer.headers.contains_key("idempotent-replayed")),
            (StatusCode::NO_CONTENT, replayed)
        );
    }
}

#[tokio::test]
async fn evaluate_says_what_would_be_decided_and_records_nothing() {
    let world = World::start().await;
    let evaluate = async |body: Value| world.post(As::Key, "/v1/policies/evaluate", body).await.expect(StatusCode::OK);
    let question = |principal: &str, account: &str, action: &str| json!({"principal": principal, "resource": format!("aws_account:{account}"), "action": action});
    let items = world.local.aws().items().len();
    let said = evaluate(question("alice", SANDBOX, "PowerUserAccess")).await;
    assert_eq!((&said["permitted"], &said["approval_mode"]), (&json!(true), &json!("auto")));
    assert_eq!(said["max_duration_seconds"], 28_800);
    assert_eq!(said["matching_policy_ids"].as_array().unwrap().len(), 1);
    let filled = json!({
        "account_id": SANDBOX, "auth": "oidc", "duration_seconds": 3600, "ends_at": "2026-01-05T10:00:00.000Z",
        "has_reason": false, "held_seconds": 0, "mfa": false, "now": "2026-01-05T09:00:00.000Z",
        "role": "PowerUserAccess", "start_at": "2026-01-05T09:00:00.000Z", "tickets": [],
    });
    assert_eq!(said["evaluated_context"], filled);
    let said = evaluate(question("alice", PRODUCTION, "ReadOnlyAccess")).await;
    assert_eq!((&said["permitted"], &said["approval_mode"]), (&json!(true), &json!("require")));
    let said = evaluate(question("alice", PRODUCTION, "AdministratorAccess")).await;
    assert_eq!((&said["permitted"], &said["approval_mode"]), (&json!(false), &Value::Null));
    assert!(said["notices"][0].as_str().unwrap().starts_with("Administrator access"));
    let said = evaluate(question("nobody", SANDBOX, "PowerUserAccess")).await;
    assert_eq!(said["permitted"], false);
    let mut with_groups = question("nobody", SANDBOX, "PowerUserAccess");
    with_groups["groups"] = json!(["engineering"]);
    assert_eq!(evaluate(with_groups).await["permitted"], true);
    let mut approval = question("bob", PRODUCTION, "approve");
    let error = world.post(As::Key, "/v1/policies/evaluate", approval.clone()).await.refused(400, "invalid_input");
    assert_eq!(error["details"]["field"], "context.role", "what is to be approved has to be said");
    approval["context"] = json!({"role": "ReadOnlyAccess"});
    let said = evaluate(approval).await;
    assert_eq!((&said["permitted"], &said["evaluated_context"]["role"]), (&json!(true), &json!("ReadOnlyAccess")));
    assert_eq!(world.local.aws().items().len(), items);
}

#[tokio::test]
async fn the_schema_is_the_tenants() {
    let world = World::start().await;
    let text = read(&world, "/v1/policies/schema").await;
    assert!(text.headers["content-type"].starts_with("text/plain"));
    let text = text.expect(StatusCode::OK);
    assert!(text.as_str().unwrap().contains("PowerUserAccess"));
    let json = read(&world, "/v1/policies/schema?format=json").await.expect(StatusCode::OK);
    let actions: Vec<&String> = json[""]["actions"].as_object().unwrap().keys().collect();
    for action in ["ReadOnlyAccess", "PowerUserAccess", "AdministratorAccess", "approve", "revoke", "assume", "read"] {
        assert!(actions.contains(&&action.to_owned()), "{action} is not in {actions:?}");
    }
}
