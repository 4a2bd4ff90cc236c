//! The OpenAPI document.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::Value;
use stint_tests::contract::{Operation, document, resolve};
use stint_tests::schema::violations;
use stint_tests::{As, World};

/// The operations of the contract that this version has.
const CONTRACT: &[&str] = &[
    "approveRequest",
    "cancelRequest",
    "createPolicy",
    "createPolicyRule",
    "createRequest",
    "createRequestMessage",
    "deletePolicy",
    "deletePolicyRule",
    "denyRequest",
    "ensureAccess",
    "evaluatePolicies",
    "exportAuditLog",
    "extendGrant",
    "getAccessRequestStatus",
    "getAuditLogEntry",
    "getGrant",
    "getHealth",
    "getOpenApi",
    "getPolicy",
    "getPolicyRule",
    "getPolicySchema",
    "getRequest",
    "listAuditLog",
    "listGrants",
    "listPolicies",
    "listPolicyRules",
    "listRequestMessages",
    "listRequests",
    "reorderPolicies",
    "reorderPolicyRules",
    "revokeGrant",
    "updateGrant",
    "updatePolicy",
    "updatePolicyRule",
    "validatePolicies",
    "verifyAuditLog",
];

/// The statuses an operation that needs a credential can always answer.
const ALWAYS: [u16; 6] = [400, 401, 403, 429, 500, 503];

fn schemas() -> impl Iterator<Item = (&'static String, &'static Value)> {
    document()["components"]["schemas"].as_object().unwrap().iter()
}

/// The schema of each operation, with its id.
fn operations() -> impl Iterator<Item = (&'static str, &'static Value)> {
    let items = document()["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    operations.map(|operation| (operation["operationId"].as_str().unwrap(), operation))
}

/// Everything in a document, the document included.
fn all<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    found.push(value);
    match value {
        Value::Object(fields) => fields.values().for_each(|value| all(value, found)),
        Value::Array(items) => items.iter().for_each(|value| all(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn says_something(text: &Value) -> bool {
    text.as_str().is_some_and(|text| text.trim().len() > 1)
}

#[tokio::test]
async fn the_document_is_served() {
    let world = World::start().await;
    let served = world.get(As::Nobody, "/openapi.json").await.expect(StatusCode::OK);
    assert_eq!(&served, document());
    assert_eq!(served["openapi"].as_str().unwrap().rsplit_once('.').unwrap().0, "3.1");
}

#[test]
fn every_operation_of_the_contract_is_there() {
    let ids: BTreeSet<String> = Operation::all().iter().map(|operation| operation.id.clone()).collect();
    assert_eq!(ids, CONTRACT.iter().map(|&id| id.to_owned()).collect());
}

#[test]
fn every_operation_says_what_it_does_and_who_may() {
    let schemes: BTreeSet<&String> = document()["components"]["securitySchemes"].as_object().unwrap().keys().collect();
    for (id, operation) in operations() {
        assert!(says_something(&operation["summary"]), "{id} has no summary");
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{id}");
        let ways = operation["security"].as_array().unwrap_or_else(|| panic!("{id} does not say who may"));
        let ways: BTreeSet<&String> = ways.iter().flat_map(|way| way.as_object().unwrap().keys()).collect();
        assert!(ways.is_empty() || ways == schemes, "{id}");
    }
}

#[test]
fn every_parameter_is_described() {
    for operation in Operation::all() {
        let said = &document()["paths"][&operation.path][operation.method.as_str().to_lowercase()];
        let parameters = said["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        for parameter in parameters {
            let at = format!("{}: {}", operation.id, parameter["name"]);
            assert!(says_something(&parameter["description"]), "{at}");
            assert!(parameter.get("example").is_some() || exemplified(&parameter["schema"]), "{at}");
            let found = parameter.get("example").map(|example| violations(&parameter["schema"], example));
            assert_eq!(found.unwrap_or_default(), Vec::<String>::new(), "{at}");
        }
        let named = |place: &str| -> BTreeSet<&str> {
            let there = parameters.iter().filter(|parameter| parameter["in"] == place);
            there.map(|parameter| parameter["name"].as_str().unwrap()).collect()
        };
        assert_eq!(named("path"), operation.path_parameters().into_iter().collect(), "{}", operation.id);
        assert_eq!(named("header").contains("X-Tenant-ID"), operation.scope.is_some(), "{}", operation.id);
        let writes = operation.method == reqwest::Method::POST;
        assert_eq!(named("header").contains("Idempotency-Key"), writes, "{}", operation.id);
        assert_eq!(named("header").contains("If-Match"), operation.answers.contains_key(&412), "{}", operation.id);
    }
}

#[test]
fn every_operation_says_how_it_can_fail() {
    for operation in Operation::authenticated() {
        let Operation { id, answers, .. } = &operation;
        assert!(ALWAYS.iter().all(|status| answers.contains_key(status)), "{id}");
        assert_eq!(answers.keys().filter(|status| **status < 300).count(), 1, "{id}");
        assert_eq!(answers.contains_key(&404), !operation.path_parameters().is_empty(), "{id}");
        if operation.example.is_some() {
            assert!(answers.contains_key(&413) && answers.contains_key(&415), "{id}");
        }
    }
    for (id, operation) in operations() {
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(says_something(&response["description"]), "{id}: {status}");
            if status.starts_with(['4', '5']) {
                let schema = &response["content"]["application/json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/ErrorBody", "{id}: {status}");
            }
        }
    }
}

#[test]
fn every_schema_is_described_and_so_is_every_property() {
    for (name, schema) in schemas() {
        assert!(says_something(&schema["description"]), "{name} has no description");
        let parts = schema["allOf"].as_array().map_or(std::slice::from_ref(schema), Vec::as_slice);
        for (property, schema) in parts.iter().filter_map(|part| part["properties"].as_object()).flatten() {
            let described =
                says_something(&schema["description"]) || says_something(&schema["oneOf"][0]["description"]);
            assert!(described, "{name}.{property} has no description");
        }
    }
}

/// Whether somebody who reads the schema sees what a value looks like.
fn exemplified(schema: &Value) -> bool {
    let schema = resolve(schema);
    let whole = |name: &str| schema[name].as_array();
    schema.get("example").is_some()
        || schema.get("default").is_some()
        || schema.get("enum").is_some()
        || matches!(schema["type"].as_str(), Some("boolean" | "null"))
        || schema["format"] == "date-time"
        || schema.get("items").is_some_and(exemplified)
        || whole("oneOf").or(whole("allOf")).is_some_and(|all| all.iter().all(exemplified))
        || schema["properties"].as_object().is_some_and(|all| all.values().all(exemplified))
}

#[test]
fn every_schema_has_an_example() {
    let without: Vec<&String> = schemas().filter(|(_, schema)| !exemplified(schema)).map(|(name, _)| name).collect();
    assert_eq!(without, Vec::<&String>::new());
}

#[test]
fn every_example_and_default_is_valid() {
    let mut found = Vec::new();
    all(&document()["components"]["schemas"], &mut found);
    all(&document()["paths"], &mut found);
    let is_schema = |value: &&&Value| ["type", "$ref", "oneOf", "allOf"].iter().any(|name| value.get(name).is_some());
    for schema in found.iter().filter(is_schema) {
        for name in ["example", "default"] {
            let Some(example) = schema.get(name) else { continue };
            assert_eq!(violations(schema, example), Vec::<String>::new(), "{schema:#}");
        }
    }
}

#[test]
fn every_reference_points_to_something_and_everything_is_pointed_to() {
    let mut found = Vec::new();
    all(document(), &mut found);
    let references: BTreeSet<&str> = found.iter().filter_map(|value| value["$ref"].as_str()).collect();
    for reference in &references {
        assert!(document().pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    for (name, _) in schemas() {
        let generic = name.starts_with("PageOf_");
        assert!(generic || references.contains(format!("#/components/schemas/{name}").as_str()), "{name}");
    }
}

#[test]
fn what_is_sent_is_closed_and_what_is_answered_is_complete() {
    for (id, operation) in operations() {
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        let body = resolve(body["oneOf"].as_array().map_or(body, |either| &either[0]));
        assert!(body.is_null() || body["additionalProperties"] == false, "{id} takes any field");
    }
    // Answers leave out nothing, so that a client need not tell null from nothing.
    let sometimes = ["ErrorBody.details", "ErrorBody.notices", "GrantSummary.activated_at"];
    for (name, schema) in schemas().filter(|(_, schema)| schema.get("additionalProperties").is_none()) {
        for (property, _) in schema["properties"].as_object().into_iter().flatten() {
            let required = schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == property));
            let path = format!("{name}.{property}");
            assert_eq!(required, !sometimes.contains(&path.as_str()), "{path}");
        }
    }
}

/// Every link, with the operation whose answer has it.
fn links() -> impl Iterator<Item = (&'static Operation, &'static Value)> {
    Operation::all().iter().flat_map(|operation| {
        let said = &document()["paths"][&operation.path][operation.method.as_str().to_lowercase()];
        let responses = said["responses"].as_object().unwrap().values();
        let links = responses.filter_map(|response| response["links"].as_object()).flat_map(|links| links.values());
        links.map(move |link| (operation, link))
    })
}

#[test]
fn links_lead_from_what_is_answered_to_what_is_taken() {
    for (from, link) in links() {
        let to = link["operationId"].as_str().unwrap();
        let taken = Operation::all().iter().find(|operation| operation.id == to).unwrap();
        let taken = &document()["paths"][&taken.path][taken.method.as_str().to_lowercase()]["parameters"];
        let takes = |name: &str| taken.as_array().unwrap().iter().any(|parameter| parameter["name"] == name);
        for (name, value) in link["parameters"].as_object().unwrap() {
            assert!(takes(name), "{to} takes no {name}");
            let value = value.as_str().unwrap();
            let (status, schema) = from.answers.iter().find(|(status, _)| **status < 300).unwrap();
            let there = if let Some(pointer) = value.strip_prefix("$response.body#/") {
                has(schema, pointer)
            } else if let Some(header) = value.strip_prefix("$response.header.") {
                let said = &document()["paths"][&from.path][from.method.as_str().to_lowercase()];
                !said["responses"][status.to_string()]["headers"][header].is_null()
            } else {
                from.path_parameters().contains(&value.trim_start_matches("$request.path."))
            };
            assert!(there, "{} has no {value}", from.id);
        }
    }
}

/// Whether a value of that schema has something at that place.
fn has(schema: &Value, pointer: &str) -> bool {
    let schema = resolve(schema);
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().any(|part| has(part, pointer));
    }
    let (name, rest) = pointer.split_once('/').unwrap_or((pointer, ""));
    let below = match name.parse::<usize>() {
        Ok(_) => schema.get("items"),
        Err(_) => schema["properties"].get(name),
    };
    below.is_some_and(|below| rest.is_empty() || has(below, rest))
}

#[test]
fn every_id_that_is_taken_is_answered_somewhere() {
    let reached: BTreeSet<&str> = links().map(|(_, link)| link["operationId"].as_str().unwrap()).collect();
    for operation in Operation::all().iter().filter(|operation| !operation.path_parameters().is_empty()) {
        assert!(reached.contains(operation.id.as_str()), "no link leads to {}", operation.id);
    }
}
