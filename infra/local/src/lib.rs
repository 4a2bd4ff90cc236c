//! stint on one machine: the API, its workers and a local AWS endpoint in one process.

pub mod aws;
pub mod oidc;
