//! Histories that went wrong once.

use stint_local::aws::{FaultKind, Service};
use stint_tests::SANDBOX;

use super::play::play;
use super::step::{Edit, How, Step};

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

/// Its policy was disabled before a worker came to give it.
#[test]
fn what_policy_refuses_by_then_was_given() {
    let (who, account, role) = ("alice", SANDBOX, "ReadOnlyAccess");
    let mut steps = vec![Step::Submit { who, account, role, seconds: 3600, how: How::AtOnce }];
    steps.extend((0..4).map(|policy| Step::EditPolicy { policy, edit: Edit::Enabled(false) }));
    steps.push(Step::Deliver);
    play(3, &[steps]);
}

/// Somebody had given it by hand before.
#[test]
fn standing_access_was_deleted_with_the_grant() {
    let (who, account, role) = ("alice", SANDBOX, "ReadOnlyAccess");
    let steps = vec![
        Step::AssignByHand { who, account, role },
        Step::Submit { who, account, role, seconds: 60, how: How::AtOnce },
        Step::Deliver,
        Step::Pass { seconds: 120 },
        Step::Deliver,
    ];
    play(3, &[steps]);
}

/// Its extension found it missing.
#[test]
fn what_was_deleted_by_hand_was_made_again() {
    let (who, account, role) = ("alice", SANDBOX, "ReadOnlyAccess");
    let steps = vec![
        Step::Submit { who, account, role, seconds: 600, how: How::AtOnce },
        Step::Deliver,
        Step::Pass { seconds: 60 },
        Step::DeleteByHand { assignment: 0 },
        Step::Extend { who, grant: 0, seconds: 60 },
        Step::Deliver,
    ];
    play(3, &[steps]);
}

/// Its worker died when it was created, and the next one was told that the creation had succeeded.
#[test]
fn what_was_deleted_by_hand_before_it_was_confirmed_was_taken_for_present() {
    let (who, account, role) = ("alice", SANDBOX, "ReadOnlyAccess");
    let steps = vec![
        Step::Submit { who, account, role, seconds: 3600, how: How::AtOnce },
        Step::Fail { service: Some(Service::SsoAdmin), kind: FaultKind::DieAfter, after: 2, times: 1, seconds: 1 },
        Step::Deliver,
        Step::Pass { seconds: 60 },
        Step::DeleteByHand { assignment: 0 },
        Step::Rest,
    ];
    play(3, &[steps]);
}
