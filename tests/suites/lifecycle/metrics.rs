//! What the workers measure: once each, and of what became of it rather than of what was tried.

use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::json;
use stint::metrics::{Measurement, RequestOutcome};
use stint_local::aws::{Fault, FaultKind, Faults, Service};
use stint_tests::{As, PRODUCTION, SANDBOX, STAGING, World, ask};

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn decisions(world: &World) -> Vec<RequestOutcome> {
    let outcome = |measurement| if let Measurement::Decisions(outcome) = measurement { Some(outcome) } else { None };
    world.local.measured().into_iter().filter_map(outcome).collect()
}

fn over_grant(world: &World) -> Vec<SignedDuration> {
    let span = |measurement| if let Measurement::OverGrantSeconds(span) = measurement { Some(span) } else { None };
    world.local.measured().into_iter().filter_map(span).collect()
}

fn overdue(world: &World) -> Vec<SignedDuration> {
    let span = |measurement| if let Measurement::OldestOverdueSeconds(span) = measurement { Some(span) } else { None };
    world.local.measured().into_iter().filter_map(span).collect()
}

#[tokio::test]
async fn each_outcome_of_asking_is_counted_once() {
    let world = World::start().await;
    let auto = world.request("alice", SANDBOX, "PowerUserAccess", 600).await.expect(StatusCode::CREATED);
    world.settle().await;
    assert_eq!((&auto["status"], decisions(&world)), (&json!("approved"), vec![RequestOutcome::Auto]));

    let pending = world.request("alice", PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED);
    world.settle().await;
    assert_eq!(decisions(&world), [RequestOutcome::Auto, RequestOutcome::Require]);
    // What people decide about it is no second outcome of asking.
    let id = pending["id"].as_str().unwrap();
    world.post(As::Person("bob"), format!("/v1/requests/{id}/approve"), json!({})).await.expect(StatusCode::OK);
    world.settle().await;
    assert_eq!(decisions(&world), [RequestOutcome::Auto, RequestOutcome::Require]);
    let pending = world.request("alice", PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED);
    let id = pending["id"].as_str().unwrap();
    world.post(As::Key, format!("/v1/requests/{id}/deny"), json!({})).await.expect(StatusCode::OK);
    world.settle().await;
    assert_eq!(decisions(&world), [RequestOutcome::Auto, RequestOutcome::Require, RequestOutcome::Require]);

    world.request("alice", STAGING, "PowerUserAccess", 600).await.refused(403, "policy_denied");
    world.settle().await;
    assert_eq!(decisions(&world).last(), Some(&RequestOutcome::Denied));

    let mut body = ask(PRODUCTION, "AdministratorAccess", 600);
    body["break_glass"] = json!(true);
    world.post(As::Person("carol"), "/v1/requests", body).await.expect(StatusCode::CREATED);
    world.settle().await;
    assert_eq!(decisions(&world).last(), Some(&RequestOutcome::BreakGlass));
    assert_eq!(decisions(&world).len(), 5);
}

#[tokio::test]
async fn giving_is_measured_from_when_the_grant_begins() {
    let world = World::start().await;
    world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.wait(7).await;
    let latency = Measurement::ProvisioningLatencySeconds(seconds(7));
    assert!(world.local.measured().contains(&latency), "{:?}", world.local.measured());
}

#[tokio::test]
async fn access_that_ends_in_time_is_zero_seconds_over_and_measured_once() {
    let world = World::start().await;
    world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    world.wait(600).await;
    world.local.sweep().await.unwrap();
    world.wait(600).await;
    assert_eq!(over_grant(&world), [seconds(0)]);
}

/// A grant that is ended late was over before.
#[tokio::test]
async fn what_the_sweep_ends_late_is_over_since_its_time_was() {
    let world = World::start().await;
    world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    world.pass(700);
    world.local.sweep().await.unwrap();
    assert_eq!(overdue(&world), [seconds(100)]);
    assert_eq!(over_grant(&world), [seconds(100)]);
    world.settle().await;
    world.local.sweep().await.unwrap();
    assert_eq!(overdue(&world).last(), Some(&seconds(0)));
    assert_eq!(over_grant(&world).len(), 1);
}

/// A next attempt that is not due yet must not make the obligation look met.
#[tokio::test]
async fn a_revocation_that_goes_on_failing_grows_ever_more_overdue() {
    let world = World::start().await;
    world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    let refuses = Fault::new(FaultKind::Throttle).on(Service::SsoAdmin, "DeleteAccountAssignment").times(u32::MAX);
    world.local.aws().set_faults(Faults { rules: vec![refuses] });
    let mut last = seconds(0);
    for _ in 0..4 {
        world.wait(900).await;
        let longest = overdue(&world).into_iter().max().unwrap();
        assert!(longest > last, "{longest:?} after {last:?}");
        last = longest;
    }
    assert!(last > seconds(300), "{last:?}");
    assert!(over_grant(&world).is_empty(), "nothing is over before it is gone");
    world.local.aws().set_faults(Faults::default());
    world.wait(900).await;
    assert!(matches!(over_grant(&world).as_slice(), [over] if *over > last), "{:?}", over_grant(&world));
}

#[tokio::test]
async fn a_sweep_with_nothing_to_do_says_so() {
    let world = World::start().await;
    world.local.sweep().await.unwrap();
    assert_eq!(overdue(&world), [seconds(0)]);
}
