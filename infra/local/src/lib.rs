//! local.

pub mod aws;
