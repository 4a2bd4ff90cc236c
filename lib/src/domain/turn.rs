//! Turns at an Identity Center instance: the right to change one assignment there, and to a share of its requests.
//!
//! Identity Center works on ten changes of assignments at once and takes twenty requests a second, all callers together
//! ("AWS IAM Identity Center quotas"). So there are fewer turns than ten, each has its share of fewer requests than
//! twenty, and nobody calls without one: no count has to be shared from call to call.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::stored::required;

/// How urgent what is to be done about a grant is. The more urgent comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Emergency access is to be given.
    BreakGlass,
    /// A grant is to be ended, or its access taken away.
    Ending,
    /// Everything else.
    Other,
}

impl Urgency {
    /// Every urgency, the most urgent first.
    pub const ALL: [Self; 3] = [Self::BreakGlass, Self::Ending, Self::Other];
}

/// How much of an instance's quotas stint uses; the rest is for people and other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Changes of assignments at once.
    pub turns: NonZeroU32,
    /// Requests a second, all turns together.
    pub requests_per_second: NonZeroU32,
}

/// A change takes two requests at least: to begin it, and to look whether it is done.
pub const REQUESTS_A_WINDOW: u32 = 2;

impl Quota {
    /// In each such length of time a turn makes [`REQUESTS_A_WINDOW`] requests at most.
    #[must_use]
    pub fn window(&self) -> Duration {
        let milliseconds = u64::from(REQUESTS_A_WINDOW) * 1000 * u64::from(self.turns.get());
        Duration::from_millis(milliseconds / u64::from(self.requests_per_second.get()))
    }

    /// How many turns are not for [`Urgency::Other`]: a quarter of them.
    fn reserved(&self) -> usize {
        self.count() / 4
    }

    /// How many turns there are.
    #[must_use]
    pub fn count(&self) -> usize {
        usize::try_from(self.turns.get()).unwrap_or(usize::MAX)
    }
}

/// How long a turn, or the lease of an assignment, lasts unless its holder renews it: as long as what a dead worker held
/// delays others. A worker that waits for it looks every [`LEASE_POLL`], so the delay stays below 15 seconds.
pub const LEASE: SignedDuration = SignedDuration::from_secs(12);
/// A holder with less than this left renews before it sends a request or waits: five seconds have gone by. It covers
/// the longest request and, beyond that, three seconds by which clocks may differ.
pub const LEASE_RENEWAL: SignedDuration = SignedDuration::from_secs(7);
/// How long a request to Identity Center takes at most: its client gives up then, so none outlives its lease.
pub const LONGEST_REQUEST: SignedDuration = SignedDuration::from_secs(4);
/// How often a worker looks whether a lease it waits for was renewed.
pub const LEASE_POLL: SignedDuration = SignedDuration::from_secs(2);

/// How much longer a turn whose holder died is not used for [`Urgency::Other`]. The change the holder had begun may still
/// be under way, and counts at Identity Center; it was begun at least [`LEASE_RENEWAL`] before the lease ran out. What is
/// urgent does not wait for it: the instance's limit has room for two changes more than there are turns by default, and a
/// change that is refused for being one too many is tried again.
const REST_OF_THE_DEAD: SignedDuration = SignedDuration::from_secs(20);

/// The turns at one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turns {
    /// The instance.
    pub instance_arn: String,
    /// Each by its number.
    pub turns: Vec<Turn>,
    /// Counts the words left by those who found no turn free. Whoever has a turn then, does that work too.
    pub words: u64,
    /// Counts the changes.
    pub version: u64,
}

/// One turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who holds it.
    #[serde(deserialize_with = "required")]
    pub holder: Option<Uuid>,
    /// Until when it is held; if nobody holds it, before when nothing is to be asked of the instance by it.
    pub until: Timestamp,
    /// How many words had been left when its holder last began to look for what is due.
    pub seen: u64,
}

impl Turns {
    /// Turns nobody ever held.
    #[must_use]
    pub fn new(instance_arn: String) -> Self {
        Self { instance_arn, turns: Vec::new(), words: 0, version: 0 }
    }

    /// Takes a turn, if one is free for what is that urgent: its number, and before when nothing is to be asked by it.
    pub fn take(
        &mut self,
        quota: &Quota,
        urgency: Urgency,
        holder: Uuid,
        now: Timestamp,
    ) -> Option<(usize, Timestamp)> {
        // A setting may have changed since they were written.
        self.turns.resize(quota.count(), Turn { holder: None, until: Timestamp::UNIX_EPOCH, seen: 0 });
        let soon = now + quota.window();
        let rest = if urgency == Urgency::Other { REST_OF_THE_DEAD } else { SignedDuration::ZERO };
        let is_free = |turn: &Turn| if turn.holder.is_some() { turn.until + rest <= now } else { turn.until <= soon };
        let first = if urgency == Urgency::Other { quota.reserved() } else { 0 };
        // The last first: what is urgent leaves the reserve alone as long as it can.
        let (number, turn) = self.turns.iter_mut().enumerate().skip(first).rfind(|(_, turn)| is_free(turn))?;
        let from = turn.until;
        *turn = Turn { holder: Some(holder), until: now + LEASE, seen: self.words };
        Some((number, from))
    }

    /// Whether a turn with that number may be used for what is that urgent.
    #[must_use]
    pub fn suits(quota: &Quota, number: usize, urgency: Urgency) -> bool {
        urgency != Urgency::Other || number >= quota.reserved()
    }

    /// Leaves word that something is due. Returns whether that takes a write: if all who have a turn have yet to look for
    /// what is due, they will find it.
    pub fn leave_word(&mut self, now: Timestamp) -> bool {
        let all_will_look = self.holders(now).all(|turn| turn.seen < self.words);
        if !all_will_look {
            self.words += 1;
        }
        !all_will_look
    }

    /// Whether some holder has not renewed its turn since `earlier` was read: it may be dead.
    #[must_use]
    pub fn has_silent_holder(&self, earlier: &Self) -> bool {
        let mut turns = self.turns.iter().zip(&earlier.turns);
        turns.any(|(turn, before)| turn.holder.is_some() && (turn.holder, turn.until) == (before.holder, before.until))
    }

    fn holders(&self, now: Timestamp) -> impl Iterator<Item = &Turn> {
        self.turns.iter().filter(move |turn| turn.holder.is_some() && now < turn.until)
    }

    /// Whether a word was left since a holder last looked.
    #[must_use]
    pub fn wants(&self, number: usize, holder: Uuid) -> bool {
        self.turns.get(number).is_some_and(|turn| turn.holder == Some(holder) && turn.seen < self.words)
    }

    /// Notes that a holder begins to look for what is due.
    pub fn look(&mut self, number: usize, holder: Uuid) {
        let words = self.words;
        if let Some(turn) = self.of(number, holder) {
            turn.seen = words;
        }
    }

    /// Holds a turn for longer. It fails if the lease ran out and somebody else took it.
    pub fn keep(&mut self, number: usize, holder: Uuid, now: Timestamp) -> bool {
        self.of(number, holder).map(|turn| turn.until = now + LEASE).is_some()
    }

    /// Gives a turn back, to be used by the next from then on. If somebody else took it meanwhile, it is left to them.
    pub fn give_back(&mut self, number: usize, holder: Uuid, from: Timestamp) -> bool {
        self.of(number, holder).map(|turn| (turn.holder, turn.until) = (None, from)).is_some()
    }

    fn of(&mut self, number: usize, holder: Uuid) -> Option<&mut Turn> {
        self.turns.get_mut(number).filter(|turn| turn.holder == Some(holder))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const EIGHT: Quota =
        Quota { turns: NonZeroU32::new(8).unwrap(), requests_per_second: NonZeroU32::new(16).unwrap() };
    const ALICE: Uuid = Uuid::from_u128(1);
    const BOB: Uuid = Uuid::from_u128(2);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn turns() -> Turns {
        Turns::new("arn:aws:sso:::instance/ssoins-0".to_owned())
    }

    fn taken(turns: &mut Turns, urgency: Urgency, now: Timestamp) -> Vec<usize> {
        std::iter::from_fn(|| turns.take(&EIGHT, urgency, ALICE, now)).map(|(number, _)| number).collect()
    }

    #[test]
    fn a_quarter_is_kept_for_what_is_urgent() {
        let mut turns = turns();
        assert_eq!(taken(&mut turns, Urgency::Other, at(0)), [7, 6, 5, 4, 3, 2]);
        assert_eq!(taken(&mut turns, Urgency::Ending, at(0)), [1, 0]);
        assert_eq!(taken(&mut turns, Urgency::BreakGlass, at(0)), [0_usize; 0]);
        assert!(Turns::suits(&EIGHT, 1, Urgency::BreakGlass) && !Turns::suits(&EIGHT, 1, Urgency::Other));
    }

    #[test]
    fn the_only_turn_is_for_everything() {
        let one = Quota { turns: NonZeroU32::MIN, ..EIGHT };
        assert_eq!(turns().take(&one, Urgency::Other, ALICE, at(0)).map(|(number, _)| number), Some(0));
    }

    #[test]
    fn what_is_given_back_is_free_and_rests_first() {
        let mut turns = turns();
        taken(&mut turns, Urgency::Ending, at(0));
        assert!(turns.give_back(3, ALICE, at(10)));
        assert_eq!(turns.take(&EIGHT, Urgency::Ending, BOB, at(8)), None, "not yet");
        assert_eq!(turns.take(&EIGHT, Urgency::Ending, BOB, at(9)), Some((3, at(10))), "within what its pace bears");
        assert!(!turns.give_back(3, ALICE, at(11)), "it is another's now");
    }

    #[test]
    fn a_turn_whose_holder_is_silent_is_taken_and_its_holder_finds_out() {
        let mut turns = turns();
        taken(&mut turns, Urgency::Ending, at(0));
        assert!(turns.keep(7, ALICE, at(11)));
        assert_eq!(turns.take(&EIGHT, Urgency::Ending, BOB, at(11)), None, "held to the end of the lease");
        let (number, _) = turns.take(&EIGHT, Urgency::Ending, BOB, at(12)).unwrap();
        assert_eq!(number, 6, "the last that ran out; the one that was kept is held");
        assert!(!turns.keep(6, ALICE, at(12)) && !turns.give_back(6, ALICE, at(12)));
        assert!(turns.keep(6, BOB, at(13)));
    }

    /// Each word is seen by everybody who has a turn when it is left, and costs a write only if somebody would miss it.
    #[test]
    fn a_word_is_left_for_those_who_would_not_look_by_themselves() {
        let mut turns = turns();
        taken(&mut turns, Urgency::Ending, at(0));
        assert!(!turns.wants(0, ALICE));
        assert!(turns.leave_word(at(1)) && turns.wants(0, ALICE) && turns.wants(7, ALICE));
        assert!(!turns.leave_word(at(1)), "nobody has looked since");
        turns.look(0, ALICE);
        assert!(!turns.wants(0, ALICE) && turns.wants(7, ALICE));
        assert!(turns.leave_word(at(2)) && turns.wants(0, ALICE), "one has, and might have passed it over");
        assert!(turns.give_back(0, ALICE, at(2)) && !turns.wants(0, ALICE));
        turns.take(&EIGHT, Urgency::Ending, BOB, at(2)).unwrap();
        assert!(!turns.wants(0, BOB), "who comes later does not look for what is old");
        assert!(turns.leave_word(at(13)) && turns.wants(0, BOB), "the silent do not count");
    }

    #[test]
    fn with_fewer_turns_than_before_the_rest_is_nobodys() {
        let mut turns = turns();
        taken(&mut turns, Urgency::Ending, at(0));
        let two = Quota { turns: NonZeroU32::new(2).unwrap(), ..EIGHT };
        assert_eq!(turns.take(&two, Urgency::Ending, BOB, at(12)).map(|(number, _)| number), Some(1));
        assert!(!turns.keep(7, ALICE, at(12)));
    }

    #[test]
    fn a_dead_holders_turn_rests_before_it_is_used_for_ordinary_access() {
        let mut turns = turns();
        taken(&mut turns, Urgency::Ending, at(0));
        assert_eq!(turns.take(&EIGHT, Urgency::Other, BOB, at(31)), None);
        assert_eq!(turns.take(&EIGHT, Urgency::Other, BOB, at(32)).map(|(number, _)| number), Some(7));
        assert_eq!(turns.take(&EIGHT, Urgency::BreakGlass, BOB, at(12)).map(|(number, _)| number), Some(6));
    }

    #[test]
    fn a_holder_that_renews_is_not_silent() {
        let mut turns = Turns::new("arn:aws:sso:::instance/ssoins-0".to_owned());
        let two = Quota { turns: NonZeroU32::new(2).unwrap(), ..EIGHT };
        while turns.take(&two, Urgency::Ending, ALICE, at(0)).is_some() {}
        let earlier = turns.clone();
        assert!(turns.has_silent_holder(&earlier));
        assert!(turns.keep(0, ALICE, at(4)) && turns.has_silent_holder(&earlier), "the other");
        assert!(turns.give_back(1, ALICE, at(4)) && !turns.has_silent_holder(&earlier));
    }

    /// A request that is sent with just enough left ends before the lease does, by clocks that differ by three seconds.
    #[test]
    fn no_request_outlives_its_lease() {
        assert!(LEASE_RENEWAL >= LONGEST_REQUEST + SignedDuration::from_secs(3));
        assert!(LEASE - LEASE_RENEWAL >= LEASE / 3, "nor is it renewed more often than that");
        assert!(LEASE + LEASE_POLL < SignedDuration::from_secs(15));
    }

    /// Identity Center's own are ten changes at once and twenty requests a second.
    #[test]
    fn all_turns_together_stay_within_the_rate() {
        for turns in 1..=10 {
            for requests_per_second in 1..=20 {
                let quota = Quota {
                    turns: NonZeroU32::new(turns).unwrap(),
                    requests_per_second: NonZeroU32::new(requests_per_second).unwrap(),
                };
                let rate = f64::from(REQUESTS_A_WINDOW * turns) / quota.window().as_secs_f64();
                assert!(rate <= 20.0 && rate >= f64::from(requests_per_second), "{quota:?}: {rate}");
            }
        }
        assert_eq!(EIGHT.window(), Duration::from_secs(1));
    }
}
