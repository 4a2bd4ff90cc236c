//! The contract: what goes over the wire, and what does not.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "api/audit_log.rs"]
mod audit_log;
#[path = "api/auth.rs"]
mod auth;
#[path = "api/compatibility.rs"]
mod compatibility;
#[path = "api/endpoints.rs"]
mod endpoints;
#[path = "api/listing.rs"]
mod listing;
#[path = "api/openapi.rs"]
mod openapi;
#[path = "api/operations.rs"]
mod operations;
#[path = "api/page_sizes.rs"]
mod page_sizes;
#[path = "api/permissions.rs"]
mod permissions;
#[path = "api/policies.rs"]
mod policies;
#[path = "api/policy_matrix.rs"]
mod policy_matrix;
#[path = "api/reviewed.rs"]
mod reviewed;
#[path = "api/round_trips.rs"]
mod round_trips;
#[path = "api/seeds.rs"]
mod seeds;
#[path = "api/tampering.rs"]
mod tampering;
#[path = "api/unauthenticated.rs"]
mod unauthenticated;
#[path = "api/wire.rs"]
mod wire;
