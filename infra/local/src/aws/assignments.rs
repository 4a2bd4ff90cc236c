//! The assignments to users, as a person or a test looks at them.

use jiff::Timestamp;
use serde::Serialize;

use super::AwsEndpoint;
use super::state::{Held, State};

/// An assignment that exists in the stand-in Identity Center.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AssignmentView {
    /// The account.
    pub account_id: String,
    /// The permission set's name.
    pub permission_set: String,
    /// The user's subject; the principal's id if it is no user of the seed.
    pub principal: String,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it was deleted; none while it exists.
    #[serde(skip_serializing)]
    pub deleted_at: Option<Timestamp>,
    /// The function that made it; none if it was made outside stint.
    #[serde(skip_serializing)]
    pub made_by: Option<String>,
}

impl AwsEndpoint {
    /// The assignments to users that exist now.
    #[must_use]
    pub fn assignments(&self) -> Vec<AssignmentView> {
        self.views(|state| &state.assignments)
    }

    /// The assignments to users that were made by no function and deleted by one.
    #[must_use]
    pub fn deleted_of_others(&self) -> Vec<AssignmentView> {
        self.views(|state| &state.deleted_of_others)
    }

    /// The assignments to users that were deleted by no function.
    #[must_use]
    pub fn deleted_outside(&self) -> Vec<AssignmentView> {
        self.views(|state| &state.deleted_outside)
    }

    fn views(&self, which: fn(&State) -> &[Held]) -> Vec<AssignmentView> {
        if let Err(error) = self.services.settle() {
            tracing::error!(?error, "changes that are due cannot be kept");
        }
        let state = self.services.store.lock();
        let view = |held: &Held| {
            let set = state.permission_sets.iter().find(|set| set.arn == held.key.permission_set_arn);
            let user = state.users.iter().find(|user| user.user_id == held.key.principal_id);
            AssignmentView {
                account_id: held.key.account_id.clone(),
                permission_set: set.map_or(&held.key.permission_set_arn, |set| &set.name).clone(),
                principal: user.map_or(&held.key.principal_id, |user| &user.sub).clone(),
                created_at: held.created_at,
                deleted_at: held.deleted_at,
                made_by: held.made_by.clone(),
            }
        };
        which(&state).iter().filter(|held| held.key.principal_type == "USER").map(view).collect()
    }
}
