//! How records are read: every field must be there.

use serde::{Deserialize, Deserializer};

/// Reads an optional field of a record: it is stored as null when it is not set. Without this, serde takes a missing field for
/// one that is not set, and an API key that lost its `revoked_at` would be good again.
pub(crate) fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(field)
}
