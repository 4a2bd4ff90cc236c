//! A policy is changed, and the change acknowledged, while what was decided under the old one is still to be committed.

use std::sync::{Arc, Mutex, mpsc};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint::workers::provision_grant;
use stint_tests::{Answer, As, PRODUCTION, SANDBOX, World};
use tokio::task::JoinHandle;

use super::rest;

/// Begins something whose first commit is held up until it is told to go on.
fn held_up<T: Send + 'static>(
    world: &Arc<World>,
    act: impl Future<Output = T> + Send + 'static,
) -> (JoinHandle<T>, mpsc::Sender<()>) {
    let ((arrived, arrives), (go, goes)) = (mpsc::channel(), mpsc::channel());
    let held_up = Mutex::new(Some((arrived, goes)));
    world.local.aws().set_observer(Arc::new(move |called, _| {
        // The lock is given back before waiting: others commit meanwhile.
        let first = if called == "TransactWriteItems" { held_up.lock().unwrap().take() } else { None };
        if let Some((arrived, goes)) = first {
            arrived.send(()).unwrap();
            tokio::task::block_in_place(|| goes.recv()).unwrap();
        }
    }));
    let acting = tokio::spawn(act);
    tokio::task::block_in_place(|| arrives.recv()).unwrap();
    (acting, go)
}

async fn delete_policy(world: &World, name: &str) {
    let policies = world.get(As::Key, "/v1/policies").await.expect(StatusCode::OK);
    let policies = policies["data"].as_array().unwrap();
    let policy = policies.iter().find(|policy| policy["name"] == name).unwrap();
    let path = format!("/v1/policies/{}", policy["id"].as_str().unwrap());
    let answer = world.call(As::Key, Method::DELETE, path).send().await;
    assert!(answer.status.is_success(), "{}", answer.body);
}

/// It was decided, and nothing was ever given.
async fn assert_nothing_given(world: &World, request: &Value) {
    rest(world).await;
    let grant = world.grant(request["grant_ids"][0].as_str().unwrap()).await;
    assert_eq!((&grant["status"], &grant["provisioning_status"]), (&json!("revoked"), &json!("failed")), "{grant}");
    let calls = world.local.aws().calls();
    assert!(calls.iter().all(|call| call.operation != "CreateAccountAssignment"));
    assert!(world.audit().contains(&"grant.failed".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_extension_that_commits_after_its_policy_was_deleted_extends_nothing() {
    let world = Arc::new(World::start().await);
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    let until = world.grant(&id).await["expires_at"].clone();
    let (asks, path) = (Arc::clone(&world), format!("/v1/grants/{id}/extend"));
    let extend = async move { asks.post(As::Person("alice"), path, json!({"duration_seconds": 600})).await };
    let (extension, go) = held_up(&world, extend);
    delete_policy(&world, "engineering in sandbox").await;
    go.send(()).unwrap();
    extension.await.unwrap().refused(403, "policy_denied");
    let grant = world.grant(&id).await;
    assert_eq!((&grant["expires_at"], &grant["status"]), (&until, &json!("active")), "{grant}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_extension_with_a_key_that_is_revoked_before_it_commits_extends_nothing() {
    let world = Arc::new(World::start().await);
    let user = world.local.aws().seeded().users[0].user_id.clone();
    let key = world
        .api_key_with(|key| {
            key.groups = vec!["engineering".to_owned()];
            key.identity_store_user_id = Some(user);
        })
        .await;
    let body = stint_tests::ask(SANDBOX, "PowerUserAccess", 600);
    let request = world.post(As::ApiKey(&key), "/v1/requests", body).await.expect(StatusCode::CREATED);
    let id = request["grant_ids"][0].as_str().unwrap().to_owned();
    let until = world.grant(&id).await["expires_at"].clone();
    let (asks, path, credential) = (Arc::clone(&world), format!("/v1/grants/{id}/extend"), key.clone());
    let extend = async move { asks.post(As::ApiKey(&credential), path, json!({"duration_seconds": 600})).await };
    let (extension, go) = held_up(&world, extend);
    let table = world.local.table().tenant(world.local.tenant_id());
    let keys: Vec<stint::auth::api_key::ApiKey> = table.list_all().await.unwrap();
    let mut revoked = keys.into_iter().find(|stored| stored.name == "a key of a test").unwrap();
    revoked.revoked_at = Some(world.now());
    let mut writes = stint::store::Transaction::new(table.id());
    writes.put(&revoked).unwrap();
    table.commit(writes).await.unwrap();
    go.send(()).unwrap();
    extension.await.unwrap().refused(401, "unauthenticated");
    assert_eq!(world.grant(&id).await["expires_at"], until);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_submission_that_commits_after_its_policy_was_deleted_gives_nothing() {
    let world = Arc::new(World::start().await);
    let asks = Arc::clone(&world);
    let submit = async move { asks.request("alice", SANDBOX, "PowerUserAccess", 600).await };
    let (submission, go) = held_up(&world, submit);
    delete_policy(&world, "engineering in sandbox").await;
    go.send(()).unwrap();
    let request = submission.await.unwrap().expect(StatusCode::CREATED);
    // What is decided, and what is given.
    assert_eq!(request["status"], "approved");
    let grant = world.grant(request["grant_ids"][0].as_str().unwrap()).await;
    assert_eq!((&grant["status"], &grant["provisioning_status"]), (&json!("active"), &json!("pending")));
    assert_nothing_given(&world, &request).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_approval_that_commits_after_its_policy_was_deleted_gives_nothing() {
    let world = Arc::new(World::start().await);
    let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED);
    let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
    let approves = Arc::clone(&world);
    let approve = async move { approves.post(As::Person("bob"), path, json!({})).await };
    let (approval, go): (JoinHandle<Answer>, _) = held_up(&world, approve);
    delete_policy(&world, "engineering reads production").await;
    go.send(()).unwrap();
    let request = approval.await.unwrap().expect(StatusCode::OK);
    assert_eq!(request["status"], "approved");
    assert_nothing_given(&world, &request).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_policy_that_is_deleted_between_the_workers_question_and_its_commit_gives_nothing() {
    let world = Arc::new(World::start().await);
    let request = world.request("alice", SANDBOX, "PowerUserAccess", 600).await.expect(StatusCode::CREATED);
    let call = json!({"tenant_id": world.local.tenant_id(), "grant_id": request["grant_ids"][0]});
    let workers = world.local.workers().clone();
    let provision = async move { _ = provision_grant::handle(&workers, call).await.unwrap() };
    let (provisioning, go) = held_up(&world, provision);
    delete_policy(&world, "engineering in sandbox").await;
    go.send(()).unwrap();
    provisioning.await.unwrap();
    assert_nothing_given(&world, &request).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_leaves_the_group_between_the_workers_question_and_its_commit_is_given_nothing() {
    let world = Arc::new(World::start().await);
    let request = world.request("alice", SANDBOX, "PowerUserAccess", 600).await.expect(StatusCode::CREATED);
    let call = json!({"tenant_id": world.local.tenant_id(), "grant_id": request["grant_ids"][0]});
    let workers = world.local.workers().clone();
    let provision = async move { _ = provision_grant::handle(&workers, call).await.unwrap() };
    let (provisioning, go) = held_up(&world, provision);
    leave_all_groups(&world, "alice").await;
    go.send(()).unwrap();
    provisioning.await.unwrap();
    assert_nothing_given(&world, &request).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_leaves_the_group_before_the_approval_commits_is_not_granted_it() {
    let world = Arc::new(World::start().await);
    let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED);
    let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
    let approves = Arc::clone(&world);
    let approve = async move { approves.post(As::Person("bob"), path, json!({})).await };
    let (approval, go) = held_up(&world, approve);
    leave_all_groups(&world, "alice").await;
    go.send(()).unwrap();
    approval.await.unwrap().refused(403, "policy_denied");
}

async fn leave_all_groups(world: &World, sub: &str) {
    let tenant = world.local.tenant_id();
    let table = world.local.table().tenant(tenant);
    let mut user = table.get::<stint::domain::User>(sub).await.unwrap().unwrap();
    user.groups.clear();
    let mut writes = stint::store::Transaction::new(tenant);
    writes.put(&user).unwrap();
    table.commit(writes).await.unwrap();
}
