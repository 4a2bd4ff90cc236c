//! Every parser of what callers send: it is read, or refused with the name of what is wrong; it is never a server error.

use proptest::prelude::*;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_tests::contract::Operation;
use stint_tests::{Answer, As, Call, SANDBOX, World};

use super::mutation::{change, edit, fits_a_header, json, places, try_out};

const CASES: u32 = 96;

/// Holds that an answer is no fault of ours, and if it refuses, says which field. What it may answer besides is in the
/// document, which every call is held against.
#[track_caller]
fn read_or_named(answer: &Answer, fields: &[&str]) {
    let Answer { status, body, .. } = answer;
    assert!(status.as_u16() < 500, "{status}: {body}");
    if body["code"] == "invalid_input" {
        let field = body["details"]["field"].as_str().unwrap();
        let named = fields.iter().any(|name| field == *name || field.starts_with(&format!("{name}.")));
        assert!(!field.is_empty() && (fields.is_empty() || named), "{body}");
        assert!(!body["details"]["reason"].as_str().unwrap().is_empty(), "{body}");
    }
}

/// Every byte of it escaped.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn a_changed_cursor_is_none() {
    let start = async |world: World| {
        for _ in 0..2 {
            world.granted("alice", SANDBOX, "ReadOnlyAccess", 60).await;
        }
        let page = world.get(As::Key, "/v1/grants?limit=1").await.expect(StatusCode::OK);
        (world, page["next_cursor"].as_str().unwrap().to_owned())
    };
    let cursors = prop_oneof![3 => change().prop_map(Ok), 1 => ".{1,60}".prop_map(Err)];
    try_out(CASES, &cursors, start, async |(world, cursor), changed| {
        let Some(changed) = changed.map_or_else(Some, |change| change.of(cursor)) else { return };
        let answer = world.get(As::Key, format!("/v1/grants?limit=1&cursor={}", escaped(&changed))).await;
        assert_eq!(answer.refused(400, "invalid_input")["details"]["field"], "cursor", "{changed}");
    });
}

#[test]
fn a_changed_key_is_none() {
    try_out(
        CASES,
        &change(),
        async |world| world,
        async |world, change| {
            let Some(key) = change.of(world.key()).filter(|key| fits_a_header(key)) else { return };
            world.get(As::ApiKey(&key), "/v1/grants").await.refused(401, "unauthenticated");
        },
    );
}

#[test]
fn a_changed_token_is_none() {
    let start = async |world: World| {
        let token = world.token("alice");
        (world, token)
    };
    try_out(CASES, &change(), start, async |(world, token), change| {
        let Some(token) = change.of(token).filter(|token| fits_a_header(token)) else { return };
        world.get(As::Token(&token), "/v1/grants").await.refused(401, "unauthenticated");
    });
}

#[test]
fn any_text_is_an_id_or_is_named() {
    let operations: Vec<&Operation> =
        Operation::authenticated().filter(|operation| !operation.path_parameters().is_empty()).collect();
    let near = "[0-9a-fA-F]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}";
    let ids = (proptest::sample::select(operations), prop_oneof![near, "\\{?[0-9a-f-]{30,40}\\}?", ".{1,40}"]);
    try_out(
        CASES,
        &ids,
        async |world| world,
        async |world, (operation, id)| {
            let name = operation.path_parameters()[0];
            let call = world.call(As::Key, operation.method.clone(), operation.uri(name, &escaped(&id)));
            let call = operation.example.iter().fold(call, |call, example| call.json(example));
            let answer = call.send().await;
            read_or_named(&answer, &[name]);
            assert!([400, 404].contains(&answer.status.as_u16()), "{id:?}: {}", answer.body);
        },
    );
}

#[test]
fn any_header_is_read_or_named() {
    let start = async |world: World| {
        let policy = json!({"name": "a policy", "max_duration_seconds": 60});
        let policy = world.post(As::Key, "/v1/policies", policy).await.expect(StatusCode::CREATED);
        (world, format!("/v1/policies/{}", policy["id"].as_str().unwrap()))
    };
    let names = proptest::sample::select(vec!["If-Match", "Idempotency-Key", "X-Tenant-ID"]);
    let headers = (names, prop_oneof!["(W/)?\"?[0-9a-z]{0,3}\"?(, ?\"?[0-9*]\"?)?", "[ -~]{0,300}"]);
    try_out(CASES, &headers, start, async |(world, policy), (name, value)| {
        let (method, path, body) = match name {
            "If-Match" => (Method::PATCH, policy.clone(), json!({})),
            _ => (Method::POST, "/v1/policies/validate".to_owned(), json!({"cedar_policy_set": ""})),
        };
        let header = match name {
            "If-Match" => "if-match",
            "Idempotency-Key" => "idempotency-key",
            _ => "x-tenant-id",
        };
        let answer = world.call(As::Key, method, path).json(&body).header(header, value.clone()).send().await;
        read_or_named(&answer, &[name]);
        let expected = match name {
            "If-Match" => vec![200, 400, 412],
            "Idempotency-Key" => vec![200, 400],
            _ => vec![400, 403],
        };
        assert!(expected.contains(&answer.status.as_u16()), "{name}: {value:?}: {}", answer.body);
    });
}

#[test]
fn any_query_is_read_or_named() {
    let names =
        vec!["limit", "status", "created_after", "created_before", "resource_type", "resource_id", "requester_id"];
    let texts = prop_oneof!["-?[0-9]{1,12}", "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?", ".{0,20}"];
    let queries = (proptest::sample::select(names), texts);
    try_out(
        CASES,
        &queries,
        async |world| world,
        async |world, (name, value)| {
            let answer = world.get(As::Key, format!("/v1/requests?{name}={}", escaped(&value))).await;
            read_or_named(&answer, &[name]);
        },
    );
}

#[test]
fn any_resource_is_read_or_named() {
    let kinds =
        "aws_account|aws_permission_set|aws_s3_bucket|aws_rds_instance|aws_ec2_instance|aws_organizational_unit|aws";
    let ids = prop_oneof![
        "[0-9]{11,13}",
        "arn:aws:(sso|rds):[a-z0-9:/-]{0,40}",
        "i-[0-9a-f]{7,18}",
        "(ou|r)-[a-z0-9-]{3,20}",
        "[a-z0-9.-]{1,64}",
        ".{0,30}",
    ];
    try_out(
        CASES,
        &(kinds, ids),
        async |world| world,
        async |world, (kind, id)| {
            let body = json!({"resource": {"type": kind, "id": id}, "action": "ReadOnlyAccess", "reason": "because"});
            read_or_named(&world.post(As::Person("alice"), "/v1/requests", body).await, &["resource"]);
            let evaluated = json!({"principal": "alice", "resource": format!("{kind}:{id}"), "action": "read"});
            read_or_named(&world.post(As::Key, "/v1/policies/evaluate", evaluated).await, &["resource"]);
        },
    );
}

#[test]
fn any_go_duration_is_read_or_named() {
    let ensure = async |world: &World, duration: &str| {
        let more = json!({"duration": duration, "dry_run": true});
        world.ensure("alice", SANDBOX, "ReadOnlyAccess", more).await
    };
    let durations = prop_oneof!["[+-]?[0-9]{1,20}(h|m|s|ms|us|\u{b5}s|ns|d)", "([0-9.]{1,5}[hms]){1,4}", ".{0,12}"];
    try_out(
        CASES,
        &durations,
        async |world| world,
        async |world, duration| {
            read_or_named(&ensure(world, &duration).await, &["entitlements[0].duration"]);
        },
    );
    let valid = (0..3_u32, 0..60_u32, 1..60_u32);
    try_out(
        CASES / 4,
        &valid,
        async |world| world,
        async |world, (hours, minutes, seconds)| {
            let answer = ensure(world, &format!("{hours}h{minutes}m{seconds}s")).await.expect(StatusCode::OK);
            assert_eq!(answer["grants"][0]["duration_seconds"], hours * 3600 + minutes * 60 + seconds, "{answer}");
        },
    );
}

#[test]
fn any_cedar_text_is_read_or_refused() {
    const GOOD: &str = "@notice(\"n\")\npermit (principal in Group::\"engineering\", action == Action::\"ReadOnlyAccess\", \
                        resource in AwsAccount::\"111111111111\") when { context.has_reason && resource.tags has team };";
    let texts = prop_oneof![
        3 => proptest::collection::vec(change(), 1..4).prop_map(Ok),
        1 => ".{0,80}".prop_map(Err),
        1 => "(\\(|\\[|\\{|!|-|if ){1,400}".prop_map(|nested| Err(format!("permit (principal, action, resource) when {{ {nested}"))),
    ];
    try_out(
        CASES,
        &texts,
        async |world| world,
        async |world, text| {
            let change = |text: String, change: &super::mutation::Change| {
                if text.is_empty() { None } else { change.of(&text) }.unwrap_or_default()
            };
            let text = text.map_or_else(|text| text, |changes| changes.iter().fold(GOOD.to_owned(), change));
            let text = json!(text);
            let report = world.post(As::Key, "/v1/policies/validate", json!({"cedar_policy_set": text})).await;
            read_or_named(&report, &["cedar_policy_set"]);
            let policy =
                json!({"name": "a policy", "max_duration_seconds": 60, "enabled": false, "cedar_policy_set": text});
            let answer = world.post(As::Key, "/v1/policies", policy).await;
            read_or_named(&answer, &["cedar_policy_set"]);
            assert_eq!(report.body["valid"] == true, answer.status == StatusCode::CREATED, "{}", answer.body);
        },
    );
}

/// As the document wants it, but for one thing.
fn nearly<'a>(world: &'a World, operation: &'static Operation, body: &Value) -> Call<'a> {
    operation.call(world, As::Key).json(body)
}

#[test]
fn any_body_is_read_or_named() {
    let operations: Vec<&'static Operation> = Operation::with_body().collect();
    let bodies = (proptest::sample::select(operations), edit());
    try_out(
        CASES * 2,
        &bodies,
        async |world| world,
        async |world, (operation, edit)| {
            let body = edit.of(operation.example.as_ref().unwrap());
            read_or_named(&nearly(world, operation, &body).send().await, &[]);
        },
    );
    let operations: Vec<&'static Operation> = Operation::with_body().collect();
    let bodies = (proptest::sample::select(operations), json());
    try_out(
        CASES / 2,
        &bodies,
        async |world| world,
        async |world, (operation, body)| {
            read_or_named(&nearly(world, operation, &body).send().await, &[]);
        },
    );
}

#[tokio::test]
async fn an_object_is_no_list_of_its_values() {
    let world = World::start().await;
    for operation in Operation::with_body() {
        let example = operation.example.as_ref().unwrap();
        for at in places(example) {
            let mut body = example.clone();
            let part = body.pointer_mut(&at).unwrap();
            let Some(fields) = part.as_object() else { continue };
            *part = fields.values().cloned().collect();
            let error = nearly(&world, operation, &body).send().await.refused(400, "invalid_input");
            assert!(!error["details"]["reason"].as_str().unwrap().contains("struct"), "{}: {error}", operation.id);
        }
    }
}

/// The table is choosier than JSON.
#[test]
fn any_metadata_is_kept_or_named() {
    let numbers =
        prop_oneof![any::<f64>(), any::<f64>().prop_map(|x| x * 1e300), any::<f64>().prop_map(|x| x * 1e-300)];
    let numbers = numbers.prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::from);
    let names = proptest::collection::btree_map(".{0,2}", prop_oneof![json(), numbers], 0..5);
    let nested = (1..24_usize).prop_map(|depth| (0..depth).fold(json!(1), |inner, _| json!([inner])));
    let all = prop_oneof![3 => names.prop_map(|fields| json!(fields)), 1 => nested.prop_map(|nested| json!({"nested": nested}))];
    let start = async |world: World| {
        let request = world.request("alice", SANDBOX, "ReadOnlyAccess", 60).await.expect(StatusCode::CREATED);
        let path = format!("/v1/requests/{}/messages", request["id"].as_str().unwrap());
        (world, path)
    };
    try_out(CASES, &all, start, async |(world, path), metadata| {
        let body = json!({"content": "see", "metadata": metadata});
        let answer = world.post(As::Person("alice"), path.clone(), body).await;
        read_or_named(&answer, &["metadata"]);
        assert!([201, 400].contains(&answer.status.as_u16()), "{}", answer.body);
    });
}
