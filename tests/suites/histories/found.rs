//! Histories that went wrong once.

use stint_local::aws::{FaultKind, Service};
use stint_tests::SANDBOX;

use super::play::play;
use super::step::{How, Step};

/// Identity Center had nothing to delete yet, and created it afterwards.
#[test]
fn what_is_still_being_created_was_taken_for_absent() {
    let (who, account, role) = ("alice", SANDBOX, "ReadOnlyAccess");
    let steps = vec![
        Step::Submit { who, account, role, seconds: 3600, how: How::AtOnce },
        Step::Fail { service: Some(Service::SsoAdmin), kind: FaultKind::LoseAnswer, after: 0, times: 1, seconds: 1 },
        Step::Deliver,
        Step::Revoke { who, grant: 0 },
        Step::Deliver,
        Step::Pass { seconds: 120 },
    ];
    play(90, &[steps]);
}

/// A creation that came late was begun while the deletion was under way, and carried out after it.
#[test]
fn what_came_late_was_still_being_created_when_it_was_deleted() {
    let (who, account, role) = ("alice", SANDBOX, "ReadOnlyAccess");
    let steps = vec![
        Step::Submit { who, account, role, seconds: 240, how: How::AtOnce },
        Step::Fail { service: Some(Service::SsoAdmin), kind: FaultKind::Late, after: 0, times: 1, seconds: 263 },
        Step::Deliver,
        Step::Pass { seconds: 120 },
        Step::Deliver,
        Step::Pass { seconds: 120 },
        Step::Deliver,
        Step::Pass { seconds: 80 },
        Step::Deliver,
    ];
    play(90, &[steps]);
}
