//! Over which version a change is made.

use super::AccessError;

/// The versions a change may be made over, as the caller's `If-Match` names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// Whichever is the last.
    Any,
    /// One of these entity tags, without their quotes.
    OneOf(Vec<String>),
}

impl IfMatch {
    /// # Errors
    ///
    /// [`AccessError::PreconditionFailed`] when the last version is none of them: somebody's change would be lost.
    pub fn check(&self, version: u64) -> Result<(), AccessError> {
        match self {
            Self::Any => Ok(()),
            // Compared as text, since `"03"` is another tag than `"3"`.
            Self::OneOf(tags) if tags.contains(&version.to_string()) => Ok(()),
            Self::OneOf(_) => Err(AccessError::PreconditionFailed { version }),
        }
    }
}
