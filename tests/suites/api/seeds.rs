//! The sample calls of the documents the contract comes from: as they stand there, and with values that exist.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_tests::{Answer, As, World};

/// The tenant of the samples, in the spelling of the samples.
const TENANT: &str = "2489E9AD-2EE2-8E00-8EC9-32D5F69181C0";

const TEXT: &str = "string";
const MAYBE_TEXT: &str = "string or null";
const SECONDS: &str = "integer";
const MAYBE_SECONDS: &str = "integer or null";
const FLAG: &str = "boolean";
const LIST: &str = "array";
const OBJECT: &str = "object";

/// The second tenant has the id of the samples.
struct Sample {
    world: World,
    key: String,
    token: String,
}

impl Sample {
    async fn start() -> Self {
        let world = World::start().await;
        let other = world.second_tenant().await;
        world.share_instance(&other).await;
        assert_eq!(other.id.to_string(), TENANT.to_lowercase());
        let token = world.token_with("alice", |claims| claims["aud"] = other.audience.clone().into());
        let sample = Self { world, key: other.key, token };
        let policy = json!({
            "name": "engineering in sandbox", "max_duration_seconds": 3600, "approval_mode": "auto",
            "cedar_policy_set": "permit (principal, action, resource == AwsAccount::\"111111111111\");"
        });
        sample.key_call("/v1/policies", &policy).await.expect(StatusCode::CREATED);
        sample
    }

    async fn key_call(&self, path: &str, body: &Value) -> Answer {
        let call = self.world.call(As::ApiKey(&self.key), Method::POST, path).header("x-tenant-id", TENANT);
        call.json(body).send().await
    }

    async fn token_call(&self, path: &str, body: &Value) -> Answer {
        let call = self.world.call(As::Token(&self.token), Method::POST, path).header("x-tenant-id", TENANT);
        call.json(body).send().await
    }
}

/// Holds that every field is there and of its type.
#[track_caller]
fn has(value: &Value, fields: &[(&str, &str)]) {
    for (field, kind) in fields {
        let found = value.get(field).unwrap_or_else(|| panic!("`{field}` is missing in {value}"));
        let is = match found {
            Value::Null => "null",
            Value::Bool(_) => FLAG,
            Value::Number(number) if number.is_i64() => SECONDS,
            Value::Number(_) => "number",
            Value::String(_) => TEXT,
            Value::Array(_) => LIST,
            Value::Object(_) => OBJECT,
        };
        assert!(kind.split(" or ").any(|kind| kind == is), "`{field}` is {is}, not {kind}, in {value}");
    }
}

/// A refusal as the documents have it.
#[track_caller]
fn refuses(answer: Answer, field: &str) {
    let error = answer.refused(400, "invalid_input");
    has(&error, &[("code", TEXT), ("message", TEXT), ("details", OBJECT)]);
    assert_eq!(error["details"]["field"], field, "{error}");
}

#[tokio::test]
async fn ensure_access() {
    let sample = Sample::start().await;
    let mut body = json!({
        "entitlements": [{"target": "example", "role": "example", "duration_seconds": 1}],
        "justification": {"reason": "example", "attachments": ["example"]},
        "dry_run": false
    });
    refuses(sample.token_call("/v1/access/ensure", &body).await, "entitlements[0].target");

    body["entitlements"][0]["target"] = json!("AWS::Account::111111111111");
    body["entitlements"][0]["role"] = json!("ReadOnlyAccess");
    let answer = sample.token_call("/v1/access/ensure", &body).await.expect(StatusCode::OK);
    has(&answer, &[("grants", LIST), ("validation", OBJECT), ("diagnostics", LIST)]);
    assert_eq!(answer["grants"].as_array().unwrap().len(), 1);
    let grant = &answer["grants"][0];
    has(
        grant,
        &[
            ("id", TEXT),
            ("name", TEXT),
            ("status", TEXT),
            ("change", TEXT),
            ("approved", FLAG),
            ("duration_seconds", SECONDS),
            ("duration", TEXT),
            ("expires_at", MAYBE_TEXT),
            ("activated_at", MAYBE_TEXT),
            ("access_request_id", MAYBE_TEXT),
            ("provisioning_status", TEXT),
            ("validation", OBJECT),
            ("diagnostics", LIST),
        ],
    );
    has(&grant["validation"], &[("has_reason", FLAG), ("has_ticket_attachment", FLAG)]);
    assert_eq!((&grant["change"], &grant["provisioning_status"]), (&json!("activated"), &json!("pending")));

    // The sample's answer, once it is there.
    sample.world.settle().await;
    body["entitlements"][0].as_object_mut().unwrap().remove("duration_seconds");
    let answer = sample.token_call("/v1/access/ensure", &body).await.expect(StatusCode::OK);
    assert_eq!((&answer["grants"][0]["status"], &answer["grants"][0]["change"]), (&json!("active"), &json!("none")));
}

#[tokio::test]
async fn submit_an_access_request() {
    let sample = Sample::start().await;
    let mut body = json!({
        "resource": {"type": "aws_account", "id": "example"},
        "action": "example",
        "reason": "example",
        "duration_seconds": 1,
        "break_glass": false,
        "metadata": {}
    });
    refuses(sample.key_call("/v1/requests", &body).await, "resource.id");

    body["resource"]["id"] = json!("111111111111");
    sample.key_call("/v1/requests", &body).await.refused(403, "policy_denied");

    body["action"] = json!("ReadOnlyAccess");
    let request = sample.key_call("/v1/requests", &body).await.expect(StatusCode::CREATED);
    has(
        &request,
        &[
            ("id", TEXT),
            ("requester_id", TEXT),
            ("resource", OBJECT),
            ("action", TEXT),
            ("reason", MAYBE_TEXT),
            ("status", TEXT),
            ("decision_reasoning", MAYBE_TEXT),
            ("decided_by", MAYBE_TEXT),
            ("approval_mode", MAYBE_TEXT),
            ("break_glass", FLAG),
            ("duration_seconds", MAYBE_SECONDS),
            ("metadata", OBJECT),
            ("created_at", TEXT),
            ("updated_at", TEXT),
            ("expires_at", MAYBE_TEXT),
            ("grant_ids", LIST),
            ("policy_version", SECONDS),
            ("decisions", LIST),
            ("required_approvals", SECONDS),
        ],
    );
    for field in ["resource", "action", "reason", "duration_seconds", "break_glass", "metadata"] {
        assert_eq!(request[field], body[field], "{field}");
    }
    // By a person, whose requests wait: the sample's answer.
    let waits = json!({"name": "p", "max_duration_seconds": 60, "priority": 1, "cedar_policy_set":
        "permit (principal, action, resource == AwsAccount::\"111111111111\");"});
    sample.key_call("/v1/policies", &waits).await.expect(StatusCode::CREATED);
    let request = sample.token_call("/v1/requests", &body).await.expect(StatusCode::CREATED);
    assert_eq!(request["requester_id"], "alice");
    assert_eq!(request["resource"]["type"], "aws_account");
    assert_eq!((&request["status"], &request["approval_mode"]), (&json!("pending"), &json!("require")));
}

#[tokio::test]
async fn create_a_policy() {
    let sample = Sample::start().await;
    let mut body = json!({
        "name": "example",
        "description": "example",
        "enabled": true,
        "priority": 0,
        "max_duration_seconds": 1,
        "default_duration_seconds": 1,
        "notification_channel": "example",
        "cedar_policy_set": "example"
    });
    let error = sample.key_call("/v1/policies", &body).await.refused(400, "invalid_policy");
    has(&error, &[("code", TEXT), ("message", TEXT), ("details", OBJECT)]);
    has(&error["details"]["errors"][0], &[("line", SECONDS), ("column", SECONDS), ("message", TEXT)]);

    body["cedar_policy_set"] = json!("@notice(\"hear, hear\") permit (principal, action, resource);");
    let policy = sample.key_call("/v1/policies", &body).await.expect(StatusCode::CREATED);
    has(
        &policy,
        &[
            ("id", TEXT),
            ("name", TEXT),
            ("description", MAYBE_TEXT),
            ("enabled", FLAG),
            ("priority", SECONDS),
            ("max_duration_seconds", SECONDS),
            ("default_duration_seconds", MAYBE_SECONDS),
            ("notification_channel", MAYBE_TEXT),
            ("rules", LIST),
            ("cedar_policy_set", TEXT),
            ("approval_mode", TEXT),
            ("approval_timeout_seconds", MAYBE_SECONDS),
            ("required_approvals", SECONDS),
            ("require_reason", FLAG),
            ("ticket_pattern", MAYBE_TEXT),
            ("version", SECONDS),
            ("created_at", TEXT),
            ("updated_at", TEXT),
        ],
    );
    for (field, sent) in body.as_object().unwrap().iter().filter(|(field, _)| *field != "cedar_policy_set") {
        assert_eq!(&policy[field], sent, "{field}");
    }
    let rule = &policy["rules"][0];
    has(
        rule,
        &[
            ("id", TEXT),
            ("ordinal", SECONDS),
            ("effect", TEXT),
            ("policy_text", TEXT),
            ("principal_scope_type", TEXT),
            ("principal_entity_type", MAYBE_TEXT),
            ("principal_entity_id", MAYBE_TEXT),
            ("action_scope_type", TEXT),
            ("action_ids", LIST),
            ("resource_scope_type", TEXT),
            ("resource_entity_type", MAYBE_TEXT),
            ("resource_entity_id", MAYBE_TEXT),
            ("conditions", MAYBE_TEXT),
            ("notice", MAYBE_TEXT),
            ("audit_session", FLAG),
            ("created_at", TEXT),
        ],
    );
    assert_eq!((&rule["effect"], &rule["notice"]), (&json!("permit"), &json!("hear, hear")));
    for scope in ["principal_scope_type", "action_scope_type", "resource_scope_type"] {
        assert_eq!(rule[scope], "any", "the sample's answer");
    }
}

#[tokio::test]
async fn a_refusal_is_as_the_documents_have_it() {
    let sample = Sample::start().await;
    let call = sample.world.call(As::Nobody, Method::POST, "/v1/requests").header("x-tenant-id", TENANT);
    let error = call.json(&json!({})).send().await.refused(401, "unauthenticated");
    has(&error, &[("code", TEXT), ("message", TEXT), ("details", OBJECT)]);
    let notice = json!({"name": "n", "max_duration_seconds": 60, "priority": 9, "cedar_policy_set":
        "@notice(\"not today\") forbid (principal, action, resource);"});
    sample.key_call("/v1/policies", &notice).await.expect(StatusCode::CREATED);
    let body = stint_tests::ask("111111111111", "ReadOnlyAccess", 60);
    let error = sample.key_call("/v1/requests", &body).await.refused(403, "policy_denied");
    has(&error, &[("code", TEXT), ("message", TEXT), ("details", OBJECT), ("notices", LIST)]);
    assert_eq!(error["notices"], json!(["not today"]));
    let here = sample.world.local.tenant_id().to_string();
    let call = sample.world.call(As::ApiKey(&sample.key), Method::GET, "/v1/requests").header("x-tenant-id", here);
    call.send().await.refused(403, "tenant_mismatch");
}
