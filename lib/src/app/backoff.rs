//! Pauses between the attempts of a change that other writers overtake.

use std::time::Duration;

use super::Ids;
use crate::clock::Clock;
use crate::store::CommitError;

const MAX_RETRIES: u32 = 19;
/// The longest pause before the first retry. It doubles with each retry, up to the limit below.
const FIRST_PAUSE_MILLISECONDS: u64 = 5;
const LONGEST_PAUSE_MILLISECONDS: u64 = 500;

/// The retries of one change. Exponential backoff with full jitter, so that many concurrent writers do not collide
/// repeatedly.
pub(crate) struct Backoff<'a> {
    clock: &'a Clock,
    ids: &'a Ids,
    retries: u32,
}

impl<'a> Backoff<'a> {
    pub(crate) fn new(clock: &'a Clock, ids: &'a Ids) -> Self {
        Self { clock, ids, retries: 0 }
    }

    /// Waits until the next attempt.
    ///
    /// # Errors
    ///
    /// [`CommitError::Conflict`] after the last attempt.
    pub(crate) async fn wait(&mut self) -> Result<(), CommitError> {
        if self.retries == MAX_RETRIES {
            return Err(CommitError::Conflict);
        }
        let longest = (FIRST_PAUSE_MILLISECONDS << self.retries.min(16)).min(LONGEST_PAUSE_MILLISECONDS);
        self.retries += 1;
        let random = u64::from(self.ids.uuid().as_bytes().last().copied().unwrap_or_default());
        self.clock.sleep(Duration::from_micros(longest * 1000 * random / 255)).await;
        Ok(())
    }

    /// How often the change was overtaken.
    pub(crate) fn retries(&self) -> u32 {
        self.retries
    }
}
