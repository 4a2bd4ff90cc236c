//! What administrators do in AWS besides stint.

use std::collections::BTreeSet;

use stint::domain::Origin;
use stint_local::aws::Unit;

use super::model::Access;
use super::play::Played;

impl Played {
    /// Somebody gives a person access, unless stint's record says that what exists there is stint's own: what is deleted
    /// and made again between two looks cannot be told from what stint made.
    pub(super) fn assign_by_hand(&mut self, who: &str, account: &str, role: &str) {
        let record = self.world.assignment_record(who, role, account);
        if record.is_some_and(|record| record.origin == Some(Origin::Ours)) {
            return;
        }
        if self.world.local.aws().assign_by_hand(who, role, account) {
            self.standing.insert(format!("{who} {role} {account}"));
        }
    }

    /// Somebody takes access from a person, whoever gave it.
    pub(super) fn delete_by_hand(&mut self, assignment: usize) {
        if self.was_set_back {
            // What was seen before or after it cannot be told then.
            return;
        }
        let existing = self.existing();
        let Some(access) = existing.iter().nth(assignment % existing.len().max(1)) else { return };
        self.delete(access);
    }

    fn delete(&mut self, access: &Access) {
        let parts: Vec<&str> = access.split(' ').collect();
        if self.world.local.aws().delete_by_hand(parts[0], parts[1], parts[2]) {
            self.standing.remove(access);
            let grants = self.grants();
            self.model.deleted_by_hand(access, &grants);
        }
    }

    /// Somebody takes away what was given by hand.
    pub(super) fn clean_up(&mut self) {
        for access in std::mem::take(&mut self.standing) {
            self.delete(&access);
        }
        assert_eq!(self.existing(), BTreeSet::new(), "there is access, and everything is over");
    }

    /// Somebody moves an account below a unit, and the directory is read. The policies here name accounts, so nothing else
    /// is permitted than before.
    pub(super) async fn move_account(&mut self, account: &str, unit: &str) {
        self.world.local.aws().change_organization(|root| {
            let mut moved = Vec::new();
            each_unit(root, &mut |one| {
                let (taken, left) = std::mem::take(&mut one.accounts).into_iter().partition(|one| one.id == account);
                one.accounts = left;
                moved.extend::<Vec<_>>(taken);
            });
            each_unit(root, &mut |one| {
                if one.name == unit {
                    one.accounts.append(&mut moved);
                }
            });
        });
        // One that fails has done what it could.
        let _ = self.world.local.sync().await;
        self.worked();
    }
}

fn each_unit(unit: &mut Unit, change: &mut impl FnMut(&mut Unit)) {
    change(unit);
    for below in &mut unit.units {
        each_unit(below, change);
    }
}
