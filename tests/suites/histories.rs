//! Random histories against a model: whatever people do, time does and fails, who has access is who should.
//!
//! `SEED=17 HISTORIES=1 cargo nextest run -E 'binary(histories)'` does one again; `make soak` goes on with new and longer
//! ones.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "histories/found.rs"]
mod found;
#[path = "histories/model.rs"]
mod model;
#[path = "histories/outside.rs"]
mod outside;
#[path = "histories/people.rs"]
mod people;
#[path = "histories/play.rs"]
mod play;
#[path = "histories/policies.rs"]
mod policies;
#[path = "histories/random.rs"]
mod random;
#[path = "histories/step.rs"]
mod step;
