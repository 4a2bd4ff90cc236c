//! How records are deserialized: every field must be present.

use serde::{Deserialize, Deserializer};

/// Deserializes an optional field of a record, which is stored as null when it is not set. Without this, serde reads a
/// missing field as `None`, and an API key that lost its `revoked_at` would be valid again.
pub(crate) fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(field)
}
