//! The flows: what people and time do to access.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_tests::{PRODUCTION, SANDBOX, World, ask};

use super::exhaust::{exhaust, persist};

const AN_HOUR: i64 = 3600;

async fn nothing(_: &World) {}

/// Asks for a role on an account.
async fn submit(world: &World, account: &str, seconds: i64) -> Value {
    let body = ask(account, "ReadOnlyAccess", seconds);
    persist(world, "alice", Method::POST, "/v1/requests", Some(body)).await.expect(StatusCode::CREATED)
}

/// A request that waits for people; its id.
async fn pending(world: &World) -> String {
    let request = submit(world, PRODUCTION, AN_HOUR).await;
    world.settle().await;
    request["id"].as_str().unwrap().to_owned()
}

/// A grant that policy gave, not carried out yet; its id.
async fn decided(world: &World) -> String {
    world.granted("alice", SANDBOX, "ReadOnlyAccess", AN_HOUR).await
}

/// A grant that is in use; its id.
async fn given(world: &World) -> String {
    let id = decided(world).await;
    world.settle().await;
    id
}

async fn decide(world: &World, who: &str, request: &str, verb: &str) {
    let path = format!("/v1/requests/{request}/{verb}");
    persist(world, who, Method::POST, &path, Some(json!({}))).await.expect(StatusCode::OK);
}

async fn ensure(world: &World, account: &str, seconds: i64) -> Value {
    let target = format!("AWS::Account::{account}");
    let body = json!({
        "entitlements": [{"target": target, "role": "ReadOnlyAccess", "duration_seconds": seconds}],
        "justification": {"reason": "because"},
    });
    persist(world, "alice", Method::POST, "/v1/access/ensure", Some(body)).await.expect(StatusCode::OK)
}

async fn end_early(world: &World, grant: &str) {
    let path = format!("/v1/grants/{grant}");
    persist(world, "alice", Method::DELETE, &path, None).await.expect(StatusCode::ACCEPTED);
    world.settle().await;
}

async fn extend(world: &World, grant: &str, seconds: i64) {
    let path = format!("/v1/grants/{grant}/extend");
    let body = json!({"duration_seconds": seconds, "reason": "more"});
    persist(world, "alice", Method::POST, &path, Some(body)).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn submit_where_policy_grants() {
    exhaust("submit, granted", nothing, async |world, ()| _ = submit(world, SANDBOX, AN_HOUR).await).await;
}

#[tokio::test]
async fn submit_where_policy_asks_people() {
    exhaust("submit, pending", nothing, async |world, ()| _ = submit(world, PRODUCTION, AN_HOUR).await).await;
}

#[tokio::test]
async fn submit_where_policy_denies() {
    let act = async |world: &World, (): &()| {
        let body = ask(PRODUCTION, "AdministratorAccess", AN_HOUR);
        persist(world, "alice", Method::POST, "/v1/requests", Some(body)).await.expect(StatusCode::FORBIDDEN);
    };
    exhaust("submit, denied", nothing, act).await;
}

#[tokio::test]
async fn approve() {
    exhaust("approve", pending, async |world, id| decide(world, "bob", id, "approve").await).await;
}

#[tokio::test]
async fn deny() {
    exhaust("deny", pending, async |world, id| decide(world, "bob", id, "deny").await).await;
}

#[tokio::test]
async fn cancel() {
    exhaust("cancel", pending, async |world, id| decide(world, "alice", id, "cancel").await).await;
}

#[tokio::test]
async fn lapse() {
    let act = async |world: &World, _: &String| {
        world.wait(3 * 3600).await;
        let _ = world.local.sweep().await;
        world.settle().await;
    };
    exhaust("lapse", pending, act).await;
}

#[tokio::test]
async fn ensure_what_is_there() {
    exhaust("ensure, none", given, async |world, _| _ = ensure(world, SANDBOX, AN_HOUR).await).await;
}

#[tokio::test]
async fn ensure_what_policy_grants() {
    exhaust("ensure, activated", nothing, async |world, ()| _ = ensure(world, SANDBOX, AN_HOUR).await).await;
}

#[tokio::test]
async fn ensure_what_policy_asks_people_for() {
    exhaust("ensure, requested", nothing, async |world, ()| _ = ensure(world, PRODUCTION, AN_HOUR).await).await;
}

#[tokio::test]
async fn ensure_what_is_about_to_end() {
    let about_to_end = async |world: &World| {
        given(world).await;
        world.wait(3000).await;
    };
    exhaust("ensure, extended", about_to_end, async |world, ()| _ = ensure(world, SANDBOX, 2 * AN_HOUR).await).await;
}

#[tokio::test]
async fn provisioning() {
    exhaust("provisioning", decided, async |world, _| world.settle().await).await;
}

#[tokio::test]
async fn extension() {
    let act = async |world: &World, id: &String| {
        extend(world, id, AN_HOUR).await;
        world.settle().await;
        // The first reminder is stale.
        world.wait(3600).await;
    };
    exhaust("extend", given, act).await;
}

#[tokio::test]
async fn revocation() {
    exhaust("revoke", given, async |world, id| end_early(world, id).await).await;
}

#[tokio::test]
async fn revocation_before_it_is_given() {
    exhaust("revoke, not given yet", decided, async |world, id| end_early(world, id).await).await;
}

#[tokio::test]
async fn revocation_while_it_is_given() {
    let act = async |world: &World, id: &String| {
        world.settle().await;
        end_early(world, id).await;
    };
    exhaust("give and revoke at once", decided, act).await;
}

#[tokio::test]
async fn expiry() {
    exhaust("expiry", given, async |world, _| world.wait(3600).await).await;
}

#[tokio::test]
async fn sweep_gives() {
    let act = async |world: &World, _: &String| {
        world.pass(60);
        let _ = world.local.sweep().await;
    };
    exhaust("sweep, gives", decided, act).await;
}

#[tokio::test]
async fn sweep_takes_away() {
    let act = async |world: &World, _: &String| {
        world.pass(3600);
        let _ = world.local.sweep().await;
    };
    exhaust("sweep, takes away", given, act).await;
}

#[tokio::test]
async fn overlapping_grants() {
    let two = async |world: &World| {
        given(world).await;
        world.wait(1800).await;
        given(world).await;
    };
    let act = async |world: &World, (): &()| {
        world.wait(1800).await;
        world.wait(1800).await;
    };
    exhaust("overlap", two, act).await;
}

#[tokio::test]
async fn break_glass() {
    let act = async |world: &World, (): &()| {
        let mut body = ask(PRODUCTION, "AdministratorAccess", AN_HOUR);
        body["break_glass"] = json!(true);
        persist(world, "carol", Method::POST, "/v1/requests", Some(body)).await.expect(StatusCode::CREATED);
        world.settle().await;
    };
    exhaust("break-glass", nothing, act).await;
}

/// Somebody assigned the same before, and it is to stay.
#[tokio::test]
async fn standing_access_given_and_ended() {
    let standing = async |world: &World| {
        world.assign_outside("alice", "ReadOnlyAccess", SANDBOX).await;
        world.pass(5);
        decided(world).await
    };
    let act = async |world: &World, id: &String| {
        world.settle().await;
        world.wait(60).await;
        end_early(world, id).await;
    };
    exhaust("standing access", standing, act).await;
}

/// Somebody deletes what a grant gave, and it is asked for again.
#[tokio::test]
async fn asked_again_after_it_was_deleted_outside() {
    let deleted = async |world: &World| {
        given(world).await;
        world.unassign_outside("alice", "ReadOnlyAccess", SANDBOX).await;
        world.pass(5);
        decided(world).await;
    };
    exhaust("deleted outside", deleted, async |world, ()| world.settle().await).await;
}

/// Somebody deletes what a grant gave, and then it ends.
#[tokio::test]
async fn ended_after_it_was_deleted_outside() {
    let deleted = async |world: &World| {
        let id = given(world).await;
        world.unassign_outside("alice", "ReadOnlyAccess", SANDBOX).await;
        world.pass(5);
        id
    };
    exhaust("deleted outside, revoke", deleted, async |world, id| end_early(world, id).await).await;
}

/// Another tenant's grant holds the same assignment when ours ends.
#[tokio::test]
async fn two_tenants_hold_it_and_one_ends() {
    let two = async |world: &World| {
        let id = given(world).await;
        let other = world.second_tenant().await;
        world.share_instance(&other).await;
        other.let_engineering_in(world).await;
        other.granted(world, "ReadOnlyAccess", 8 * AN_HOUR).await;
        world.settle().await;
        id
    };
    exhaust("two tenants, revoke", two, async |world, id| end_early(world, id).await).await;
}
