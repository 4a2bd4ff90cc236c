//! A record that lacks a field is an error that names its key: what was lost is never taken for what was not set.

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stint::auth::api_key::ApiKey;
use stint::domain::{
    AccessRequest, Assignment, AwsResource, Event, Grant, InstanceTenants, Person, PersonLink, Policy, RequestMessage,
    SlotTable, SyncState, Tenant, User, Versions,
};
use stint::store::{AuditHead, EnsureSlot, IdempotencyRecord, IssuerKeys, OutboxEvent, Record, RecordedRefusal};
use stint_tests::{As, PRODUCTION, SANDBOX, World, ask, plain};

/// Maps whose keys are data, so that none of them is required.
const MAPS: [&str; 5] = ["completed_at", "metadata", "refused_approvals", "roles", "tags"];
/// Attributes that are keys, and not of the record.
const KEYS: [&str; 9] = ["pk", "sk", "principal_pk", "access_pk", "holder_pk", "status_pk", "due_pk", "due_sk", "ttl"];

/// The paths of all fields of a value.
fn fields(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let path = format!("{path}/{name}");
                if !MAPS.contains(&name.as_str()) {
                    fields(value, &path, found);
                }
                found.push(path);
            }
        }
        Value::Array(list) => {
            for (place, value) in list.iter().enumerate() {
                fields(value, &format!("{path}/{place}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn without(value: &Value, path: &str) -> Value {
    let mut value = value.clone();
    let (parent, name) = path.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
    value
}

/// The fields of these records that can be lost without an error.
fn optional<R: DeserializeOwned>(kind: &str, items: &[Value]) -> Vec<String> {
    assert!(!items.is_empty(), "there is no {kind}");
    let mut optional = Vec::new();
    for item in items {
        let mut record = plain(item);
        record.as_object_mut().unwrap().retain(|name, _| !KEYS.contains(&name.as_str()));
        assert!(serde_json::from_value::<R>(record.clone()).is_ok(), "{kind}: {record}");
        let mut paths = Vec::new();
        fields(&record, "", &mut paths);
        let lost = paths.into_iter().filter(|path| serde_json::from_value::<R>(without(&record, path)).is_ok());
        optional.extend(lost.map(|path| format!("{kind}{path}")));
    }
    optional
}

/// A world with a record of each kind.
async fn full() -> World {
    let world = World::start().await;
    world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    world.ensure("alice", SANDBOX, "ReadOnlyAccess", json!({"duration_seconds": 60})).await.expect(StatusCode::OK);
    let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED);
    let id = request["id"].as_str().unwrap();
    let say = |path: &str, body: Value| {
        let call = world.call(As::Person("bob"), reqwest::Method::POST, format!("/v1/requests/{id}/{path}"));
        call.header("idempotency-key", path.to_owned()).json(&body).send()
    };
    say("messages", json!({"content": "why?"})).await.expect(StatusCode::CREATED);
    say("approve", json!({"reasoning": "so"})).await.expect(StatusCode::OK);
    world.request("alice", PRODUCTION, "AdministratorAccess", 600).await.refused(403, "policy_denied");
    let mut emergency = ask(SANDBOX, "AdministratorAccess", 60);
    emergency["break_glass"] = json!(true);
    world.post(As::Person("alice"), "/v1/requests", emergency).await.refused(403, "break_glass_not_permitted");
    world.sync().await;
    world
}

#[tokio::test]
async fn no_field_of_a_record_can_be_lost_unnoticed() {
    let world = full().await;
    let outside_tenants = |kind: &str| {
        let items = world.local.aws().items().into_iter();
        items.filter(|item| item["pk"]["S"].as_str().unwrap().starts_with(&format!("{kind}#"))).collect::<Vec<_>>()
    };
    let messages = world.local.aws().items().into_iter();
    let messages: Vec<Value> =
        messages.filter(|item| item["pk"]["S"].as_str().unwrap().contains("#MESSAGE#")).collect();
    let lost = [
        optional::<Tenant>("TENANT", &world.items("TENANT")),
        optional::<ApiKey>("APIKEY", &world.items("APIKEY")),
        optional::<Versions>("VERSIONS", &world.items("VERSIONS")),
        optional::<User>("USER", &world.items("USER")),
        optional::<Person>("PERSON", &world.items("PERSON")),
        optional::<PersonLink>("LINK", &world.items("LINK")),
        optional::<AwsResource>("RESOURCE", &world.items("RESOURCE")),
        optional::<Policy>("POLICY", &world.items("POLICY")),
        optional::<AccessRequest>("REQUEST", &world.items("REQUEST")),
        optional::<RequestMessage>("MESSAGE", &messages),
        optional::<Grant>("GRANT", &world.items("GRANT")),
        optional::<OutboxEvent>("EVENT", &world.items("EVENT")),
        optional::<Event>("AUDIT", &world.items("AUDIT")),
        optional::<AuditHead>("AUDITHEAD", &world.items("AUDITHEAD")),
        optional::<EnsureSlot>("SLOT", &world.items("SLOT")),
        optional::<IdempotencyRecord>("IDEMPOTENCY", &world.items("IDEMPOTENCY")),
        optional::<RecordedRefusal>("REFUSAL", &world.items("REFUSAL")),
        optional::<Assignment>("ASSIGNMENT", &outside_tenants("ASSIGNMENT")),
        optional::<InstanceTenants>("INSTANCE", &outside_tenants("INSTANCE")),
        optional::<SlotTable>("SLOTS", &outside_tenants("SLOTS")),
        optional::<SyncState>("SYNC", &outside_tenants("SYNC")),
        optional::<IssuerKeys>("ISSUERKEYS", &outside_tenants("ISSUERKEYS")),
    ]
    .concat();
    // What the audit chain adds to an event is not the event's.
    let lost: Vec<String> = lost
        .into_iter()
        .filter(|path| !["AUDIT/sequence", "AUDIT/prev_hash", "AUDIT/hash"].contains(&path.as_str()))
        .collect();
    assert_eq!(lost, Vec::<String>::new());
}

#[tokio::test]
async fn a_key_that_lost_when_it_was_revoked_is_not_good_again() {
    let world = World::start().await;
    let key = world.api_key_with(|key| key.revoked_at = Some(key.created_at)).await;
    let list = async || world.get(As::ApiKey(&key), "/v1/policies").await;
    list().await.refused(401, "unauthenticated");
    let table = world.local.table().tenant(world.local.tenant_id());
    let keys: Vec<ApiKey> = table.list_all().await.unwrap();
    let id = keys.iter().find(|key| key.revoked_at.is_some()).unwrap().sort_key();
    let client = aws_sdk_dynamodb::Client::new(&world.local.aws().sdk_config());
    let update = client.update_item().table_name("stint").update_expression("REMOVE revoked_at");
    let pk = format!("T#{}#APIKEY", world.local.tenant_id());
    update.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(id.clone())).send().await.unwrap();
    list().await.refused(500, "internal");
    let error = table.get::<ApiKey>(id.clone()).await.unwrap_err().to_string();
    assert!(error.contains(&id) && error.contains("revoked_at"), "{error}");
}
