//! Changes to AWS that nobody makes through its API here: what administrators do in its console.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use super::state::{AssignmentKey, Change, Held, State};
use super::{AwsEndpoint, AwsSeed, PermissionSet, Services, Unit, User};

impl AwsEndpoint {
    /// Changes the organization: moves, closes and tags accounts, makes and removes units. A restart forgets it.
    pub fn change_organization(&self, change: impl FnOnce(&mut Unit)) {
        let mut current = self.services.current.write().unwrap_or_else(PoisonError::into_inner);
        let mut seeded = AwsSeed::clone(&current);
        change(&mut seeded.root);
        *current = Arc::new(seeded.with_ids());
    }

    /// Changes the people in the Identity Store.
    pub fn change_people(&self, change: impl FnOnce(&mut Vec<User>)) {
        change(&mut self.services.store.lock().users);
    }

    /// Changes the permission sets of the instance. Assignments of one that is removed are removed with it.
    pub fn change_permission_sets(&self, change: impl FnOnce(&mut Vec<PermissionSet>)) {
        let mut state = self.services.store.lock();
        change(&mut state.permission_sets);
        let arns: BTreeSet<String> = state.permission_sets.iter().map(|set| set.arn.clone()).collect();
        state.assignments.retain(|held| arns.contains(&held.key.permission_set_arn));
    }

    /// Gives a person a permission set on an account. Returns whether that was done: not if they have it, and not while
    /// another change of the same assignment is under way.
    pub fn assign_by_hand(&self, sub: &str, permission_set: &str, account_id: &str) -> bool {
        let created_at = self.services.clock.now();
        self.change_by_hand(sub, permission_set, account_id, |state, key| {
            let is_new = state.assignments.iter().all(|held| held.key != *key);
            if is_new {
                state.assignments.push(Held { key: key.clone(), created_at, deleted_at: None, made_by: None });
            }
            is_new
        })
    }

    /// Takes a permission set on an account from a person. Returns whether that was done: not if they do not have it, and
    /// not while another change of the same assignment is under way.
    pub fn delete_by_hand(&self, sub: &str, permission_set: &str, account_id: &str) -> bool {
        let deleted_at = self.services.clock.now();
        self.change_by_hand(sub, permission_set, account_id, |state, key| {
            let place = state.assignments.iter().position(|held| held.key == *key);
            let held = place.map(|place| state.assignments.remove(place));
            held.map(|held| state.deleted_outside.push(Held { deleted_at: Some(deleted_at), ..held })).is_some()
        })
    }

    fn change_by_hand(
        &self,
        sub: &str,
        permission_set: &str,
        account_id: &str,
        change: impl FnOnce(&mut State, &AssignmentKey) -> bool,
    ) -> bool {
        if self.services.settle().is_err() {
            return false;
        }
        let mut state = self.services.store.lock();
        let set = state.permission_sets.iter().find(|set| set.name == permission_set);
        let user = state.users.iter().find(|user| user.sub == sub);
        let (Some(set), Some(user)) = (set, user) else { return false };
        let key = AssignmentKey {
            account_id: account_id.to_owned(),
            permission_set_arn: set.arn.clone(),
            principal_type: "USER".to_owned(),
            principal_id: user.user_id.clone(),
        };
        let is_under_way = |one: &Change| !one.done && one.wanted.assignment() == Some(&key);
        !state.changes.iter().any(is_under_way) && change(&mut state, &key)
    }

    /// The organization as it is by now.
    #[must_use]
    pub fn organization(&self) -> Unit {
        self.services.current_seed().root.clone()
    }
}

impl Services {
    pub(super) fn current_seed(&self) -> Arc<AwsSeed> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}
