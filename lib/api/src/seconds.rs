//! Durations in whole seconds, within the limits of the product.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A duration in whole seconds, from 1 second to 365 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "i64", into = "i64")]
#[schema(value_type = i64, minimum = 1, maximum = 31_536_000, example = 3600)]
pub struct Seconds(u32);

/// The number of seconds is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be between 1 and 31536000 seconds (365 days)")]
pub struct SecondsError;

impl Seconds {
    /// The longest duration: 365 days.
    pub const MAX: Self = Self(31_536_000);

    /// Checks the range.
    ///
    /// # Errors
    ///
    /// [`SecondsError`] outside 1..=31,536,000.
    pub fn new(seconds: i64) -> Result<Self, SecondsError> {
        match u32::try_from(seconds) {
            Ok(seconds) if (1..=Self::MAX.0).contains(&seconds) => Ok(Self(seconds)),
            Ok(_) | Err(_) => Err(SecondsError),
        }
    }

    /// A duration that is a literal in the code; the range is checked when the code is compiled.
    #[must_use]
    pub const fn constant<const SECONDS: u32>() -> Self {
        const { assert!(SECONDS >= 1 && SECONDS <= Self::MAX.0) };
        Self(SECONDS)
    }

    /// The number of seconds.
    #[must_use]
    pub fn get(self) -> i64 {
        i64::from(self.0)
    }

    /// The duration as a type that can be added to a timestamp.
    #[must_use]
    pub fn span(self) -> jiff::SignedDuration {
        jiff::SignedDuration::from_secs(self.get())
    }
}

impl TryFrom<i64> for Seconds {
    type Error = SecondsError;

    fn try_from(seconds: i64) -> Result<Self, SecondsError> {
        Self::new(seconds)
    }
}

impl From<Seconds> for i64 {
    fn from(seconds: Seconds) -> i64 {
        seconds.get()
    }
}
