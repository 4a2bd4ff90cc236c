//! The workers: they give access, take it away, and find the work that was missed.
//!
//! | worker | is called by |
//! |---|---|
//! | [`publish_events`] | the table's stream |
//! | [`provision_grant`] | the bus, when a grant was decided or extended; Scheduler, at a later begin or for a retry |
//! | [`deprovision_grant`] | Scheduler, at a grant's end or for a retry; the bus, when one was ended early |
//! | [`sweep`] | a schedule, every five minutes: it does whatever is due and was not done |
//! | [`drain_guard`] | CloudFormation, before it deletes the stack |
//! | [`sync`] | a schedule, every 15 minutes, and an administrator: it stores issuers' keys and reads the directory |
//!
//! Each worker may be called twice, late, out of order or not at all. What it does depends only on what the table says
//! when it is called.

pub mod deprovision_grant;
pub mod drain_guard;
mod outbox;
pub mod provision_grant;
pub mod publish_events;
pub mod sweep;
pub mod sync;
