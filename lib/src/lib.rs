//! stint: just-in-time access to AWS, for a stint and not a second longer.
//!
//! This library holds everything that decides or does something; the binaries in `functions/` only wire it.

pub mod app;
pub mod audit;
pub mod auth;
pub mod clock;
pub mod context;
pub mod directory;
pub mod domain;
pub mod events;
pub mod hash;
pub mod http;
pub mod identity_center;
pub mod metrics;
pub mod policy;
pub mod schedule;
pub mod store;
pub mod tenancy;
pub mod workers;
