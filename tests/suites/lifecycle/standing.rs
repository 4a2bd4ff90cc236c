//! Access that stint did not give: found, said, and left as it is.

use reqwest::StatusCode;
use serde_json::json;
use stint_local::aws::{Fault, FaultKind, Faults, Service};
use stint_tests::invariants::{assert_at_rest, assert_invariants, rest};
use stint_tests::{SANDBOX, World};

const ALICE: &str = "alice PowerUserAccess 111111111111";

fn changes(world: &World) -> usize {
    let calls = world.local.aws().calls();
    calls.iter().filter(|call| call.operation.ends_with("teAccountAssignment") && call.function.is_some()).count()
}

fn said(world: &World, action: &str) -> usize {
    world.audit().iter().filter(|one| *one == action).count()
}

#[tokio::test]
async fn an_assignment_that_stood_before_is_left_in_place_and_said() {
    let world = World::start().await;
    world.assign_outside("alice", "PowerUserAccess", SANDBOX).await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 60).await;
    world.settle().await;
    let grant = world.grant(&id).await;
    assert_eq!((&grant["provisioning_status"], &grant["access_persists"]), (&json!("successful"), &json!(true)));
    world.wait(60).await;
    rest(&world).await;
    let grant = world.grant(&id).await;
    assert_eq!((&grant["status"], &grant["revocation"]["status"]), (&json!("expired"), &json!("done")));
    assert_eq!(world.assignments(), [ALICE], "it stood before");
    assert_eq!(changes(&world), 0, "nothing was created or deleted");
    assert_eq!((said(&world, "grant.standing_access"), said(&world, "drift.detected")), (1, 0));
}

#[tokio::test]
async fn what_stint_made_and_nobody_held_before_does_not_persist() {
    let world = World::start().await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 60).await;
    world.settle().await;
    assert_eq!(world.grant(&id).await["access_persists"], false);
    world.wait(60).await;
    assert!(world.assignments().is_empty());
    assert_eq!(said(&world, "grant.standing_access"), 0);
}

/// The person has the access through a group: stint makes an assignment of its own all the same, for the group may lose the
/// person while the grant lives, and takes away only that.
#[tokio::test]
async fn access_through_a_group_is_said_and_an_assignment_of_ours_is_made_beside_it() {
    let world = World::start().await;
    world.assign_to_group_outside("alice", "PowerUserAccess", SANDBOX).await;
    world.assign_to_group_outside("bob", "ReadOnlyAccess", SANDBOX).await;
    let through_group = world.granted("alice", SANDBOX, "PowerUserAccess", 60).await;
    let others_group = world.granted("alice", SANDBOX, "ReadOnlyAccess", 60).await;
    world.settle().await;
    assert_eq!(world.assignments().len(), 2);
    assert_eq!(world.grant(&through_group).await["access_persists"], true);
    assert_eq!(world.grant(&others_group).await["access_persists"], false, "she is not in that group");
    world.wait(60).await;
    rest(&world).await;
    assert!(world.assignments().is_empty());
    assert_eq!(said(&world, "grant.standing_access"), 1);
}

/// Whatever becomes of the answer to a creation, what it made is ours.
#[tokio::test]
async fn what_stint_made_never_turns_into_standing_access() {
    for kind in [FaultKind::LoseAnswer, FaultKind::DieAfter, FaultKind::DieBefore, FaultKind::Late, FaultKind::DieLate]
    {
        let world = World::asynchronous().await;
        let create = Fault::new(kind).on(Service::SsoAdmin, "CreateAccountAssignment").milliseconds(90_000);
        world.local.aws().set_faults(Faults { rules: vec![create] });
        let id = world.granted("alice", SANDBOX, "PowerUserAccess", 900).await;
        for _ in 0..10 {
            world.wait(30).await;
            let _ = world.local.sweep().await;
            assert_invariants(&world);
        }
        let grant = world.grant(&id).await;
        assert_eq!((&grant["provisioning_status"], &grant["access_persists"]), (&json!("successful"), &json!(false)));
        world.wait(900).await;
        rest(&world).await;
        assert!(world.assignments().is_empty(), "{kind:?}");
        assert_eq!(said(&world, "grant.standing_access"), 0, "{kind:?}");
    }
}

/// stint gave it once and took it away; that it is there again is somebody else's doing.
#[tokio::test]
async fn what_stint_once_made_and_somebody_made_again_is_nobodys_and_stays() {
    let world = World::start().await;
    world.granted("alice", SANDBOX, "PowerUserAccess", 60).await;
    world.settle().await;
    world.wait(60).await;
    assert!(world.assignments().is_empty());
    world.assign_outside("alice", "PowerUserAccess", SANDBOX).await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 60).await;
    world.settle().await;
    assert_eq!(world.grant(&id).await["access_persists"], true);
    let records = world.local.aws().items();
    let record = records.iter().find(|item| item["pk"]["S"].as_str().unwrap().starts_with("ASSIGNMENT#")).unwrap();
    assert_eq!(record["origin"]["S"], "unowned");
    world.wait(60).await;
    rest(&world).await;
    assert_eq!(world.grant(&id).await["revocation"]["status"], "done");
    assert_eq!(world.assignments(), [ALICE]);
}

/// A grant that ends before anything was looked at: nothing of it exists, and what exists is not its.
#[tokio::test]
async fn a_grant_that_ends_before_it_is_given_deletes_nothing() {
    let world = World::start().await;
    world.assign_outside("alice", "PowerUserAccess", SANDBOX).await;
    let refused = Fault::new(FaultKind::Refuse).on(Service::SsoAdmin, "ListAccountAssignments").times(1000);
    world.local.aws().set_faults(Faults { rules: vec![refused] });
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 60).await;
    world.settle().await;
    let grant = world.grant(&id).await;
    assert_eq!(grant["provisioning_status"], "pending", "what cannot be looked at is not given");
    world.wait(60).await;
    assert_eq!(world.grant(&id).await["revocation"]["status"], "done");
    assert_eq!(world.assignments(), [ALICE]);
    assert_eq!(changes(&world), 0);
    assert_at_rest(&world);
}

#[tokio::test]
async fn standing_access_that_vanishes_while_a_grant_lives_is_drift() {
    let world = World::start().await;
    world.assign_outside("alice", "PowerUserAccess", SANDBOX).await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    world.unassign_outside("alice", "PowerUserAccess", SANDBOX).await;
    let second = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    let (first, second) = (world.grant(&id).await, world.grant(&second).await);
    assert_eq!((&first["externally_modified"], &first["provisioning_status"]), (&json!(true), &json!("failed")));
    assert_eq!((&second["access_persists"], &second["provisioning_status"]), (&json!(false), &json!("successful")));
    world.wait(600).await;
    rest(&world).await;
    assert!(world.assignments().is_empty(), "the second was ours");
}

#[tokio::test]
async fn ensure_reports_standing_access_as_usable() {
    let world = World::start().await;
    world.assign_outside("alice", "PowerUserAccess", SANDBOX).await;
    world.ensure("alice", SANDBOX, "PowerUserAccess", json!({})).await.expect(StatusCode::OK);
    world.settle().await;
    let ensured = world.ensure("alice", SANDBOX, "PowerUserAccess", json!({})).await.expect(StatusCode::OK);
    assert_eq!(ensured["grants"][0]["status"], "active");
}

/// A creation that was refused has made nothing: whatever exists when it is tried again is somebody else's.
#[tokio::test]
async fn what_is_made_by_hand_while_a_creation_is_refused_is_standing_and_stays() {
    for kind in [FaultKind::Throttle, FaultKind::Conflict] {
        let world = World::start().await;
        let refused = Fault::new(kind).on(Service::SsoAdmin, "CreateAccountAssignment").times(1000);
        world.local.aws().set_faults(Faults { rules: vec![refused] });
        let id = world.granted("alice", SANDBOX, "PowerUserAccess", 3600).await;
        world.settle().await;
        assert_eq!(world.grant(&id).await["provisioning_status"], "pending", "{kind:?}");
        assert_invariants(&world);
        world.local.aws().set_faults(Faults::default());
        world.assign_outside("alice", "PowerUserAccess", SANDBOX).await;
        world.wait(1200).await;
        let grant = world.grant(&id).await;
        let given = (&grant["provisioning_status"], &grant["access_persists"]);
        assert_eq!(given, (&json!("successful"), &json!(true)), "{kind:?}");
        world.wait(3600).await;
        rest(&world).await;
        assert_eq!(world.grant(&id).await["revocation"]["status"], "done", "{kind:?}");
        assert_eq!(world.assignments(), [ALICE], "{kind:?}: it is not ours");
    }
}

/// Somebody creates the same between our look and our creation, and Identity Center says so: it is looked at again.
#[tokio::test]
async fn after_a_conflict_what_somebody_else_has_made_is_found_within_the_run() {
    let world = World::start().await;
    let conflict = Fault::new(FaultKind::Conflict).on(Service::SsoAdmin, "CreateAccountAssignment").times(1);
    world.local.aws().set_faults(Faults { rules: vec![conflict] });
    let before = list_calls(&world);
    world.granted("alice", SANDBOX, "PowerUserAccess", 60).await;
    world.settle().await;
    assert_eq!(list_calls(&world) - before, 2, "before each creation");
}

fn list_calls(world: &World) -> usize {
    let calls = world.local.aws().calls();
    calls.iter().filter(|call| call.operation == "ListAccountAssignments" && call.function.is_some()).count()
}

/// Identity Center keeps the assignments of a group that was deleted, and the Identity Store refuses to be asked about it.
#[tokio::test]
async fn an_assignment_of_a_deleted_group_keeps_nobody_from_access_and_counts_for_nobody() {
    let world = World::start().await;
    for _ in 0..3 {
        let group = world.assign_to_group_outside("alice", "PowerUserAccess", SANDBOX).await;
        world.delete_group_outside(&group).await;
    }
    let alone = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    let grant = world.grant(&alone).await;
    assert_eq!((&grant["provisioning_status"], &grant["access_persists"]), (&json!("successful"), &json!(false)));
    // Beside a group that exists, that one counts.
    world.assign_to_group_outside("bob", "PowerUserAccess", SANDBOX).await;
    let member = world.granted("bob", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    let grant = world.grant(&member).await;
    assert_eq!((&grant["provisioning_status"], &grant["access_persists"]), (&json!("successful"), &json!(true)));
}
