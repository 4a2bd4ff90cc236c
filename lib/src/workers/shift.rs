//! A worker's time at work: it takes a turn at Identity Center when it needs one, and keeps to its pace.
//!
//! Identity Center is reached through [`Shift::center`] only, which waits until the turn permits the next request, and fails
//! if the turn went to somebody else. A process may die between any two lines: at worst a turn stays taken for as long as
//! its lease.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::context::{ATTEMPTS, WorkerError, Workers};
use crate::domain::{LEASE, LEASE_POLL, LEASE_RENEWAL, Turns, Urgency};
use crate::identity_center::{Fault, IdentityCenter};
use crate::store::CommitError;

/// How long a worker goes on with the work of others. It leaves time for the last of it before Lambda ends it after five
/// minutes.
const LENGTH: SignedDuration = SignedDuration::from_mins(4);
/// How long the length of a permission set's sessions is remembered.
const SESSIONS_KEPT: SignedDuration = SignedDuration::from_mins(1);
/// How often Identity Center is asked for it.
const ASKED: usize = 3;

/// A worker's time at work.
pub(super) struct Shift<'a> {
    workers: &'a Workers,
    /// Whether it is at what it was called for, or goes on with what others left.
    pub(super) called: bool,
    ends_at: Timestamp,
    turn: Option<Held>,
    sessions: BTreeMap<String, (Timestamp, SignedDuration)>,
}

/// A turn that is ours, as far as we know.
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

impl<'a> Shift<'a> {
    /// One that begins now, with what the worker was called for.
    pub(super) fn new(workers: &'a Workers) -> Self {
        let ends_at = workers.now() + LENGTH;
        Self { workers, called: true, ends_at, turn: None, sessions: BTreeMap::new() }
    }

    /// Whether there is time for more.
    pub(super) fn goes_on(&self) -> bool {
        self.workers.now() < self.ends_at
    }

    /// The number of the turn it has.
    pub(super) fn number(&self) -> Option<usize> {
        self.turn.as_ref().map(|turn| turn.number)
    }

    /// Sees to it that there is a turn for what is that urgent. Returns whether there is; if not, and `leaves_word`, those
    /// who have one know that something is due, which it must be by now.
    pub(super) async fn take(&mut self, urgency: Urgency, leaves_word: bool) -> Result<bool, WorkerError> {
        let quota = &self.workers.quota;
        if let Some(turn) = &self.turn {
            return Ok(Turns::suits(quota, turn.number, urgency));
        }
        let holder = self.workers.ids.uuid();
        for _ in 0..ATTEMPTS {
            let mut turns = self.workers.turns().await?;
            let now = self.workers.now();
            let taken = turns.take(quota, urgency, holder, now);
            if taken.is_none() && !(leaves_word && turns.leave_word(now)) {
                return Ok(false);
            }
            match self.workers.table.put_turns(&turns).await {
                Ok(()) => {
                    self.turn = taken.map(|(number, from)| {
                        let last = from - quota.window();
                        Held { number, holder, until: now + LEASE, pace: Pace { before_last: last, last } }
                    });
                    return Ok(self.turn.is_some());
                }
                Err(CommitError::Conflict) => {}
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    /// Waits for a turn as long as some holder shows no sign of life: a live one renews its turn every few seconds, and does
    /// what was left to it; the turn of a dead one is free when its lease runs out. Returns whether there is a turn.
    pub(super) async fn take_from_the_dead(&mut self, urgency: Urgency) -> Result<bool, WorkerError> {
        let first = self.workers.turns().await?;
        let mut turns = first.clone();
        while turns.has_silent_holder(&first) {
            self.workers.clock.sleep(LEASE_POLL.unsigned_abs()).await;
            if self.take(urgency, false).await? {
                return Ok(true);
            }
            turns = self.workers.turns().await?;
        }
        Ok(false)
    }

    /// How long until the pace of the turn permits the next request.
    pub(super) fn until_next_request(&self) -> Duration {
        let Some(turn) = &self.turn else { return Duration::ZERO };
        let at = turn.pace.before_last + self.workers.quota.window();
        Duration::try_from(at.duration_since(self.workers.now())).unwrap_or_default()
    }

    /// Identity Center, as soon as the turn permits a request.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Busy`] without a turn, or when it went to somebody else.
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
        let Some(turn) = &mut self.turn else { return Err(WorkerError::Busy) };
        turn.pace = Pace { before_last: turn.pace.last, last: workers.now() };
        Ok(&workers.identity_center)
    }

    /// Renews the turn, if there is one and little of its lease is left.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Busy`] when it went to somebody else.
    pub(super) async fn renew(&mut self) -> Result<(), WorkerError> {
        match &self.turn {
            Some(turn) if turn.until.duration_since(self.workers.now()) < LEASE_RENEWAL => self.keep().await,
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
        let Some(mut turn) = self.turn.take() else { return Err(WorkerError::Busy) };
        for _ in 0..ATTEMPTS {
            let mut turns = self.workers.turns().await?;
            let now = self.workers.now();
            if !turns.keep(turn.number, turn.holder, now) {
                return Err(WorkerError::Busy);
            }
            match self.workers.table.put_turns(&turns).await {
                Ok(()) => {
                    turn.until = now + LEASE;
                    self.turn = Some(turn);
                    return Ok(());
                }
                Err(CommitError::Conflict) => {}
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict.into())
    }

    /// Gives the turn back. If word was left that something is due since we last looked, and `unless_wanted`, it is kept.
    /// Returns whether it was.
    pub(super) async fn give_back(&mut self, unless_wanted: bool) -> Result<bool, WorkerError> {
        let Some(last) = self.turn.as_ref().map(|turn| turn.pace.last) else { return Ok(false) };
        self.give_back_from(last + self.workers.quota.window(), unless_wanted).await
    }

    /// Whether word was left that something is due since we last looked.
    pub(super) async fn is_wanted(&self) -> Result<bool, WorkerError> {
        let Some(turn) = &self.turn else { return Ok(false) };
        Ok(self.workers.turns().await?.wants(turn.number, turn.holder))
    }

    /// Gives the turn back to be used after `rest`: what was begun under it is not known to be over.
    pub(super) async fn give_back_unfinished(&mut self, rest: SignedDuration) {
        let from = self.workers.now() + rest;
        if let Err(error) = self.give_back_from(from, false).await {
            tracing::warn!(cause = %error, "a turn runs out instead of being given back");
        }
    }

    async fn give_back_from(&mut self, from: Timestamp, unless_wanted: bool) -> Result<bool, WorkerError> {
        let Some(turn) = self.turn.take() else { return Ok(false) };
        for _ in 0..ATTEMPTS {
            let mut turns = self.workers.turns().await?;
            let wanted = unless_wanted && turns.wants(turn.number, turn.holder);
            if wanted {
                turns.look(turn.number, turn.holder);
            } else if !turns.give_back(turn.number, turn.holder, from) {
                return Ok(false);
            }
            match self.workers.table.put_turns(&turns).await {
                Ok(()) => {
                    self.turn = wanted.then_some(turn);
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
                Err(Fault::NotFound(_) | Fault::Invalid(_)) => return Ok(None),
                Err(Fault::Passing(_) | Fault::Unanswered(_) | Fault::Conflict) => {}
            }
        }
        Ok(None)
    }
}

impl Workers {
    async fn turns(&self) -> Result<Turns, WorkerError> {
        Ok(self.table.turns(self.identity_center.instance_arn()).await?)
    }
}
