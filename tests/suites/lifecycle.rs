//! What becomes of a request: from asking to the last trace of access gone, with a clock the test moves.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

#[path = "lifecycle/approval.rs"]
mod approval;
#[path = "lifecycle/drain.rs"]
mod drain;
#[path = "lifecycle/drift.rs"]
mod drift;
#[path = "lifecycle/ensure.rs"]
mod ensure;
#[path = "lifecycle/expiry.rs"]
mod expiry;
#[path = "lifecycle/fairness.rs"]
mod fairness;
#[path = "lifecycle/held.rs"]
mod held;
#[path = "lifecycle/invariants.rs"]
mod invariants;
#[path = "lifecycle/issuer_keys.rs"]
mod issuer_keys;
#[path = "lifecycle/judged.rs"]
mod judged;
#[path = "lifecycle/leases.rs"]
mod leases;
#[path = "lifecycle/metrics.rs"]
mod metrics;
#[path = "lifecycle/people.rs"]
mod people;
#[path = "lifecycle/reconsider.rs"]
mod reconsider;
#[path = "lifecycle/recorded.rs"]
mod recorded;
#[path = "lifecycle/refusals.rs"]
mod refusals;
#[path = "lifecycle/rush.rs"]
mod rush;
#[path = "lifecycle/sharing.rs"]
mod sharing;
#[path = "lifecycle/slots.rs"]
mod slots;
#[path = "lifecycle/standing.rs"]
mod standing;
#[path = "lifecycle/stored.rs"]
mod stored;
#[path = "lifecycle/submit.rs"]
mod submit;
#[path = "lifecycle/sync.rs"]
mod sync;
#[path = "lifecycle/sync_people.rs"]
mod sync_people;
#[path = "lifecycle/sync_runs.rs"]
mod sync_runs;
#[path = "lifecycle/sync_warnings.rs"]
mod sync_warnings;
#[path = "lifecycle/unknown.rs"]
mod unknown;
