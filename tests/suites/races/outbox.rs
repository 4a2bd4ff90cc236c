//! Many publish the same events.

use futures_util::future::Either;
use serde_json::{Value, json};
use stint::workers::publish_events;
use stint_tests::{STAGING, World};

use super::{at_once, rest, set_storm};

/// A batch as the stream delivers it, of these rows of the outbox.
fn batch(rows: &[Value]) -> Value {
    let record = |(number, row): (usize, &Value)| {
        let keys = json!({"pk": row["pk"], "sk": row["sk"]});
        json!({"eventName": "INSERT", "dynamodb": {"Keys": keys, "SequenceNumber": format!("{number:021}")}})
    };
    json!({"Records": rows.iter().enumerate().map(record).collect::<Vec<_>>()})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_chain_has_no_gap_and_no_double_whoever_seals() {
    let world = World::start().await;
    let mut dice = fastrand::Rng::with_seed(9);
    for _ in 0..2 {
        let denied = |_| world.request("alice", STAGING, "ReadOnlyAccess", 60);
        at_once(&mut dice, (0..20).map(denied)).await;
        // From a minute on the sweep publishes, too.
        world.pass(60);
        set_storm(&world);
        let rows = world.items("EVENT");
        let batches: Vec<_> = (0..16)
            .map(|_| {
                let (one, other) = (dice.usize(..rows.len()), dice.usize(..rows.len()));
                batch(&rows[one.min(other)..=one.max(other)])
            })
            .collect();
        let publishers = batches.into_iter().enumerate().map(|(number, batch)| match number % 8 {
            0 => Either::Left(async {
                // What it could not do it does the next time.
                let _ = world.local.sweep().await;
            }),
            _ => Either::Right(async {
                publish_events::handle(world.local.workers(), batch).await.unwrap();
            }),
        });
        at_once(&mut dice, publishers).await;
        rest(&world).await;
    }
    assert_eq!(world.audit().len(), world.items("EVENT").len());
}
