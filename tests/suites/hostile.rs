//! What others send on purpose: other tenants' ids, forged credentials, and input that is none.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "hostile/input.rs"]
mod input;
#[path = "hostile/mutation.rs"]
mod mutation;
#[path = "hostile/nesting.rs"]
mod nesting;
#[path = "hostile/tenants.rs"]
mod tenants;
#[path = "hostile/workers.rs"]
mod workers;
