//! Many end, extend, give and take one grant, and grants that share an assignment.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint::clock::Clock;
use stint::provision::LONGEST_RUN;
use stint::workers::{deprovision_grant, provision_grant};
use stint_local::aws::{Fault, FaultKind, Faults, Service};
use stint_local::seed::Seed;
use stint_tests::invariants::assert_invariants;
use stint_tests::{As, SANDBOX, World};
use tokio::task::JoinHandle;

use super::{rest, sealed, storm};

/// Who asks for what: each is an assignment of its own.
const ACCESSES: [(&str, &str); 4] =
    [("alice", "PowerUserAccess"), ("alice", "ReadOnlyAccess"), ("bob", "PowerUserAccess"), ("bob", "ReadOnlyAccess")];

/// A world on the machine's clock that delivers as things come, since leases and ends are about time, and an Identity
/// Center that is slow, fails and is busy.
async fn running() -> Arc<World> {
    let world = Arc::new(World::on(Clock::System, Seed::example()).await);
    let change = |kind| Fault { service: Some(Service::SsoAdmin), ..Fault::new(kind) };
    let mut rules = vec![
        change(FaultKind::FailAsync).chance(10),
        change(FaultKind::Conflict).chance(10),
        change(FaultKind::Slow).chance(40).milliseconds(50),
    ];
    rules.extend(storm());
    world.local.aws().set_faults(Faults { rules });
    let runs = Arc::clone(&world);
    tokio::spawn(async move { runs.local.run().await });
    world
}

fn call(world: &World, grant: &str) -> Value {
    json!({"tenant_id": world.local.tenant_id(), "grant_id": grant})
}

async fn revoke(world: &World, who: &str, grant: &str) {
    let revoke = world.call(As::Person(who), Method::DELETE, format!("/v1/grants/{grant}"));
    revoke.send().await.expect(StatusCode::ACCEPTED);
}

/// What the bus and Scheduler do: calls the workers, whether it is time or not.
async fn work(world: &World, grant: &str, times: usize, mut dice: fastrand::Rng) {
    for _ in 0..times {
        tokio::time::sleep(Duration::from_millis(dice.u64(..600))).await;
        // Who does not get to its end is called again.
        let _ = match dice.bool() {
            true => world.local.invoke("provision_grant", call(world, grant)).await,
            false => world.local.invoke("deprovision_grant", call(world, grant)).await,
        };
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_grant_is_revoked_extended_and_over_at_once() {
    let world = running().await;
    let mut dice = fastrand::Rng::with_seed(12);
    let races = ACCESSES.map(|(who, role)| {
        let (world, mut dice) = (&world, dice.fork());
        async move {
            let id = world.granted(who, SANDBOX, role, 1).await;
            let extend = format!("/v1/grants/{id}/extend");
            let extensions = join_all((0..6).map(|_| {
                let (moment, extend) = (Duration::from_millis(dice.u64(500..1_100)), extend.clone());
                async move {
                    tokio::time::sleep(moment).await;
                    let answer = world.post(As::Person(who), extend, json!({"duration_seconds": 1})).await;
                    assert!([200, 409].contains(&answer.status.as_u16()), "{}: {}", answer.status, answer.body);
                    usize::from(answer.status == StatusCode::OK)
                }
            }));
            let moment = Duration::from_millis(dice.u64(800..3_000));
            let revocation = async {
                tokio::time::sleep(moment).await;
                revoke(world, "dave", &id).await;
            };
            let workers = join_all((0..3).map(|_| work(world, &id, 8, dice.fork())));
            let (extended, (), _) = futures_util::join!(extensions, revocation, workers);
            let grant = world.grant(&id).await;
            assert_ne!(grant["status"], "active");
            extended.into_iter().sum::<usize>()
        }
    });
    let extended: usize = join_all(races).await.into_iter().sum();
    rest(&world).await;
    assert!(world.assignments().is_empty());
    assert_eq!(sealed(&world, "grant.extended"), extended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn workers_of_grants_that_overlap_agree_on_their_assignment() {
    let world = running().await;
    let mut dice = fastrand::Rng::with_seed(13);
    let grants = (0..4).flat_map(|_| ACCESSES).map(|(who, role)| {
        let (world, mut dice) = (&world, dice.fork());
        async move {
            tokio::time::sleep(Duration::from_millis(dice.u64(..1_500))).await;
            let id = world.granted(who, SANDBOX, role, dice.i64(1..=3)).await;
            let revocation = async {
                if dice.bool() {
                    tokio::time::sleep(Duration::from_millis(dice.u64(..2_000))).await;
                    revoke(world, who, &id).await;
                }
            };
            futures_util::join!(revocation, work(world, &id, 4, fastrand::Rng::with_seed(14)));
        }
    });
    join_all(grants).await;
    // One more that lasts: at rest it is there, and nothing else is.
    let lasting = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    rest(&world).await;
    assert_eq!(world.assignments(), ["alice PowerUserAccess 111111111111"]);
    assert_eq!(world.grant(&lasting).await["provisioning_status"], "successful");
}

/// Lets a worker begin, which gives a live grant and takes away one that is over, until its first call of that operation is
/// on its way. That goes on when it is told to.
fn begin(world: &World, grant: &str, operation: &'static str) -> (JoinHandle<()>, mpsc::Sender<()>) {
    let ((arrived, arrives), (go, goes)) = (mpsc::channel(), mpsc::channel());
    let held_up = Mutex::new(Some((arrived, goes)));
    world.local.aws().set_observer(Arc::new(move |called, _| {
        if called == operation
            && let Some((arrived, goes)) = held_up.lock().unwrap().take()
        {
            arrived.send(()).unwrap();
            goes.recv().unwrap();
        }
    }));
    let (workers, call) = (world.local.workers().clone(), call(world, grant));
    let worker = tokio::spawn(async move { _ = provision_grant::handle(&workers, call).await.unwrap() });
    tokio::task::block_in_place(|| arrives.recv()).unwrap();
    (worker, go)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_creation_that_comes_after_its_lease_is_taken_back() {
    let world = World::start().await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    let (late, go) = begin(&world, &id, "CreateAccountAssignment");
    // Meanwhile the lease runs out, the grant is ended, and another worker finds nothing to take away.
    world.pass(61);
    revoke(&world, "alice", &id).await;
    deprovision_grant::handle(world.local.workers(), call(&world, &id)).await.unwrap();
    // Which it does not take for the end.
    assert_eq!(world.grant(&id).await["revocation"]["status"], "retrying");
    go.send(()).unwrap();
    late.await.unwrap();
    assert_invariants(&world);
    assert!(world.assignments().is_empty());
    world.pass(LONGEST_RUN.unsigned_abs().as_secs());
    rest(&world).await;
    assert_eq!(world.grant(&id).await["revocation"]["status"], "done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_deletion_that_comes_after_its_lease_is_made_good() {
    let world = World::start().await;
    let over = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    revoke(&world, "alice", &over).await;
    let (late, go) = begin(&world, &over, "DeleteAccountAssignment");
    // Meanwhile the lease runs out, the access is granted anew, and another worker finds it there.
    world.pass(61);
    let live = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    provision_grant::handle(world.local.workers(), call(&world, &live)).await.unwrap();
    assert_eq!(world.grant(&live).await["provisioning_status"], "successful");
    go.send(()).unwrap();
    late.await.unwrap();
    rest(&world).await;
    assert_eq!(world.assignments(), ["alice PowerUserAccess 111111111111"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_grant_that_is_taken_away_before_it_holds_anything_never_does() {
    let world = World::start().await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    // It was read, and is live.
    let (late, go) = begin(&world, &id, "CreateSchedule");
    revoke(&world, "alice", &id).await;
    deprovision_grant::handle(world.local.workers(), call(&world, &id)).await.unwrap();
    assert_eq!(world.grant(&id).await["revocation"]["status"], "done");
    go.send(()).unwrap();
    late.await.unwrap();
    assert_invariants(&world);
    rest(&world).await;
    assert!(world.assignments().is_empty());
}
