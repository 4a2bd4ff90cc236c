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
