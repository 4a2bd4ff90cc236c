//! Gives access and takes it away: what the workers have in common.
//!
//! A worker that changes an assignment needs a slot at Identity Center (`run`). If no slot is free, the worker marks
//! its grant due and ends; a worker that holds a slot does that work (`queue`).

mod context;
mod provisioning;
mod queue;
mod reconcile;
mod reconsider;
mod revocation;
mod run;

pub(crate) use context::{ATTEMPTS, GrantCall};
pub use context::{LONGEST_RUN, Services, WorkerError, Workers};
pub(crate) use run::WorkerRun;
