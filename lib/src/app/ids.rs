//! New ids: UUIDv7, so that they sort by creation time.

use std::sync::{Arc, Mutex, PoisonError};

use uuid::timestamp::{Timestamp, context::ContextV7};
use uuid::{Builder, Uuid, Variant, Version};

use crate::clock::Clock;

/// Makes ids. Ids made within one millisecond sort in the order in which they were made.
#[derive(Clone)]
pub struct Ids(Source);

#[derive(Clone)]
enum Source {
    Time(Clock, Arc<Mutex<ContextV7>>),
    Counter(Arc<Mutex<u128>>),
}

impl Ids {
    /// Ids that take their time from this clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self(Source::Time(clock, Arc::new(Mutex::new(ContextV7::new()))))
    }

    /// `first` and the ids that follow it, for examples that need ids that are known in advance.
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
                if let Some(number) = clock.chance() {
                    return repeatable(now, number);
                }
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

/// The same id each time for a time and a number, different from that of every other number below 2^30.
fn repeatable(at: jiff::Timestamp, number: u64) -> Uuid {
    let milliseconds = u128::try_from(at.as_millisecond()).unwrap_or_default();
    // Instead of random bits: the number, by which ids sort, and 44 bits scattered from it (Fibonacci hashing).
    let scattered = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let chance = u128::from(number) << 44 | u128::from(scattered);
    // RFC 9562, section 5.7: 12 of these bits before the variant, 62 after it.
    let bits = milliseconds << 80 | chance >> 62 << 64 | chance & (u128::MAX >> 66);
    Builder::from_u128(bits).with_version(Version::SortRand).with_variant(Variant::RFC4122).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_manual_clock_are_uuid_v7_sort_in_order_and_come_again() {
        let start: jiff::Timestamp = "2026-01-05T09:00:00Z".parse().unwrap_or_default();
        let made = || {
            let clock = Clock::manual(start);
            let (one, other) = (Ids::new(clock.clone()), Ids::new(clock));
            (0..5_000).map(|number| if number % 3 == 0 { one.uuid() } else { other.uuid() }).collect::<Vec<_>>()
        };
        let ids = made();
        assert!(ids.is_sorted_by(|before, after| before < after));
        assert!(
            ids.iter().all(|id| id.get_version() == Some(Version::SortRand) && id.get_variant() == Variant::RFC4122)
        );
        assert_eq!(ids, made());
    }
}
