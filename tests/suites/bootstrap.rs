//! The first installation: `stint-bootstrap` against a stack in memory, run once, twice, and interrupted anywhere.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint::app::Ids;
use stint::auth::api_key::PresentedKey;
use stint::domain::{AwsResource, Tenant, TenantId};
use stint::tenancy::{KeyRevocation, Slug, revoke_key};
use stint_bootstrap::{Arguments, DrainArguments, Error, drain, run};
use stint_local::aws::{Fault, FaultKind, Faults, Service};
use stint_tests::{Answer, As, SANDBOX, World, plain};

const ISSUER: &str = "https://login.example.com";

/// What a run printed.
struct Ran {
    result: Result<(), Error>,
    output: String,
    notes: String,
}

impl Ran {
    #[track_caller]
    fn key(&self) -> &str {
        assert!(self.result.is_ok(), "{:?}", self.result);
        let key = self.output.strip_suffix('\n').unwrap();
        assert!(key.starts_with("stint_") && !key.contains('\n'), "one line, the key: {key}");
        assert!(!self.notes.contains(key), "the key is nowhere else");
        key
    }
}

fn arguments(more: &[&str]) -> Arguments {
    arguments_for("Acme, Inc.", more)
}

fn arguments_for(name: &str, more: &[&str]) -> Arguments {
    let given = ["stint-bootstrap", "--table", "stint", "--tenant-name", name];
    clap::Parser::try_parse_from(given.iter().chain(more)).unwrap()
}

async fn bootstrap(world: &World, more: &[&str]) -> Ran {
    bootstrap_for(world, "Acme, Inc.", more).await
}

async fn bootstrap_for(world: &World, name: &str, more: &[&str]) -> Ran {
    let (mut output, mut notes) = (Vec::new(), Vec::new());
    let aws = world.local.aws().sdk_config();
    let result = run(&arguments_for(name, more), &aws, world.clock.clone(), &mut output, &mut notes).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { result, output: text(output), notes: text(notes) }
}

fn slug() -> Slug {
    Slug::parse("acme-inc").unwrap()
}

/// The tenant's items of a kind.
fn items(world: &World, kind: &str) -> Vec<Value> {
    let partition = format!("T#{}#{kind}", slug().tenant_id());
    world.local.aws().items().into_iter().filter(|item| item["pk"]["S"] == partition.as_str()).collect()
}

/// The tenant's audit log, oldest first.
fn entries(world: &World) -> Vec<Value> {
    let mut entries: Vec<Value> = items(world, "AUDIT").iter().map(plain).collect();
    entries.sort_by_key(|entry| entry["sequence"].as_u64());
    entries
}

/// A stack whose Identity Center instance is registered for no tenant yet.
async fn a_new_stack() -> World {
    let world = World::start().await;
    world.unregister_instance().await;
    world
}

async fn call(world: &World, key: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let call = world.call(As::ApiKey(key), method, path).header("x-tenant-id", slug().tenant_id().to_string());
    match body {
        Some(body) => call.json(&body).send().await,
        None => call.send().await,
    }
}

#[tokio::test]
async fn one_command_makes_a_stack_usable() {
    let world = a_new_stack().await;
    let user_id = world.local.aws().seeded().users[0].user_id.clone();
    let issuer = ["--sync", "--admin-group", "platform", "--issuer", ISSUER, "--client-id", "c"];
    let ran = bootstrap(&world, &[&issuer[..], &["--identity-store-user-id", &user_id]].concat()).await;
    let key = ran.key();

    let policy = json!({
        "name": "sandbox", "max_duration_seconds": 3600, "approval_mode": "auto",
        "cedar_policy_set": "permit (principal, action, resource == AwsAccount::\"111111111111\");"
    });
    call(&world, key, Method::POST, "/v1/policies", Some(policy)).await.expect(StatusCode::CREATED);
    let ask = stint_tests::ask("111111111111", "ReadOnlyAccess", 60);
    let request = call(&world, key, Method::POST, "/v1/requests", Some(ask)).await.expect(StatusCode::CREATED);
    assert_eq!(request["status"], "approved", "{request}");

    let tenant: Tenant = serde_json::from_value(plain(&items(&world, "TENANT")[0])).unwrap();
    assert_eq!((tenant.name.as_str(), tenant.slug.as_str()), ("Acme, Inc.", "acme-inc"));
    assert_eq!(serde_json::to_value(&tenant.roles).unwrap(), json!({"admin": ["platform"]}));
    let entry = world.local.table().issuer(ISSUER, "c").await.unwrap().unwrap();
    assert_eq!(entry.tenant_id, tenant.id);
}

#[tokio::test]
async fn the_key_may_everything_but_impersonate() {
    let world = World::start().await;
    let ran = bootstrap(&world, &[]).await;
    ran.key();
    let key = plain(&items(&world, "APIKEY")[0]);
    let scopes: Vec<&str> = key["scopes"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap()).collect();
    assert_eq!(scopes.len(), stint::auth::ApiScope::ALL.len() - 1);
    assert!(!scopes.contains(&"access:impersonate"));
}

#[tokio::test]
async fn what_the_installation_did_is_in_the_audit_log() {
    let world = World::start().await;
    bootstrap(&world, &["--issuer", ISSUER, "--client-id", "c", "--admin-group", "platform"]).await.key();
    bootstrap(&world, &["--new-key"]).await.key();
    world.settle().await;

    let entries = entries(&world);
    let said: Vec<&str> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(said, ["tenant.created", "api_key.created", "api_key.created"]);
    assert!(entries.iter().all(|entry| entry["actor_id"] == "system" && entry["actor_type"] == "system"));
    assert_eq!(entries[0]["resource_id"], slug().tenant_id().to_string());
    let expected =
        json!({"name": "Acme, Inc.", "slug": "acme-inc", "issuer": ISSUER, "roles": {"admin": ["platform"]}});
    assert_eq!(entries[0]["metadata"], expected);
    let keys: BTreeSet<String> = items(&world, "APIKEY").iter().map(|item| plain(item)["id"].to_string()).collect();
    let named: BTreeSet<String> = entries[1..].iter().map(|entry| entry["resource_id"].to_string()).collect();
    assert_eq!(named, keys);
}

#[tokio::test]
async fn a_table_that_is_not_there_is_told_in_one_line() {
    let world = World::start().await;
    let given = Arguments { table: "stint-Table-1".to_owned(), ..arguments(&[]) };
    let (mut output, mut notes) = (Vec::new(), Vec::new());
    let aws = world.local.aws().sdk_config();
    let refused = run(&given, &aws, world.clock.clone(), &mut output, &mut notes).await.unwrap_err().to_string();
    assert!(refused.starts_with("there is no table `stint-Table-1` in us-east-1: "), "{refused}");
    assert!(refused.contains("`TableName`") && !refused.contains('\n'), "{refused}");
    assert!(output.is_empty() && notes.is_empty());
}

#[test]
fn an_issuer_whose_tokens_could_not_be_verified_is_refused() {
    for issuer in ["http://login.example.com", "https://user:secret@login.example.com", "login.example.com"] {
        let given =
            ["stint-bootstrap", "--table", "stint", "--tenant-name", "Acme", "--client-id", "c", "--issuer", issuer];
        assert!(<Arguments as clap::Parser>::try_parse_from(given).is_err(), "{issuer}");
    }
}

#[tokio::test]
async fn a_second_run_changes_nothing_and_prints_no_key() {
    let world = World::start().await;
    let first = bootstrap(&world, &["--issuer", ISSUER, "--client-id", "c"]).await;
    first.key();
    let before = world.local.aws().items();
    world.pass(60);
    let other = ["--slug", "acme-inc", "--issuer", "https://other.example.com", "--client-id", "c"];
    for arguments in [&["--issuer", ISSUER, "--client-id", "c"][..], &other, &[]] {
        let again = bootstrap(&world, arguments).await;
        assert!(again.result.is_ok(), "{:?}", again.result);
        assert_eq!(again.output, "");
        assert!(again.notes.contains("exists") && again.notes.contains("--new-key"), "{}", again.notes);
        assert_eq!(again.notes.contains("identity provider differs"), arguments == other, "{}", again.notes);
        assert_eq!(world.local.aws().items(), before);
    }
}

#[tokio::test]
async fn a_new_key_is_added_and_none_revoked() {
    let world = World::start().await;
    let first = bootstrap(&world, &[]).await;
    let second = bootstrap(&world, &["--new-key"]).await;
    assert_ne!(first.key(), second.key());
    for key in [first.key(), second.key()] {
        call(&world, key, Method::GET, "/v1/policies", None).await.expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_the_audit_log_says_so() {
    let world = World::start().await;
    let (old, new) = (bootstrap(&world, &[]).await, bootstrap(&world, &["--new-key"]).await);
    let id = PresentedKey::parse(old.key()).unwrap().id().to_string();
    for said in ["is revoked", "was already revoked"] {
        let revoked = bootstrap(&world, &["--revoke-key", &id]).await;
        assert!(revoked.result.is_ok() && revoked.notes.contains(said), "{:?} {}", revoked.result, revoked.notes);
    }
    world.settle().await;
    call(&world, old.key(), Method::GET, "/v1/policies", None).await.refused(401, "unauthenticated");
    let log = call(&world, new.key(), Method::GET, "/v1/audit-log?limit=10", None).await.expect(StatusCode::OK);
    let of_it = log["data"].as_array().unwrap().iter().filter(|entry| entry["action"] == "api_key.revoked");
    assert_eq!(of_it.map(|entry| entry["resource_id"].as_str().unwrap()).collect::<Vec<_>>(), [&id]);
    assert!(bootstrap(&world, &[]).await.notes.contains(", revoked 2026-"));

    let unknown = bootstrap(&world, &["--revoke-key", "00000000-0000-7000-8000-000000000000"]).await;
    assert!(matches!(unknown.result, Err(Error::NoKey(_))), "{:?}", unknown.result);
}

#[tokio::test]
async fn of_revocations_that_overlap_one_counts() {
    let world = World::start().await;
    let id = PresentedKey::parse(bootstrap(&world, &[]).await.key()).unwrap().id();
    let slow = Fault::new(FaultKind::Jitter).on(Service::DynamoDb, "TransactWriteItems").chance(100).milliseconds(100);
    world.local.aws().set_faults(Faults { rules: vec![slow] });
    let tenant = world.local.table().tenant(slug().tenant_id());
    let ids = Ids::new(world.clock.clone());
    let revoked = join_all((0..3).map(|_| revoke_key(&tenant, id, ids.id(), world.now()))).await;
    let counted = revoked.into_iter().filter(|revoked| matches!(revoked, Ok(KeyRevocation::Revoked(_)))).count();
    world.local.aws().set_faults(Faults::default());
    world.settle().await;
    let said = entries(&world).iter().filter(|entry| entry["action"] == "api_key.revoked").count();
    assert_eq!((counted, said), (1, 1));
}

#[tokio::test]
async fn a_key_of_a_tenant_that_does_not_exist_is_neither_made_nor_revoked_and_no_tenant_is_made() {
    let world = a_new_stack().await;
    for arguments in [&["--revoke-key", "00000000-0000-7000-8000-000000000000"][..], &["--new-key"]] {
        let run = bootstrap(&world, arguments).await;
        assert!(matches!(run.result, Err(Error::NoTenant(_))), "{:?}", run.result);
        assert_eq!((run.output.as_str(), items(&world, "TENANT").len()), ("", 0));
    }
}

/// Every call of a first run fails in turn, unanswered or unheard: the same command makes it good.
#[tokio::test]
async fn what_was_interrupted_is_continued_by_running_it_again() {
    for kind in [FaultKind::Refuse, FaultKind::LoseAnswer, FaultKind::Conflict] {
        let mut failed = 0;
        for place in 0.. {
            let world = a_new_stack().await;
            world.local.aws().set_faults(Faults { rules: vec![Fault::new(kind).after(place)] });
            let given = ["--sync", "--issuer", ISSUER, "--client-id", "c"];
            let first = bootstrap(&world, &given).await;
            let hit = world.local.aws().faults().rules[0].hits > 0;
            world.local.aws().set_faults(Faults::default());
            failed += usize::from(first.result.is_err());
            let second = bootstrap(&world, &given).await;
            assert!(second.result.is_ok(), "{kind:?} {place}: {:?}", second.result);

            let keys = [&first.output, &second.output].map(|output| output.lines().count());
            assert_eq!(keys[0] + keys[1], 1, "{kind:?} {place}: one of the runs prints a key: {keys:?}");
            assert_eq!(items(&world, "APIKEY").len(), 1, "{kind:?} {place}");
            let key = format!("{}{}", first.output, second.output);
            call(&world, key.trim(), Method::GET, "/v1/policies", None).await.expect(StatusCode::OK);
            assert_eq!(items(&world, "RESOURCE").len(), seeded(&world).await.len(), "{kind:?} {place}");
            assert!(world.local.table().issuer(ISSUER, "c").await.unwrap().is_some(), "{kind:?} {place}");
            if !hit {
                break;
            }
        }
        assert!(failed > 5, "{kind:?} was met by {failed} calls only");
    }
}

#[tokio::test]
async fn the_issuer_of_another_tenant_is_not_taken() {
    let world = World::start().await;
    let before = world.local.aws().items();
    let issuer = world.local.issuer().issuer().to_owned();
    let mut given = arguments(&["--issuer", ISSUER, "--client-id", "stint-local"]);
    given.issuer = Some(issuer);
    let (mut output, mut notes) = (Vec::new(), Vec::new());
    let aws = world.local.aws().sdk_config();
    let refused = run(&given, &aws, world.clock.clone(), &mut output, &mut notes).await.unwrap_err();
    assert!(refused.to_string().contains("belong to another tenant"), "{refused}");
    assert_eq!((output.len(), world.local.aws().items()), (0, before));
}

/// What the seed planted for its own tenant, which is the same AWS.
async fn seeded(world: &World) -> Vec<AwsResource> {
    world.local.table().tenant(world.local.tenant_id()).list_all().await.unwrap()
}

#[tokio::test]
async fn a_sync_finds_what_there_is_and_keeps_what_only_we_know() {
    let world = a_new_stack().await;
    let ran = bootstrap(&world, &["--sync"]).await;
    ran.key();
    let tenant = world.local.table().tenant(slug().tenant_id());
    let found: Vec<AwsResource> = tenant.list_all().await.unwrap();
    let expected = seeded(&world).await.into_iter().map(|seeded| AwsResource { rank: None, ..seeded });
    let plain = |resource: AwsResource| AwsResource { last_synced_at: world.now(), ..resource };
    let names: Vec<_> = found.iter().cloned().map(plain).collect();
    assert_eq!(names, expected.map(plain).collect::<Vec<_>>());

    let ranked = AwsResource { rank: Some(7), ..found[0].clone() };
    let closed = AwsResource::account("999999999999", "closed", "r-5717", world.now()).unwrap();
    tenant.put_all(&[ranked.clone(), closed]).await.unwrap();
    let version = async || tenant.versions().await.unwrap().directory_version;
    let before = version().await;
    let again = bootstrap(&world, &["--sync"]).await;
    assert!(again.result.is_ok() && again.output.is_empty(), "{:?}", again.result);
    assert!(again.notes.contains("aws_account:999999999999 is in the directory"), "{}", again.notes);
    assert_eq!(version().await, before, "it is not gone yet");
    let third = bootstrap(&world, &["--sync"]).await;
    assert!(third.notes.contains("aws_account:999999999999 is gone"), "{}", third.notes);
    assert_eq!(version().await, before + 1);
    let kept: AwsResource = tenant.get(ranked.resource.to_string()).await.unwrap().unwrap();
    assert_eq!(kept.rank, Some(7));
}

/// Nothing of a tree that was read halfway; permission sets do not depend on it.
#[tokio::test]
async fn a_sync_that_cannot_read_the_whole_organization_writes_none_of_it_and_says_so() {
    let world = a_new_stack().await;
    let fault = Fault::new(FaultKind::Refuse).on(Service::Organizations, "ListAccountsForParent").after(1);
    world.local.aws().set_faults(Faults { rules: vec![fault] });
    let ran = bootstrap(&world, &["--sync"]).await;
    assert!(matches!(ran.result, Err(Error::Sync(_))), "{:?}", ran.result);
    assert_eq!(ran.output.lines().count(), 1, "the key was printed before");
    let kinds: BTreeSet<String> =
        items(&world, "RESOURCE").iter().map(|item| plain(item)["type"].to_string()).collect();
    assert_eq!(kinds, BTreeSet::from(["\"aws_permission_set\"".to_owned()]));
}

#[tokio::test]
async fn planting_again_finishes_what_was_begun() {
    let world = World::start().await;
    let policies = || async { world.get(As::Key, "/v1/policies").await.expect(StatusCode::OK)["data"].clone() };
    let before = policies().await;
    let removed = format!("/v1/policies/{}", before[2]["id"].as_str().unwrap());
    world.call(As::Key, Method::DELETE, removed).send().await.expect(StatusCode::NO_CONTENT);
    let key = world.local.plant().await.unwrap();
    world.get(As::Key, "/v1/policies").await.refused(401, "unauthenticated");
    let after = world.get(As::ApiKey(key.expose()), "/v1/policies").await.expect(StatusCode::OK);
    let names = |policies: &Value| -> BTreeSet<String> {
        policies.as_array().unwrap().iter().map(|policy| policy["name"].to_string()).collect()
    };
    assert_eq!(after["data"].as_array().unwrap().len(), 3);
    assert_eq!(names(&after["data"]), names(&before));
    assert_eq!(world.items("APIKEY").len(), 1);
}

/// The tenants that may use the instance: its owner, and those it is shared with.
async fn who_may_use_it(world: &World) -> Option<(TenantId, Vec<TenantId>)> {
    let instance = world.local.table().instance(&world.local.aws().seeded().instance_arn).await.unwrap()?;
    Some((instance.owner, instance.shared_with.into_iter().collect()))
}

#[tokio::test]
async fn only_the_tenant_an_instance_is_registered_for_shares_it() {
    let world = a_new_stack().await;
    let [acme, beta] = ["acme", "beta"].map(|slug| Slug::parse(slug).unwrap().tenant_id());
    for name in ["Acme", "Beta"] {
        bootstrap_for(&world, name, &[]).await.key();
    }
    assert_eq!(who_may_use_it(&world).await, None);
    // Before any grant exists: who shares it owns it.
    for said in ["tenant `beta` may use", "tenant `beta` could use already"] {
        let ran = bootstrap_for(&world, "Acme", &["--share-instance-with", "beta"]).await;
        assert!(ran.result.is_ok() && ran.notes.contains(said), "{:?} {}", ran.result, ran.notes);
        assert_eq!(who_may_use_it(&world).await, Some((acme, vec![beta])));
    }
    bootstrap_for(&world, "Gamma", &[]).await.key();
    for (name, more) in [
        ("Beta", ["--share-instance-with", "gamma"].as_slice()),
        ("Gamma", &["--share-instance-with", "gamma"]),
        ("Gamma", &["--sync"]),
        ("Acme", &["--share-instance-with", "delta"]),
    ] {
        let ran = bootstrap_for(&world, name, more).await;
        let refused = ran.result.unwrap_err().to_string();
        assert!(!refused.contains(&acme.to_string()) && !refused.contains("acme"), "{refused}");
        assert_eq!(who_may_use_it(&world).await, Some((acme, vec![beta])), "{name} {more:?}");
    }
}

#[tokio::test]
async fn registering_and_sharing_an_instance_are_in_its_owners_audit_log_and_in_no_other() {
    let world = a_new_stack().await;
    bootstrap_for(&world, "Beta", &[]).await.key();
    bootstrap(&world, &["--sync"]).await.key();
    for _ in 0..2 {
        bootstrap(&world, &["--share-instance-with", "beta"]).await.result.unwrap();
    }
    world.settle().await;
    let instance = world.local.aws().seeded().instance_arn.clone();
    let about: Vec<Value> = entries(&world).into_iter().filter(|entry| entry["resource_id"] == instance).collect();
    let said = |name: &str| about.iter().map(|entry| entry[name].clone()).collect::<Vec<_>>();
    assert_eq!(said("action"), ["instance.registered", "instance.shared"]);
    assert_eq!(said("metadata"), [json!({}), json!({"shared_with": "beta"})]);
    assert!(about.iter().all(|entry| entry["resource_type"] == "identity_center_instance"));
    let all = world.local.aws().items();
    let naming = all.iter().filter(|item| item["pk"]["S"].as_str().unwrap().ends_with("#AUDIT"));
    assert_eq!(naming.filter(|item| item["resource_id"]["S"] == instance).count(), 2, "none in the other's log");
}

#[tokio::test]
async fn the_log_says_who_receives_what_a_key_asks_for() {
    let world = World::start().await;
    let user_id = world.local.aws().seeded().users[0].user_id.clone();
    bootstrap(&world, &["--identity-store-user-id", &user_id]).await.key();
    bootstrap(&world, &["--new-key"]).await.key();
    world.settle().await;
    let made = entries(&world).into_iter().filter(|entry| entry["action"] == "api_key.created");
    let users: Vec<Value> = made.map(|entry| entry["metadata"]["identity_store_user_id"].clone()).collect();
    assert_eq!(users, [json!(user_id), Value::Null]);
}

#[tokio::test]
async fn a_stack_is_drained_until_no_access_is_left() {
    let world = World::start().await;
    world.granted("alice", SANDBOX, "PowerUserAccess", 28_800).await;
    world.settle().await;
    let aws = world.local.aws().sdk_config();
    let mut notes = Vec::new();
    let arguments: DrainArguments = clap::Parser::try_parse_from(["stint-drain", "--table", "stint"]).unwrap();
    let draining = drain(&arguments, &aws, world.clock.clone(), &mut notes);
    let time = async {
        loop {
            world.wait(5).await;
        }
    };
    tokio::select! {
        drained = draining => drained.unwrap(),
        () = time => {}
    }
    assert!(world.assignments().is_empty());
    let notes = String::from_utf8(notes).unwrap();
    assert!(notes.starts_with("1 grants are ended") && notes.ends_with("the stack can be deleted\n"), "{notes}");

    let nowhere: DrainArguments = clap::Parser::try_parse_from(["stint-drain", "--table", "nowhere"]).unwrap();
    let error = drain(&nowhere, &aws, world.clock.clone(), &mut Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains("`nowhere`"), "{error}");
}
