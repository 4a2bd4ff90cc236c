//! The log of calls: what a test counts round trips and their depth by.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::permissions::Permission;
use super::service::Service;

/// The log is a window, so that an endpoint can run for weeks.
const CALLS_KEPT: usize = 65_536;

/// One call a client made.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// The service.
    pub service: Service,
    /// The operation.
    pub operation: String,
    /// The function that made it; none for a client that is no function.
    pub function: Option<String>,
    /// Where its arrival stands among all arrivals and answers since the start.
    pub started: u64,
    /// Where its answer stands among them; none while it runs.
    pub finished: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct CallLog(Mutex<Log>);

#[derive(Debug, Default)]
struct Log {
    sequence: u64,
    calls: VecDeque<Call>,
    needed: BTreeMap<String, BTreeSet<Permission>>,
}

impl CallLog {
    /// Notes an arrival and returns its number.
    pub(super) fn start(
        &self,
        service: Service,
        operation: &str,
        function: Option<String>,
        needed: impl FnOnce() -> Vec<Permission>,
    ) -> u64 {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = &function {
            log.needed.entry(function.clone()).or_default().extend(needed());
        }
        log.sequence += 1;
        let started = log.sequence;
        if log.calls.len() == CALLS_KEPT {
            log.calls.pop_front();
        }
        log.calls.push_back(Call { service, operation: operation.to_owned(), function, started, finished: None });
        started
    }

    pub(super) fn finish(&self, started: u64) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.sequence += 1;
        let finished = log.sequence;
        if let Some(call) = log.calls.iter_mut().rev().find(|call| call.started == started) {
            call.finished = Some(finished);
        }
    }

    pub(super) fn all(&self) -> Vec<Call> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.calls.iter().cloned().collect()
    }

    pub(super) fn needed(&self) -> BTreeMap<String, BTreeSet<Permission>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).needed.clone()
    }

    pub(super) fn clear(&self) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.calls.clear();
    }
}
