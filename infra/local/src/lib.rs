//! local.

pub mod oidc;
