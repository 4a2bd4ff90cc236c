//! The stack is not deleted while there is access to take away.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::put;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint::app::{Ids, drain};
use stint_local::aws::{Fault, FaultKind, Faults, Service};
use stint_tests::{As, SANDBOX, World};

/// What CloudFormation is told when it asks; the URL it is told at is one of its own.
async fn asked(world: &World, request_type: &str) -> Value {
    let told = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&told);
    let keep = async move |body: String| {
        *kept.lock().unwrap() = Some(serde_json::from_str(&body).unwrap());
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/answer", listener.local_addr().unwrap());
    let server = tokio::spawn(axum::serve(listener, Router::new().route("/answer", put(keep))).into_future());
    let event = json!({
        "RequestType": request_type,
        "ResponseURL": url,
        "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/stint/1a2b3c4d",
        "RequestId": "4f2a6d0c",
        "ResourceType": "Custom::DrainGuard",
        "LogicalResourceId": "DrainGuard",
        "PhysicalResourceId": "drain-guard",
        "ResourceProperties": {},
    });
    world.local.invoke("drain_guard", event).await.unwrap();
    server.abort();
    let told: Value = told.lock().unwrap().take().unwrap();
    assert_eq!((&told["RequestId"], &told["LogicalResourceId"]), (&json!("4f2a6d0c"), &json!("DrainGuard")));
    told
}

#[tokio::test]
async fn a_stack_without_grants_is_made_changed_and_deleted() {
    let world = World::start().await;
    for request_type in ["Create", "Update", "Delete"] {
        assert_eq!(asked(&world, request_type).await["Status"], "SUCCESS", "{request_type}");
    }
}

#[tokio::test]
async fn while_a_grant_is_live_or_its_access_not_gone_the_stack_is_not_deleted() {
    let world = World::start().await;
    let grant = world.granted("alice", SANDBOX, "PowerUserAccess", 28_800).await;
    assert_eq!(asked(&world, "Delete").await["Status"], "FAILED", "it is being given");
    world.settle().await;
    let told = asked(&world, "Delete").await;
    assert_eq!(told["Status"], "FAILED", "it is live");
    assert!(told["Reason"].as_str().unwrap().starts_with("1 grants"), "{told}");
    assert_eq!(asked(&world, "Update").await["Status"], "SUCCESS", "it may be updated");

    let refuse = Fault::new(FaultKind::Refuse).on(Service::SsoAdmin, "DeleteAccountAssignment").times(1000);
    world.local.aws().set_faults(Faults { rules: vec![refuse] });
    let path = format!("/v1/grants/{grant}");
    world.call(As::Person("alice"), Method::DELETE, path).send().await.expect(StatusCode::ACCEPTED);
    world.settle().await;
    assert_eq!(asked(&world, "Delete").await["Status"], "FAILED", "it is over, and its access is there");

    world.local.aws().set_faults(Faults::default());
    world.wait(900).await;
    assert_eq!(world.grant(&grant).await["revocation"]["status"], "done");
    assert_eq!(asked(&world, "Delete").await["Status"], "SUCCESS");
}

#[tokio::test]
async fn when_it_cannot_be_told_the_stack_is_not_deleted() {
    let world = World::start().await;
    let refuse = Fault::new(FaultKind::Refuse).on(Service::DynamoDb, "Query").times(1000);
    world.local.aws().set_faults(Faults { rules: vec![refuse] });
    assert_eq!(asked(&world, "Delete").await["Status"], "FAILED");
}

#[tokio::test]
async fn draining_ends_the_grants_of_all_and_is_done_when_their_access_is_gone() {
    let world = World::start().await;
    for who in ["alice", "bob"] {
        world.granted(who, SANDBOX, "PowerUserAccess", 28_800).await;
    }
    world.settle().await;
    assert_eq!(world.assignments().len(), 2);
    let ids = Ids::new(world.clock.clone());
    let table = world.local.table();
    assert_eq!(drain(table, &ids, world.now()).await.unwrap(), 2);
    assert_eq!(drain(table, &ids, world.now()).await.unwrap(), 2, "ended, and not gone yet");
    world.settle().await;
    assert_eq!(drain(table, &ids, world.now()).await.unwrap(), 0);
    assert!(world.assignments().is_empty());
    assert_eq!(world.audit().iter().filter(|action| *action == "grant.revoked").count(), 2, "each once");
    assert_eq!(asked(&world, "Delete").await["Status"], "SUCCESS");
}
