//! Two tenants, one Identity Center instance: neither ends, sees or hears of what the other has.

use reqwest::{Method, StatusCode};
use serde_json::json;
use stint_tests::invariants::rest;
use stint_tests::{As, SANDBOX, World};

#[tokio::test]
async fn what_two_tenants_hold_ends_with_the_last_of_them() {
    let world = World::start().await;
    let other = world.second_tenant().await;
    other.let_engineering_in(&world).await;
    let here = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    assert!(world.share_instance(&other).await);
    let there = other.granted(&world, "PowerUserAccess", 1200).await;
    world.settle().await;
    assert_eq!(world.assignments().len(), 1);
    let shared = other.grant(&world, &there).await;
    assert_eq!(shared["provisioning_status"], "successful");
    assert_eq!(shared["access_persists"], false, "that another tenant has it too is not told");
    world.wait(600).await;
    assert_eq!(world.assignments().len(), 1, "the other tenant's grant holds it");
    assert_eq!(world.grant(&here).await["revocation"]["status"], "done");
    world.wait(600).await;
    rest(&world).await;
    assert!(world.assignments().is_empty());
    assert_eq!(other.grant(&world, &there).await["revocation"]["status"], "done");
}

#[tokio::test]
async fn a_tenant_that_an_instance_was_not_shared_with_gives_nothing_and_says_why() {
    let world = World::start().await;
    let other = world.second_tenant().await;
    other.let_engineering_in(&world).await;
    world.granted("bob", SANDBOX, "ReadOnlyAccess", 600).await;
    world.settle().await;
    let id = other.granted(&world, "PowerUserAccess", 600).await;
    world.settle().await;
    let grant = other.grant(&world, &id).await;
    assert_eq!((&grant["status"], &grant["provisioning_status"]), (&json!("revoked"), &json!("failed")));
    let error = grant["provisioning_error"].as_str().unwrap();
    assert!(error.contains("--share-instance") && !error.contains(&world.local.tenant_id().to_string()), "{error}");
    assert_eq!(world.assignments(), ["bob ReadOnlyAccess 111111111111"]);
    rest(&world).await;
}

#[tokio::test]
async fn each_tenant_hears_of_its_own_grants_only() {
    let world = World::start().await;
    let other = world.second_tenant().await;
    other.let_engineering_in(&world).await;
    let here = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    world.share_instance(&other).await;
    let there = other.granted(&world, "PowerUserAccess", 1200).await;
    world.settle().await;
    // Somebody deletes it; the first tenant asks again, and so finds out for both.
    world.pass(10);
    world.unassign_outside("alice", "PowerUserAccess", SANDBOX).await;
    world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    assert_eq!(other.grant(&world, &there).await["externally_modified"], true);
    assert_eq!(world.grant(&here).await["externally_modified"], true);
    world.wait(1200).await;
    rest(&world).await;
    let (ours, theirs) = (world.local.tenant_id().to_string(), other.id.to_string());
    for item in world.local.aws().items() {
        let text = item.to_string();
        let pk = item["pk"]["S"].as_str().unwrap();
        if pk.starts_with("T#") {
            assert!(!(text.contains(&ours) && text.contains(&theirs)), "{text}");
        }
    }
    let key = As::ApiKey(&other.key);
    let log = other.call(&world, key, Method::GET, "/v1/audit-log?limit=250", None);
    let log = log.await.expect(StatusCode::OK).to_string();
    assert!(log.contains("drift.detected") && log.contains(&there) && !log.contains(&here));
}
