//! Errors of the use cases.

use std::borrow::Cow;

use jiff::Timestamp;

use super::people::Unlinked;
use crate::auth::AuthError;
use crate::domain::{ResourceRef, Seconds};
use crate::policy::Problem;
use crate::store::StoreError;

/// Why a use case fails or refuses.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A value in the call is not allowed.
    #[error("{field}: {reason}")]
    InvalidInput {
        /// The field, as named in the body.
        field: Cow<'static, str>,
        /// Why it is not allowed, and what is.
        reason: String,
    },
    /// Cedar text does not parse or does not fit the tenant's schema.
    #[error("the Cedar text is not valid: {} to fix, see `details.errors`", count(.0))]
    InvalidPolicy(Vec<Problem>),
    /// The duration is longer than the determining policies allow.
    #[error("{field}: the longest allowed is {} seconds", .maximum.get())]
    DurationExceedsMaximum {
        /// The field of the duration.
        field: &'static str,
        /// The longest duration that is allowed.
        maximum: Seconds,
    },
    /// The tenant's directory does not have the resource, or it is gone.
    #[error("the directory does not know `{resource}`: check the id, or sync the directory if it is new")]
    UnknownResource {
        /// The resource that was named.
        resource: ResourceRef,
        /// When the directory last changed; `None` if it is empty.
        synced_at: Option<Timestamp>,
    },
    /// No rule permits, or a rule forbids.
    #[error("{reason}")]
    PolicyDenied {
        /// The explanation.
        reason: String,
        /// The notices of the determining rules.
        notices: Vec<String>,
    },
    /// The request is the caller's own.
    #[error("you cannot decide your own request; ask another approver")]
    SelfApproval,
    /// An approval that is not known to come from a different person.
    #[error("{}", not_a_person(*.0))]
    NotAPerson(Unlinked),
    /// The caller may not do this, or it does not exist in this tenant.
    #[error("{0}")]
    BreakGlassNotPermitted(String),
    /// It does not exist, or the caller may not know that it does.
    #[error("{0}")]
    NotFound(&'static str),
    /// The thing is not in a state that allows this.
    #[error("{reason}")]
    Conflict {
        /// The state it is in.
        status: &'static str,
        /// Why the state does not allow this.
        reason: String,
    },
    /// `If-Match` does not name the latest version.
    #[error("it was changed in the meantime: read it again and send its `ETag` as `If-Match`")]
    PreconditionFailed {
        /// The latest version.
        version: u64,
    },
    /// The caller is not authorized.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored policies do not compile: nothing is decided, so nothing is permitted.
    #[error("the tenant's policies do not compile: {0}")]
    Policies(String),
}

fn not_a_person(unlinked: Unlinked) -> &'static str {
    match unlinked {
        Unlinked::Machine => "only people can approve: an API key may deny, but its approval does not count",
        Unlinked::Caller => {
            "the directory does not link your account to exactly one Identity Store user, so your approval does not \
             count; you may still deny"
        }
        Unlinked::Requester => {
            "the directory does not link the requester to exactly one Identity Store user, so no approver is known to \
             be a different person"
        }
        Unlinked::Submitter => {
            "the directory does not link the submitter to exactly one Identity Store user, so no approver is known to \
             be a different person"
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
    /// An [`AccessError::InvalidInput`] for a field.
    pub(crate) fn input(field: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self::InvalidInput { field: field.into(), reason: reason.into() }
    }
}
