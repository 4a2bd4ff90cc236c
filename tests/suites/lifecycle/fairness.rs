//! One person's grants do not stand in the way of another's, however many there are and whatever becomes of them.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint::domain::AwsResource;
use stint::domain::{Tenant, TenantSettings};
use stint::store::{Record, Transaction};
use stint_local::aws::Limits;
use stint_local::seed::Seed;
use stint_tests::{Answer, As, PRODUCTION, SANDBOX, World, ask, plain};
use tokio::task::JoinSet;

const TICK: Duration = Duration::from_millis(250);
/// As many as three calls of ensure may name.
const MISSING: usize = 60;
const LIMIT: usize = TenantSettings::default_max_pending_grants() as usize;

/// An account the directory knows and Identity Center does not.
fn missing(number: usize) -> String {
    format!("{:012}", 900_000_000_000_usize + number)
}

/// A world with the real limits, in which engineers may read every account.
async fn world(max_pending_grants: u32) -> World {
    let mut seed = Seed::example();
    seed.policies.push(json!({
        "name": "engineering reads",
        "max_duration_seconds": 3600,
        "approval_mode": "auto",
        "cedar_policy_set": "permit (principal in Group::\"engineering\", action == Action::\"ReadOnlyAccess\", \
            resource is AwsAccount) unless { resource == AwsAccount::\"333333333333\" };",
    }));
    let unit = seed.aws.root.id.clone();
    let world = World::limited(seed, Limits::identity_center(), Duration::from_secs(1)).await;
    let table = world.local.table().tenant(world.local.tenant_id());
    let accounts: Vec<_> =
        (0..64).map(|number| AwsResource::account(&missing(number), "missing", &unit, world.now()).unwrap()).collect();
    table.put_all(&accounts).await.unwrap();
    let tenant = table.get::<Tenant>(Tenant::KIND).await.unwrap().unwrap();
    let settings = TenantSettings { max_pending_grants, ..tenant.settings.clone() };
    let mut writes = Transaction::new(tenant.id);
    writes.put(&Tenant { settings, ..tenant }).unwrap();
    writes.directory_changed();
    table.commit(writes).await.unwrap();
    world
}

async fn ensure(world: &World, accounts: std::ops::Range<usize>) -> Vec<Value> {
    let entitlements: Vec<_> = accounts
        .map(|number| json!({"target": format!("AWS::Account::{}", missing(number)), "role": "ReadOnlyAccess"}))
        .collect();
    let body = json!({"entitlements": entitlements, "justification": {"reason": "because"}});
    let answer = world.post(As::Person("alice"), "/v1/access/ensure", body).await.expect(StatusCode::OK);
    answer["grants"].as_array().unwrap().clone()
}

/// How many grants of alice are counted as pending.
fn counted(world: &World) -> usize {
    let items = world.items("PENDING");
    let of_alice = items.iter().map(plain).find(|item| item["sk"].as_str().unwrap().contains("alice"));
    of_alice.and_then(|item| item["grants"].as_array().map(Vec::len)).unwrap_or_default()
}

/// How long it takes until access that bob asks for is usable.
async fn seconds_until_bob_has_access(permanently_failing: bool, max_pending_grants: u32) -> f64 {
    let world = world(max_pending_grants).await;
    let part = world.clock.take_part();
    let mut running = JoinSet::new();
    if permanently_failing {
        for first in (0..MISSING).step_by(20) {
            ensure(&world, first..first + 20).await;
        }
        for _ in 0..2 {
            world.local.aws().begin_deliveries(&mut running).await;
            world.clock.sleep(TICK).await;
        }
    }
    let asked_at = world.now();
    let id = world.granted("bob", SANDBOX, "PowerUserAccess", 3600).await;
    let mut grant = Value::Null;
    while grant["activated_at"].is_null() {
        assert!(world.now().duration_since(asked_at).as_secs() < 300, "{grant}");
        world.local.aws().begin_deliveries(&mut running).await;
        world.clock.sleep(TICK).await;
        grant = world.grant(&id).await;
    }
    let activated_at: jiff::Timestamp = grant["activated_at"].as_str().unwrap().parse().unwrap();
    if permanently_failing {
        // Each fails once, and is not tried again.
        let asked_for = MISSING.min(max_pending_grants as usize);
        let mut failed: Vec<Value> = Vec::new();
        while failed.len() < asked_for {
            assert!(world.now().duration_since(asked_at).as_secs() < 300, "{} have failed", failed.len());
            world.local.aws().begin_deliveries(&mut running).await;
            world.clock.sleep(TICK * 20).await;
            failed = world.items("GRANT").iter().map(plain).collect();
            failed.retain(|grant| grant["provisioning"]["status"] == "failed");
        }
        for grant in failed {
            assert_eq!(grant["provisioning"]["error"], "the account does not exist in the organization");
        }
        let begun = world.local.aws().calls();
        let begun = begun.iter().filter(|call| call.operation == "CreateAccountAssignment").count();
        assert_eq!(begun, 1 + asked_for);
        assert_eq!(counted(&world), 0);
        assert_eq!(world.local.aws().throttled(), 0);
    }
    drop(part);
    while running.join_next().await.is_some() {}
    activated_at.duration_since(asked_at).as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permanently_failing_grants_of_one_person_hardly_delay_another() {
    let alone = seconds_until_bob_has_access(false, 20).await;
    for max_pending_grants in [20, 1000] {
        let beside = seconds_until_bob_has_access(true, max_pending_grants).await;
        eprintln!(
            "bob waits {alone} s alone, {beside} s beside {} permanently failing grants",
            MISSING.min(max_pending_grants as usize)
        );
        // A slot that bob waits for is taken by one permanently failing grant after another, of three requests each.
        assert!(beside <= alone + 4.0, "{beside} s instead of {alone} s");
    }
}

fn made(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_requests_at_once_stay_within_the_limit() {
    let world = world(20).await;
    let request = |number: usize| {
        let world = &world;
        async move { world.request("alice", &missing(number), "ReadOnlyAccess", 600).await }
    };
    let answers = join_all((0..64).map(request)).await;
    assert_eq!((made(&answers), counted(&world)), (LIMIT, LIMIT));
    for answer in answers.into_iter().filter(|answer| answer.status != StatusCode::CREATED) {
        assert!(answer.headers.contains_key("retry-after"));
        assert_eq!(answer.refused(429, "rate_limited")["details"]["max_pending_grants"], 20);
    }
    assert_eq!(world.items("REQUEST").len(), LIMIT, "nothing is left of the others");
    // Another person is not limited by it, nor is an emergency, nor what people approve.
    world.granted("bob", SANDBOX, "PowerUserAccess", 600).await;
    let mut body = ask(PRODUCTION, "AdministratorAccess", 600);
    body["break_glass"] = json!(true);
    world.post(As::Person("carol"), "/v1/requests", body).await.expect(StatusCode::CREATED);
    let asked = world.request("alice", PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED);
    let approve = format!("/v1/requests/{}/approve", asked["id"].as_str().unwrap());
    world.post(As::Person("bob"), approve, json!({})).await.expect(StatusCode::OK);
    assert_eq!(counted(&world), LIMIT + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ensures_at_once_stay_within_the_limit_and_say_so() {
    let world = world(20).await;
    let answers = join_all((0..MISSING).step_by(20).map(|first| ensure(&world, first..first + 20))).await;
    let grants: Vec<Value> = answers.into_iter().flatten().collect();
    assert_eq!(grants.len(), MISSING);
    let given = grants.iter().filter(|grant| grant["change"] == "activated").count();
    assert_eq!((given, counted(&world)), (LIMIT, LIMIT));
    for grant in grants.iter().filter(|grant| grant["change"] != "activated") {
        let said = grant["diagnostics"][0]["message"].as_str().unwrap();
        assert!(said.contains("20 of your grants are not usable yet"), "{said}");
        assert_eq!(grant["change"], "none");
    }
}

#[tokio::test]
async fn a_grant_counts_until_it_is_usable_has_failed_or_has_ended() {
    let world = world(1).await;
    let full = async || {
        assert_eq!(counted(&world), 1);
        world.request("alice", SANDBOX, "ReadOnlyAccess", 600).await.refused(429, "rate_limited");
    };
    world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    full().await;
    world.settle().await;
    assert_eq!(counted(&world), 0, "it is usable");
    world.granted("alice", &missing(0), "ReadOnlyAccess", 600).await;
    full().await;
    world.settle().await;
    assert_eq!(counted(&world), 0, "it has failed");
    let id = world.granted("alice", SANDBOX, "ReadOnlyAccess", 600).await;
    full().await;
    let revoke = world.call(As::Person("alice"), Method::DELETE, format!("/v1/grants/{id}"));
    revoke.send().await.expect(StatusCode::ACCEPTED);
    assert_eq!(counted(&world), 0, "it was ended");
    world.granted("alice", SANDBOX, "ReadOnlyAccess", 600).await;
    full().await;
    world.pass(600);
    world.settle().await;
    assert_eq!(counted(&world), 0, "its time is over");
}
