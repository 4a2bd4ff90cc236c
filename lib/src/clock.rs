//! The one place that reads the time.
//!
//! Everything else is given a [`Timestamp`]; a test moves its own clock and never waits.

mod manual;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use manual::{ManualClock, Moment, Part};

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that only moves when it is told to, or when all who take part in it sleep.
    Manual(Arc<ManualClock>),
}

impl Clock {
    /// A clock standing at `start`.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(ManualClock::at(start)))
    }

    /// Now, to the millisecond: what is stored and what is answered are then the same.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                #[expect(clippy::disallowed_methods, reason = "the one place that reads the time")]
                let milliseconds = Timestamp::now().as_millisecond();
                Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
            }
            Self::Manual(clock) => clock.now(),
        }
    }

    /// On a manual clock the next of the numbers that ids are made of instead of chance, so that what happened once happens
    /// again: from 0 on, each once.
    #[must_use]
    pub fn chance(&self) -> Option<u64> {
        match self {
            Self::System => None,
            Self::Manual(clock) => Some(clock.chance()),
        }
    }

    /// Moves a manual clock forward; the machine's clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(clock) = self {
            clock.advance(by);
        }
    }

    /// Sets a manual clock back, as machines' clocks are when they were fast; the machine's clock is left alone.
    pub fn set_back(&self, by: Duration) {
        if let Self::Manual(clock) = self {
            clock.set_back(by);
        }
    }

    /// Where a manual clock is; none of the machine's.
    #[must_use]
    pub fn moment(&self) -> Option<Moment> {
        match self {
            Self::System => None,
            Self::Manual(clock) => Some(clock.moment()),
        }
    }

    /// Makes a manual clock go on from where it was, as if for the first time: ids come again, too.
    pub fn return_to(&self, moment: Moment) {
        if let Self::Manual(clock) = self {
            clock.return_to(moment);
        }
    }

    /// Waits. On a manual clock nobody takes part in, waiting is what moves it.
    pub async fn sleep(&self, for_: Duration) {
        match self {
            Self::System => tokio::time::sleep(for_).await,
            Self::Manual(clock) => clock.sleep(for_).await,
        }
    }

    /// Takes part in a manual clock: see [`ManualClock`]. The machine's clock moves whoever is there.
    #[must_use]
    pub fn take_part(&self) -> Option<Part> {
        match self {
            Self::System => None,
            Self::Manual(clock) => Some(ManualClock::take_part(clock)),
        }
    }
}
