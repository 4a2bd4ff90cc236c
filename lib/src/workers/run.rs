//! A worker's time at work: it takes a slot at Identity Center when it needs one, and keeps to its pace.
//!
//! Identity Center is reached through [`WorkerRun::center`] only, which waits until the slot permits the next request, and fails
//! if the slot went to somebody else. A process may die between any two lines: at worst a slot stays taken for as long as
//! its lease.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::context::{ATTEMPTS, WorkerError, Workers};
use crate::domain::{LEASE, LEASE_POLL, LEASE_RENEWAL, SlotTable, Urgency};
use crate::identity_center::{IdentityCenter, IdentityCenterError};
use crate::store::CommitError;

/// How long a worker goes on with the work of others. It leaves time for the last of it before Lambda ends it after five
/// minutes.
const LENGTH: SignedDuration = SignedDuration::from_mins(4);
/// How long the length of a permission set's sessions is remembered.
const SESSIONS_KEPT: SignedDuration = SignedDuration::from_mins(1);
/// How often Identity Center is asked for it.
const ASKED: usize = 3;

/// A worker's time at work.
pub(super) struct WorkerRun<'a> {
    workers: &'a Workers,
    /// Whether it is at what it was called for, or goes on with what others left.
    pub(super) called: bool,
    ends_at: Timestamp,
    slot: Option<Held>,
    sessions: BTreeMap<String, (Timestamp, SignedDuration)>,
}

/// A slot that is ours, as far as we know.
#[derive(Debug, Clone)]
struct Held {
    number: usize,
    holder: Uuid,
    until: Timestamp,
    pace: Pace,
}

/// When the last two requests were made: what [`crate::domain::REQUESTS_A_WINDOW`] is about.
#[derive(Debug, Clone)]
struct Pace {
    before_last: Timestamp,
    last: Timestamp,
}

impl<'a> WorkerRun<'a> {
    /// One that begins now, with what the worker was called for.
    pub(super) fn new(workers: &'a Workers) -> Self {
        let ends_at = workers.now() + LENGTH;
        Self { workers, called: true, ends_at, slot: None, sessions: BTreeMap::new() }
    }

    /// Whether there is time for more.
    pub(super) fn has_time(&self) -> bool {
        self.workers.now() < self.ends_at
    }

    /// The number of the slot it has.
    pub(super) fn number(&self) -> Option<usize> {
        self.slot.as_ref().map(|slot| slot.number)
    }

    /// Sees to it that there is a slot for what is that urgent. Returns whether there is; if not, and `notifies`, those
    /// who have one know that something is due, which it must be by now.
    pub(super) async fn take(&mut self, urgency: Urgency, notifies: bool) -> Result<bool, WorkerError> {
        let quota = &self.workers.quota;
        if let Some(slot) = &self.slot {
            return Ok(SlotTable::may_serve(quota, slot.number, urgency));
        }
        let holder = self.workers.ids.uuid();
        for _ in 0..ATTEMPTS {
            let mut slots = self.workers.slots().await?;
            let now = self.workers.now();
            let taken = slots.take(quota, urgency, holder, now);
            if taken.is_none() && !(notifies && slots.notify_holders(now)) {
                return Ok(false);
            }
            match self.workers.table.put_slots(&slots).await {
                Ok(()) => {
                    self.slot = taken.map(|(number, from)| {
                        let last = from - quota.window();
                        Held { number, holder, until: now + LEASE, pace: Pace { before_last: last, last } }
                    });
                    return Ok(self.slot.is_some());
                }
                Err(CommitError::Conflict) => {}
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    /// Waits for a slot as long as some holder shows no sign of life: a live one renews its slot every few seconds, and does
    /// what was left to it; the slot of a dead one is free when its lease runs out. Returns whether there is a slot.
    pub(super) async fn reclaim(&mut self, urgency: Urgency) -> Result<bool, WorkerError> {
        let first = self.workers.slots().await?;
        let mut slots = first.clone();
        while slots.has_unresponsive_holder(&first) {
            self.workers.clock.sleep(LEASE_POLL.unsigned_abs()).await;
            if self.take(urgency, false).await? {
                return Ok(true);
            }
            slots = self.workers.slots().await?;
        }
        Ok(false)
    }

    /// How long until the pace of the slot permits the next request.
    pub(super) fn until_next_request(&self) -> Duration {
        let Some(slot) = &self.slot else { return Duration::ZERO };
        let at = slot.pace.before_last + self.workers.quota.window();
        Duration::try_from(at.duration_since(self.workers.now())).unwrap_or_default()
    }

    /// Identity Center, as soon as the slot permits a request.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Busy`] without a slot, or when it went to somebody else.
    pub(super) async fn center(&mut self) -> Result<&'a IdentityCenter, WorkerError> {
        let workers = self.workers;
        loop {
            self.renew().await?;
            let wait = self.until_next_request();
            if wait.is_zero() {
                break;
            }
            workers.clock.sleep(wait.min((LEASE / 3).unsigned_abs())).await;
        }
        let Some(slot) = &mut self.slot else { return Err(WorkerError::Busy) };
        slot.pace = Pace { before_last: slot.pace.last, last: workers.now() };
        Ok(&workers.identity_center)
    }

    /// Renews the slot, if there is one and little of its lease is left.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Busy`] when it went to somebody else.
    pub(super) async fn renew(&mut self) -> Result<(), WorkerError> {
        match &self.slot {
            Some(slot) if slot.until.duration_since(self.workers.now()) < LEASE_RENEWAL => self.keep().await,
            Some(_) | None => Ok(()),
        }
    }

    /// How long to leave a change alone that was begun. Somebody may be waiting for what a worker was called for; for the
    /// rest, a look that comes early is a request less for the next change.
    pub(super) fn pause(&self) -> Duration {
        let window = self.workers.quota.window();
        if self.called { window / 2 } else { window }
    }

    async fn keep(&mut self) -> Result<(), WorkerError> {
        let Some(mut slot) = self.slot.take() else { return Err(WorkerError::Busy) };
        for _ in 0..ATTEMPTS {
            let mut slots = self.workers.slots().await?;
            let now = self.workers.now();
            if !slots.renew(slot.number, slot.holder, now) {
                return Err(WorkerError::Busy);
            }
            match self.workers.table.put_slots(&slots).await {
                Ok(()) => {
                    slot.until = now + LEASE;
                    self.slot = Some(slot);
                    return Ok(());
                }
                Err(CommitError::Conflict) => {}
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }

    /// Gives the slot back. If word was left that something is due since we last looked, and `unless_wanted`, it is kept.
    /// Returns whether it was.
    pub(super) async fn give_back(&mut self, unless_wanted: bool) -> Result<bool, WorkerError> {
        let Some(last) = self.slot.as_ref().map(|slot| slot.pace.last) else { return Ok(false) };
        self.give_back_from(last + self.workers.quota.window(), unless_wanted).await
    }

    /// Whether word was left that something is due since we last looked.
    pub(super) async fn has_wakeup(&self) -> Result<bool, WorkerError> {
        let Some(slot) = &self.slot else { return Ok(false) };
        Ok(self.workers.slots().await?.has_wakeup(slot.number, slot.holder))
    }

    /// Gives the slot back to be used after `rest`: what was begun under it is not known to be over.
    pub(super) async fn give_back_unfinished(&mut self, rest: SignedDuration) {
        let from = self.workers.now() + rest;
        if let Err(error) = self.give_back_from(from, false).await {
            tracing::warn!(cause = %error, "a slot runs out instead of being given back");
        }
    }

    async fn give_back_from(&mut self, from: Timestamp, unless_wanted: bool) -> Result<bool, WorkerError> {
        let Some(slot) = self.slot.take() else { return Ok(false) };
        for _ in 0..ATTEMPTS {
            let mut slots = self.workers.slots().await?;
            let wanted = unless_wanted && slots.has_wakeup(slot.number, slot.holder);
            if wanted {
                slots.acknowledge(slot.number, slot.holder);
            } else if !slots.release(slot.number, slot.holder, from) {
                return Ok(false);
            }
            match self.workers.table.put_slots(&slots).await {
                Ok(()) => {
                    self.slot = wanted.then_some(slot);
                    return Ok(wanted);
                }
                Err(CommitError::Conflict) => {}
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }

    /// How long sessions of a permission set last; none if Identity Center does not say.
    pub(super) async fn session_duration(
        &mut self,
        permission_set_arn: &str,
    ) -> Result<Option<SignedDuration>, WorkerError> {
        let now = self.workers.now();
        if let Some((read_at, duration)) = self.sessions.get(permission_set_arn)
            && now.duration_since(*read_at) < SESSIONS_KEPT
        {
            return Ok(Some(*duration));
        }
        for _ in 0..ASKED {
            match self.center().await?.session_duration(permission_set_arn).await {
                Ok(duration) => {
                    self.sessions.insert(permission_set_arn.to_owned(), (now, duration));
                    return Ok(Some(duration));
                }
                Err(IdentityCenterError::NotFound(_) | IdentityCenterError::Invalid(_)) => return Ok(None),
                Err(
                    IdentityCenterError::Transient(_)
                    | IdentityCenterError::Unanswered(_)
                    | IdentityCenterError::Conflict,
                ) => {}
            }
        }
        Ok(None)
    }
}

impl Workers {
    async fn slots(&self) -> Result<SlotTable, WorkerError> {
        Ok(self.table.slots(self.identity_center.instance_arn()).await?)
    }
}
