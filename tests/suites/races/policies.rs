//! Many edit one policy, while others ask what it decides.

use futures_util::future::Either;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint::clock::Clock;
use stint_local::seed::Seed;
use stint_tests::{Answer, As, SANDBOX, World};

use super::{CROWD, at_once, count, rest, sealed, set_storm};

/// The path of the policy that gives engineers the sandbox.
async fn sandbox(world: &World) -> String {
    let policies = world.get(As::Key, "/v1/policies").await.expect(StatusCode::OK);
    let policies = policies["data"].as_array().unwrap();
    let policy = policies.iter().find(|policy| policy["name"] == "engineering in sandbox").unwrap();
    format!("/v1/policies/{}", policy["id"].as_str().unwrap())
}

async fn edit(world: &World, path: &str, etag: Option<&str>, change: Value) -> Answer {
    let call = world.call(As::Key, Method::PATCH, path).json(&change);
    match etag {
        Some(etag) => call.header("if-match", etag).send().await,
        None => call.send().await,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_edit_over_a_version_wins() {
    let world = World::start().await;
    let mut dice = fastrand::Rng::with_seed(10);
    let path = sandbox(&world).await;
    for round in 1..=2 {
        let etag = world.get(As::Key, &path).await.headers["etag"].clone();
        set_storm(&world);
        let edits = (0..CROWD).map(|number| {
            edit(&world, &path, Some(&etag), json!({"description": format!("edit {number} of round {round}")}))
        });
        let answers = at_once(&mut dice, edits).await;
        assert_eq!(count(&answers, &[200, 412]), [1, CROWD - 1]);
        let won = answers.iter().find(|answer| answer.status == StatusCode::OK).unwrap();
        let policy = world.get(As::Key, &path).await.expect(StatusCode::OK);
        assert_eq!(policy["description"], won.body["description"]);
        rest(&world).await;
        assert_eq!(sealed(&world, "policy.updated"), round);
    }
}

/// On the machine's clock: whom others get ahead of waits a little longer each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn edits_of_any_version_all_succeed_and_decisions_go_on() {
    let world = World::on(Clock::System, Seed::example()).await;
    let mut dice = fastrand::Rng::with_seed(11);
    let path = sandbox(&world).await;
    set_storm(&world);
    let question = json!({
        "principal": "alice",
        "groups": ["engineering"],
        "resource": format!("aws_account:{SANDBOX}"),
        "action": "PowerUserAccess",
    });
    let calls = (0..CROWD / 2).map(|number| match number % 2 {
        0 => Either::Left(edit(&world, &path, None, json!({"max_duration_seconds": 3600 + number}))),
        _ => Either::Right(world.post(As::Key, "/v1/policies/evaluate", question.clone())),
    });
    let answers = at_once(&mut dice, calls).await;
    assert_eq!(count(&answers, &[200]), [CROWD / 2]);
    assert!(answers.iter().skip(1).step_by(2).all(|answer| answer.body["permitted"] == true));
    rest(&world).await;
    assert_eq!(sealed(&world, "policy.updated"), CROWD / 4);
    let policy = world.get(As::Key, &path).await.expect(StatusCode::OK);
    let versions: Vec<_> = answers.iter().step_by(2).filter_map(|answer| answer.body["version"].as_u64()).collect();
    assert_eq!(versions.iter().max().copied(), policy["version"].as_u64());
}
