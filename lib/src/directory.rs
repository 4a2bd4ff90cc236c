//! The changes to a directory that follow from a full read of one kind.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::domain::{AwsResource, Person, ResourceRef};

/// An entry of the directory that AWS has or had.
pub trait Tracked: Clone {
    /// The type of its identity.
    type Key: Ord + Clone;

    /// Its identity, which stays the same when other fields change.
    fn key(&self) -> Self::Key;

    /// Since when it is missing, and since when it is gone; each `None` if it is not.
    fn absence(&mut self) -> (&mut Option<Timestamp>, &mut Option<Timestamp>);

    /// Whether it is gone.
    fn is_gone(&self) -> bool;

    /// The entry as read now, with the fields that the read does not contain taken from the stored one.
    #[must_use]
    fn merged(self, known: &Self) -> Self;

    /// Whether it equals the stored entry, apart from the time of the read.
    fn is_same(&self, known: &Self) -> bool;
}

impl Tracked for AwsResource {
    type Key = ResourceRef;

    fn key(&self) -> ResourceRef {
        self.resource.clone()
    }

    fn absence(&mut self) -> (&mut Option<Timestamp>, &mut Option<Timestamp>) {
        (&mut self.missing_since, &mut self.gone_at)
    }

    fn is_gone(&self) -> bool {
        self.gone_at.is_some()
    }

    fn merged(self, known: &Self) -> Self {
        let kept = known.clone();
        Self { rank: kept.rank, tags: kept.tags, metadata: kept.metadata, ..self }
    }

    fn is_same(&self, known: &Self) -> bool {
        *self == Self { last_synced_at: self.last_synced_at, ..known.clone() }
    }
}

impl Tracked for Person {
    type Key = String;

    fn key(&self) -> String {
        self.user_id.clone()
    }

    fn absence(&mut self) -> (&mut Option<Timestamp>, &mut Option<Timestamp>) {
        (&mut self.missing_since, &mut self.gone_at)
    }

    fn is_gone(&self) -> bool {
        self.gone_at.is_some()
    }

    fn merged(self, _: &Self) -> Self {
        self
    }

    fn is_same(&self, known: &Self) -> bool {
        self == known
    }
}

/// The result of a comparison: what has to be written, and what is held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference<T> {
    /// Stored and found with changes; in the order they were found.
    pub changed: Vec<T>,
    /// Found, and not stored or marked as gone before; in the order they were found.
    pub added: Vec<T>,
    /// Not found by this read, but by the one before it.
    pub missing: Vec<T>,
    /// Not found by this read nor by the one before it: marked as gone now.
    pub gone: Vec<T>,
    /// Not found by both reads, but too many at once to be marked as gone. They stay as they are.
    pub held_back: Vec<T>,
}

/// Compares the stored entries of one kind with a full read.
///
/// An entry that AWS reports as ended (`ended`: closed accounts) is gone at once. An entry that is merely not found is
/// gone after two full reads in a row did not find it. If that would be more than a tenth of all entries, or if a read
/// found nothing at all, it is probably an error and is held back until an administrator confirms it with
/// `accepts_loss`. A single entry may always go.
pub fn compare<'a, T: Tracked + 'a>(
    known: impl IntoIterator<Item = &'a T>,
    found: Vec<T>,
    ended: &BTreeSet<T::Key>,
    accepts_loss: bool,
    now: Timestamp,
) -> Difference<T> {
    let mut known: BTreeMap<T::Key, &T> = known.into_iter().map(|known| (known.key(), known)).collect();
    let live = known.values().filter(|known| !known.is_gone()).count();
    let found_any = !found.is_empty();
    let (mut changed, mut added) = (Vec::new(), Vec::new());
    for found in found {
        match known.remove(&found.key()) {
            Some(known) if known.is_gone() => added.push(found.merged(known)),
            Some(known) => {
                let found = found.merged(known);
                if !found.is_same(known) {
                    changed.push(found);
                }
            }
            None => added.push(found),
        }
    }
    let (mut missing, mut gone, mut lost) = (Vec::new(), Vec::new(), Vec::new());
    for absent in known.into_values().filter(|known| !known.is_gone()) {
        let has_ended = ended.contains(&absent.key());
        let mut absent = absent.clone();
        let (missing_since, gone_at) = absent.absence();
        if has_ended {
            *gone_at = Some(now);
            gone.push(absent);
        } else if missing_since.is_some() {
            lost.push(absent);
        } else {
            *missing_since = Some(now);
            missing.push(absent);
        }
    }
    if !accepts_loss && is_too_much(lost.len(), live, found_any) {
        return Difference { changed, added, missing, gone, held_back: lost };
    }
    for mut lost in lost {
        *lost.absence().1 = Some(now);
        gone.push(lost);
    }
    Difference { changed, added, missing, gone, held_back: Vec::new() }
}

fn is_too_much(lost: usize, live: usize, found_any: bool) -> bool {
    lost > 0 && (!found_any || lost > (live / 10).max(1))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn accounts(ids: std::ops::Range<u64>) -> Vec<AwsResource> {
        ids.map(|id| AwsResource::account(&format!("{id:012}"), "name", "r-ab12", at(0)).unwrap()).collect()
    }

    /// Whether `lost` of `live` entries are marked as gone when both reads found the rest.
    fn go(lost: u64, live: u64) -> bool {
        let mut known = accounts(0..live);
        let found = || accounts(lost..live);
        for absent in compare(&known, found(), &BTreeSet::new(), false, at(1)).missing {
            let place = known.iter().position(|known| known.resource == absent.resource).unwrap();
            known[place] = absent;
        }
        let second = compare(&known, found(), &BTreeSet::new(), false, at(2));
        assert_eq!(second.gone.len() + second.held_back.len(), usize::try_from(lost).unwrap());
        second.held_back.is_empty()
    }

    #[test]
    fn a_tenth_may_go_at_once_and_one_of_few() {
        for (lost, live) in [(1, 2), (1, 3), (1, 10), (1, 19), (2, 20), (10, 100)] {
            assert!(go(lost, live), "{lost} of {live}");
        }
        for (lost, live) in [(1, 1), (2, 2), (2, 3), (2, 19), (3, 20), (11, 100), (100, 100)] {
            assert!(!go(lost, live), "{lost} of {live}");
        }
    }

    #[test]
    fn an_administrator_may_accept_a_loss() {
        let mut known = accounts(0..3);
        for known in &mut known {
            known.missing_since = Some(at(1));
        }
        let accepted = compare(&known, Vec::new(), &BTreeSet::new(), true, at(2));
        assert_eq!((accepted.gone.len(), accepted.held_back.len()), (3, 0));
        assert_eq!(accepted.gone[0].gone_at, Some(at(2)));
    }

    #[test]
    fn what_is_found_again_is_not_missing_and_what_was_gone_is_new() {
        let mut known = accounts(0..2);
        known[0].missing_since = Some(at(1));
        (known[1].missing_since, known[1].gone_at, known[1].rank) = (Some(at(1)), Some(at(2)), Some(7));
        let found = compare(&known, accounts(0..2), &BTreeSet::new(), false, at(3));
        assert_eq!((found.changed.len(), found.changed[0].missing_since), (1, None));
        assert_eq!((found.added.len(), found.added[0].gone_at, found.added[0].rank), (1, None, Some(7)));
        assert_eq!(found.gone.len() + found.missing.len(), 0);
    }

    #[test]
    fn a_read_that_finds_what_is_known_changes_nothing() {
        let known = accounts(0..20);
        let again = compare(&known, accounts(0..20), &BTreeSet::new(), false, at(9));
        let nothing = Difference { changed: vec![], added: vec![], missing: vec![], gone: vec![], held_back: vec![] };
        assert_eq!(again, nothing);
    }

    #[test]
    fn closed_accounts_are_gone_at_once_however_many() {
        let known = accounts(0..3);
        let closed = known.iter().map(|known| known.resource.clone()).collect();
        assert_eq!(compare(&known, Vec::new(), &closed, false, at(1)).gone.len(), 3);
    }
}
