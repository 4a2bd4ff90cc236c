//! New ids: UUIDv7, so that they sort by time.

use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;
use uuid::timestamp::{Timestamp, context::ContextV7};

use crate::clock::Clock;

/// Makes ids. Those made within one millisecond sort in the order they were made in.
#[derive(Clone)]
pub struct Ids(Source);

#[derive(Clone)]
enum Source {
    Time(Clock, Arc<Mutex<ContextV7>>),
    Counter(Arc<Mutex<u128>>),
}

impl Ids {
    /// By this clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self(Source::Time(clock, Arc::new(Mutex::new(ContextV7::new()))))
    }

    /// `first` and those that follow it: for examples, whose ids are known before there are any.
    #[must_use]
    pub fn counting_from(first: Uuid) -> Self {
        Self(Source::Counter(Arc::new(Mutex::new(first.as_u128()))))
    }

    /// A new UUID.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        match &self.0 {
            Source::Time(clock, context) => {
                let now = clock.now();
                let seconds = u64::try_from(now.as_second()).unwrap_or_default();
                let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
                let context = context.lock().unwrap_or_else(PoisonError::into_inner);
                Uuid::new_v7(Timestamp::from_unix(&*context, seconds, nanoseconds))
            }
            Source::Counter(next) => {
                let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                let id = Uuid::from_u128(*next);
                *next = next.wrapping_add(1);
                id
            }
        }
    }

    /// A new id.
    #[must_use]
    pub fn id<I: From<Uuid>>(&self) -> I {
        self.uuid().into()
    }
}
