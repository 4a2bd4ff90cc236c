//! The first installation: `stint-bootstrap` against a stack in memory, run once, twice, and interrupted anywhere.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint::domain::{AwsResource, Tenant};
use stint::tenancy::Slug;
use stint_bootstrap::{Arguments, Error, run};
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
    let given = ["stint-bootstrap", "--table", "stint", "--tenant-name", "Acme, Inc."];
    clap::Parser::try_parse_from(given.iter().chain(more)).unwrap()
}

async fn bootstrap(world: &World, more: &[&str]) -> Ran {
    let (mut output, mut notes) = (Vec::new(), Vec::new());
    let aws = world.local.aws().sdk_config();
    let result = run(&arguments(more), &aws, world.clock.clone(), &mut output, &mut notes).await;
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

async fn call(world: &World, key: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let call = world.call(As::ApiKey(key), method, path).header("x-tenant-id", slug().tenant_id().to_string());
    match body {
        Some(body) => call.json(&body).send().await,
        None => call.send().await,
    }
}

#[tokio::test]
async fn one_command_makes_a_stack_usable() {
    let world = World::start().await;
    let user_id = world.local.aws().world().users[0].user_id.clone();
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

    let mut entries: Vec<Value> =
        items(&world, "AUDIT").iter().map(|item| serde_json::to_value(plain(item)).unwrap()).collect();
    entries.sort_by_key(|entry| entry["sequence"].as_u64());
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

/// Every call of a first run fails in turn, unanswered or unheard: the same command makes it good.
#[tokio::test]
async fn what_was_interrupted_is_continued_by_running_it_again() {
    for kind in [FaultKind::Refuse, FaultKind::LoseAnswer, FaultKind::Conflict] {
        let mut failed = 0;
        for place in 0.. {
            let world = World::start().await;
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
    let world = World::start().await;
    let ran = bootstrap(&world, &["--sync"]).await;
    ran.key();
    let tenant = world.local.table().tenant(slug().tenant_id());
    let found: Vec<AwsResource> = tenant.list_all().await.unwrap();
    let expected = seeded(&world).await.into_iter().map(|seeded| AwsResource { rank: None, ..seeded });
    let plain = |resource: AwsResource| AwsResource { last_synced_at: world.now(), ..resource };
    let names: Vec<_> = found.iter().cloned().map(plain).collect();
    assert_eq!(names, expected.map(plain).collect::<Vec<_>>());

    let ranked = AwsResource { rank: Some(7), ..found[0].clone() };
    let closed = stint::directory::account("999999999999", "closed", "r-5717", world.now()).unwrap();
    tenant.put_all(&[ranked.clone(), closed]).await.unwrap();
    let version = async || tenant.get::<Tenant>("TENANT").await.unwrap().unwrap().directory_version;
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
    let world = World::start().await;
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

#[tokio::test]
async fn an_instance_that_another_tenant_registered_is_shared_on_request_only() {
    let world = World::start().await;
    world.granted("alice", SANDBOX, "PowerUserAccess", 60).await;
    world.settle().await;
    let instance = world.local.aws().world().instance_arn.clone();
    let may_use = async || {
        let tenants = world.local.table().instance(&instance).await.unwrap().unwrap().tenants;
        tenants.contains(&slug().tenant_id())
    };
    bootstrap(&world, &[]).await.key();
    assert!(!may_use().await);
    for said in ["may use", "could use already"] {
        let ran = bootstrap(&world, &["--share-instance"]).await;
        assert!(ran.result.is_ok() && ran.notes.contains(&format!("{said} {instance}")), "{}", ran.notes);
        assert!(may_use().await);
    }
}
