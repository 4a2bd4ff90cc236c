//! `cargo lambda watch` and `cargo lambda invoke`: the environment, and the events.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use aws_lambda_events::{dynamodb, eventbridge::EventBridgeEvent};
use serde::de::DeserializeOwned;
use serde_json::Value;
use stint_local::aws::Limits;
use stint_local::seed::Seed;

use super::infrastructure::variables;
use super::operations::{endpoints, workers};
use super::sources;

/// What `Cargo.toml` tells `cargo lambda watch`, read the way it does.
fn watch() -> Value {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version=1", "--manifest-path"])
        .arg(manifest)
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    metadata["metadata"]["lambda"]["watch"].clone()
}

fn event<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("tests/events/{name}.json");
    serde_json::from_str(&sources::read(&path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn under_watch_functions_find_the_settings_of_the_template() {
    let file = sources::read(watch()["env_file"].as_str().unwrap());
    let found: BTreeMap<&str, &str> =
        file.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once('=').unwrap()).collect();
    let given = variables();
    // Set by Lambda itself, or where AWS is; and the one that can be done without, as there is no such queue here.
    let names: BTreeSet<&str> = given
        .iter()
        .map(String::as_str)
        .chain(["AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_SECRET_ACCESS_KEY"])
        .filter(|name| *name != "SCHEDULE_DEAD_LETTER_QUEUE_ARN")
        .collect();
    assert_eq!(found.keys().copied().collect::<BTreeSet<_>>(), names);

    let settings = stint_local::server::settings(&Seed::example(), &Limits::identity_center());
    let schedules = &settings.schedules;
    let quota = settings.quota;
    for (name, value) in [
        ("TABLE_NAME", &settings.table_name),
        ("EVENT_BUS_NAME", &settings.event_bus_name),
        ("IDENTITY_CENTER_INSTANCE_ARN", &settings.identity_center_instance_arn),
        ("IDENTITY_STORE_ID", &settings.identity_store_id),
        ("IDENTITY_CENTER_SLOTS", &quota.slots.to_string()),
        ("IDENTITY_CENTER_REQUESTS_PER_SECOND", &quota.requests_per_second.to_string()),
        ("SCHEDULE_GROUP", &schedules.group),
        ("SCHEDULER_ROLE_ARN", &schedules.role_arn),
        ("PROVISION_GRANT_FUNCTION_ARN", &schedules.provision_function_arn),
        ("DEPROVISION_GRANT_FUNCTION_ARN", &schedules.deprovision_function_arn),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
}

#[test]
fn every_function_has_an_event_and_nothing_else_has() {
    let events: BTreeSet<String> = sources::files("tests/events")
        .iter()
        .map(|path| path.trim_start_matches("tests/events/").trim_end_matches(".json").to_owned())
        .collect();
    assert_eq!(events, &endpoints() | &workers());
}

#[test]
fn a_workers_event_is_what_calls_it() {
    let batch: dynamodb::Event = event("publish_events");
    assert!(batch.records.iter().all(|record| record.event_name == "INSERT"));
    let decided: EventBridgeEvent = event("provision_grant");
    assert_eq!(
        (decided.source.as_str(), decided.detail_type.as_str()),
        (stint::aws::event_bus::SOURCE, "grant.provisioning")
    );
    for worker in ["sweep", "sync"] {
        let clock: EventBridgeEvent = event(worker);
        assert_eq!((clock.source.as_str(), clock.detail_type.as_str()), ("aws.events", "Scheduled Event"), "{worker}");
    }
    // Scheduler sends the input of the schedule and nothing else.
    let over: BTreeMap<String, uuid::Uuid> = event("deprovision_grant");
    assert!(over.keys().eq(["grant_id", "tenant_id"]), "{over:?}");
}
