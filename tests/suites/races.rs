//! What happens when it happens at once: many callers and workers on a parallel runtime, the calls to AWS held up at
//! random so that they overtake one another, and DynamoDB's own conflicts thrown in.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "races/decisions.rs"]
mod decisions;
#[path = "races/ensures.rs"]
mod ensures;
#[path = "races/grants.rs"]
mod grants;
#[path = "races/keys.rs"]
mod keys;
#[path = "races/outbox.rs"]
mod outbox;
#[path = "races/policies.rs"]
mod policies;
#[path = "races/reconsider.rs"]
mod reconsider;

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::Value;
use stint_local::aws::{Fault, FaultKind, Faults, Service};
use stint_tests::invariants::{Picture, assert_at_rest};
use stint_tests::{Answer, PRODUCTION, World};

/// So many at once.
const CROWD: usize = 64;

/// Every other call is held up a little, and one transaction in ten meets another that is under way.
fn storm() -> Vec<Fault> {
    vec![
        Fault::new(FaultKind::Conflict).on(Service::DynamoDb, "TransactWriteItems").chance(10),
        Fault::new(FaultKind::Jitter).chance(50).milliseconds(3),
    ]
}

fn set_storm(world: &World) {
    world.local.aws().set_faults(Faults { rules: storm() });
}

/// Does all of it at once, each a moment later than another.
async fn at_once<T>(dice: &mut fastrand::Rng, calls: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let calls = calls.into_iter().map(|call| {
        let moment = Duration::from_micros(dice.u64(..10_000));
        async move {
            tokio::time::sleep(moment).await;
            call.await
        }
    });
    join_all(calls).await
}

/// Ends the storm, lets everything be done that is due, and holds that all is as it should be.
async fn rest(world: &World) {
    world.local.aws().set_faults(Faults::default());
    for _ in 0..1_000 {
        world.settle().await;
        // What it could not do it does the next time.
        let _ = world.local.sweep().await;
        if Picture::of(world.local.aws(), world.now()).unsettled().is_empty() {
            break;
        }
        world.pass(10);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_at_rest(world);
}

/// A request of alice's that waits for SRE.
async fn waiting(world: &World) -> Value {
    world.request("alice", PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED)
}

/// How many answers have each status; none may be a failure of ours.
#[track_caller]
fn count(answers: &[Answer], statuses: &[u16]) -> Vec<usize> {
    for answer in answers {
        assert!(statuses.contains(&answer.status.as_u16()), "{}: {}", answer.status, answer.body);
    }
    statuses.iter().map(|status| answers.iter().filter(|answer| answer.status == *status).count()).collect()
}

/// How often something was sealed.
fn sealed(world: &World, action: &str) -> usize {
    world.audit().iter().filter(|sealed| *sealed == action).count()
}
