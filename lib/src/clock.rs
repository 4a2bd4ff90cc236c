//! The one place that reads the time.
//!
//! Everything else is given a [`Timestamp`]; a test moves its own clock and never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that only moves when it is told to, in milliseconds since the epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock standing at `start`.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.as_millisecond())))
    }

    /// Now, to the millisecond: what is stored and what is answered are then the same.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let milliseconds = match self {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the time")]
            Self::System => Timestamp::now().as_millisecond(),
            Self::Manual(milliseconds) => milliseconds.load(Ordering::SeqCst),
        };
        Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Moves a manual clock forward; the machine's clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(milliseconds) = self {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            milliseconds.fetch_add(by, Ordering::SeqCst);
        }
    }

    /// Sets a manual clock back, as machines' clocks are when they were fast; the machine's clock is left alone.
    pub fn set_back(&self, by: Duration) {
        if let Self::Manual(milliseconds) = self {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            milliseconds.fetch_sub(by, Ordering::SeqCst);
        }
    }

    /// Waits. On a manual clock waiting is what moves it.
    pub async fn sleep(&self, for_: Duration) {
        match self {
            Self::System => tokio::time::sleep(for_).await,
            Self::Manual(_) => {
                self.advance(for_);
                tokio::task::yield_now().await;
            }
        }
    }
}
