//! How far reading the directory has come: one record an Identity Center instance, which no tenant owns.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::stored::required;

/// How long a sync holds its lease without renewing it: longer than any request of its takes with all retries.
pub const SYNC_LEASE: SignedDuration = SignedDuration::from_mins(2);

/// The parts of a sync, in order. Each is read in full within one run of the worker, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncPhase {
    /// Units and accounts of Organizations.
    Organization,
    /// Permission sets of Identity Center.
    PermissionSets,
    /// Users of the Identity Store.
    People,
    /// Tags of accounts that are known already; those of new accounts are read before the account is offered.
    AccountTags,
}

impl SyncPhase {
    /// Every phase, in order.
    pub const ALL: [Self; 4] = [Self::Organization, Self::PermissionSets, Self::People, Self::AccountTags];

    /// The one that follows; after the last, the first.
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

/// Who syncs, and where the next run goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncState {
    /// The Identity Center instance.
    pub instance_arn: String,
    /// Which run holds the lease; `None` between runs.
    #[serde(deserialize_with = "required")]
    pub holder: Option<Uuid>,
    /// Until when it holds it.
    pub until: Timestamp,
    /// What the next run on the schedule begins with.
    pub phase: SyncPhase,
    /// The account whose tags were read last; the next run goes on with the one after it.
    #[serde(deserialize_with = "required")]
    pub tags_after: Option<String>,
    /// When each phase was last completed, for every tenant.
    pub completed_at: BTreeMap<SyncPhase, Timestamp>,
    /// Counts the changes.
    pub version: u64,
}

impl SyncState {
    /// Of an instance that was never read.
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

    /// How old the oldest part of the directory is; `None` until every phase was completed once.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        let completed = SyncPhase::ALL.iter().map(|phase| self.completed_at.get(phase));
        let oldest = completed.collect::<Option<Vec<_>>>()?.into_iter().min()?;
        Some(now.duration_since(*oldest))
    }
}
