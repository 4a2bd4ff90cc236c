//! No answer is larger than Lambda lets through, whatever is stored; and every text that is taken has a limit.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};
use stint_tests::contract::{document, resolve};
use stint_tests::{As, PRODUCTION, SANDBOX, World, ask};

/// As api.md has it, "Conventions".
const MOST_BYTES: usize = 5_000_000;

/// How many bytes Lambda carries for an answer: the body is a string in the answer of the function.
fn carried(body: &str) -> usize {
    json!({"statusCode": 200, "headers": {}, "body": body}).to_string().len()
}

/// Metadata that is as large as is allowed, and twice as large on its way.
fn large() -> Value {
    json!({"a": "\"".repeat(8_000)})
}

/// All pages of a list, each as large as it may be; their ids, and how many pages there were.
async fn pages(world: &World, path: &str) -> (Vec<String>, usize) {
    let (mut ids, mut count, mut cursor) = (Vec::new(), 0, None::<String>);
    loop {
        let next = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let page = world.get(As::Key, format!("{path}?limit=250{next}")).await.expect(StatusCode::OK);
        assert!(carried(&page.to_string()) <= MOST_BYTES, "{path}: {}", carried(&page.to_string()));
        let data = page["data"].as_array().unwrap();
        assert!(!data.is_empty(), "{path}: an empty page");
        ids.extend(data.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        count += 1;
        assert_eq!(page["has_more"], json!(page["next_cursor"].is_string()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return (ids, count),
        }
    }
}

#[tokio::test]
async fn requests_with_large_metadata_come_in_more_pages() {
    let world = World::start().await;
    let mut body = ask(SANDBOX, "ReadOnlyAccess", 60);
    body["metadata"] = large();
    let mut made = BTreeSet::new();
    for _ in 0..200 {
        let request = world.post(As::Key, "/v1/requests", body.clone()).await.body;
        let id = request.get("id").unwrap_or(&request["details"]["request_id"]);
        made.insert(id.as_str().unwrap().to_owned());
    }
    let (ids, count) = pages(&world, "/v1/requests").await;
    assert_eq!(ids.len(), 200);
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), made);
    assert_eq!(count, 2);
}

#[tokio::test]
async fn long_messages_come_in_more_pages_and_so_does_the_audit_log() {
    let world = World::start().await;
    let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 60).await.expect(StatusCode::CREATED);
    let path = format!("/v1/requests/{}/messages", request["id"].as_str().unwrap());
    let body = json!({"content": "\"".repeat(10_000), "metadata": large()});
    let mut made = Vec::new();
    for _ in 0..90 {
        let message = world.post(As::Person("alice"), path.clone(), body.clone()).await.expect(StatusCode::CREATED);
        made.push(message["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(pages(&world, &path).await, (made, 2));

    for n in 0..20 {
        let text = format!("@notice(\"{}\") permit (principal, action, resource);", "\\\\".repeat(1_000));
        let policy = json!({"name": format!("policy {n}"), "enabled": false, "max_duration_seconds": 60, "cedar_policy_set": text});
        world.post(As::Key, "/v1/policies", policy).await.expect(StatusCode::CREATED);
    }
    world.settle().await;
    let entries = world.audit().len();
    let (ids, count) = pages(&world, "/v1/audit-log").await;
    assert_eq!(ids.len(), entries);
    assert!(count >= 1);
    let mut path = "/v1/audit-log/export".to_owned();
    loop {
        let answer = world.get(As::Key, path).await;
        let text = answer.body.as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
        assert!(carried(&text) <= MOST_BYTES);
        if text.is_empty() {
            break;
        }
        path = format!("/v1/audit-log/export?cursor={}", answer.headers["x-next-cursor"]);
    }
}

#[tokio::test]
async fn rules_of_a_large_policy_fit() {
    let world = World::start().await;
    let rule = format!("@notice(\"{}\") permit (principal, action, resource);", "\\\"".repeat(900));
    let policy =
        json!({"name": "large", "enabled": false, "max_duration_seconds": 60, "cedar_policy_set": rule.repeat(20)});
    let policy = world.post(As::Key, "/v1/policies", policy).await.expect(StatusCode::CREATED);
    assert!(carried(&policy.to_string()) <= MOST_BYTES);
    let (ids, _) = pages(&world, &format!("/v1/policies/{}/rules", policy["id"].as_str().unwrap())).await;
    assert_eq!(ids.len(), 20);
    pages(&world, "/v1/policies").await;
}

#[tokio::test]
async fn tickets_have_a_number_and_a_length() {
    let world = World::start().await;
    let ensure = async |attachments: Value| {
        let body = json!({"entitlements": [{"target": format!("AWS::Account::{SANDBOX}"), "role": "ReadOnlyAccess"}],
            "justification": {"reason": "x", "attachments": attachments}});
        world.post(As::Person("alice"), "/v1/access/ensure", body).await
    };
    ensure(json!(vec!["x".repeat(255); 20])).await.expect(StatusCode::OK);
    let long = ensure(json!(["OPS-1", "x".repeat(256)])).await.refused(400, "invalid_input");
    assert_eq!(long["details"]["field"], "justification.attachments[1]");
    assert!(long["details"]["reason"].as_str().unwrap().contains("255"), "{long}");
    let many = ensure(json!(vec!["OPS-1"; 21])).await.refused(400, "invalid_input");
    assert_eq!(many["details"]["field"], "justification.attachments");

    let mut body = ask(SANDBOX, "ReadOnlyAccess", 60);
    body["metadata"] = json!({"tickets": ["x".repeat(256)]});
    let long = world.post(As::Person("alice"), "/v1/requests", body).await.refused(400, "invalid_input");
    assert_eq!(long["details"]["field"], "metadata.tickets[0]");
}

const POLICY: &str = "what is stored of a policy must fit an item of the table, and its body 256 KiB; a notice is refused beyond \
                      1,000 characters wherever it is written";
const FORMAT: &str = "its format is checked, and bounds it";
const COMPARED: &str = "it is only compared; a request line has less than 10 KB (API Gateway, quotas)";

/// Texts and lists without a limit of their own in the document, and why that is none.
const UNLIMITED: [(&str, &str); 32] = [
    ("createPolicy.cedar_policy_set", POLICY),
    ("updatePolicy.cedar_policy_set", POLICY),
    ("validatePolicies.cedar_policy_set", POLICY),
    ("createPolicyRule.action_ids[*]", POLICY),
    ("createPolicyRule.action_ids[]", POLICY),
    ("createPolicyRule.conditions", POLICY),
    ("createPolicyRule.notice", POLICY),
    ("createPolicyRule.policy_text", POLICY),
    ("createPolicyRule.principal_entity_id", POLICY),
    ("createPolicyRule.principal_entity_type", POLICY),
    ("createPolicyRule.resource_entity_id", POLICY),
    ("createPolicyRule.resource_entity_type", POLICY),
    ("updatePolicyRule.action_ids[*]", POLICY),
    ("updatePolicyRule.action_ids[]", POLICY),
    ("updatePolicyRule.conditions", POLICY),
    ("updatePolicyRule.notice", POLICY),
    ("updatePolicyRule.policy_text", POLICY),
    ("updatePolicyRule.principal_entity_id", POLICY),
    ("updatePolicyRule.principal_entity_type", POLICY),
    ("updatePolicyRule.resource_entity_id", POLICY),
    ("updatePolicyRule.resource_entity_type", POLICY),
    ("createRequest.resource.id", FORMAT),
    ("ensureAccess.entitlements[*].duration", FORMAT),
    (
        "ensureAccess.justification.attachments[*]",
        "255 characters, as its description says; items have no limit in utoipa",
    ),
    ("evaluatePolicies.groups[*]", "neither stored nor answered"),
    ("evaluatePolicies.resource", FORMAT),
    ("listAuditLog ?actor_id", COMPARED),
    ("listAuditLog ?resource_id", COMPARED),
    ("listGrants ?grantee_id", COMPARED),
    ("listGrants ?resource_id", COMPARED),
    ("listRequests ?requester_id", COMPARED),
    ("listRequests ?resource_id", COMPARED),
];

/// The texts of a schema of input that have no limit.
fn unlimited(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let schema = resolve(schema);
    for either in ["oneOf", "anyOf", "allOf"] {
        for part in schema[either].as_array().into_iter().flatten() {
            unlimited(part, path, found);
        }
    }
    let is = |kind: &str| {
        schema["type"] == kind || schema["type"].as_array().is_some_and(|types| types.contains(&json!(kind)))
    };
    let limits = ["maxLength", "enum", "const", "format", "pattern"];
    if is("string") && limits.iter().all(|limit| schema.get(*limit).is_none()) {
        found.insert(path.to_owned());
    }
    if is("array") && schema.get("maxItems").is_none() {
        found.insert(format!("{path}[]"));
    }
    unlimited_parts(schema, path, found);
}

fn unlimited_parts(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        unlimited(property, &format!("{path}.{name}"), found);
    }
    if !schema["items"].is_null() {
        unlimited(&schema["items"], &format!("{path}[*]"), found);
    }
}

#[test]
fn every_text_and_list_of_the_input_has_a_limit() {
    let mut found = BTreeSet::new();
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap_or(method);
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            if !body.is_null() {
                unlimited(body, id, &mut found);
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                unlimited(&parameter["schema"], &format!("{id} ?{name}"), &mut found);
            }
            assert!(path.starts_with('/'));
        }
    }
    let stated: BTreeSet<String> =
        UNLIMITED.iter().filter(|(_, why)| !why.is_empty()).map(|(field, _)| (*field).to_owned()).collect();
    assert_eq!(found, stated);
}
