//! Pauses between the attempts of a change that other writers overtake.

use std::time::Duration;

use super::Ids;
use crate::clock::Clock;
use crate::store::CommitError;

/// How often a change that is overtaken is made again.
const RETRIES: u32 = 19;
/// The longest pause before the first of them. It doubles with each.
const FIRST_PAUSE_MILLISECONDS: u64 = 5;
const LONGEST_PAUSE_MILLISECONDS: u64 = 500;

/// The retries of one change. Sixty-four writers at once must not meet again and again, so each pause is a random part
/// of a time that doubles ("full jitter").
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
        if self.retries == RETRIES {
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
