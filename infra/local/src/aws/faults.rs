//! What goes wrong on purpose.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::service::Service;
use super::wire::{Failure, Request};

/// The faults that are set, in the order in which they are tried; the first that matches is used.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// The rules.
    #[serde(default)]
    pub rules: Vec<Fault>,
}

/// One rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The service it is for. None is every service, but only deliveries are matched by the delivery kinds.
    #[serde(default)]
    pub service: Option<Service>,
    /// The operation it is for, or for a delivery the function; none is every one.
    #[serde(default)]
    pub operation: Option<String>,
    /// How many matching calls pass first; counts down.
    #[serde(default)]
    pub skip: u32,
    /// How many matching calls it then hits; counts down.
    #[serde(default = "once")]
    pub times: u32,
    /// Of a hundred calls it could hit, about how many it does.
    #[serde(default = "always")]
    pub chance: u8,
    /// What happens to them.
    pub kind: FaultKind,
    /// For `slow`, `late`, `die_late` and `delay_delivery`: how long. For `jitter`: how long at most.
    #[serde(default = "a_second")]
    pub milliseconds: i64,
    /// How many calls it has hit; counts up.
    #[serde(default)]
    pub hits: u32,
}

/// What a fault does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Answered 500, nothing is applied. A delivery: the function is not called, and it is tried again.
    Refuse,
    /// Applied, then the connection breaks. A delivery: the function is called, and it is tried again.
    LoseAnswer,
    /// The service's throttling error. A delivery: as `refuse`.
    Throttle,
    /// The service's conflict error; for transactions of the table, `TransactionCanceledException`.
    Conflict,
    /// The process that calls dies before anything is applied, and whatever else runs with it.
    DieBefore,
    /// Applied, then the process that called dies.
    DieAfter,
    /// The connection breaks, and what it asked Identity Center to create gets there `milliseconds` later. It is carried out
    /// whatever is under way then, which is worse than what AWS documents.
    Late,
    /// As `late`, and the process that called dies.
    DieLate,
    /// An asynchronous operation of Identity Center ends FAILED.
    FailAsync,
    /// An asynchronous operation of Identity Center takes `milliseconds`.
    Slow,
    /// A random part of `milliseconds` passes before it is applied, on the machine's clock: calls overtake one another.
    Jitter,
    /// The delivery is lost and not tried again.
    DropDelivery,
    /// The function is called twice.
    DoubleDelivery,
    /// The delivery is put off by `milliseconds`.
    DelayDelivery,
}

fn once() -> u32 {
    1
}

fn always() -> u8 {
    100
}

fn a_second() -> i64 {
    1_000
}

impl Fault {
    /// Hits the next call there is, once.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            service: None,
            operation: None,
            skip: 0,
            times: once(),
            chance: always(),
            kind,
            milliseconds: a_second(),
            hits: 0,
        }
    }

    /// Only calls of this operation, or deliveries to this function.
    #[must_use]
    pub fn on(mut self, service: Service, operation: &str) -> Self {
        self.service = Some(service);
        self.operation = Some(operation.to_owned());
        self
    }

    /// Lets `skip` matching calls pass first.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// Hits this many calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Hits about this many of a hundred, for ever.
    #[must_use]
    pub fn chance(self, chance: u8) -> Self {
        Self { chance, ..self.times(u32::MAX) }
    }

    /// How long it holds things up.
    #[must_use]
    pub fn milliseconds(mut self, milliseconds: i64) -> Self {
        self.milliseconds = milliseconds;
        self
    }

    fn matches(&self, service: Service, operation: &str) -> bool {
        let changes =
            matches!(operation, "CreateAccountAssignment" | "DeleteAccountAssignment" | "ProvisionPermissionSet");
        let applies = match self.kind {
            FaultKind::Refuse | FaultKind::LoseAnswer | FaultKind::Throttle => {
                !service.is_delivery() || self.service == Some(service)
            }
            FaultKind::Conflict | FaultKind::DieBefore | FaultKind::DieAfter | FaultKind::Jitter => {
                !service.is_delivery()
            }
            FaultKind::FailAsync | FaultKind::Slow => service == Service::SsoAdmin && changes,
            FaultKind::Late | FaultKind::DieLate => operation == "CreateAccountAssignment",
            FaultKind::DropDelivery | FaultKind::DoubleDelivery | FaultKind::DelayDelivery => service.is_delivery(),
        };
        applies
            && self.service.is_none_or(|wanted| wanted == service)
            && self.operation.as_deref().is_none_or(|wanted| wanted == operation)
    }
}

/// The faults of an endpoint, and the dice they are thrown with.
#[derive(Debug)]
pub(super) struct FaultBox(Mutex<(Faults, fastrand::Rng)>);

impl Default for FaultBox {
    fn default() -> Self {
        Self(Mutex::new((Faults::default(), fastrand::Rng::with_seed(0))))
    }
}

impl FaultBox {
    pub(super) fn set(&self, faults: Faults) {
        self.lock().0 = faults;
    }

    pub(super) fn get(&self) -> Faults {
        self.lock().0.clone()
    }

    fn lock(&self) -> MutexGuard<'_, (Faults, fastrand::Rng)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault this call or delivery meets.
    pub(super) fn meet(&self, service: Service, operation: &str) -> Option<Fault> {
        let mut guard = self.lock();
        let (faults, dice) = &mut *guard;
        for fault in &mut faults.rules {
            if fault.times == 0 || !fault.matches(service, operation) || dice.u8(..100) >= fault.chance {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            fault.times -= 1;
            fault.hits = fault.hits.saturating_add(1);
            let mut met = fault.clone();
            if met.kind == FaultKind::Jitter {
                met.milliseconds = dice.i64(0..=met.milliseconds.max(0));
            }
            return Some(met);
        }
        None
    }
}

/// The answer a fault puts in place of the service's, before anything is applied.
pub(super) fn answered(kind: FaultKind, request: &Request) -> Option<Failure> {
    let stand_in = request.service.stand_in();
    match kind {
        FaultKind::Refuse => Some(Failure::new(stand_in.internal_error, "refused, as a fault asks for")),
        FaultKind::Throttle => Some(Failure::new(stand_in.throttling, "Rate exceeded")),
        FaultKind::Conflict => Some((stand_in.conflict)(request)),
        FaultKind::LoseAnswer
        | FaultKind::DieBefore
        | FaultKind::DieAfter
        | FaultKind::Late
        | FaultKind::DieLate
        | FaultKind::FailAsync
        | FaultKind::Slow
        | FaultKind::Jitter
        | FaultKind::DropDelivery
        | FaultKind::DoubleDelivery
        | FaultKind::DelayDelivery => None,
    }
}
