//! Runs a flow once for each AWS call it makes and each way in which that call can fail, and holds that it ends as it
//! does when nothing fails.
//!
//! The world is prepared once, and every run goes back to it with processes that remember nothing. A run does the flow
//! with one call failing, and lets time move on until all is at rest. Before each change that is made meanwhile nothing
//! may be broken that has to hold at any moment; at rest nothing may be left to do, and who has access has an end that
//! stands in the index of what falls due and in Scheduler, which is where the flow of an end begins. Runs differ in how
//! the workers are called, too: once and in time, twice, late and out of order, or by nobody but Scheduler and the sweep.

use std::sync::{Arc, Mutex};

use reqwest::{Method, StatusCode};
use serde_json::Value;
use stint_local::aws::{Call, Fault, FaultKind, Faults, Service};
use stint_tests::invariants::{Picture, rest};
use stint_tests::snapshot::Snapshot;
use stint_tests::{Answer, As, World};

/// How a call that reads can fail: an answer that is lost is one that never was.
const READS: [FaultKind; 2] = [FaultKind::Refuse, FaultKind::DieBefore];

/// How a call that changes something can fail.
const CHANGES: [FaultKind; 6] = [
    FaultKind::Refuse,
    FaultKind::Throttle,
    FaultKind::Conflict,
    FaultKind::LoseAnswer,
    FaultKind::DieBefore,
    FaultKind::DieAfter,
];

/// How late a creation may come, in milliseconds: as late as Lambda lets live who sent it.
const LATE: i64 = 240_000;

/// How workers are called.
#[derive(Debug, Clone, Copy)]
enum Deliveries {
    InTime,
    Doubled,
    Late,
    Lost,
}

impl Deliveries {
    const ALL: [Self; 4] = [Self::InTime, Self::Doubled, Self::Late, Self::Lost];

    fn faults(self) -> Vec<Fault> {
        let always = |kind, service| Fault { service: Some(service), times: u32::MAX, ..Fault::new(kind) };
        match self {
            Self::InTime => Vec::new(),
            Self::Doubled => [Service::StreamDelivery, Service::BusDelivery, Service::ScheduleDelivery]
                .map(|service| always(FaultKind::DoubleDelivery, service))
                .into(),
            // What came second is delivered first.
            Self::Late => [Service::BusDelivery, Service::ScheduleDelivery]
                .map(|service| Fault {
                    service: Some(service),
                    times: 2,
                    milliseconds: 45_000,
                    ..Fault::new(FaultKind::DelayDelivery)
                })
                .into(),
            Self::Lost => [Service::StreamDelivery, Service::BusDelivery]
                .map(|service| always(FaultKind::DropDelivery, service))
                .into(),
        }
    }
}

/// What is to be the same whatever fails.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    assignments: Vec<String>,
    requests: Vec<String>,
    grants: Vec<String>,
    audit: Vec<String>,
}

impl Outcome {
    fn of(world: &World) -> Self {
        let items = world.local.aws().items();
        let records = |kind: &str, said: fn(&Value) -> String| {
            let is_one = |item: &&Value| item["pk"]["S"].as_str().unwrap().ends_with(kind);
            let mut said: Vec<_> = items.iter().filter(is_one).map(|item| said(&stint_tests::plain(item))).collect();
            said.sort();
            said
        };
        let grants = records("#GRANT", |grant| match grant["status"].as_str().unwrap() {
            "active" => format!("active {}", grant["provisioning"]["status"]),
            ended => format!("{ended} {}", grant["revocation"]["status"]),
        });
        let mut audit = world.audit_in(&items);
        // Being late is what faults are about; so late that it was never usable, or found to stand before, too.
        let mut may_be_missing = vec!["grant.active", "grant.standing_access", "grant.revocation_delayed"];
        // When access ends, only the first who tries to delete it can tell that somebody had: one who dies tells nobody.
        if grants.iter().all(|grant| !grant.starts_with("active")) {
            may_be_missing.push("drift.detected");
        }
        audit.retain(|action| !may_be_missing.contains(&action.as_str()));
        audit.sort();
        Self {
            assignments: world.assignments(),
            requests: records("#REQUEST", |request| request["state"]["status"].to_string()),
            grants,
            audit,
        }
    }
}

/// How a run went.
struct Went {
    /// The calls of the flow itself.
    calls: Vec<Call>,
    /// Whether the call that was to fail was made.
    came_about: bool,
    outcome: Outcome,
}

/// The world before the flow.
struct Prepared<T> {
    world: World,
    snapshot: Snapshot,
    what: T,
}

/// A run: which call failed in which way, and how the workers were called.
#[derive(Debug)]
struct Run {
    fault: Option<Fault>,
    deliveries: Deliveries,
}

impl Run {
    /// Does it.
    async fn go<T>(&self, prepared: &mut Prepared<T>, act: &impl AsyncFn(&World, &T)) -> Went {
        let Prepared { world, snapshot, what } = prepared;
        world.restore(snapshot);
        let broken = self.watch(world);
        let rules = self.fault.iter().cloned().chain(self.deliveries.faults()).collect();
        world.local.aws().set_faults(Faults { rules });
        act(world, what).await;
        let calls = world.local.aws().calls();
        rest(world).await;
        assert_eq!(*broken.lock().unwrap(), Vec::<String>::new());
        let came_about = world.local.aws().faults().rules.first().is_some_and(|fault| fault.hits == 1);
        Went { calls, came_about, outcome: Outcome::of(world) }
    }

    /// Looks at everything before each change.
    fn watch(&self, world: &World) -> Arc<Mutex<Vec<String>>> {
        let broken = Arc::new(Mutex::new(Vec::new()));
        let (aws, clock, found) = (Arc::downgrade(world.local.aws()), world.clock.clone(), Arc::clone(&broken));
        world.local.aws().set_observer(Arc::new(move |operation, _| {
            // Without access nothing can be left behind.
            if let Some(aws) = aws.upgrade().filter(|aws| !aws.assignments().is_empty()) {
                let what = Picture::of(&aws, clock.now()).broken();
                found.lock().unwrap().extend(what.into_iter().map(|what| format!("before {operation}: {what}")));
            }
        }));
        broken
    }
}

fn reads(call: &Call) -> bool {
    ["Get", "List", "Describe", "Query", "TransactGet", "BatchGet"].iter().any(|verb| call.operation.starts_with(verb))
}

/// The ways in which the call at `place` among `calls` is to fail: all of them for a call that changes what people have or
/// when it ends, and with `FAULTS=all` for every call. Otherwise one of them, another from call to call: all of them take
/// longer than a run of all suites may.
fn chosen(calls: &[Call], place: usize) -> Vec<Fault> {
    let mut ways = ways(calls, place);
    let decisive = [Service::SsoAdmin, Service::Scheduler].contains(&calls[place].service) && !reads(&calls[place]);
    if decisive || std::env::var("FAULTS").is_ok_and(|which| which == "all") {
        return ways;
    }
    let one = place % ways.len();
    ways.drain(one..=one).collect()
}

/// The ways in which the call at `place` among `calls` can fail.
fn ways(calls: &[Call], place: usize) -> Vec<Fault> {
    let skip = u32::try_from(place).unwrap();
    let kinds: &[FaultKind] = if reads(&calls[place]) { &READS } else { &CHANGES };
    let mut faults: Vec<_> = kinds.iter().map(|kind| Fault::new(*kind).after(skip)).collect();
    // Some faults are of some operations only, and count those.
    let some = [
        ("AccountAssignment", FaultKind::FailAsync),
        ("CreateAccountAssignment", FaultKind::Late),
        ("CreateAccountAssignment", FaultKind::DieLate),
    ];
    for (operations, kind) in some {
        if calls[place].operation.ends_with(operations) {
            let earlier = calls[..place].iter().filter(|call| call.operation.ends_with(operations)).count();
            faults.push(Fault::new(kind).after(u32::try_from(earlier).unwrap()).milliseconds(LATE));
        }
    }
    faults
}

/// Which run it is, told when it fails.
struct Which(String);

impl Drop for Which {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

/// Does a flow, with each of its calls failing in the ways that are [`chosen`].
pub(super) async fn exhaust<T>(name: &str, before: impl AsyncFn(&World) -> T, act: impl AsyncFn(&World, &T)) {
    let clean = Run { fault: None, deliveries: Deliveries::InTime };
    let world = World::asynchronous().await;
    let what = before(&world).await;
    let mut prepared = Prepared { snapshot: world.snapshot(), world, what };
    let Went { calls, outcome: wanted, .. } = clean.go(&mut prepared, &act).await;
    assert!(!calls.is_empty(), "{name} makes no call");
    let mut runs = 0;
    for place in 0..calls.len() {
        for fault in chosen(&calls, place) {
            let mut run = Run { fault: Some(fault), deliveries: Deliveries::ALL[runs % Deliveries::ALL.len()] };
            let what = Which(format!("{name}: call {place}, {}, {run:?}", calls[place].operation));
            let mut went = run.go(&mut prepared, &act).await;
            if !went.came_about {
                // Workers that are called late may find less to do.
                run.deliveries = Deliveries::InTime;
                went = run.go(&mut prepared, &act).await;
            }
            assert!(went.came_about, "the call was never made");
            assert_eq!(went.outcome, wanted);
            drop(what);
            runs += 1;
        }
    }
    eprintln!("{name}: {} calls failed in {runs} ways", calls.len());
}

/// Calls as a client does that wants an answer: again after a server error, with the same key.
pub(super) async fn persist(world: &World, who: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    for _ in 0..5 {
        let mut call = world.call(As::Person(who), method.clone(), path);
        if let Some(body) = &body {
            call = call.json(body).header("idempotency-key", "the-same-each-time");
        }
        let answer = call.send().await;
        if !answer.status.is_server_error() {
            return answer;
        }
        assert!([StatusCode::INTERNAL_SERVER_ERROR, StatusCode::SERVICE_UNAVAILABLE].contains(&answer.status));
        world.pass(1);
    }
    panic!("{path} failed five times");
}
