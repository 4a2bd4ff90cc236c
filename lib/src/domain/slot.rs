//! The slots of an Identity Center instance. A slot is the right to have one change under way there, and a share of its
//! requests.
//!
//! Identity Center works on at most ten changes of assignments at once and takes at most twenty requests a second, from
//! all callers together ("AWS IAM Identity Center quotas"). stint therefore has fewer than ten slots, which share fewer
//! than twenty requests a second, and makes no request without a slot. Workers need no shared count of requests.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::stored::required;

/// How urgent the work on a grant is; the more urgent comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Break-glass access has to be given.
    BreakGlass,
    /// A grant has to be ended, or its access taken away.
    Ending,
    /// Everything else.
    Other,
}

impl Urgency {
    /// Every urgency, the most urgent first.
    pub const ALL: [Self; 3] = [Self::BreakGlass, Self::Ending, Self::Other];
}

/// The part of an instance's quotas that stint uses; the rest is for people and other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The number of changes of assignments at once.
    pub slots: NonZeroU32,
    /// The number of requests a second, of all slots together.
    pub requests_per_second: NonZeroU32,
}

/// The requests of a slot per window. A change takes at least two: one to begin it, one to ask whether it has ended.
pub const REQUESTS_A_WINDOW: u32 = 2;

impl Quota {
    /// The length of a slot's window, in which it makes at most [`REQUESTS_A_WINDOW`] requests.
    #[must_use]
    pub fn window(&self) -> Duration {
        let milliseconds = u64::from(REQUESTS_A_WINDOW) * 1000 * u64::from(self.slots.get());
        Duration::from_millis(milliseconds / u64::from(self.requests_per_second.get()))
    }

    /// The number of slots that [`Urgency::Other`] may not use: a quarter of them.
    fn reserved(&self) -> usize {
        self.count() / 4
    }

    /// The number of slots.
    #[must_use]
    pub fn count(&self) -> usize {
        usize::try_from(self.slots.get()).unwrap_or(usize::MAX)
    }
}

/// How long a slot or the lease of an assignment lasts unless its holder renews it. A dead worker delays others by no
/// more than that. A waiting worker looks every [`LEASE_POLL`], so the delay stays below 15 seconds.
pub const LEASE: SignedDuration = SignedDuration::from_secs(12);
/// A holder renews its lease before it sends a request or waits if less than this is left, that is, five seconds after
/// the last renewal. It covers the longest request and three seconds by which clocks may differ.
pub const LEASE_RENEWAL: SignedDuration = SignedDuration::from_secs(7);
/// The timeout of a request to Identity Center, so that no request outlives its lease.
pub const LONGEST_REQUEST: SignedDuration = SignedDuration::from_secs(4);
/// How often a worker looks whether a lease it waits for was renewed.
pub const LEASE_POLL: SignedDuration = SignedDuration::from_secs(2);

/// How much longer [`Urgency::Other`] may not use a slot whose holder died. The holder's change may still be under way
/// and counts against Identity Center's limit; it was begun at least [`LEASE_RENEWAL`] before the lease expired. More
/// urgent work does not wait: by default there are two slots fewer than the limit permits changes, and a change that
/// Identity Center refuses for being one too many is tried again.
const RECLAIM_DELAY: SignedDuration = SignedDuration::from_secs(20);

/// The slot table: all slots of one instance, in one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotTable {
    /// The ARN of the instance.
    pub instance_arn: String,
    /// The slots; the index is the slot's number.
    pub slots: Vec<Slot>,
    /// The wake-up counter: a worker that finds no slot free raises it, and the workers that hold one then do its work
    /// too.
    pub wakeups: u64,
    /// Raised with each change of the record.
    pub version: u64,
}

/// A slot of the slot table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// A random id of the worker run that holds it; `None` if it is free.
    #[serde(deserialize_with = "required")]
    pub holder: Option<Uuid>,
    /// When the holder's lease expires; for a free slot, the earliest time of its next request.
    pub until: Timestamp,
    /// The wake-up counter when the holder last began to look for due work.
    pub seen_wakeups: u64,
}

impl SlotTable {
    /// A slot table that was never used.
    #[must_use]
    pub fn new(instance_arn: String) -> Self {
        Self { instance_arn, slots: Vec::new(), wakeups: 0, version: 0 }
    }

    /// Takes a slot if one is free for this urgency. Returns its number and the earliest time of its next request.
    pub fn take(
        &mut self,
        quota: &Quota,
        urgency: Urgency,
        holder: Uuid,
        now: Timestamp,
    ) -> Option<(usize, Timestamp)> {
        // The number of slots may have been changed since the table was written.
        self.slots.resize(quota.count(), Slot { holder: None, until: Timestamp::UNIX_EPOCH, seen_wakeups: 0 });
        let soon = now + quota.window();
        let rest = if urgency == Urgency::Other { RECLAIM_DELAY } else { SignedDuration::ZERO };
        let is_free = |slot: &Slot| if slot.holder.is_some() { slot.until + rest <= now } else { slot.until <= soon };
        let first = if urgency == Urgency::Other { quota.reserved() } else { 0 };
        // From the last one down, so that urgent work takes the reserved slots last.
        let (number, slot) = self.slots.iter_mut().enumerate().skip(first).rfind(|(_, slot)| is_free(slot))?;
        let from = slot.until;
        *slot = Slot { holder: Some(holder), until: now + LEASE, seen_wakeups: self.wakeups };
        Some((number, from))
    }

    /// Whether the slot with this number may be used for work of this urgency.
    #[must_use]
    pub fn may_serve(quota: &Quota, number: usize, urgency: Urgency) -> bool {
        urgency != Urgency::Other || number >= quota.reserved()
    }

    /// Notifies the holders of due work by raising the wake-up counter. Returns whether the table has to be written: it
    /// does not if no holder has looked for due work since the counter was last raised, since all of them will find it.
    pub fn notify_holders(&mut self, now: Timestamp) -> bool {
        let all_will_look = self.holders(now).all(|slot| slot.seen_wakeups < self.wakeups);
        if !all_will_look {
            self.wakeups += 1;
        }
        !all_will_look
    }

    /// Whether some holder has not renewed its slot since `earlier` was read, so that it may be dead.
    #[must_use]
    pub fn has_unresponsive_holder(&self, earlier: &Self) -> bool {
        let mut slots = self.slots.iter().zip(&earlier.slots);
        slots.any(|(slot, before)| slot.holder.is_some() && (slot.holder, slot.until) == (before.holder, before.until))
    }

    fn holders(&self, now: Timestamp) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(move |slot| slot.holder.is_some() && now < slot.until)
    }

    /// Whether the wake-up counter was raised since this holder last began to look for due work.
    #[must_use]
    pub fn has_wakeup(&self, number: usize, holder: Uuid) -> bool {
        self.slots.get(number).is_some_and(|slot| slot.holder == Some(holder) && slot.seen_wakeups < self.wakeups)
    }

    /// Records that a holder begins to look for due work.
    pub fn acknowledge(&mut self, number: usize, holder: Uuid) {
        let wakeups = self.wakeups;
        if let Some(slot) = self.of(number, holder) {
            slot.seen_wakeups = wakeups;
        }
    }

    /// Renews a slot. Returns whether the holder still had it.
    pub fn renew(&mut self, number: usize, holder: Uuid, now: Timestamp) -> bool {
        self.of(number, holder).map(|slot| slot.until = now + LEASE).is_some()
    }

    /// Frees a slot, to be used again from `from` on. Returns whether the holder still had it; if not, nothing changes.
    pub fn release(&mut self, number: usize, holder: Uuid, from: Timestamp) -> bool {
        self.of(number, holder).map(|slot| (slot.holder, slot.until) = (None, from)).is_some()
    }

    fn of(&mut self, number: usize, holder: Uuid) -> Option<&mut Slot> {
        self.slots.get_mut(number).filter(|slot| slot.holder == Some(holder))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const EIGHT: Quota =
        Quota { slots: NonZeroU32::new(8).unwrap(), requests_per_second: NonZeroU32::new(16).unwrap() };
    const ALICE: Uuid = Uuid::from_u128(1);
    const BOB: Uuid = Uuid::from_u128(2);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn slots() -> SlotTable {
        SlotTable::new("arn:aws:sso:::instance/ssoins-0".to_owned())
    }

    fn taken(slots: &mut SlotTable, urgency: Urgency, now: Timestamp) -> Vec<usize> {
        std::iter::from_fn(|| slots.take(&EIGHT, urgency, ALICE, now)).map(|(number, _)| number).collect()
    }

    #[test]
    fn a_quarter_is_kept_for_what_is_urgent() {
        let mut slots = slots();
        assert_eq!(taken(&mut slots, Urgency::Other, at(0)), [7, 6, 5, 4, 3, 2]);
        assert_eq!(taken(&mut slots, Urgency::Ending, at(0)), [1, 0]);
        assert_eq!(taken(&mut slots, Urgency::BreakGlass, at(0)), [0_usize; 0]);
        assert!(
            SlotTable::may_serve(&EIGHT, 1, Urgency::BreakGlass) && !SlotTable::may_serve(&EIGHT, 1, Urgency::Other)
        );
    }

    #[test]
    fn the_only_slot_is_for_everything() {
        let one = Quota { slots: NonZeroU32::MIN, ..EIGHT };
        assert_eq!(slots().take(&one, Urgency::Other, ALICE, at(0)).map(|(number, _)| number), Some(0));
    }

    #[test]
    fn what_is_given_back_is_free_and_rests_first() {
        let mut slots = slots();
        taken(&mut slots, Urgency::Ending, at(0));
        assert!(slots.release(3, ALICE, at(10)));
        assert_eq!(slots.take(&EIGHT, Urgency::Ending, BOB, at(8)), None, "not yet");
        assert_eq!(slots.take(&EIGHT, Urgency::Ending, BOB, at(9)), Some((3, at(10))), "within its request rate");
        assert!(!slots.release(3, ALICE, at(11)), "another worker holds it now");
    }

    #[test]
    fn a_slot_whose_holder_is_silent_is_taken_and_its_holder_finds_out() {
        let mut slots = slots();
        taken(&mut slots, Urgency::Ending, at(0));
        assert!(slots.renew(7, ALICE, at(11)));
        assert_eq!(slots.take(&EIGHT, Urgency::Ending, BOB, at(11)), None, "held to the end of the lease");
        let (number, _) = slots.take(&EIGHT, Urgency::Ending, BOB, at(12)).unwrap();
        assert_eq!(number, 6, "the last expired slot; the renewed one is held");
        assert!(!slots.renew(6, ALICE, at(12)) && !slots.release(6, ALICE, at(12)));
        assert!(slots.renew(6, BOB, at(13)));
    }

    /// Every holder at the time of a notification sees it, and it costs a write only if a holder would miss it.
    #[test]
    fn a_word_is_left_for_those_who_would_not_look_by_themselves() {
        let mut slots = slots();
        taken(&mut slots, Urgency::Ending, at(0));
        assert!(!slots.has_wakeup(0, ALICE));
        assert!(slots.notify_holders(at(1)) && slots.has_wakeup(0, ALICE) && slots.has_wakeup(7, ALICE));
        assert!(!slots.notify_holders(at(1)), "no holder has looked since");
        slots.acknowledge(0, ALICE);
        assert!(!slots.has_wakeup(0, ALICE) && slots.has_wakeup(7, ALICE));
        assert!(slots.notify_holders(at(2)) && slots.has_wakeup(0, ALICE), "one holder looked, and may have missed it");
        assert!(slots.release(0, ALICE, at(2)) && !slots.has_wakeup(0, ALICE));
        slots.take(&EIGHT, Urgency::Ending, BOB, at(2)).unwrap();
        assert!(!slots.has_wakeup(0, BOB), "a later holder does not see an earlier notification");
        assert!(slots.notify_holders(at(13)) && slots.has_wakeup(0, BOB), "expired holders do not count");
    }

    #[test]
    fn with_fewer_slots_than_before_the_rest_is_nobodys() {
        let mut slots = slots();
        taken(&mut slots, Urgency::Ending, at(0));
        let two = Quota { slots: NonZeroU32::new(2).unwrap(), ..EIGHT };
        assert_eq!(slots.take(&two, Urgency::Ending, BOB, at(12)).map(|(number, _)| number), Some(1));
        assert!(!slots.renew(7, ALICE, at(12)));
    }

    #[test]
    fn a_dead_holders_slot_rests_before_it_is_used_for_ordinary_access() {
        let mut slots = slots();
        taken(&mut slots, Urgency::Ending, at(0));
        assert_eq!(slots.take(&EIGHT, Urgency::Other, BOB, at(31)), None);
        assert_eq!(slots.take(&EIGHT, Urgency::Other, BOB, at(32)).map(|(number, _)| number), Some(7));
        assert_eq!(slots.take(&EIGHT, Urgency::BreakGlass, BOB, at(12)).map(|(number, _)| number), Some(6));
    }

    #[test]
    fn a_holder_that_renews_is_not_silent() {
        let mut slots = SlotTable::new("arn:aws:sso:::instance/ssoins-0".to_owned());
        let two = Quota { slots: NonZeroU32::new(2).unwrap(), ..EIGHT };
        while slots.take(&two, Urgency::Ending, ALICE, at(0)).is_some() {}
        let earlier = slots.clone();
        assert!(slots.has_unresponsive_holder(&earlier));
        assert!(slots.renew(0, ALICE, at(4)) && slots.has_unresponsive_holder(&earlier), "the other");
        assert!(slots.release(1, ALICE, at(4)) && !slots.has_unresponsive_holder(&earlier));
    }

    /// A request that is sent with just enough of the lease left ends before the lease, by clocks that differ by three
    /// seconds.
    #[test]
    fn no_request_outlives_its_lease() {
        assert!(LEASE_RENEWAL >= LONGEST_REQUEST + SignedDuration::from_secs(3));
        assert!(LEASE - LEASE_RENEWAL >= LEASE / 3, "a lease is not renewed more often than that");
        assert!(LEASE + LEASE_POLL < SignedDuration::from_secs(15));
    }

    /// Identity Center's limits are ten changes at once and twenty requests a second.
    #[test]
    fn all_slots_together_stay_within_the_rate() {
        for slots in 1..=10 {
            for requests_per_second in 1..=20 {
                let quota = Quota {
                    slots: NonZeroU32::new(slots).unwrap(),
                    requests_per_second: NonZeroU32::new(requests_per_second).unwrap(),
                };
                let rate = f64::from(REQUESTS_A_WINDOW * slots) / quota.window().as_secs_f64();
                assert!(rate <= 20.0 && rate >= f64::from(requests_per_second), "{quota:?}: {rate}");
            }
        }
        assert_eq!(EIGHT.window(), Duration::from_secs(1));
    }
}
