//! A clock that tests move, and that simulations run by.
//!
//! Whoever takes part in it keeps it standing while at work. Once all who take part sleep, nothing can happen before the
//! first of them wakes: the clock moves there. So many workers at once live through minutes in as long as their work
//! takes, and their sleeps overlap as they would in earnest.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    /// Since the epoch.
    milliseconds: AtomicI64,
    chances: AtomicU64,
    people: Mutex<People>,
}

#[derive(Debug, Default)]
struct People {
    taking_part: usize,
    /// By when they wake; the number tells apart those who wake together.
    asleep: BTreeMap<(i64, u64), oneshot::Sender<()>>,
    slept: u64,
}

/// Where a manual clock is: its time, and the number the next id is made of.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    milliseconds: i64,
    chances: u64,
}

/// Somebody takes part in a clock, until this is dropped.
#[derive(Debug)]
pub struct Part(Arc<ManualClock>);

impl Drop for Part {
    fn drop(&mut self) {
        let mut people = self.0.people();
        people.taking_part = people.taking_part.saturating_sub(1);
        self.0.move_on(&mut people);
    }
}

impl ManualClock {
    pub(super) fn at(start: Timestamp) -> Self {
        Self {
            milliseconds: AtomicI64::new(start.as_millisecond()),
            chances: AtomicU64::default(),
            people: Mutex::default(),
        }
    }

    pub(super) fn chance(&self) -> u64 {
        self.chances.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn now(&self) -> Timestamp {
        let milliseconds = self.milliseconds.load(Ordering::SeqCst);
        Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub(super) fn advance(&self, by: Duration) {
        let mut people = self.people();
        self.milliseconds.fetch_add(milliseconds(by), Ordering::SeqCst);
        self.wake(&mut people);
    }

    /// Who sleeps, sleeps that much longer.
    pub(super) fn set_back(&self, by: Duration) {
        let _people = self.people();
        self.milliseconds.fetch_sub(milliseconds(by), Ordering::SeqCst);
    }

    pub(super) fn moment(&self) -> Moment {
        Moment { milliseconds: self.milliseconds.load(Ordering::SeqCst), chances: self.chances.load(Ordering::SeqCst) }
    }

    pub(super) fn return_to(&self, moment: Moment) {
        self.milliseconds.store(moment.milliseconds, Ordering::SeqCst);
        self.chances.store(moment.chances, Ordering::SeqCst);
    }

    pub(super) fn take_part(clock: &Arc<Self>) -> Part {
        clock.people().taking_part += 1;
        Part(Arc::clone(clock))
    }

    pub(super) async fn sleep(&self, for_: Duration) {
        let woken = {
            let mut people = self.people();
            let (wake, woken) = oneshot::channel();
            let at = self.milliseconds.load(Ordering::SeqCst).saturating_add(milliseconds(for_));
            people.slept += 1;
            let number = people.slept;
            people.asleep.insert((at, number), wake);
            self.move_on(&mut people);
            woken
        };
        // The sender is kept until the clock is there; a clock that is gone keeps nobody asleep.
        let _ = woken.await;
        tokio::task::yield_now().await;
    }

    /// Moves to when the first wakes, if nobody is at work.
    fn move_on(&self, people: &mut People) {
        // Who was dropped while asleep neither works nor sleeps.
        people.asleep.retain(|_, sleeper| !sleeper.is_closed());
        if people.asleep.len() < people.taking_part {
            return;
        }
        if let Some((first, _)) = people.asleep.keys().next() {
            self.milliseconds.fetch_max(*first, Ordering::SeqCst);
            self.wake(people);
        }
    }

    fn wake(&self, people: &mut People) {
        let now = self.milliseconds.load(Ordering::SeqCst);
        while let Some(first) = people.asleep.first_entry().filter(|first| first.key().0 <= now) {
            // Who does not listen any more needs no waking.
            let _ = first.remove().send(());
        }
    }

    fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use futures_util::future::join_all;
    use jiff::Timestamp;

    use super::ManualClock;

    fn clock() -> Arc<ManualClock> {
        Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH))
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn alone_whoever_waits_moves_the_clock() {
        let clock = clock();
        clock.sleep(SECOND).await;
        clock.sleep(SECOND).await;
        assert_eq!(clock.now().as_second(), 2);
    }

    #[tokio::test]
    async fn the_sleeps_of_those_who_take_part_overlap() {
        let clock = clock();
        let parts: Vec<_> = (0..8).map(|number| (number, ManualClock::take_part(&clock))).collect();
        let sleeps = parts.into_iter().map(|(number, _part)| {
            let clock = Arc::clone(&clock);
            async move {
                clock.sleep(SECOND * (number % 4)).await;
                clock.sleep(SECOND).await;
                let _part = _part;
                clock.now().as_second()
            }
        });
        assert_eq!(join_all(sleeps).await, [1, 2, 3, 4, 1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn while_somebody_works_time_stands_still_and_goes_on_when_they_end() {
        let clock = clock();
        let (sleeper, worker) = (ManualClock::take_part(&clock), ManualClock::take_part(&clock));
        let task = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move {
                let _sleeper = sleeper;
                clock.sleep(SECOND).await;
            }
        });
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
        assert_eq!(clock.now().as_second(), 0);
        drop(worker);
        assert!(task.await.is_ok());
        assert_eq!(clock.now().as_second(), 1);
    }

    #[tokio::test]
    async fn who_was_dropped_while_asleep_does_not_count() {
        let clock = clock();
        let _part = ManualClock::take_part(&clock);
        {
            let _other = ManualClock::take_part(&clock);
            let sleep = clock.sleep(SECOND);
            assert!(tokio::time::timeout(Duration::ZERO, sleep).await.is_err());
        }
        assert_eq!(clock.now().as_second(), 0, "the one that is left works");
    }
}
