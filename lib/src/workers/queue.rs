//! Waiting for a slot at Identity Center: nobody does. Who finds none free leaves; whoever has one goes on with what was
//! left.
//!
//! What is due is the queue; nothing else has to be kept in step with it. Who leaves makes its grant due, then leaves word
//! at the slots, which nobody gives back without having looked for it, and sets a reminder in case all who have a slot die.
//! Break-glass access comes first, then what is to be taken away, then the rest. Within that, tenants take turns, and the
//! principals of a tenant: all work of a principal is in one shard, a worker takes one grant from a shard before it looks at
//! the next, and from a shard one of each principal in turn. So who has thousands of grants due delays others by one. Each
//! slot begins with other shards, so that two workers seldom reach for the same grant; if they do, the lease of the assignment
//! decides, and the other goes on to the next.

use std::collections::{HashSet, VecDeque};

use jiff::SignedDuration;

use super::context::{GrantCall, Step, WorkerError, Workers};
use super::revoke::announce_if_late;
use super::run::WorkerRun;
use crate::domain::{Grant, Quota, SlotTable, Urgency};
use crate::schedule::ScheduledWorker;
use crate::store::{DueItem, Work, keys, round_robin};

/// When a worker is called again for what it left: others have done it by then, unless they died.
const LEFT: SignedDuration = SignedDuration::from_mins(1);

/// At most so many are read at once.
const MOST: i32 = 25;

/// What a run has found, and where it has yet to look.
struct Queue {
    number: usize,
    /// The shard to begin with, of each urgency.
    begin: usize,
    /// Once a run each: what fails is tried again when it is due again, by whom it reminds.
    tried: HashSet<GrantCall>,
    /// Where something may be due, by urgency: one grant is taken from a shard, and then the next shard is looked at.
    shards: [(Urgency, VecDeque<u8>); 2],
    /// How many slots there are.
    slots: usize,
}

impl Workers {
    /// Whether there is a slot for what is to be done about a grant. If not, that is left to those who have one.
    pub(super) async fn has_slot(&self, run: &mut WorkerRun<'_>, grant: &Grant) -> Result<bool, WorkerError> {
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
            // A live holder takes access away in its slot; a dead one must not delay that until the reminder comes.
            if grant.urgency() == Urgency::Ending && run.reclaim(Urgency::Ending).await? {
                return Ok(true);
            }
            self.remind_if_left(grant).await?;
        }
        Ok(false)
    }

    /// Leaves a grant to whoever is at its assignment.
    pub(super) async fn leave(&self, grant: &Grant) -> Result<(), WorkerError> {
        if !self.is_due(grant) {
            self.make_due(grant).await?;
        }
        self.remind_if_left(grant).await
    }

    /// Whether there is nothing to write down before a grant is left: it is due, and need not be announced as late.
    fn is_due(&self, grant: &Grant) -> bool {
        let now = self.now();
        grant.next_attempt_at <= now && announce_if_late(&mut grant.clone(), now).is_none()
    }

    /// To wait is no failed attempt, and counts as none.
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

    /// Ends what a worker was called for: goes on with what others left, as long as there is time, and gives the slot back.
    pub(super) async fn drain_queue(&self, mut run: WorkerRun<'_>) {
        run.called = false;
        if let Err(error) = self.drain_queue_until_empty(&mut run).await {
            tracing::warn!(cause = %error, "what is due is left to others");
            if let Err(error) = run.give_back(false).await {
                tracing::warn!(cause = %error, "a slot runs out instead of being given back");
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
                    tracing::warn!(grant_id = %call.grant_id, cause = %error, "what is due was not done");
                }
                // What fell due meanwhile may be more urgent, or somebody's whose shard was empty.
                if run.has_wakeup().await? {
                    break;
                }
            }
            queue = Some(looking);
        }
        Ok(())
    }

    /// The next grant that is due, if there is one.
    async fn next(&self, queue: &mut Queue) -> Result<Option<(Urgency, GrantCall)>, WorkerError> {
        let now = self.now();
        let urgent = self.table.due_in(Urgency::BreakGlass, 0, now, MOST).await?;
        let urgent = queue.untried(urgent);
        // Others are at the first of them.
        let ours = urgent.get(queue.number.checked_rem(urgent.len()).unwrap_or_default()).copied();
        if let Some(call) = ours {
            queue.tried.insert(call);
            return Ok(Some((Urgency::BreakGlass, call)));
        }
        for place in 0..queue.shards.len() {
            while let Some((urgency, shard)) = queue.next_shard(place) {
                let due = self.table.due_in(urgency, shard, now, MOST).await?;
                let due = queue.untried(round_robin(due));
                // The first are done by as many workers as there are slots, each at one of them.
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

    /// Does what is to be done about a grant that is due.
    pub(super) async fn carry_out(
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
    /// All of it, from the shards on that are this slot's.
    fn new(quota: &Quota, number: usize) -> Self {
        let begin = number * usize::from(keys::due_shards(Urgency::Ending)) / quota.count().max(1);
        let shards = [Urgency::Ending, Urgency::Other].map(|urgency| (urgency, VecDeque::new()));
        Self { number, begin, tried: HashSet::new(), shards, slots: quota.count() }.anew(quota)
    }

    /// All of it once more, from the shard on that is next.
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

    /// A shard had something: it is looked at once more after all the others.
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
