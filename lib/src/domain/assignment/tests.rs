#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
use uuid::Uuid;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn tenant(number: u128) -> TenantId {
    Uuid::from_u128(number).into()
}

fn grant(number: u128) -> GrantId {
    Uuid::from_u128(number).into()
}

fn assignment() -> Assignment {
    let key = AssignmentKey {
        instance_arn: "arn:aws:sso:::instance/ssoins-0".to_owned(),
        principal_id: "a user".to_owned(),
        account_id: AccountId::parse("111111111111").unwrap(),
        permission_set_arn: "a permission set".to_owned(),
    };
    Assignment::new(key, at(0))
}

/// An assignment that a grant holds and stint created.
fn ours(on_drift: OnDrift) -> Assignment {
    let mut assignment = assignment();
    assignment.hold(tenant(1), grant(1), on_drift);
    assignment.record_creation(at(1));
    assignment.was_ours = true;
    let seen = assignment.holders.clone();
    assignment.confirm_present(&seen, at(2));
    assignment
}

#[test]
fn nothing_is_done_about_what_nobody_held() {
    assert_eq!(assignment().next_step(None), NextStep::Nothing);
}

#[test]
fn what_is_held_is_looked_for_before_it_is_created() {
    let mut assignment = assignment();
    assignment.hold(tenant(1), grant(1), OnDrift::Report);
    assert_eq!(assignment.next_step(None), NextStep::Look);
    assignment.record_creation(at(1));
    assert_eq!((assignment.next_step(None), assignment.wanted()), (NextStep::Follow, OperationKind::Create));
    assert_eq!(assignment.origin, Some(Origin::Ours), "from the recorded intent on");
}

#[test]
fn only_what_is_ours_is_deleted_when_nobody_holds_it() {
    for (was_ours, origin) in [(false, Origin::Standing), (true, Origin::Unowned)] {
        let mut assignment = Assignment { was_ours, ..assignment() };
        assignment.hold(tenant(1), grant(1), OnDrift::Report);
        let seen = assignment.holders.clone();
        assignment.confirm_present(&seen, at(1));
        assert_eq!((assignment.origin, assignment.persists()), (Some(origin), true));
        assert!(assignment.release(tenant(1), grant(1)));
        assert_eq!(assignment.next_step(None), NextStep::Nothing, "{origin:?}");
    }
    let mut ours = ours(OnDrift::Report);
    assert!(!ours.persists());
    ours.release(tenant(1), grant(1));
    assert_eq!(ours.next_step(None), NextStep::Delete);
    ours.confirm_absent();
    assert_eq!(ours.next_step(None), NextStep::Nothing);
}

#[test]
fn who_joins_has_it_confirmed_anew_and_who_joined_after_the_look_once_more() {
    let mut assignment = ours(OnDrift::Report);
    assert_eq!(assignment.next_step(Some(at(2))), NextStep::Nothing);
    assert_eq!(assignment.next_step(Some(at(3))), NextStep::Look, "an old confirmation");
    assignment.hold(tenant(1), grant(2), OnDrift::Report);
    assert_eq!(assignment.next_step(None), NextStep::Look);
    let seen = assignment.holders.clone();
    assignment.hold(tenant(1), grant(3), OnDrift::Report);
    assignment.confirm_present(&seen, at(3));
    assert_eq!(assignment.next_step(None), NextStep::Look);
}

#[test]
fn the_same_grant_id_of_two_tenants_is_two_holders() {
    let mut assignment = ours(OnDrift::Report);
    assignment.hold(tenant(2), grant(1), OnDrift::Report);
    assert!(assignment.release(tenant(1), grant(1)) && !assignment.release(tenant(1), grant(1)));
    assert!(assignment.is_held_by(tenant(2), grant(1)));
}

#[test]
fn what_was_deleted_outside_is_made_again_only_for_who_joined_since_or_whose_policy_says_so() {
    let mut alone = ours(OnDrift::Report);
    alone.record_creation(at(3));
    assert_eq!((alone.holders.len(), alone.drifted.len(), &alone.operation), (0, 1, &None));
    alone.drifted.clear();
    assert_eq!(alone.next_step(None), NextStep::Nothing);

    let mut joined = ours(OnDrift::Report);
    joined.hold(tenant(1), grant(2), OnDrift::Report);
    joined.record_creation(at(3));
    assert_eq!((joined.holders.len(), joined.drifted.len()), (1, 1));
    assert!(joined.is_held_by(tenant(1), grant(2)) && joined.operation.is_some());
    assert_eq!(joined.next_step(None), NextStep::AnnounceDrift, "before anything is created again");

    let mut restored = ours(OnDrift::Restore);
    restored.record_creation(at(3));
    assert_eq!((restored.holders.len(), restored.drifted.len()), (1, 1));
    assert!(restored.operation.is_some());
}

/// An unresolved creation may be carried out late: it stays ours, and has to be deleted.
#[test]
fn what_is_in_doubt_stays_ours() {
    let mut assignment = ours(OnDrift::Report);
    assignment.unresolved_until = Some(at(300));
    assignment.record_creation(at(3));
    assignment.drifted.clear();
    assert_eq!(assignment.next_step(None), NextStep::Delete);
}
