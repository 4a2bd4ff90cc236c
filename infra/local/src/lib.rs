//! stint on one machine: the API, its workers and a local AWS endpoint in one process.

pub mod aws;
pub mod banner;
mod dev;
pub mod example;
pub mod oidc;
pub mod seed;
pub mod server;
