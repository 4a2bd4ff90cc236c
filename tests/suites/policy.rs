//! Policies: what their text says, and what they decide.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "policy/decisions.rs"]
mod decisions;
#[path = "policy/fixture.rs"]
mod fixture;
#[path = "policy/nesting.rs"]
mod nesting;
#[path = "policy/oracle.rs"]
mod oracle;
#[path = "policy/texts.rs"]
mod texts;
#[path = "policy/validation.rs"]
mod validation;
#[path = "policy/worlds.rs"]
mod worlds;
