//! A worker run: it takes a slot at Identity Center when it needs one, and keeps to the slot's request rate.
//!
//! [`WorkerRun::center`] is the only way to Identity Center. It waits until the slot permits the next request, and
//! fails if another worker took the slot over. A process may die between any two lines: at worst its slot stays taken
//! until the slot's lease expires.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::context::{WorkerError, Workers};
use crate::app::Backoff;
use crate::aws::identity_center::{IdentityCenter, IdentityCenterError};
use crate::domain::{LEASE, LEASE_POLL, LEASE_RENEWAL, SlotTable, Urgency};
use crate::store::CommitError;

/// How long a worker run takes on further due work. The rest of the five minutes until Lambda ends it is for finishing
/// the last change.
const LENGTH: SignedDuration = SignedDuration::from_mins(4);
/// How long a run keeps the session duration it read of a permission set.
const SESSIONS_KEPT: SignedDuration = SignedDuration::from_mins(1);
/// How many times Identity Center is asked for a session duration before the run continues without it.
const ASKED: usize = 3;

/// One invocation of a worker.
pub(crate) struct WorkerRun<'a> {
    workers: &'a Workers,
    /// True while the run does the work it was called for; false when it takes on further due work.
    pub(crate) called: bool,
    ends_at: Timestamp,
    slot: Option<Held>,
    sessions: BTreeMap<String, (Timestamp, SignedDuration)>,
}

/// A slot that this run took, and has not been seen to lose.
#[derive(Debug, Clone)]
struct Held {
    number: usize,
    holder: Uuid,
    until: Timestamp,
    pace: Pace,
}

/// When the last two requests were made: [`crate::domain::REQUESTS_A_WINDOW`] limits them.
#[derive(Debug, Clone)]
struct Pace {
    before_last: Timestamp,
    last: Timestamp,
}

impl<'a> WorkerRun<'a> {
    /// A run that begins now, with the work it was called for.
    pub(crate) fn new(workers: &'a Workers) -> Self {
        let ends_at = workers.now() + LENGTH;
        Self { workers, called: true, ends_at, slot: None, sessions: BTreeMap::new() }
    }

    /// Whether the run may take on more work.
    pub(crate) fn has_time(&self) -> bool {
        self.workers.now() < self.ends_at
    }

    /// The number of the slot it holds; `None` if it holds none.
    pub(crate) fn number(&self) -> Option<usize> {
        self.slot.as_ref().map(|slot| slot.number)
    }

    /// Takes a slot that may serve this urgency, unless the run holds one already. Returns whether it now holds a
    /// suitable slot. If none is free and `notifies` is set, it notifies the workers that hold one; the work must be
    /// due by then, or they would not find it.
    pub(crate) async fn take(&mut self, urgency: Urgency, notifies: bool) -> Result<bool, WorkerError> {
        let quota = &self.workers.quota;
        if let Some(slot) = &self.slot {
            return Ok(SlotTable::may_serve(quota, slot.number, urgency));
        }
        let holder = self.workers.ids.uuid();
        let taken = self
            .workers
            .change_slots(|slots, now| {
                let taken = slots.take(quota, urgency, holder, now);
                (taken.is_some() || (notifies && slots.notify_holders(now))).then_some(taken.map(|slot| (slot, now)))
            })
            .await?;
        self.slot = taken.flatten().map(|((number, from), now)| {
            let last = from - quota.window();
            Held { number, holder, until: now + LEASE, pace: Pace { before_last: last, last } }
        });
        Ok(self.slot.is_some())
    }

    /// Waits for a slot while some holder has not renewed its lease. A live holder renews every few seconds and does
    /// the due work itself; the slot of a dead one becomes free when its lease expires. Returns whether the run now
    /// holds a slot.
    pub(crate) async fn reclaim(&mut self, urgency: Urgency) -> Result<bool, WorkerError> {
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

    /// How long to wait until the slot's request rate permits the next request.
    pub(crate) fn until_next_request(&self) -> Duration {
        let Some(slot) = &self.slot else { return Duration::ZERO };
        let at = slot.pace.before_last + self.workers.quota.window();
        Duration::try_from(at.duration_since(self.workers.now())).unwrap_or_default()
    }

    /// Identity Center, as soon as the slot permits a request.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Busy`] if the run holds no slot, or another worker took it over.
    pub(crate) async fn center(&mut self) -> Result<&'a IdentityCenter, WorkerError> {
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

    /// Renews the slot's lease if the run holds a slot and little of the lease is left.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Busy`] if another worker took the slot over.
    pub(crate) async fn renew(&mut self) -> Result<(), WorkerError> {
        match &self.slot {
            Some(slot) if slot.until.duration_since(self.workers.now()) < LEASE_RENEWAL => self.keep().await,
            Some(_) | None => Ok(()),
        }
    }

    /// How long to wait before asking for the progress of a change that was begun. It is shorter for the work a worker
    /// was called for, since somebody may be waiting. For further work, an early question uses up a request that the
    /// next change needs.
    pub(crate) fn pause(&self) -> Duration {
        let window = self.workers.quota.window();
        if self.called { window / 2 } else { window }
    }

    async fn keep(&mut self) -> Result<(), WorkerError> {
        let Some(slot) = self.slot.take() else { return Err(WorkerError::Busy) };
        let renewed =
            self.workers.change_slots(|slots, now| slots.renew(slot.number, slot.holder, now).then_some(now)).await?;
        let until = renewed.ok_or(WorkerError::Busy)? + LEASE;
        self.slot = Some(Held { until, ..slot });
        Ok(())
    }

    /// Gives the slot back, unless `unless_wanted` is set and the run was notified of due work since it last looked.
    /// Returns whether it kept the slot.
    pub(crate) async fn give_back(&mut self, unless_wanted: bool) -> Result<bool, WorkerError> {
        let Some(last) = self.slot.as_ref().map(|slot| slot.pace.last) else { return Ok(false) };
        self.give_back_from(last + self.workers.quota.window(), unless_wanted).await
    }

    /// Whether the run was notified of due work since it last looked.
    pub(crate) async fn has_wakeup(&self) -> Result<bool, WorkerError> {
        let Some(slot) = &self.slot else { return Ok(false) };
        Ok(self.workers.slots().await?.has_wakeup(slot.number, slot.holder))
    }

    /// Gives the slot back, to be used again after `rest`: a change that was begun under it may still be under way.
    pub(crate) async fn give_back_unfinished(&mut self, rest: SignedDuration) {
        let from = self.workers.now() + rest;
        if let Err(error) = self.give_back_from(from, false).await {
            tracing::warn!(cause = %error, "could not release the slot; its lease will expire");
        }
    }

    async fn give_back_from(&mut self, from: Timestamp, unless_wanted: bool) -> Result<bool, WorkerError> {
        let Some(slot) = self.slot.take() else { return Ok(false) };
        let wanted = self
            .workers
            .change_slots(|slots, _| {
                let wanted = unless_wanted && slots.has_wakeup(slot.number, slot.holder);
                if wanted {
                    slots.acknowledge(slot.number, slot.holder);
                    return Some(true);
                }
                slots.release(slot.number, slot.holder, from).then_some(false)
            })
            .await?
            .unwrap_or(false);
        self.slot = wanted.then_some(slot);
        Ok(wanted)
    }

    /// How long sessions of a permission set last; `None` if Identity Center does not answer.
    pub(crate) async fn session_duration(
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

    /// Changes the slot table. `change` returns `None` if there is nothing to write. Every worker writes this one item,
    /// and hundreds may start in the same second: who is overtaken waits before the next attempt.
    async fn change_slots<T>(
        &self,
        change: impl Fn(&mut SlotTable, Timestamp) -> Option<T>,
    ) -> Result<Option<T>, WorkerError> {
        let mut backoff = Backoff::new(&self.clock, &self.ids);
        loop {
            let mut slots = self.slots().await?;
            let Some(changed) = change(&mut slots, self.now()) else { return Ok(None) };
            match self.table.put_slots(&slots).await {
                Ok(()) => return Ok(Some(changed)),
                Err(CommitError::Conflict) => backoff.wait().await?,
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
    }
}
