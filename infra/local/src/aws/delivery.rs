//! Calls functions with what waits for them: the table's stream, queued events, schedules that are due.
//!
//! At least once: a thing leaves the state after its function succeeded, never before. A failed call is tried again with
//! a growing delay on the clock, for ever. The stream keeps its order; events and schedules do not wait for one another.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::Services;
use super::database::BATCH;
use super::faults::FaultKind;
use super::service::Service;
use super::state::{Retry, Schedule, State};

/// Calls a function by name with an event, and is told its result or its error.
pub type Invoker = Arc<dyn Fn(String, Value) -> BoxFuture<'static, Result<Value, String>> + Send + Sync>;

/// A sleeping machine's timers stand still, so nobody sleeps longer than this without a look at the clock.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

const FIRST_RETRY_MILLISECONDS: i64 = 200;
const LAST_RETRY_MILLISECONDS: i64 = 60_000;

#[derive(Default)]
pub(super) struct Delivery {
    pub(super) invoker: RwLock<Option<Invoker>>,
    /// The table was written to.
    pub(super) table_written: Notify,
    /// An event or a schedule came or is done.
    pub(super) queue_changed: Notify,
    /// One [`Services::deliver`] at a time.
    slot: tokio::sync::Mutex<()>,
    /// With the function that runs.
    running: Mutex<HashMap<Job, String>>,
    pub(super) stream_retry: Mutex<Retry>,
}

/// What is delivered by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Job {
    Event(u64),
    /// The schedule's key and the revision that fell due.
    Schedule(String, u64),
}

struct Due {
    job: Job,
    service: Service,
    function: String,
    payload: Value,
}

/// How an attempt went. The first number is how often the function was called.
enum Attempt {
    Done(usize, Value),
    Failed(usize),
    PutOff(SignedDuration),
}

impl Services {
    /// One pass over everything that is due.
    pub(super) async fn deliver(&self) -> usize {
        let _slot = self.delivery.slot.lock().await;
        let mut invocations = 0;
        while let Some(calls) = self.deliver_batch().await {
            invocations += calls;
        }
        for due in self.claim() {
            invocations += self.run_job(due).await;
        }
        invocations
    }

    /// Delivers as things come, until it is dropped.
    pub(super) async fn run(self: Arc<Self>) {
        let mut swept = self.clock.now();
        self.database.sweep_ttl();
        let stream = async {
            loop {
                while self.deliver_batch().await.is_some() {}
                let retry = self.stream_retry();
                let wait = self.until((retry != Retry::default()).then_some(retry.not_before));
                let written = self.delivery.table_written.notified();
                let _ = tokio::time::timeout(wait, written).await;
            }
        };
        let queue = async {
            let mut jobs = JoinSet::new();
            loop {
                self.begin_jobs(&mut jobs);
                while jobs.try_join_next().is_some() {}
                let wait = self.until(self.next_due());
                let changed = self.delivery.queue_changed.notified();
                let _ = tokio::time::timeout(wait, changed).await;
                let now = self.clock.now();
                if now.duration_since(swept) > SignedDuration::from_hours(1) {
                    swept = now;
                    self.database.sweep_ttl();
                }
            }
        };
        tokio::join!(stream, queue);
    }

    /// Delivers the stream and begins to deliver the rest of what is due, without waiting for its end.
    pub(super) async fn begin(self: &Arc<Self>, jobs: &mut JoinSet<()>) {
        while self.deliver_batch().await.is_some() {}
        self.begin_jobs(jobs);
    }

    /// Each function that runs takes part in the clock.
    fn begin_jobs(self: &Arc<Self>, jobs: &mut JoinSet<()>) {
        for due in self.claim() {
            let (services, part) = (Arc::clone(self), self.clock.take_part());
            jobs.spawn(async move {
                services.run_job(due).await;
                services.delivery.queue_changed.notify_one();
                drop(part);
            });
        }
    }

    /// Delivers the stream's next batch and says how often the function was called; none if there is no batch, or it may
    /// not be tried yet.
    async fn deliver_batch(&self) -> Option<usize> {
        let target = self.wiring.stream.as_ref()?;
        if self.invoker().is_none() || self.stream_retry().not_before > self.clock.now() {
            return None;
        }
        loop {
            let position = self.store.lock().stream_position.clone();
            let records = match self.database.records_after(position.as_deref()) {
                Ok(records) => records,
                Err(error) => {
                    tracing::error!(error, "the stream cannot be read");
                    return None;
                }
            };
            let Some(last) = records.last().and_then(sequence_number) else {
                self.set_stream_retry(Retry::default());
                return None;
            };
            let whole = records.len() == BATCH;
            let records: Vec<Value> = match &target.inserts_with_pk_suffix {
                None => records,
                Some(suffix) => records.into_iter().filter(|record| passes(record, suffix)).collect(),
            };
            if records.is_empty() {
                // Not worth a write: after a restart they are read and passed over once more.
                self.store.lock().stream_position = Some(last);
                if whole {
                    continue;
                }
                return None;
            }
            let batch = json!({ "Records": records });
            let attempt = self.attempt(Service::StreamDelivery, &target.function, batch).await;
            return Some(self.finish_batch(attempt, &records, last));
        }
    }

    fn finish_batch(&self, attempt: Attempt, records: &[Value], last: String) -> usize {
        let (calls, done_to, retry) = match attempt {
            Attempt::Done(calls, result) => match first_failure(&result) {
                None => (calls, Some(last), Retry::default()),
                Some(failed) => {
                    let before = records.iter().filter_map(sequence_number);
                    let before = before.take_while(|number| *number != failed).last();
                    (calls, before, self.later(self.stream_retry()))
                }
            },
            Attempt::Failed(calls) => (calls, None, self.later(self.stream_retry())),
            Attempt::PutOff(by) => (0, None, self.put_off(self.stream_retry(), by)),
        };
        if let Some(position) = done_to {
            let kept = self.store.change(|state| {
                state.stream_position = Some(position);
                Ok(())
            });
            if let Err(error) = kept {
                tracing::error!(?error, "the stream's position cannot be kept");
            }
        }
        self.set_stream_retry(retry);
        calls
    }

    /// Takes what is due and not running, in the order in which it fell due, as far as its functions may run once more.
    fn claim(&self) -> Vec<Due> {
        if self.invoker().is_none() {
            return Vec::new();
        }
        let now = self.clock.now();
        let state = self.store.lock();
        let mut running = self.delivery.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due: Vec<(Timestamp, Due)> = waiting(&state)
            .filter(|(at, job)| *at <= now && !running.contains_key(job))
            .filter_map(|(at, job)| Some((at, state.due(job)?)))
            .collect();
        due.sort_by_key(|(at, _)| *at);
        let mut claimed = Vec::new();
        for (_, due) in due {
            let most = self.wiring.concurrency.get(&due.function);
            let now = running.values().filter(|function| **function == due.function).count();
            if most.is_none_or(|most| now < *most) {
                running.insert(due.job.clone(), due.function.clone());
                claimed.push(due);
            }
        }
        claimed
    }

    async fn run_job(&self, due: Due) -> usize {
        let attempt = self.attempt(due.service, &due.function, due.payload).await;
        let (calls, kept) = match attempt {
            Attempt::Done(calls, _) => (
                calls,
                self.store.change(|state| {
                    state.finish(&due.job);
                    Ok(())
                }),
            ),
            Attempt::Failed(calls) => (calls, self.retry(&due.job, |retry| self.later(retry))),
            Attempt::PutOff(by) => (0, self.retry(&due.job, |retry| self.put_off(retry, by))),
        };
        if let Err(error) = kept {
            tracing::error!(?error, "a delivery cannot be kept");
        }
        let mut running = self.delivery.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&due.job);
        calls
    }

    fn retry(&self, job: &Job, next: impl FnOnce(Retry) -> Retry) -> Result<(), super::wire::Failure> {
        self.store.change(|state| {
            if let Some(retry) = state.retry(job) {
                *retry = next(*retry);
            }
            Ok(())
        })
    }

    /// Calls the function, as the faults let it.
    async fn attempt(&self, service: Service, function: &str, payload: Value) -> Attempt {
        let fault = self.faults.meet(service, function);
        let kind = fault.as_ref().map(|fault| fault.kind);
        match kind {
            Some(FaultKind::DropDelivery) => return Attempt::Done(0, Value::Null),
            Some(FaultKind::Refuse | FaultKind::Throttle) => return Attempt::Failed(0),
            Some(FaultKind::DelayDelivery) => {
                let milliseconds = fault.map_or(0, |fault| fault.milliseconds);
                return Attempt::PutOff(SignedDuration::from_millis(milliseconds));
            }
            _ => {}
        }
        let mut calls = 0;
        let mut answer = Value::Null;
        let wanted = if kind == Some(FaultKind::DoubleDelivery) { 2 } else { 1 };
        while calls < wanted {
            calls += 1;
            match self.invoke(function, payload.clone()).await {
                Ok(value) => answer = value,
                Err(error) => {
                    tracing::warn!(function, error, "a function failed and is called again");
                    return Attempt::Failed(calls);
                }
            }
        }
        match kind {
            Some(FaultKind::LoseAnswer) => Attempt::Failed(calls),
            _ => Attempt::Done(calls, answer),
        }
    }

    /// A function that panics, or whose process dies, has failed, as in Lambda.
    pub(super) async fn invoke(&self, function: &str, payload: Value) -> Result<Value, String> {
        let invoker = self.invoker().ok_or("there is no invoker")?;
        let work = AssertUnwindSafe(async { invoker(function.to_owned(), payload).await }).catch_unwind();
        match self.death.or(work).await {
            Some(ended) => ended.unwrap_or_else(|_| Err("the function panicked".to_owned())),
            None => Err("the process died".to_owned()),
        }
    }

    fn invoker(&self) -> Option<Invoker> {
        self.delivery.invoker.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn stream_retry(&self) -> Retry {
        *self.delivery.stream_retry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_stream_retry(&self, retry: Retry) {
        *self.delivery.stream_retry.lock().unwrap_or_else(PoisonError::into_inner) = retry;
    }

    /// After one more failure.
    fn later(&self, retry: Retry) -> Retry {
        let factor = 1_i64.checked_shl(retry.failures.min(16)).unwrap_or(1);
        let delay = FIRST_RETRY_MILLISECONDS.saturating_mul(factor).min(LAST_RETRY_MILLISECONDS);
        let failures = retry.failures.saturating_add(1);
        self.put_off(Retry { failures, ..retry }, SignedDuration::from_millis(delay))
    }

    fn put_off(&self, retry: Retry, by: SignedDuration) -> Retry {
        let now = self.clock.now();
        Retry { not_before: now.checked_add(by).unwrap_or(now), ..retry }
    }

    /// When the next event or schedule falls due that is not being delivered.
    fn next_due(&self) -> Option<Timestamp> {
        self.invoker()?;
        let state = self.store.lock();
        let running = self.delivery.running.lock().unwrap_or_else(PoisonError::into_inner);
        let times = waiting(&state).filter(|(_, job)| !running.contains_key(job));
        times.map(|(at, _)| at).min()
    }

    /// How long to sleep until then.
    fn until(&self, at: Option<Timestamp>) -> Duration {
        let now = self.clock.now();
        at.map_or(LONGEST_SLEEP, |at| {
            // What fell due since it was last looked for is negative: no sleep at all.
            let wait = Duration::try_from(at.duration_since(now)).unwrap_or_default();
            wait.min(LONGEST_SLEEP)
        })
    }
}

/// What is to be delivered, and from when.
fn waiting(state: &State) -> impl Iterator<Item = (Timestamp, Job)> {
    let events = state.queue.iter();
    let events = events.map(|event| (event.retry.not_before, Job::Event(event.id)));
    let schedules = state.schedules.iter().filter(|(_, schedule)| schedule.enabled && !schedule.fired);
    let schedules = schedules.map(|(key, schedule)| {
        let from = schedule.at.max(schedule.retry.not_before);
        (from, Job::Schedule(key.clone(), schedule.revision))
    });
    events.chain(schedules)
}

impl State {
    fn due(&self, job: Job) -> Option<Due> {
        let (service, function, payload) = match &job {
            Job::Event(id) => {
                let event = self.queue.iter().find(|event| event.id == *id)?;
                (Service::BusDelivery, &event.function, event.event.clone())
            }
            Job::Schedule(key, _) => {
                let schedule = self.schedules.get(key)?;
                (Service::ScheduleDelivery, &schedule.function, schedule.payload())
            }
        };
        let function = function.clone();
        Some(Due { job, service, function, payload })
    }

    /// The schedule, unless it was changed or deleted since it fell due.
    fn schedule(&mut self, key: &str, revision: u64) -> Option<&mut Schedule> {
        self.schedules.get_mut(key).filter(|schedule| schedule.revision == revision)
    }

    fn finish(&mut self, job: &Job) {
        match job {
            Job::Event(id) => self.queue.retain(|event| event.id != *id),
            Job::Schedule(key, revision) => {
                let Some(schedule) = self.schedule(key, *revision) else {
                    return;
                };
                schedule.fired = true;
                if schedule.delete_after {
                    self.schedules.remove(key);
                }
            }
        }
    }

    fn retry(&mut self, job: &Job) -> Option<&mut Retry> {
        match job {
            Job::Event(id) => {
                let event = self.queue.iter_mut().find(|event| event.id == *id);
                event.map(|event| &mut event.retry)
            }
            Job::Schedule(key, revision) => self.schedule(key, *revision).map(|schedule| &mut schedule.retry),
        }
    }
}

fn sequence_number(record: &Value) -> Option<String> {
    record.pointer("/dynamodb/SequenceNumber")?.as_str().map(str::to_owned)
}

fn passes(record: &Value, suffix: &str) -> bool {
    let pk = record.pointer("/dynamodb/Keys/pk/S").and_then(Value::as_str);
    let inserted = record.get("eventName").and_then(Value::as_str) == Some("INSERT");
    inserted && pk.is_some_and(|pk| pk.ends_with(suffix))
}

/// The first record a function says it failed at, as with `ReportBatchItemFailures`.
fn first_failure(result: &Value) -> Option<String> {
    let failures = result.get("batchItemFailures")?.as_array()?;
    let failed = failures.iter().filter_map(|failure| failure.get("itemIdentifier")?.as_str());
    failed.min().map(str::to_owned)
}
