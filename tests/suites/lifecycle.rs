//! What becomes of a request: from asking to the last trace of access gone, with a clock the test moves.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "lifecycle/approval.rs"]
mod approval;
#[path = "lifecycle/ensure.rs"]
mod ensure;
#[path = "lifecycle/expiry.rs"]
mod expiry;
#[path = "lifecycle/invariants.rs"]
mod invariants;
#[path = "lifecycle/metrics.rs"]
mod metrics;
#[path = "lifecycle/recorded.rs"]
mod recorded;
#[path = "lifecycle/rush.rs"]
mod rush;
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
#[path = "lifecycle/turns.rs"]
mod turns;
