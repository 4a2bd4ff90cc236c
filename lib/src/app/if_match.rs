//! The condition of a change on the version of what it changes.

use super::AccessError;

/// The versions that a change may be based on, from the caller's `If-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// Any version.
    Any,
    /// One of these entity tags, without their quotes.
    OneOf(Vec<String>),
}

impl IfMatch {
    /// Checks the latest version.
    ///
    /// # Errors
    ///
    /// [`AccessError::PreconditionFailed`] if no tag names the latest version: another caller's change would be lost.
    pub fn check(&self, version: u64) -> Result<(), AccessError> {
        match self {
            Self::Any => Ok(()),
            // Compared as text, since `"03"` and `"3"` are different tags.
            Self::OneOf(tags) if tags.contains(&version.to_string()) => Ok(()),
            Self::OneOf(_) => Err(AccessError::PreconditionFailed { version }),
        }
    }
}
