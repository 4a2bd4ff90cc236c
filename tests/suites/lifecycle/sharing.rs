//! Two tenants, one Identity Center instance: neither ends, sees or hears of what the other has.

use reqwest::{Method, StatusCode};
use serde_json::json;
use stint::domain::{AwsResource, Person, PersonLink, TenantId, Versions};
use stint::store::Record as _;
use stint_local::aws::{Account, PermissionSet, Unit};
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

/// A permission set of the same instance.
fn new_set(sets: &[PermissionSet], name: &str) -> PermissionSet {
    let (instance, _) = sets[0].arn.rsplit_once('/').unwrap();
    PermissionSet { arn: format!("{instance}/ps-0123456789abcdef"), ..PermissionSet::named(name) }
}

#[tokio::test]
async fn a_sync_writes_nothing_of_an_instance_into_the_directory_of_a_tenant_it_is_not_shared_with() {
    let world = World::start().await;
    let other = world.second_tenant().await;
    let mine = async |tenant: TenantId| {
        let table = world.local.table().tenant(tenant);
        let resources: Vec<AwsResource> = table.list_all().await.unwrap();
        let people: Vec<Person> = table.list_all().await.unwrap();
        let links: Vec<PersonLink> = table.list_all().await.unwrap();
        let version = table.get::<Versions>(Versions::KIND).await.unwrap().unwrap().directory_version;
        (resources, people, links, version)
    };
    let before = mine(other.id).await;
    // Something new of each kind, and tags.
    world.local.aws().change_permission_sets(|sets| sets.push(new_set(sets, "Secret")));
    world.local.aws().change_organization(|root| {
        root.units.push(Unit { accounts: vec![Account::named("555555555555", "secret")], ..Unit::named("Secret") });
        for unit in &mut root.units {
            unit.accounts.iter_mut().for_each(|account| _ = account.tags.insert("secret".into(), "yes".into()));
        }
    });
    world.local.aws().change_people(|users| users[0].user_name = "secret".to_owned());
    world.sync().await;
    assert_eq!(mine(other.id).await, before);
    let named = |tenant: &(Vec<AwsResource>, Vec<Person>, Vec<PersonLink>, u64)| {
        let (resources, people, ..) = tenant;
        (resources.iter().filter(|one| one.name.eq_ignore_ascii_case("secret")).count(), people[0].user_name.clone())
    };
    assert_eq!(named(&mine(world.local.tenant_id()).await).0, 3, "its own tenant has them");
    world.local.invoke("sync", json!({"tenant_id": other.id})).await.unwrap_err();
    assert_eq!(mine(other.id).await, before);
    world.share_instance(&other).await;
    world.sync().await;
    assert_eq!(named(&mine(other.id).await), named(&mine(world.local.tenant_id()).await));
}

/// Nobody has registered the instance: no tenant becomes its owner by being the first to ask.
#[tokio::test]
async fn nothing_is_given_or_synced_with_an_instance_that_is_registered_for_nobody() {
    let world = World::start().await;
    world.unregister_instance().await;
    world.local.aws().change_permission_sets(|sets| sets.push(new_set(sets, "New")));
    let before = world.items("RESOURCE");
    world.sync().await;
    assert_eq!(world.items("RESOURCE"), before);
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    assert_eq!(world.grant(&id).await["provisioning_status"], "failed");
    assert!(world.assignments().is_empty());
    rest(&world).await;
}
