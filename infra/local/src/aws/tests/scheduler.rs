//! Schedules, through the real SDK client.

use std::time::Duration;

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::error::ProvideErrorMetadata;
use serde_json::json;

use super::{Functions, create_schedule, options, schedule, start};

#[tokio::test]
async fn a_schedule_fires_once_when_it_is_time_and_is_gone() {
    let (endpoint, clock) = start(options()).await;
    let functions = Functions::of(&endpoint);
    schedule(&endpoint, "grant-1", "2026-01-01T00:10:00").await;
    assert_eq!(endpoint.deliver().await, 0);
    clock.advance(Duration::from_secs(599));
    assert_eq!(endpoint.deliver().await, 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(endpoint.deliver().await, 1);
    assert_eq!(functions.take(), [("revoke".to_owned(), json!({ "grant": "g" }))]);
    assert_eq!(endpoint.deliver().await, 0);
    assert!(endpoint.schedules().is_empty());
}

#[tokio::test]
async fn a_schedule_is_read_changed_and_deleted() {
    let (endpoint, _) = start(options()).await;
    let client = Client::new(&endpoint.sdk_config());
    schedule(&endpoint, "grant-1", "2026-01-01T00:10:00").await;
    let get = || client.get_schedule().group_name("stint").name("grant-1").send();
    let read = get().await.unwrap();
    assert_eq!(read.schedule_expression(), Some("at(2026-01-01T00:10:00)"));
    assert_eq!(read.target().unwrap().input(), Some(r#"{"grant":"g"}"#));
    assert_eq!(read.creation_date().unwrap().secs(), 1_767_225_600);
    client
        .update_schedule()
        .group_name("stint")
        .name("grant-1")
        .schedule_expression("at(2026-01-01T01:00:00)")
        .set_flexible_time_window(read.flexible_time_window().cloned())
        .set_target(read.target().cloned())
        .send()
        .await
        .unwrap();
    let at = endpoint.schedules()[0].at.to_string();
    assert_eq!(at, "2026-01-01T01:00:00Z");
    let list = client.list_schedules().group_name("stint").name_prefix("grant-");
    assert_eq!(list.send().await.unwrap().schedules().len(), 1);
    let delete = || client.delete_schedule().group_name("stint").name("grant-1").send();
    delete().await.unwrap();
    assert!(delete().await.unwrap_err().into_service_error().is_resource_not_found_exception());
    assert!(get().await.unwrap_err().into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn a_name_is_taken_once_but_a_repeated_call_is_the_same_call() {
    let (endpoint, _) = start(options()).await;
    let at = "2026-01-01T00:10:00";
    let create = |token: &str| create_schedule(&endpoint, "grant-1", at).client_token(token).send();
    create("one").await.unwrap();
    create("one").await.unwrap();
    let error = create("two").await.unwrap_err().into_service_error();
    assert!(error.is_conflict_exception(), "{error:?}");
}

#[tokio::test]
async fn what_the_service_would_not_take_is_refused() {
    let (endpoint, _) = start(options()).await;
    let at = "2026-01-01T00:10:00";
    let long = "x".repeat(65);
    for call in [
        create_schedule(&endpoint, &long, at),
        create_schedule(&endpoint, "a#b", at),
        create_schedule(&endpoint, "a", "2026-01-01T00:10:00Z"),
        create_schedule(&endpoint, "a", "2026-01-01T00:10:00.500"),
        create_schedule(&endpoint, "a", at).schedule_expression("rate(1 minute)"),
    ] {
        let error = call.send().await.unwrap_err().into_service_error();
        assert!(error.is_validation_exception(), "{error:?}");
    }
    let error = create_schedule(&endpoint, "a", at).group_name("other").send().await;
    let error = error.unwrap_err().into_service_error();
    assert!(error.is_resource_not_found_exception(), "{error:?}");
}

#[tokio::test]
async fn groups_are_made_and_found() {
    let (endpoint, _) = start(options()).await;
    let client = Client::new(&endpoint.sdk_config());
    let get = |name: &'static str| client.get_schedule_group().name(name).send();
    assert_eq!(get("stint").await.unwrap().name(), Some("stint"));
    assert_eq!(get("other").await.unwrap_err().code(), Some("ResourceNotFoundException"));
    client.create_schedule_group().name("other").send().await.unwrap();
    get("other").await.unwrap();
    let error = client.create_schedule_group().name("other").send().await.unwrap_err();
    assert_eq!(error.code(), Some("ConflictException"));
}
