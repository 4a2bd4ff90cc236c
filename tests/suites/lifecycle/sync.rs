//! The directory follows AWS: what is new is offered, what is gone is not, and what cannot be read changes nothing.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde_json::{Value, json};
use stint::domain::{AwsResource, ResourceRef, ResourceType};
use stint::metrics::Measurement;
use stint_local::aws::{Account, Fault, FaultKind, Faults, PermissionSet, Service, Unit};
use stint_tests::{As, PRODUCTION, SANDBOX, STAGING, World};

pub(super) async fn version(world: &World) -> u64 {
    let tenant = world.local.table().tenant(world.local.tenant_id());
    tenant.versions().await.unwrap().directory_version
}

pub(super) async fn directory(world: &World) -> Vec<AwsResource> {
    world.local.table().tenant(world.local.tenant_id()).list_all().await.unwrap()
}

async fn known(world: &World, kind: ResourceType, id: &str) -> AwsResource {
    let key = ResourceRef::new(kind, id).unwrap().to_string();
    world.local.table().tenant(world.local.tenant_id()).get(key).await.unwrap().unwrap()
}

async fn account(world: &World, id: &str) -> AwsResource {
    known(world, ResourceType::AwsAccount, id).await
}

/// What is gone, by name.
async fn gone(world: &World) -> Vec<String> {
    directory(world).await.into_iter().filter(|known| !known.is_live()).map(|known| known.name).collect()
}

pub(super) fn fault(world: &World, fault: Fault) {
    world.local.aws().set_faults(Faults { rules: vec![fault] });
}

/// The unit of that name.
pub(super) fn unit<'a>(root: &'a mut Unit, name: &str) -> &'a mut Unit {
    fn find<'a>(unit: &'a mut Unit, name: &str) -> Option<&'a mut Unit> {
        if unit.name == name {
            return Some(unit);
        }
        unit.units.iter_mut().find_map(|below| find(below, name))
    }
    find(root, name).unwrap()
}

pub(super) fn tag(world: &World, unit_name: &str, tags: &[(&str, &str)]) {
    let tags: BTreeMap<String, String> = tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    world.local.aws().change_organization(|root| unit(root, unit_name).accounts[0].tags = tags);
}

/// Nine more accounts of no importance, known to the directory.
async fn with_more_accounts(world: &World) {
    world.local.aws().change_organization(|root| {
        let more = (0..9).map(|number| Account::named(&format!("44444444444{number}"), "more"));
        unit(root, "Sandbox").accounts.extend(more);
    });
    world.sync().await;
}

async fn policy(world: &World, cedar: &str, priority: i64) -> Value {
    let body = json!({
        "name": cedar, "priority": priority, "max_duration_seconds": 3600, "approval_mode": "auto",
        "cedar_policy_set": cedar,
    });
    world.post(As::Key, "/v1/policies", body).await.expect(StatusCode::CREATED)
}

fn replace_set(world: &World, name: &str) {
    let number = world.now().as_second();
    world.local.aws().change_permission_sets(|sets| {
        let old = sets.iter().position(|set| set.name == name).unwrap();
        let old = sets.remove(old);
        let (instance, _) = old.arn.rsplit_once('/').unwrap();
        sets.push(PermissionSet { arn: format!("{instance}/ps-{number:016x}"), ..PermissionSet::named(name) });
    });
}

fn set_of(world: &World, grant: &str) -> String {
    let grants = world.items("GRANT");
    let grant = grants.iter().map(stint_tests::plain).find(|known| known["id"] == grant).unwrap();
    grant["permission_set_arn"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_sync_that_finds_nothing_new_writes_nothing_of_the_directory_and_moves_no_version() {
    let world = World::start().await;
    world.sync().await;
    let kinds = ["RESOURCE", "PERSON", "LINK", "TENANT"];
    let before = kinds.map(|kind| world.items(kind));
    world.pass(900);
    world.local.aws().clear_calls();
    world.sync().await;
    assert_eq!(kinds.map(|kind| world.items(kind)), before);
    let calls = world.local.aws().calls();
    let made = |operation: &str| calls.iter().filter(|call| call.operation == operation).count();
    assert_eq!((made("TransactWriteItems"), made("UpdateItem"), made("DescribePermissionSet")), (0, 0, 0));
    assert!(made("PutItem") <= 10, "the lease, the progress, the slot and the issuer's keys: {}", made("PutItem"));
}

#[tokio::test]
async fn what_is_new_is_offered_after_the_next_sync_with_its_tags() {
    let world = World::start().await;
    policy(&world, "permit (principal, action, resource) when { resource.hasTag(\"env\") };", 5).await;
    world.local.aws().change_organization(|root| {
        let mut account = Account::named("555555555555", "new");
        account.tags.insert("env".into(), "dev".into());
        root.units.push(Unit::named("New").unit(Unit { accounts: vec![account], ..Unit::named("Newer") }));
    });
    let before = version(&world).await;
    world.sync().await;
    let new = account(&world, "555555555555").await;
    assert_eq!((new.tags["env"].as_str(), new.is_live()), ("dev", true));
    assert_ne!(version(&world).await, before);
    world.granted("alice", "555555555555", "ReadOnlyAccess", 60).await;
}

#[tokio::test]
async fn a_rule_on_a_tag_fires_as_soon_as_the_tag_was_read() {
    let world = World::start().await;
    let forbid = "forbid (principal, action, resource) when \
                  { resource.hasTag(\"env\") && resource.getTag(\"env\") == \"prod\" };";
    policy(&world, forbid, 50).await;
    world.granted("alice", SANDBOX, "ReadOnlyAccess", 60).await;
    tag(&world, "Sandbox", &[("env", "prod")]);
    world.sync().await;
    world.request("alice", SANDBOX, "PowerUserAccess", 60).await.refused(403, "policy_denied");
    tag(&world, "Sandbox", &[]);
    world.sync().await;
    world.granted("alice", SANDBOX, "PowerUserAccess", 60).await;
}

#[tokio::test]
async fn a_moved_account_falls_under_the_rules_of_its_new_unit_at_the_next_decision() {
    let world = World::start().await;
    let units = directory(&world).await;
    let staging = units.iter().find(|known| known.name == "Staging").unwrap();
    policy(
        &world,
        &format!("forbid (principal, action, resource in AwsOrganizationalUnit::\"{}\");", staging.resource.id()),
        50,
    )
    .await;
    world.granted("alice", SANDBOX, "ReadOnlyAccess", 60).await;
    world.local.aws().change_organization(|root| {
        let account = unit(root, "Sandbox").accounts.remove(0);
        unit(root, "Staging").accounts.push(account);
    });
    world.sync().await;
    world.request("alice", SANDBOX, "PowerUserAccess", 60).await.refused(403, "policy_denied");
}

#[tokio::test]
async fn a_permission_set_made_again_under_its_name_is_given_and_what_the_old_one_gave_still_ends() {
    let world = World::start().await;
    let old = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    let old_arn = set_of(&world, &old);
    replace_set(&world, "PowerUserAccess");
    world.sync().await;
    let new = world.granted("bob", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    let new_arn = set_of(&world, &new);
    assert_ne!(new_arn, old_arn);
    assert_eq!(world.grant(&new).await["provisioning_status"], "successful");
    world.sync().await;
    assert!(!known(&world, ResourceType::AwsPermissionSet, &old_arn).await.is_live());
    world.wait(601).await;
    for id in [&old, &new] {
        assert_eq!(world.grant(id).await["revocation"]["status"], "done", "{id}");
    }
    assert_eq!(world.assignments(), Vec::<String>::new());
}

#[tokio::test]
async fn two_live_permission_sets_of_one_name_give_neither_and_both_are_named() {
    let world = World::start().await;
    let mut arns = Vec::new();
    world.local.aws().change_permission_sets(|sets| {
        let (instance, _) = sets[0].arn.rsplit_once('/').unwrap();
        let twin =
            PermissionSet { arn: format!("{instance}/ps-00000000000000aa"), ..PermissionSet::named("PowerUserAccess") };
        sets.push(twin);
        arns = sets.iter().filter(|set| set.name == "PowerUserAccess").map(|set| set.arn.clone()).collect();
    });
    world.sync().await;
    let refused = world.request("alice", SANDBOX, "PowerUserAccess", 60).await.refused(400, "invalid_input");
    assert!(arns.len() == 2 && arns.iter().all(|arn| refused.to_string().contains(arn)), "{refused}");
}

#[tokio::test]
async fn gone_is_what_two_full_reads_in_a_row_did_not_find_and_what_comes_back_is_offered_again() {
    let world = World::start().await;
    let mut removed = None;
    world.local.aws().change_organization(|root| removed = unit(root, "Staging").accounts.pop());
    let before = version(&world).await;
    world.sync().await;
    assert_eq!((gone(&world).await, version(&world).await), (vec![], before), "one read may be wrong");
    // A read that fails in between is no read.
    fault(&world, Fault::new(FaultKind::Refuse).on(Service::Organizations, "ListAccountsForParent").after(2));
    world.local.sync().await.unwrap_err();
    assert_eq!(gone(&world).await, Vec::<String>::new());
    world.sync().await;
    assert_eq!((gone(&world).await, version(&world).await), (vec!["staging".to_owned()], before + 1));
    world.local.aws().change_organization(|root| {
        removed.as_mut().unwrap().tags.insert("env".into(), "prod".into());
        unit(root, "Staging").accounts.extend(removed);
    });
    world.sync().await;
    let back = account(&world, STAGING).await;
    assert!(back.is_live() && back.missing_since.is_none() && back.tags["env"] == "prod", "{back:?}");
}

#[tokio::test]
async fn what_is_missing_once_and_found_again_was_never_gone() {
    let world = World::start().await;
    for _ in 0..3 {
        let mut removed = None;
        world.local.aws().change_organization(|root| removed = unit(root, "Staging").accounts.pop());
        world.sync().await;
        world.local.aws().change_organization(|root| unit(root, "Staging").accounts.extend(removed));
        world.sync().await;
    }
    let staging = account(&world, STAGING).await;
    assert!(staging.is_live() && staging.missing_since.is_none());
}

#[tokio::test]
async fn closed_accounts_are_gone_at_once() {
    for state in ["SUSPENDED", "PENDING_CLOSURE", "CLOSED"] {
        let world = World::start().await;
        world.local.aws().change_organization(|root| unit(root, "Staging").accounts[0].state = state.into());
        world.sync().await;
        assert_eq!(gone(&world).await, ["staging"], "{state}");
    }
}

/// A page of any list that cannot be read, whatever comes before and after it.
#[tokio::test]
async fn what_cannot_be_read_is_not_gone() {
    for (service, operation) in [
        (Service::Organizations, "ListRoots"),
        (Service::Organizations, "ListAccountsForParent"),
        (Service::Organizations, "ListOrganizationalUnitsForParent"),
        (Service::SsoAdmin, "ListPermissionSets"),
        (Service::IdentityStore, "ListUsers"),
    ] {
        let world = World::start().await;
        with_more_accounts(&world).await;
        let before = directory(&world).await;
        let people = world.items("PERSON");
        for skip in 0..3 {
            for _ in 0..3 {
                fault(&world, Fault::new(FaultKind::Refuse).on(service, operation).after(skip).times(u32::MAX));
                let failed = world.local.sync().await.is_err();
                let hit = world.local.aws().faults().rules[0].hits > 0;
                assert_eq!(failed, hit, "{operation}");
            }
        }
        assert_eq!((directory(&world).await, world.items("PERSON")), (before, people), "{operation}");
    }
}

#[tokio::test]
async fn an_organization_that_cannot_be_read_keeps_nothing_else_from_being_read() {
    let world = World::start().await;
    replace_set(&world, "PowerUserAccess");
    fault(&world, Fault::new(FaultKind::Refuse).on(Service::Organizations, "ListRoots"));
    world.local.sync().await.unwrap_err();
    let sets = directory(&world).await.into_iter().filter(|known| known.name == "PowerUserAccess").count();
    assert_eq!((sets, world.items("PERSON").is_empty()), (2, false));
}

#[tokio::test]
async fn more_than_a_tenth_gone_at_once_is_left_for_an_administrator_and_measured() {
    let world = World::start().await;
    with_more_accounts(&world).await;
    world.local.aws().change_organization(|root| {
        unit(root, "Staging").accounts.clear();
        unit(root, "Production").accounts.clear();
    });
    for _ in 0..4 {
        world.sync().await;
    }
    assert_eq!(gone(&world).await, Vec::<String>::new());
    assert!(world.local.measured().contains(&Measurement::DirectoryHeldBack(2)), "{:?}", world.local.measured());
    world.local.invoke("sync", json!({"tenant_id": world.local.tenant_id(), "accepts_loss": true})).await.unwrap();
    assert_eq!(gone(&world).await, ["staging", "production"]);
    assert!(!account(&world, PRODUCTION).await.is_live());
}

#[tokio::test]
async fn a_new_tenant_is_synced_with_the_others_and_one_may_be_synced_alone() {
    let world = World::start().await;
    let other = world.second_tenant().await;
    world.share_instance(&other).await;
    tag(&world, "Sandbox", &[("env", "dev")]);
    world.local.invoke("sync", json!({"tenant_id": other.id})).await.unwrap();
    let tags = async |tenant| {
        let table = world.local.table().tenant(tenant);
        table.get::<AwsResource>(format!("aws_account:{SANDBOX}")).await.unwrap().unwrap().tags
    };
    assert_eq!((tags(other.id).await.len(), tags(world.local.tenant_id()).await.len()), (1, 0));
    world.sync().await;
    assert_eq!(tags(world.local.tenant_id()).await["env"], "dev");
}

#[tokio::test]
async fn known_permission_sets_are_not_described_again_and_unknown_ones_a_few_at_a_time() {
    let world = World::start().await;
    world.local.aws().change_permission_sets(|sets| {
        let (instance, _) = sets[0].arn.rsplit_once('/').unwrap();
        let instance = instance.to_owned();
        let more = (0..45).map(|number| PermissionSet {
            arn: format!("{instance}/ps-{number:016x}"),
            ..PermissionSet::named(&format!("Set{number}"))
        });
        sets.extend(more);
    });
    // The thirtieth description fails: what was described before is kept.
    let failing = Fault::new(FaultKind::Refuse).on(Service::SsoAdmin, "DescribePermissionSet").after(30);
    fault(&world, failing);
    world.local.sync().await.unwrap_err();
    let sets = async || directory(&world).await.iter().filter(|known| known.name.starts_with("Set")).count();
    assert_eq!(sets().await, 20);
    world.local.aws().clear_calls();
    world.sync().await;
    assert_eq!(sets().await, 45);
    let described = world.local.aws().calls();
    let described = described.iter().filter(|call| call.operation == "DescribePermissionSet").count();
    assert_eq!(described, 25);
}

#[tokio::test]
async fn who_asks_too_often_waits_and_goes_on() {
    let world = World::start().await;
    for (service, operation) in [
        (Service::Organizations, "ListAccountsForParent"),
        (Service::Organizations, "ListTagsForResource"),
        (Service::IdentityStore, "ListUsers"),
        (Service::SsoAdmin, "ListPermissionSets"),
    ] {
        fault(&world, Fault::new(FaultKind::Throttle).on(service, operation).times(3));
        world.sync().await;
        assert_eq!(world.local.aws().faults().rules[0].hits, 3, "{operation}");
    }
}

#[tokio::test]
async fn a_new_account_whose_tags_cannot_be_read_is_not_known_without_them() {
    let world = World::start().await;
    world
        .local
        .aws()
        .change_organization(|root| unit(root, "Sandbox").accounts.push(Account::named("555555555555", "new")));
    // Its tags are read first, then those of all others.
    fault(&world, Fault::new(FaultKind::Refuse).on(Service::Organizations, "ListTagsForResource"));
    world.local.sync().await.unwrap_err();
    assert!(directory(&world).await.iter().all(|known| known.name != "new"));
    world.sync().await;
    assert!(account(&world, "555555555555").await.is_live());
}
