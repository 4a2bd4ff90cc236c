//! Every AWS call of every flow, failed in every way it can fail: whatever fails, it ends as if nothing had.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "faults/exhaust.rs"]
mod exhaust;
#[path = "faults/flows.rs"]
mod flows;
