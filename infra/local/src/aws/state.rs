//! What must outlive the process, besides the table: kept in one file.
//!
//! Every change writes the whole file beside the old one and renames it over: whatever moment the process is killed at,
//! the next start reads the state before the change or after it. There is no `fsync`: it guards against a machine that
//! loses power, and a development machine may lose the last second.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Error;
use super::seeded::{AwsSeed, PermissionSet, User};
use super::wire::Failure;

/// Finished changes that can still be described; AWS keeps them for 90 days.
const CHANGES_KEPT: usize = 200;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    last_id: u64,
    pub(super) users: Vec<User>,
    pub(super) permission_sets: Vec<PermissionSet>,
    pub(super) assignments: Vec<Held>,
    pub(super) changes: VecDeque<Change>,
    /// Assignments that no function made and a function deleted.
    pub(super) deleted_of_others: Vec<Held>,
    /// Assignments that were deleted by no function.
    pub(super) deleted_outside: Vec<Held>,
    /// The members of each group of the Identity Store, by their memberships.
    pub(super) memberships: BTreeMap<String, Membership>,
    pub(super) groups: BTreeSet<String>,
    pub(super) schedule_groups: BTreeSet<String>,
    /// By `group/name`.
    pub(super) schedules: BTreeMap<String, Schedule>,
    pub(super) queue: Vec<QueuedEvent>,
    /// The sequence number of the last stream record that is done with.
    pub(super) stream_position: Option<String>,
}

/// What an assignment is the same by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AssignmentKey {
    pub(super) account_id: String,
    pub(super) permission_set_arn: String,
    pub(super) principal_type: String,
    pub(super) principal_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) key: AssignmentKey,
    pub(super) created_at: Timestamp,
    /// None while it exists.
    #[serde(default)]
    pub(super) deleted_at: Option<Timestamp>,
    /// The function that asked for it; none for a client that is no function.
    #[serde(default)]
    pub(super) made_by: Option<String>,
}

/// Who is in which group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Membership {
    pub(super) group_id: String,
    pub(super) user_id: String,
}

/// An asynchronous operation of Identity Center.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) request_id: String,
    pub(super) wanted: Wanted,
    /// The function that asked for it; none for a client that is no function.
    #[serde(default)]
    pub(super) by: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) due_at: Timestamp,
    /// Decided when it is asked for, told when it is due.
    pub(super) failure: Option<String>,
    pub(super) done: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Wanted {
    Create(AssignmentKey),
    Delete(AssignmentKey),
    Provision { permission_set_arn: String, account_id: Option<String> },
}

impl Wanted {
    pub(super) fn assignment(&self) -> Option<&AssignmentKey> {
        match self {
            Self::Create(key) | Self::Delete(key) => Some(key),
            Self::Provision { .. } => None,
        }
    }
}

/// A one-time schedule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Schedule {
    pub(super) group: String,
    pub(super) name: String,
    pub(super) at: Timestamp,
    /// The request's members that are answered as they came.
    pub(super) definition: Value,
    pub(super) function: String,
    pub(super) enabled: bool,
    pub(super) delete_after: bool,
    pub(super) fired: bool,
    pub(super) client_token: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) modified_at: Timestamp,
    /// Tells a schedule that fired from the one it was changed into meanwhile.
    pub(super) revision: u64,
    pub(super) retry: Retry,
}

/// An event on its way to one target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct QueuedEvent {
    pub(super) id: u64,
    pub(super) function: String,
    pub(super) event: Value,
    pub(super) retry: Retry,
}

/// When a delivery may be tried next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Retry {
    pub(super) failures: u32,
    pub(super) not_before: Timestamp,
}

impl State {
    /// A number that was not given out before, across restarts too.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A UUIDv7 that was not given out before.
    pub(super) fn next_uuid(&mut self, now: Timestamp) -> Uuid {
        let mut rest = [0; 10];
        for (to, from) in rest.iter_mut().skip(2).zip(self.next_number().to_be_bytes()) {
            *to = from;
        }
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(milliseconds, &rest).into_uuid()
    }

    pub(super) fn push_change(&mut self, change: Change) {
        let surplus = self.changes.len().saturating_sub(CHANGES_KEPT);
        for _ in 0..surplus {
            if let Some(oldest) = self.changes.iter().position(|change| change.done) {
                self.changes.remove(oldest);
            }
        }
        self.changes.push_back(change);
    }

    /// Adds what the seed has and the state does not; what was made or changed through the API stays.
    fn adopt(&mut self, seeded: &AwsSeed, schedule_groups: &[String]) {
        for user in &seeded.users {
            if !self.users.iter().any(|known| known.user_id == user.user_id) {
                self.users.push(user.clone());
            }
        }
        for set in &seeded.permission_sets {
            if !self.permission_sets.iter().any(|known| known.arn == set.arn) {
                self.permission_sets.push(set.clone());
            }
        }
        self.schedule_groups.insert("default".to_owned());
        self.schedule_groups.extend(schedule_groups.iter().cloned());
    }
}

/// The state and the file it is kept in.
pub(super) struct Store {
    state: Mutex<State>,
    file: Option<PathBuf>,
}

impl Store {
    pub(super) fn open(directory: Option<&Path>, seeded: &AwsSeed, schedule_groups: &[String]) -> Result<Self, Error> {
        let file = directory.map(|directory| directory.join("aws-state.json"));
        let mut state = match &file {
            Some(file) if file.exists() => {
                let bytes = std::fs::read(file).map_err(|source| Error::File(file.clone(), source))?;
                serde_json::from_slice(&bytes).map_err(|source| Error::Corrupt(file.clone(), source))?
            }
            Some(_) | None => State::default(),
        };
        state.adopt(seeded, schedule_groups);
        let store = Self { state: Mutex::new(state), file };
        store.save(&store.lock())?;
        Ok(store)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and keeps it; `change` checks before it changes anything, for a refusal keeps nothing.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut State) -> Result<R, Failure>) -> Result<R, Failure> {
        let mut state = self.lock();
        let answer = change(&mut state)?;
        self.save(&state).map_err(|error| Failure::internal(error.to_string()))?;
        Ok(answer)
    }

    /// Makes it another state.
    pub(super) fn replace(&self, by: State) -> Result<(), Error> {
        let mut state = self.lock();
        *state = by;
        self.save(&state)
    }

    fn save(&self, state: &State) -> Result<(), Error> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let bytes = serde_json::to_vec(state).map_err(|source| Error::Corrupt(file.clone(), source))?;
        let beside = file.with_extension("json.new");
        std::fs::write(&beside, bytes)
            .and_then(|()| std::fs::rename(&beside, file))
            .map_err(|source| Error::File(file.clone(), source))
    }
}
