//! Due work without a slot: workers never block on a slot.
//!
//! The due index is the queue; nothing else has to be kept consistent with it. If no slot is free, a worker marks its
//! grant due, notifies the slot holders, sets a reminder in one minute and ends. Each holder checks its wake-up counter
//! before it gives its slot back, so it finds the grant; the reminder is for the case that all holders die.
//!
//! Break-glass access comes first, then access that has to be taken away, then the rest. Within an urgency, tenants are
//! served round robin, and so are the principals of a tenant: all work of a principal is in one shard, a worker takes
//! one grant from a shard before it reads the next shard, and within a shard it takes one of each principal in turn. A
//! principal with thousands of due grants therefore delays others by one grant at a time. Each slot begins at another
//! shard, so that two workers rarely take the same grant; if they do, one gets the lease of the assignment and the
//! other continues with the next grant.

use std::collections::{HashSet, VecDeque};

use jiff::SignedDuration;

use super::context::{GrantCall, Step, WorkerError, Workers};
use super::revocation::announce_if_late;
use super::run::WorkerRun;
use crate::aws::scheduler::ScheduledWorker;
use crate::domain::{Grant, Quota, SlotTable, Urgency};
use crate::store::{DueItem, Work, keys, round_robin};

/// When a worker is called again for work it left to others. They have done it by then, unless they died.
const LEFT: SignedDuration = SignedDuration::from_mins(1);

/// How many due items are read at once.
const MOST: i32 = 25;

/// What a run has tried, and the shards it has not read yet.
struct Queue {
    number: usize,
    /// The shard to begin with, in each urgency.
    begin: usize,
    /// What this run has tried, each once: a failed attempt has set its own time and reminder for the next one.
    tried: HashSet<GrantCall>,
    /// The shards to read, by urgency: one grant is taken from a shard, and then the next shard is read.
    shards: [(Urgency, VecDeque<u8>); 2],
    /// How many slots there are.
    slots: usize,
}

impl Workers {
    /// Takes a slot for the work on a grant and returns whether the run holds one. If not, the work is left to the
    /// workers that do.
    pub(crate) async fn has_slot(&self, run: &mut WorkerRun<'_>, grant: &Grant) -> Result<bool, WorkerError> {
        let due = self.is_due(grant);
        if run.take(grant.urgency(), due).await? {
            return Ok(true);
        }
        if !due {
            self.make_due(grant).await?;
            if run.take(grant.urgency(), true).await? {
                return Ok(true);
            }
        }
        if run.called {
            // A live holder takes access away in its own slot. A dead one must not delay that until the reminder.
            if grant.urgency() == Urgency::Ending && run.reclaim(Urgency::Ending).await? {
                return Ok(true);
            }
            self.remind_if_left(grant).await?;
        }
        Ok(false)
    }

    /// Leaves a grant to the worker that holds its assignment's lease.
    pub(crate) async fn leave(&self, grant: &Grant) -> Result<(), WorkerError> {
        if !self.is_due(grant) {
            self.make_due(grant).await?;
        }
        self.remind_if_left(grant).await
    }

    /// Whether the grant can be left to others without a write: it is due, and does not have to be announced as late.
    fn is_due(&self, grant: &Grant) -> bool {
        let now = self.now();
        grant.next_attempt_at <= now && announce_if_late(&mut grant.clone(), now).is_none()
    }

    /// Marks a grant due now. Waiting for a slot does not count as a failed attempt.
    async fn make_due(&self, grant: &Grant) -> Result<(), WorkerError> {
        self.change_grant(GrantCall::of(grant), |grant| {
            let now = self.now();
            let later = grant.next_attempt_at > now;
            grant.next_attempt_at = grant.next_attempt_at.min(now);
            match announce_if_late(grant, now) {
                Some(late) => Step::Change(late),
                None if later => Step::Note,
                None => Step::Nothing,
            }
        })
        .await?;
        Ok(())
    }

    async fn remind_if_left(&self, grant: &Grant) -> Result<(), WorkerError> {
        let reminder = match grant.urgency() {
            Urgency::Ending => ScheduledWorker::Revoke,
            Urgency::BreakGlass | Urgency::Other => ScheduledWorker::Provision,
        };
        Ok(self.schedules.remind(reminder, grant.tenant_id, grant.id, self.now() + LEFT).await?)
    }

    /// Ends a worker run: takes on further due work while there is time, then gives the slot back.
    pub(crate) async fn drain_queue(&self, mut run: WorkerRun<'_>) {
        run.called = false;
        if let Err(error) = self.drain_queue_until_empty(&mut run).await {
            tracing::warn!(cause = %error, "could not take on further due work");
            if let Err(error) = run.give_back(false).await {
                tracing::warn!(cause = %error, "could not release the slot; its lease will expire");
            }
        }
    }

    async fn drain_queue_until_empty(&self, run: &mut WorkerRun<'_>) -> Result<(), WorkerError> {
        let mut queue: Option<Queue> = None;
        while run.give_back(run.has_time()).await? {
            let number = run.number().unwrap_or_default();
            let mut looking = queue.map_or_else(|| Queue::new(&self.quota, number), |queue| queue.anew(&self.quota));
            while run.has_time() && run.number().is_some() {
                let Some((urgency, call)) = self.next(&mut looking).await? else { break };
                if let Err(error) = self.carry_out(run, urgency, call).await {
                    tracing::warn!(grant_id = %call.grant_id, cause = %error, "due work failed");
                }
                // Work that became due meanwhile may be more urgent, or in a shard that was empty.
                if run.has_wakeup().await? {
                    break;
                }
            }
            queue = Some(looking);
        }
        Ok(())
    }

    /// The next grant that is due; `None` if there is no further one.
    async fn next(&self, queue: &mut Queue) -> Result<Option<(Urgency, GrantCall)>, WorkerError> {
        let now = self.now();
        let urgent = self.table.due_in(Urgency::BreakGlass, 0, now, MOST).await?;
        let urgent = queue.untried(urgent);
        // Workers in lower slots take the ones before it.
        let ours = urgent.get(queue.number.checked_rem(urgent.len()).unwrap_or_default()).copied();
        if let Some(call) = ours {
            queue.tried.insert(call);
            return Ok(Some((Urgency::BreakGlass, call)));
        }
        for place in 0..queue.shards.len() {
            while let Some((urgency, shard)) = queue.next_shard(place) {
                let due = self.table.due_in(urgency, shard, now, MOST).await?;
                let due = queue.untried(round_robin(due));
                // As many workers as there are slots share the first grants, one each.
                let first = due.len().min(queue.slots.max(1));
                if let Some(call) = due.get(queue.number.checked_rem(first).unwrap_or_default()).copied() {
                    queue.tried.insert(call);
                    queue.look_again(place, shard);
                    return Ok(Some((urgency, call)));
                }
            }
        }
        Ok(None)
    }

    /// Provisions or revokes a due grant.
    pub(crate) async fn carry_out(
        &self,
        run: &mut WorkerRun<'_>,
        urgency: Urgency,
        call: GrantCall,
    ) -> Result<(), WorkerError> {
        match urgency {
            Urgency::Ending => self.revoke(run, call).await,
            Urgency::BreakGlass | Urgency::Other => self.provision(run, call).await,
        }
    }
}

impl Queue {
    /// A queue of all shards, beginning with this slot's share of them.
    fn new(quota: &Quota, number: usize) -> Self {
        let begin = number * usize::from(keys::due_shards(Urgency::Ending)) / quota.count().max(1);
        let shards = [Urgency::Ending, Urgency::Other].map(|urgency| (urgency, VecDeque::new()));
        Self { number, begin, tried: HashSet::new(), shards, slots: quota.count() }.anew(quota)
    }

    /// The same queue with all shards to be read again, beginning with the next one.
    fn anew(self, quota: &Quota) -> Self {
        let shards = self.shards.map(|(urgency, _)| {
            let suits = SlotTable::may_serve(quota, self.number, urgency);
            let count = if suits { usize::from(keys::due_shards(urgency)) } else { 0 };
            let all = self.begin..self.begin + count;
            (urgency, all.filter_map(|shard| u8::try_from(shard % count).ok()).collect())
        });
        Self { shards, ..self }
    }

    fn next_shard(&mut self, place: usize) -> Option<(Urgency, u8)> {
        let (urgency, shards) = self.shards.get_mut(place)?;
        Some((*urgency, shards.pop_front()?))
    }

    /// Puts a shard that had work at the end, so that it is read again after all others.
    fn look_again(&mut self, place: usize, shard: u8) {
        self.begin = usize::from(shard) + 1;
        if let Some((_, shards)) = self.shards.get_mut(place) {
            shards.push_back(shard);
        }
    }

    fn untried(&self, due: Vec<DueItem>) -> Vec<GrantCall> {
        let grants = due.into_iter().filter_map(|item| match item.work {
            Work::Grant(id) => Some(GrantCall { tenant_id: item.tenant, grant_id: id.parse().ok()? }),
            Work::Request(_) | Work::Event(_) => None,
        });
        grants.filter(|call| !self.tried.contains(call)).collect()
    }
}
