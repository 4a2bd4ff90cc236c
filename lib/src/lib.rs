//! stint: just-in-time access to AWS, for a stint and not a second longer.
//!
//! This library holds everything that decides or does something; the binaries in `functions/` only wire it.

pub mod app;
pub mod audit;
pub mod auth;
pub mod aws;
pub mod clock;
pub mod context;
pub mod directory;
pub mod domain;
pub mod hash;
pub mod http;
pub mod metrics;
pub mod policy;
pub mod provision;
pub mod store;
pub mod tenancy;
pub mod workers;
