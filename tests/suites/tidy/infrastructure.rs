//! The rest of the template, where the code depends on it: table, events, settings, gateway responses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use stint::domain::EventKind;
use stint::http::{ErrorBody, ErrorCode};
use stint::provision::LONGEST_RUN;
use stint::store::{Index, OutboxEvent, Record, keys};
use stint_tests::template::{functions, resources, statements_of_role, template};

use super::operations::{endpoints, workers};
use super::sources;

fn table() -> Value {
    resources("AWS::DynamoDB::Table")["Table"].clone()
}

fn key(hash: &str, range: &str) -> Value {
    json!([{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": range, "KeyType": "RANGE"}])
}

#[test]
fn the_table_has_the_keys_and_indexes_of_the_store() {
    let table = &table()["Properties"];
    assert_eq!(table["KeySchema"], key(keys::PK, keys::SK));
    assert_eq!(table["TimeToLiveSpecification"], json!({"AttributeName": keys::TTL, "Enabled": true}));

    let mut expected: BTreeMap<&str, Value> = [Index::Principal, Index::Access, Index::Holder, Index::Status]
        .map(|index| (index.name(), key(index.attribute(), keys::SK)))
        .into();
    expected.insert(keys::DUE_INDEX, key(keys::DUE_PK, keys::DUE_SK));
    let indexes = table["GlobalSecondaryIndexes"].as_array().unwrap();
    let found: BTreeMap<&str, Value> =
        indexes.iter().map(|index| (index["IndexName"].as_str().unwrap(), index["KeySchema"].clone())).collect();
    assert_eq!(found, expected);
    // Records are read from the indexes as they are.
    assert!(indexes.iter().all(|index| index["Projection"] == json!({"ProjectionType": "ALL"})));
}

#[test]
fn statements_name_indexes_that_exist() {
    let table = table();
    let indexes: Vec<Value> = table["Properties"]["GlobalSecondaryIndexes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|index| json!({"Fn::Sub": format!("${{Table.Arn}}/index/{}", index["IndexName"].as_str().unwrap())}))
        .collect();
    for (name, function) in functions() {
        for resource in function.statements().into_iter().flat_map(|statement| statement.resources) {
            let named = resource["Fn::Sub"].as_str().is_some_and(|text| text.contains("/index/"));
            assert!(!named || indexes.contains(&resource), "{name}: {resource}");
        }
    }
}

#[test]
fn the_table_outlives_the_stack_and_its_data_every_mistake() {
    let table = table();
    assert_eq!([&table["DeletionPolicy"], &table["UpdateReplacePolicy"]], ["Retain", "Retain"]);
    let properties = &table["Properties"];
    assert_eq!(properties["DeletionProtectionEnabled"], true);
    assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(properties["SSESpecification"]["SSEEnabled"], true);
}

#[test]
fn the_stream_leads_new_events_to_publish_events() {
    assert_eq!(table()["Properties"]["StreamSpecification"]["StreamViewType"], "NEW_AND_OLD_IMAGES");
    let mapping = &resources("AWS::Lambda::EventSourceMapping")["PublishEventsStream"]["Properties"];
    assert_eq!(mapping["FunctionName"], json!({"Ref": "PublishEventsFunction"}));
    assert_eq!(mapping["EventSourceArn"], json!({"Fn::GetAtt": "Table.StreamArn"}));
    let filters = mapping["FilterCriteria"]["Filters"].as_array().unwrap();
    let patterns: Vec<Value> =
        filters.iter().map(|filter| serde_json::from_str(filter["Pattern"].as_str().unwrap()).unwrap()).collect();
    let suffix = format!("#{}", OutboxEvent::KIND);
    let expected = json!({"eventName": ["INSERT"], "dynamodb": {"Keys": {keys::PK: {"S": [{"suffix": suffix}]}}}});
    assert_eq!(patterns, [expected]);
    // What `publish_events` answers would mean nothing without it.
    assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
}

#[test]
fn rules_listen_for_events_that_are_sent() {
    let kinds: BTreeSet<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    for (name, function) in functions() {
        let events = function.properties["Events"].as_object().into_iter().flat_map(|events| events.values());
        for event in events.filter(|event| event["Type"] == "EventBridgeRule") {
            let pattern = &event["Properties"]["Pattern"];
            assert_eq!(pattern["source"], json!([stint::aws::event_bus::SOURCE]), "{name}");
            let listened = pattern["detail-type"].as_array().unwrap();
            assert!(listened.iter().all(|kind| kinds.contains(kind.as_str().unwrap())), "{name}: {listened:?}");
        }
    }
}

/// A call that was given up is seen by somebody.
#[test]
fn every_worker_has_a_dead_letter_queue() {
    let (functions, mappings) = (functions(), resources("AWS::Lambda::EventSourceMapping"));
    for name in workers() {
        let function = &functions[&name];
        let own = &function.properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"];
        let of_mapping = mappings
            .values()
            .filter(|mapping| mapping["Properties"]["FunctionName"] == json!({"Ref": function.logical_id}))
            .any(|mapping| mapping["Properties"]["DestinationConfig"]["OnFailure"]["Destination"].is_object());
        assert!(own.is_object() || of_mapping, "{name}");
    }
    for (name, queue) in resources("AWS::SQS::Queue") {
        assert_eq!(queue["Properties"]["SqsManagedSseEnabled"], true, "{name}");
    }
}

#[test]
fn functions_find_the_settings_they_read() {
    let text = sources::read("lib/src/context.rs");
    let read: BTreeSet<&str> = text
        .split('"')
        .filter(|word| word.len() > 3 && word.chars().all(|char| char.is_ascii_uppercase() || char == '_'))
        .collect();
    let given = variables();
    let given: BTreeSet<&str> = given
        .iter()
        .map(String::as_str)
        // Read by the crates we use.
        .filter(|name| !["AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH", "RUST_LOG"].contains(name))
        .collect();
    assert_eq!(given, read);
}

/// The variables of all functions and those of workers.
pub(super) fn variables() -> BTreeSet<String> {
    let names = |of: &Value| -> BTreeSet<String> {
        of["Environment"]["Variables"].as_object().unwrap().keys().cloned().collect()
    };
    let functions = functions();
    let of_all = names(&template()["Globals"]["Function"]);
    workers().iter().flat_map(|name| names(&functions[name].properties)).chain(of_all).collect()
}

/// Who is called from outside is not told what workers are told.
#[test]
fn endpoints_find_the_table_and_nothing_else() {
    let functions = functions();
    for name in endpoints() {
        assert_eq!(functions[&name].properties["Environment"], Value::Null, "{name}");
    }
    let of_all = template()["Globals"]["Function"]["Environment"]["Variables"].as_object().unwrap();
    assert!(of_all.keys().eq(["AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH", "RUST_LOG", "TABLE_NAME"]));
}

/// The gateway calls by a pattern of names.
#[test]
fn the_gateway_calls_endpoints_and_no_worker() {
    let role = &resources("AWS::IAM::Role")["GatewayRole"]["Properties"];
    let [statement] = statements_of_role(role).try_into().unwrap();
    let pattern = statement.resources[0]["Fn::Sub"].as_str().unwrap();
    let prefix = pattern.split_once(":function:").unwrap().1.strip_suffix('*').unwrap();
    let called =
        |name: &String| functions()[name].properties["FunctionName"]["Fn::Sub"].as_str().unwrap().starts_with(prefix);
    assert!(endpoints().iter().all(called));
    assert!(!workers().iter().any(called));
}

/// A worker schedules itself by the name it has in the template.
#[test]
fn schedules_call_functions_of_the_template() {
    let names: BTreeSet<String> = functions()
        .values()
        .map(|function| function.properties["FunctionName"]["Fn::Sub"].as_str().unwrap().to_owned())
        .collect();
    let sweep = &functions()["sweep"].properties;
    let variables = sweep["Environment"]["Variables"].as_object().unwrap();
    let arns: Vec<&Value> =
        variables.iter().filter(|(name, _)| name.ends_with("_FUNCTION_ARN")).map(|(_, arn)| arn).collect();
    for arn in &arns {
        let arn = arn["Fn::Sub"].as_str().unwrap();
        let (_, name) = arn.split_once(":function:").unwrap();
        assert!(names.contains(name), "{arn}");
    }
    let role = &resources("AWS::IAM::Role")["SchedulerRole"]["Properties"]["Policies"][0]["PolicyDocument"];
    let callable = role["Statement"][0]["Resource"].as_array().unwrap();
    assert!(callable.len() == arns.len() && arns.iter().all(|arn| callable.contains(arn)), "{callable:?}");
}

/// API Gateway waits 29 seconds.
#[test]
fn endpoints_answer_before_the_gateway_gives_up() {
    for name in endpoints() {
        assert!(timeout(&name) < 29, "{name}");
    }
}

#[test]
fn workers_live_no_longer_than_they_think_of_each_other() {
    // `sync` changes no assignment, so nobody waits for what it may have begun.
    for name in workers().into_iter().filter(|name| name != "sync") {
        assert!(timeout(&name) <= LONGEST_RUN.as_secs(), "{name}");
    }
    assert!(timeout("sync") <= 900, "Lambda's limit");
}

/// In seconds.
fn timeout(function: &str) -> i64 {
    let own = &functions()[function].properties["Timeout"];
    let timeout = if own.is_null() { &template()["Globals"]["Function"]["Timeout"] } else { own };
    timeout.as_i64().unwrap()
}

#[test]
fn what_the_gateway_answers_reads_as_what_functions_answer() {
    let api = &resources("AWS::Serverless::Api")["Api"]["Properties"];
    let responses = api["GatewayResponses"].as_object().unwrap();
    for required in ["DEFAULT_4XX", "DEFAULT_5XX", "MISSING_AUTHENTICATION_TOKEN", "THROTTLED", "INTEGRATION_TIMEOUT"] {
        assert!(responses.contains_key(required), "{required}");
    }
    for (kind, response) in responses {
        let body = response["ResponseTemplates"]["application/json"].as_str().unwrap();
        let body: ErrorBody = serde_json::from_str(body).unwrap();
        let code = ErrorCode::ALL.iter().find(|code| code.as_str() == body.code).unwrap();
        if response["StatusCode"].is_number() {
            assert_eq!(response["StatusCode"], code.status().as_u16(), "{kind}");
        }
        let mut details = json!({"request_id": "$context.requestId"});
        if kind == "REQUEST_TOO_LARGE" {
            details["max_bytes"] = json!(262_144);
        }
        assert_eq!(body.details, Some(details), "{kind}");
        let headers = &response["ResponseParameters"]["Headers"];
        assert_eq!(headers["X-Request-ID"], "context.requestId", "{kind}");
        let later = ["rate_limited", "unavailable"].contains(&body.code.as_str());
        assert_eq!(headers["Retry-After"].is_string(), later, "{kind}");
    }
}
