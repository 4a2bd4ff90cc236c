//! What can happen.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use stint_local::aws::{Fault, FaultKind, Service};
use stint_tests::{PRODUCTION, SANDBOX, STAGING};

/// One thing that happens. Requests, grants and policies are told by their number, counted round and round.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Submit {
        who: &'static str,
        account: &'static str,
        role: &'static str,
        seconds: i64,
        how: How,
    },
    Ensure {
        who: &'static str,
        account: &'static str,
        role: &'static str,
        seconds: i64,
    },
    Decide {
        who: &'static str,
        request: usize,
        verb: &'static str,
    },
    Extend {
        who: &'static str,
        grant: usize,
        seconds: i64,
    },
    Revoke {
        who: &'static str,
        grant: usize,
    },
    /// In the other tenant, in the sandbox.
    OtherSubmit {
        who: &'static str,
        role: &'static str,
        seconds: i64,
    },
    /// With the key of the other tenant.
    OtherRevoke {
        grant: usize,
    },
    EditPolicy {
        policy: usize,
        edit: Edit,
    },
    AssignByHand {
        who: &'static str,
        account: &'static str,
        role: &'static str,
    },
    DeleteByHand {
        assignment: usize,
    },
    MoveAccount {
        account: &'static str,
        unit: &'static str,
    },
    Pass {
        seconds: u64,
    },
    SetBack {
        seconds: u64,
    },
    Deliver,
    Sweep,
    Fail {
        service: Option<Service>,
        kind: FaultKind,
        after: u32,
        times: u32,
        seconds: i64,
    },
    Restart,
    Rest,
}

/// How access is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    AtOnce,
    Later { seconds: i64 },
    BreakGlass,
}

/// What becomes of a policy.
#[derive(Debug, Clone, Copy)]
pub(super) enum Edit {
    Enabled(bool),
    Maximum(i64),
    Mode(&'static str),
}

impl Edit {
    /// The body of `PATCH /v1/policies/{id}`.
    pub(super) fn body(self) -> Value {
        match self {
            Self::Enabled(enabled) => json!({"enabled": enabled}),
            Self::Maximum(seconds) => json!({"max_duration_seconds": seconds, "default_duration_seconds": null}),
            Self::Mode(mode) => json!({"approval_mode": mode}),
        }
    }
}

impl Step {
    /// The rule of a [`Step::Fail`].
    pub(super) fn fault(service: Option<Service>, kind: FaultKind, after: u32, times: u32, seconds: i64) -> Fault {
        Fault { service, ..Fault::new(kind).after(after).times(times).milliseconds(seconds * 1000) }
    }
}

/// The longest time any grant lasts from when it was asked for, extensions and a later start included.
pub(super) const LONGEST: u64 = 12 * 3600;

const PEOPLE: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];
const ROLES: [&str; 3] = ["ReadOnlyAccess", "PowerUserAccess", "AdministratorAccess"];

/// Most is done by one, in one place: what overlaps and is done twice is what goes wrong.
fn who() -> impl Strategy<Value = &'static str> {
    prop_oneof![2 => Just("alice"), 1 => select(&PEOPLE)]
}

/// Where somebody has a policy, mostly.
fn place() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop_oneof![
        10 => (Just(SANDBOX), Just(ROLES[0])),
        2 => (Just(SANDBOX), Just(ROLES[1])),
        3 => (Just(PRODUCTION), Just(ROLES[0])),
        2 => (Just(STAGING), Just(ROLES[0])),
        1 => (select(&[SANDBOX, STAGING, PRODUCTION]), select(&ROLES)),
    ]
}

fn length() -> impl Strategy<Value = i64> {
    prop_oneof![2 => 60..600_i64, 4 => 600..7200_i64, 1 => 7200..=28800_i64]
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        6 => Just(How::AtOnce),
        1 => (60..7200_i64).prop_map(|seconds| How::Later { seconds }),
        1 => Just(How::BreakGlass),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        any::<bool>().prop_map(Edit::Enabled),
        (60..=28800_i64).prop_map(Edit::Maximum),
        select(&["auto", "require"]).prop_map(Edit::Mode),
    ]
}

/// The later a request or a grant came, the likelier it is chosen: numbers count from the last.
fn number() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0), 2 => 0..3_usize, 1 => 0..16_usize]
}

fn fail() -> impl Strategy<Value = Step> {
    let calls = select(&[
        FaultKind::Refuse,
        FaultKind::LoseAnswer,
        FaultKind::Throttle,
        FaultKind::Conflict,
        FaultKind::DieBefore,
        FaultKind::DieAfter,
    ]);
    let service = prop_oneof![
        3 => Just(None),
        3 => Just(Some(Service::DynamoDb)),
        3 => Just(Some(Service::SsoAdmin)),
        1 => Just(Some(Service::IdentityStore)),
        1 => Just(Some(Service::Scheduler)),
        1 => Just(Some(Service::Events)),
    ];
    let changes = select(&[FaultKind::FailAsync, FaultKind::Slow, FaultKind::Late, FaultKind::DieLate]);
    let deliveries = select(&[
        FaultKind::Refuse,
        FaultKind::LoseAnswer,
        FaultKind::DropDelivery,
        FaultKind::DoubleDelivery,
        FaultKind::DelayDelivery,
    ]);
    let queue = select(&[Service::StreamDelivery, Service::BusDelivery, Service::ScheduleDelivery]).prop_map(Some);
    let what = prop_oneof![
        3 => (service, calls, prop_oneof![2 => 0..4_u32, 1 => 0..24_u32]),
        1 => (Just(Some(Service::SsoAdmin)), changes, 0..3_u32),
        2 => (queue, deliveries, 0..4_u32),
    ];
    (what, 1..=3_u32, prop_oneof![1..30_i64, 30..300_i64])
        .prop_map(|((service, kind, after), times, seconds)| Step::Fail { service, kind, after, times, seconds })
}

fn step() -> impl Strategy<Value = Step> {
    let verb = prop_oneof![4 => Just("approve"), 1 => Just("deny"), 1 => Just("cancel")];
    let decider = prop_oneof![3 => Just("bob"), 3 => Just("carol"), 2 => who()];
    let pass = prop_oneof![3 => 1..120_u64, 3 => 120..1800_u64, 1 => 1800..14_400_u64];
    prop_oneof![
        12 => (who(), place(), length(), how())
            .prop_map(|(who, (account, role), seconds, how)| Step::Submit { who, account, role, seconds, how }),
        4 => (who(), place(), length())
            .prop_map(|(who, (account, role), seconds)| Step::Ensure { who, account, role, seconds }),
        4 => (decider, number(), verb).prop_map(|(who, request, verb)| Step::Decide { who, request, verb }),
        3 => (who(), number(), length()).prop_map(|(who, grant, seconds)| Step::Extend { who, grant, seconds }),
        4 => (who(), number()).prop_map(|(who, grant)| Step::Revoke { who, grant }),
        2 => (select(&["alice", "bob"]), select(&ROLES), length())
            .prop_map(|(who, role, seconds)| Step::OtherSubmit { who, role, seconds }),
        1 => number().prop_map(|grant| Step::OtherRevoke { grant }),
        2 => (number(), edit()).prop_map(|(policy, edit)| Step::EditPolicy { policy, edit }),
        1 => (who(), place())
            .prop_map(|(who, (account, role))| Step::AssignByHand { who, account, role }),
        1 => number().prop_map(|assignment| Step::DeleteByHand { assignment }),
        1 => (select(&[SANDBOX, STAGING, PRODUCTION]), select(&["Root", "Sandbox", "Staging", "Production"]))
            .prop_map(|(account, unit)| Step::MoveAccount { account, unit }),
        6 => pass.prop_map(|seconds| Step::Pass { seconds }),
        1 => (1..300_u64).prop_map(|seconds| Step::SetBack { seconds }),
        8 => Just(Step::Deliver),
        2 => Just(Step::Sweep),
        6 => fail(),
        1 => Just(Step::Restart),
        1 => Just(Step::Rest),
    ]
}

/// How many seconds Identity Center takes for a change, and so many histories of at most so many steps each.
pub(super) fn histories(count: usize, most: usize) -> impl Strategy<Value = (u64, Vec<Vec<Step>>)> {
    (select(&[0, 3, 3, 3, 3, 30, 90]), vec(vec(step(), most / 2..=most), count))
}
