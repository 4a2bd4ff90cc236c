//! SHA-256, in hex.

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 of `bytes`, in hex.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}
