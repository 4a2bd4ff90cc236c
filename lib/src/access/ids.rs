//! New ids: UUIDv7, so that they sort by time.

use std::sync::Arc;

use uuid::Uuid;
use uuid::timestamp::{Timestamp, context::ContextV7};

use crate::clock::Clock;

/// Makes ids. Those made within one millisecond sort in the order they were made in.
#[derive(Clone)]
pub struct Ids {
    clock: Clock,
    counter: Arc<std::sync::Mutex<ContextV7>>,
}

impl Ids {
    /// By this clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, counter: Arc::new(std::sync::Mutex::new(ContextV7::new())) }
    }

    /// A new UUID.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        let now = self.clock.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
        let counter = self.counter.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Uuid::new_v7(Timestamp::from_unix(&*counter, seconds, nanoseconds))
    }

    /// A new id.
    #[must_use]
    pub fn id<I: From<Uuid>>(&self) -> I {
        self.uuid().into()
    }
}
