//! The workers: giving access, taking it away, and making sure that neither is forgotten.
//!
//! | worker | is called by |
//! |---|---|
//! | [`publish_events`] | the table's stream |
//! | [`provision_grant`] | the bus, when a grant was decided or extended; Scheduler, for a later start or another attempt |
//! | [`deprovision_grant`] | Scheduler, when a grant's time is over; the bus, when one was ended; Scheduler, for another attempt |
//! | [`sweep`] | every five minutes: whatever is due and was not done |
//! | [`sync`] | every fifteen minutes, and on demand: reads the directory from AWS |
//!
//! Who changes an assignment needs a slot at Identity Center (`run`). Who finds none free leaves, and whoever has one goes
//! on with what was left (`queue`).
//!
//! Every one may be called twice, late, out of order or not at all. What each does depends on what the table says when it
//! is called, and on nothing else.

mod assignment;
mod context;
pub mod deprovision_grant;
mod outbox;
mod provision;
pub mod provision_grant;
pub mod publish_events;
mod queue;
mod reconsider;
mod revoke;
mod run;
pub mod sweep;
pub mod sync;

pub use context::{LONGEST_RUN, Services, WorkerError, Workers};
