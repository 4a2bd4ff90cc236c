//! Changes to AWS that nobody makes through its API here: what administrators do in its console.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use super::{AwsEndpoint, PermissionSet, Services, Unit, User, World};

impl AwsEndpoint {
    /// Changes the organization: moves, closes and tags accounts, makes and removes units. A restart forgets it.
    pub fn change_organization(&self, change: impl FnOnce(&mut Unit)) {
        let mut current = self.services.current.write().unwrap_or_else(PoisonError::into_inner);
        let mut world = World::clone(&current);
        change(&mut world.root);
        *current = Arc::new(world.with_ids());
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

    /// The organization as it is by now.
    #[must_use]
    pub fn organization(&self) -> Unit {
        self.services.current_world().root.clone()
    }
}

impl Services {
    pub(super) fn current_world(&self) -> Arc<World> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}
