//! Why a use case refuses.

use std::borrow::Cow;

use jiff::Timestamp;

use super::people::Unlinked;
use crate::auth::AuthError;
use crate::domain::{ResourceRef, Seconds};
use crate::policy::Problem;
use crate::store::StoreError;

/// Why a use case refuses.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Something that was asked for cannot be.
    #[error("{field}: {reason}")]
    InvalidInput {
        /// What.
        field: Cow<'static, str>,
        /// Why, and what can.
        reason: String,
    },
    /// Cedar text does not parse or does not fit the tenant's schema.
    #[error("the Cedar text is not valid: {} to mend, see `details.errors`", count(.0))]
    InvalidPolicy(Vec<Problem>),
    /// More time than the determining policies allow.
    #[error("{field}: the longest allowed is {} seconds", .maximum.get())]
    DurationExceedsMaximum {
        /// Which duration.
        field: &'static str,
        /// The longest allowed.
        maximum: Seconds,
    },
    /// The tenant's directory does not know the resource, or it is gone.
    #[error("the directory does not know `{resource}`: check the id, or sync the directory if it is new")]
    UnknownResource {
        /// Which resource.
        resource: ResourceRef,
        /// When the directory last changed; none when it is empty.
        synced_at: Option<Timestamp>,
    },
    /// No rule permits, or a rule forbids.
    #[error("{reason}")]
    PolicyDenied {
        /// Why, in words.
        reason: String,
        /// The notices of the determining rules.
        notices: Vec<String>,
    },
    /// One's own request.
    #[error("nobody decides their own request; ask somebody else to")]
    SelfApproval,
    /// An approval that would not be known to be another person's.
    #[error("{}", not_a_person(*.0))]
    NotAPerson(Unlinked),
    /// Not for this caller, or not in this tenant.
    #[error("{0}")]
    BreakGlassNotPermitted(String),
    /// It does not exist, or the caller may not know that it does.
    #[error("{0}")]
    NotFound(&'static str),
    /// Not in this state.
    #[error("{reason}")]
    Conflict {
        /// The state.
        status: &'static str,
        /// Why not.
        reason: String,
    },
    /// `If-Match` names a version that is not the last.
    #[error("it was changed in the meantime: read it again and send its `ETag` as `If-Match`")]
    PreconditionFailed {
        /// The last version.
        version: u64,
    },
    /// The caller lacks something.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored policies cannot be compiled: nothing is decided, so nothing is permitted.
    #[error("the tenant's policies cannot be compiled: {0}")]
    Policies(String),
}

fn not_a_person(unlinked: Unlinked) -> &'static str {
    match unlinked {
        Unlinked::Machine => "only people approve: an API key may deny, but its approval counts for nobody",
        Unlinked::Caller => {
            "the directory links your account to no one Identity Store user, so your approval counts for nobody; you may \
             still deny"
        }
        Unlinked::Requester => {
            "the directory links the requester to no one Identity Store user, so nobody is known to be another person"
        }
        Unlinked::Submitter => {
            "the directory links who submitted the request to no one Identity Store user, so nobody is known to be another \
             person"
        }
    }
}

fn count(problems: &[Problem]) -> String {
    match problems.len() {
        1 => "1 thing".to_owned(),
        count => format!("{count} things"),
    }
}

impl AccessError {
    /// Something at `field` cannot be.
    pub(crate) fn input(field: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self::InvalidInput { field: field.into(), reason: reason.into() }
    }
}
