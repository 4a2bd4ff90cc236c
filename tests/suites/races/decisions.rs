//! Many decide one request.

use std::time::Duration;

use futures_util::future::Either;
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::json;
use stint_tests::{As, World};

use super::{CROWD, at_once, count, rest, sealed, set_storm, waiting};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_has_one_outcome_though_it_lapses_while_a_crowd_decides() {
    let world = World::start().await;
    let mut dice = fastrand::Rng::with_seed(1);
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        let request = waiting(&world).await;
        let id = request["id"].as_str().unwrap();
        let lapses: Timestamp = request["expires_at"].as_str().unwrap().parse().unwrap();
        let left = lapses.duration_since(world.now()).unsigned_abs();
        world.clock.advance(left.saturating_sub(Duration::from_millis(20)));
        set_storm(&world);
        let mut calls: Vec<_> = (0..CROWD)
            .map(|number| match number % 16 {
                0 => Either::Left(async {
                    world.clock.advance(Duration::from_millis(5));
                    let _ = world.local.sweep().await;
                    None
                }),
                other => {
                    let verdicts = [("bob", "approve"), ("carol", "deny"), ("alice", "cancel"), ("carol", "approve")];
                    let (who, verb) = verdicts[other % 4];
                    let path = format!("/v1/requests/{id}/{verb}");
                    let call = world.call(As::Person(who), Method::POST, path).json(&json!({}));
                    Either::Right(async move { Some((verb, call.send().await)) })
                }
            })
            .collect();
        dice.shuffle(&mut calls);
        let answers: Vec<_> = at_once(&mut dice, calls).await.into_iter().flatten().collect();
        rest(&world).await;
        let status = world.get(As::Key, format!("/v1/requests/{id}")).await.expect(StatusCode::OK)["status"].clone();
        let won: Vec<_> = answers.iter().filter(|(_, answer)| answer.status == StatusCode::OK).collect();
        match won.as_slice() {
            [] => assert_eq!(status, "expired"),
            [(verb, answer)] => {
                let outcome = [("approve", "approved"), ("deny", "denied"), ("cancel", "cancelled")];
                assert_eq!(answer.body["status"], status);
                assert!(outcome.contains(&(*verb, status.as_str().unwrap())), "{verb}: {status}");
            }
            more => panic!("{} decided it", more.len()),
        }
        let lost = CROWD - 4 - won.len();
        let answers: Vec<_> = answers.into_iter().map(|(_, answer)| answer).collect();
        assert_eq!(count(&answers, &[200, 409])[1], lost);
        outcomes.push(status);
    }
    let said = ["request.approved", "request.denied", "request.cancelled", "request.expired"];
    assert_eq!(said.iter().map(|action| sealed(&world, action)).sum::<usize>(), outcomes.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_quorum_counts_people_not_calls() {
    let world = World::start().await;
    let mut dice = fastrand::Rng::with_seed(2);
    let policies = world.get(As::Key, "/v1/policies").await.expect(StatusCode::OK);
    let policy =
        policies["data"].as_array().unwrap().iter().find(|policy| policy["name"] == "engineering reads production");
    let path = format!("/v1/policies/{}", policy.unwrap()["id"].as_str().unwrap());
    let two = json!({"required_approvals": 2});
    world.call(As::Key, Method::PATCH, path).json(&two).send().await.expect(StatusCode::OK);
    for _ in 0..2 {
        let request = waiting(&world).await;
        let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
        set_storm(&world);
        let who = |number: usize| ["bob", "carol", "dave"][number % 3];
        let approve = |number| world.post(As::Person(who(number)), path.clone(), json!({}));
        let answers = at_once(&mut dice, (0..CROWD).map(approve)).await;
        assert_eq!(count(&answers, &[200, 409]), [2, CROWD - 2]);
        rest(&world).await;
    }
    assert_eq!((sealed(&world, "request.approval_added"), sealed(&world, "request.approved")), (2, 2));
}
