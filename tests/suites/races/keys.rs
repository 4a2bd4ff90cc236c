//! Many calls with one idempotency key.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_tests::{Answer, As, PRODUCTION, SANDBOX, World, ask};

use super::{CROWD, at_once, count, rest, set_storm, waiting};

async fn post(world: &World, who: &str, path: &str, key: &str, body: Value) -> Answer {
    let call = world.call(As::Person(who), Method::POST, path).header("idempotency-key", key);
    call.json(&body).send().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_call_has_one_effect_and_one_answer() {
    let world = World::start().await;
    let mut dice = fastrand::Rng::with_seed(6);
    for round in 1..=2 {
        set_storm(&world);
        let key = format!("round {round}");
        let create = |_| post(&world, "alice", "/v1/requests", &key, ask(PRODUCTION, "ReadOnlyAccess", 600));
        let answers = at_once(&mut dice, (0..CROWD).map(create)).await;
        assert_eq!(count(&answers, &[201]), [CROWD]);
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
        assert_eq!(world.items("REQUEST").len(), round);

        // Who comes second with a key is answered as who came first, though there is nothing left to decide.
        let path = format!("/v1/requests/{}/approve", answers[0].body["id"].as_str().unwrap());
        let approve = |_| post(&world, "bob", &path, &key, json!({}));
        let answers = at_once(&mut dice, (0..CROWD).map(approve)).await;
        assert_eq!(count(&answers, &[200]), [CROWD]);
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
        rest(&world).await;
        assert_eq!(world.items("GRANT").len(), round);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_bodies_one_wins_the_key() {
    let world = World::start().await;
    let mut dice = fastrand::Rng::with_seed(7);
    for round in 1..=2 {
        set_storm(&world);
        let key = format!("round {round}");
        let seconds = |number: usize| if number.is_multiple_of(2) { 600 } else { 660 };
        let create =
            |number| post(&world, "alice", "/v1/requests", &key, ask(SANDBOX, "PowerUserAccess", seconds(number)));
        let answers = at_once(&mut dice, (0..CROWD).map(create)).await;
        assert_eq!(count(&answers, &[201, 409]), [CROWD / 2, CROWD / 2]);
        let won: Vec<_> = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).collect();
        assert!(won.iter().all(|answer| answer.body == won[0].body));
        let mut lost = answers.iter().filter(|answer| answer.status == StatusCode::CONFLICT);
        assert!(lost.all(|answer| answer.body["code"] == "idempotency_conflict"));
        rest(&world).await;
        assert_eq!((world.items("REQUEST").len(), world.items("GRANT").len()), (round, round));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_decision_without_a_key_and_one_with_it_are_two() {
    let world = World::start().await;
    let mut dice = fastrand::Rng::with_seed(8);
    let request = waiting(&world).await;
    let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
    set_storm(&world);
    let calls = (0..CROWD).map(|number| post(&world, ["bob", "carol"][number % 2], &path, "the same", json!({})));
    let answers = at_once(&mut dice, calls).await;
    // A key belongs to a person: of two, one decides, and the other's refusal is kept as well or found anew.
    assert_eq!(count(&answers, &[200, 409]), [CROWD / 2, CROWD / 2]);
    rest(&world).await;
    assert_eq!(world.items("GRANT").len(), 1);
}
