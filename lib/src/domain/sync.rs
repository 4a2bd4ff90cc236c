//! The progress of reading the directory: one record per Identity Center instance, which belongs to no tenant.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::stored::required;

/// How long a sync holds its lease without renewing it: longer than any of its requests takes with all retries.
pub const SYNC_LEASE: SignedDuration = SignedDuration::from_mins(2);

/// The phases of a sync, in order. Each is read in full within one run of the worker, or does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncPhase {
    /// Organizational units and accounts of Organizations.
    Organization,
    /// Permission sets of Identity Center.
    PermissionSets,
    /// Users of the Identity Store.
    People,
    /// Tags of known accounts; those of a new account are read before it is added.
    AccountTags,
}

impl SyncPhase {
    /// Every phase, in order.
    pub const ALL: [Self; 4] = [Self::Organization, Self::PermissionSets, Self::People, Self::AccountTags];

    /// The next phase; after the last, the first.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Organization => Self::PermissionSets,
            Self::PermissionSets => Self::People,
            Self::People => Self::AccountTags,
            Self::AccountTags => Self::Organization,
        }
    }
}

/// Which run holds the lease, and where the next run continues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncState {
    /// The ARN of the Identity Center instance.
    pub instance_arn: String,
    /// A random id of the run that holds the lease; `None` between runs.
    #[serde(deserialize_with = "required")]
    pub holder: Option<Uuid>,
    /// When the lease expires.
    pub until: Timestamp,
    /// The phase that the next run on the schedule begins with.
    pub phase: SyncPhase,
    /// The account whose tags were read last; the next run continues after it.
    #[serde(deserialize_with = "required")]
    pub tags_after: Option<String>,
    /// When each phase was last completed for every tenant.
    pub completed_at: BTreeMap<SyncPhase, Timestamp>,
    /// Raised with each change of the record.
    pub version: u64,
}

impl SyncState {
    /// The state of an instance that was never read.
    #[must_use]
    pub fn new(instance_arn: String) -> Self {
        Self {
            instance_arn,
            holder: None,
            until: Timestamp::UNIX_EPOCH,
            phase: SyncPhase::Organization,
            tags_after: None,
            completed_at: BTreeMap::new(),
            version: 0,
        }
    }

    /// Whether another run holds the lease at `now`.
    #[must_use]
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.holder.is_some() && now < self.until
    }

    /// The age of the oldest part of the directory; `None` until every phase was completed once.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        let completed = SyncPhase::ALL.iter().map(|phase| self.completed_at.get(phase));
        let oldest = completed.collect::<Option<Vec<_>>>()?.into_iter().min()?;
        Some(now.duration_since(*oldest))
    }
}
