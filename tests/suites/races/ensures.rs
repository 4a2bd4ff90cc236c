//! Many ensure one access.

use futures_util::future::Either;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_tests::{Answer, As, PRODUCTION, SANDBOX, World};

use super::{CROWD, at_once, count, rest, sealed, set_storm};

/// What an ensure says of its only access: the change, and the id of its request.
fn said(answer: &Answer) -> (&str, &str) {
    let grant = &answer.body["grants"][0];
    (grant["change"].as_str().unwrap(), grant["access_request_id"].as_str().unwrap())
}

fn reason() -> Value {
    json!({"justification": {"reason": "because"}, "duration_seconds": 600})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_gets_one_grant_by_one_request() {
    let world = World::start().await;
    let mut dice = fastrand::Rng::with_seed(3);
    for round in 1..=2 {
        set_storm(&world);
        let ensure = |_| world.ensure("alice", SANDBOX, "PowerUserAccess", reason());
        let answers = at_once(&mut dice, (0..CROWD).map(ensure)).await;
        assert_eq!(count(&answers, &[200]), [CROWD]);
        let activated = answers.iter().filter(|answer| said(answer).0 == "activated").count();
        let others = answers.iter().filter(|answer| said(answer).0 == "none").count();
        assert_eq!((activated, others), (1, CROWD - 1));
        assert!(answers.iter().all(|answer| said(answer).1 == said(&answers[0]).1));
        let grant = answers[0].body["grants"][0]["id"].as_str().unwrap().to_owned();
        rest(&world).await;
        assert_eq!((world.items("GRANT").len(), world.items("REQUEST").len()), (round, round));
        let revoke = world.call(As::Person("alice"), Method::DELETE, format!("/v1/grants/{grant}"));
        revoke.send().await.expect(StatusCode::ACCEPTED);
        world.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_opens_one_request_and_its_approval_makes_one_grant() {
    let world = World::start().await;
    let mut dice = fastrand::Rng::with_seed(4);
    set_storm(&world);
    let ensure = || world.ensure("alice", PRODUCTION, "ReadOnlyAccess", reason());
    let answers = at_once(&mut dice, (0..CROWD).map(|_| ensure())).await;
    assert_eq!(count(&answers, &[200]), [CROWD]);
    assert_eq!(answers.iter().filter(|answer| said(answer).0 == "requested").count(), 1);
    let request = said(&answers[0]).1;
    assert!(answers.iter().all(|answer| said(answer).1 == request));
    let approve = format!("/v1/requests/{request}/approve");
    let calls = (0..CROWD).map(|number| match number % 8 {
        0 => Either::Left(world.post(As::Person("bob"), approve.clone(), json!({}))),
        _ => Either::Right(ensure()),
    });
    let answers = at_once(&mut dice, calls).await;
    assert_eq!(count(&answers, &[200, 409]), [CROWD - 7, 7]);
    rest(&world).await;
    assert_eq!((world.items("GRANT").len(), world.items("REQUEST").len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_extends_once() {
    let world = World::start().await;
    let mut dice = fastrand::Rng::with_seed(5);
    world.ensure("alice", SANDBOX, "PowerUserAccess", reason()).await.expect(StatusCode::OK);
    for round in 1..=2 {
        rest(&world).await;
        world.wait(500).await;
        set_storm(&world);
        let ensure = |_| world.ensure("alice", SANDBOX, "PowerUserAccess", reason());
        let answers = at_once(&mut dice, (0..CROWD).map(ensure)).await;
        assert_eq!(count(&answers, &[200]), [CROWD]);
        assert_eq!(answers.iter().filter(|answer| said(answer).0 == "extended").count(), 1);
        world.settle().await;
        assert_eq!(sealed(&world, "grant.extended"), round);
    }
    rest(&world).await;
}
