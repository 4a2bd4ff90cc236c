//! `make crash-test`: `stint-local` under load, killed at random moments and started again on what it kept.
//!
//! Nothing that was acknowledged may get lost, and once the load is over the assignments that exist are those of live
//! grants, nothing is stuck, and the audit chain has no gap. `SEED` repeats a run's dice, `KILLS` is how many.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "it prints what it did")]

#[path = "crash/ledger.rs"]
mod ledger;
#[path = "crash/load.rs"]
mod load;
#[path = "crash/process.rs"]
mod process;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint::clock::Clock;
use stint_local::aws::{AwsEndpoint, Options};
use stint_local::seed::Seed;
use stint_tests::invariants::Picture;
use tokio::time::sleep;

use load::{Api, Load};
use process::Process;

/// Who asks for access, besides the people of the example.
const ENGINEERS: usize = 10;
/// Whose grant is to outlive it all.
const LASTING: usize = 3;
/// So many kills are of a start on an empty directory.
const BEFORE_THE_FIRST_START: usize = 5;
/// Every so many kills is of a process that is starting.
const WHILE_STARTING: usize = 4;
/// How long everything may take to run out: two leases, an unresolved creation, and some attempts.
const PATIENCE: SignedDuration = SignedDuration::from_mins(15);

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

fn main() {
    let seed = from_environment("SEED", u64::from(fastrand::u32(..)));
    let kills = usize::try_from(from_environment("KILLS", 50)).unwrap();
    println!("crash test: {kills} kills; `make crash-test SEED={seed} KILLS={kills}` throws the same dice");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(run(fastrand::Rng::with_seed(seed), kills));
}

async fn run(mut dice: fastrand::Rng, kills: usize) {
    let mut process = Process::new(&world());

    for _ in 0..BEFORE_THE_FIRST_START.min(kills) {
        process.start();
        sleep(dice_between(&mut dice, 0, 1_000)).await;
        process.kill();
    }
    process.start_and_wait().await;
    let api = Api::of(&process).await;
    let policies = api.list("/v1/policies").await.len();
    assert_eq!(policies, Seed::read(&world().to_string()).unwrap().policies.len(), "the world was planted once");

    let load = Arc::new(Load::new(api));
    for number in 0..LASTING {
        load.lasting(&engineer(number)).await;
    }
    process.kill();
    let clients: Vec<_> = (0..8).map(|_| tokio::spawn(Arc::clone(&load).run(dice.fork()))).collect();
    while process.kills < kills {
        if process.kills.is_multiple_of(WHILE_STARTING) {
            process.start();
            sleep(dice_between(&mut dice, 0, 1_000)).await;
        } else {
            process.start_and_wait().await;
            load.check_what_was_promised_last().await;
            sleep(dice_between(&mut dice, 0, 2_500)).await;
        }
        process.kill();
    }
    let kills = process.kills;
    process.start_and_wait().await;
    load.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let stopped = Clock::System.now();
    load.check_everything_promised().await;
    let picture = run_out(&mut process, &load.api).await;
    println!("{}", load.summary());
    println!("{}", picture.summary());
    let waited = Clock::System.now().duration_since(stopped);
    println!("{kills} kills survived: everything ran out within {} s of the last call", waited.as_secs());
}

fn dice_between(dice: &mut fastrand::Rng, least: u64, most: u64) -> Duration {
    Duration::from_millis(dice.u64(least..most))
}

fn engineer(number: usize) -> String {
    format!("engineer-{}", number % ENGINEERS)
}

/// The example, with more people, and requests that lapse soon.
fn world() -> Value {
    let mut seed: Value = serde_json::from_str(include_str!("../../infra/local/seeds/example.json")).unwrap();
    for number in 0..ENGINEERS {
        let sub = engineer(number);
        let person = json!({"sub": sub, "email": format!("{sub}@example.com"), "name": sub, "groups": ["engineering"]});
        seed["people"].as_array_mut().unwrap().push(person);
    }
    seed["policies"][1]["approval_timeout_seconds"] = json!(5);
    seed
}

/// Waits until nothing is left but the grants that last, and returns what is then kept on disk.
async fn run_out(process: &mut Process, api: &Api) -> Picture {
    let deadline = Clock::System.now() + PATIENCE;
    loop {
        let grants = api.list("/v1/grants").await;
        let is_over = |grant: &&Value| grant["status"] != "active";
        let done = grants.iter().filter(is_over).filter(|grant| grant["revocation"]["status"] == "done").count();
        if done + LASTING == grants.len() || Clock::System.now() > deadline {
            // The last events are to be published, too.
            sleep(Duration::from_secs(2)).await;
            let assignments = api.call("", Method::GET, "/dev/assignments", None, None).await;
            assert_eq!(assignments.0, StatusCode::OK);
            assert_eq!(assignments.1.as_array().unwrap().len(), LASTING, "{}", assignments.1);
            process.kill();
            let picture = kept(process).await;
            let wrong = [picture.broken(), picture.unsettled()].concat();
            if wrong.is_empty() {
                return picture;
            }
            assert!(Clock::System.now() < deadline, "{}", wrong.join("\n"));
            assert_eq!(picture.broken(), Vec::<String>::new());
            process.start_and_wait().await;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// What a stopped process has on disk.
async fn kept(process: &Process) -> Picture {
    let world = Seed::read(&world().to_string()).unwrap().aws;
    let endpoint = AwsEndpoint::start(Options::in_directory(process.data(), world)).await.unwrap();
    let picture = Picture::of(&endpoint, Clock::System.now());
    endpoint.shutdown().await;
    picture
}
