//! Errors as callers read them, and as operators do.

mod code;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use stint_api::ErrorBody;

pub use code::ErrorCode;

use super::precondition::etag;
use crate::app::AccessError;
use crate::app::people::Unlinked;
use crate::auth::AuthError;
use crate::store::{CommitError, StoreError};

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The credential is missing, bad, of another tenant or lacks a scope.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The use case refused.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The input cannot be read.
    #[error("{field}: {reason}")]
    InvalidInput {
        /// Where.
        field: String,
        /// What is wrong and what is expected.
        reason: String,
    },
    /// The body is over the limit.
    #[error("the body is over {} KiB", super::body::MAX_BODY_BYTES / 1024)]
    PayloadTooLarge,
    /// The body is not JSON.
    #[error("the body must be JSON: send `Content-Type: application/json`")]
    UnsupportedMediaType,
    /// There is such a path, not with this method.
    #[error("this path has no such method")]
    MethodNotAllowed,
    /// The same key came with another body.
    #[error("this `Idempotency-Key` was used with another body; use a new key for a new request")]
    IdempotencyConflict,
    /// So many grants of the principal are not usable yet, and no more may be.
    #[error(
        "{0} grants are not usable yet, which is the most the tenant allows one principal; try again when some are"
    )]
    TooManyPending(u32),
    /// The table, or something else we need, is down.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A bug.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::NoTable => Self::Unavailable(error.to_string()),
            StoreError::TooManyPending(limit) => Self::TooManyPending(limit),
            StoreError::Corrupt { .. } | StoreError::Unstorable(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict => Self::Unavailable("others keep changing the same thing".to_owned()),
            CommitError::Store(error) => error.into(),
        }
    }
}

impl Error {
    /// Bad input at `field`.
    pub(super) fn input(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidInput { field: field.into(), reason: reason.into() }
    }

    /// The answer's status and body, without the id of the call: the one place where errors become answers.
    pub(super) fn answer(&self) -> (StatusCode, ErrorBody) {
        let message = self.to_string();
        let parts = match self {
            Self::Auth(error) => auth(error),
            Self::Access(error) => return access(error),
            Self::InvalidInput { field, reason } => {
                (ErrorCode::InvalidInput, message, json!({"field": field, "reason": reason}))
            }
            Self::PayloadTooLarge => {
                (ErrorCode::PayloadTooLarge, message, json!({"max_bytes": super::body::MAX_BODY_BYTES}))
            }
            Self::UnsupportedMediaType => (ErrorCode::UnsupportedMediaType, message, json!({})),
            Self::MethodNotAllowed => (ErrorCode::MethodNotAllowed, message, json!({})),
            Self::IdempotencyConflict => (ErrorCode::IdempotencyConflict, message, json!({})),
            Self::TooManyPending(limit) => (ErrorCode::RateLimited, message, json!({"max_pending_grants": limit})),
            Self::Unavailable(_) => unavailable(),
            Self::Internal(_) => internal(),
        };
        Self::answer_of(parts)
    }
}

type Parts = (ErrorCode, String, Value);

fn unavailable() -> Parts {
    let message = "something this needs is down; try again shortly".to_owned();
    (ErrorCode::Unavailable, message, json!({}))
}

fn internal() -> Parts {
    let message = "internal error; include the request id when reporting it".to_owned();
    (ErrorCode::Internal, message, json!({}))
}

fn auth(error: &AuthError) -> Parts {
    match error {
        AuthError::Unauthenticated(_) => (
            ErrorCode::Unauthenticated,
            "a valid credential is required: `X-API-Key`, or `Authorization: Bearer`".to_owned(),
            json!({}),
        ),
        AuthError::TenantMismatch => (
            ErrorCode::TenantMismatch,
            "the credential and `X-Tenant-ID` belong to different tenants".to_owned(),
            json!({}),
        ),
        AuthError::InsufficientScope(scope) => {
            (ErrorCode::InsufficientScope, error.to_string(), json!({"required": scope}))
        }
        AuthError::GroupsUnknown => (
            ErrorCode::GroupsUnknown,
            error.to_string(),
            json!({"remedy": "let the identity provider put the groups into the token (ask for its scope, or have it send \
                              only the groups assigned to the application); or let an administrator have the directory \
                              supply them, or set `groups` of the tenant's identity provider to `optional`"}),
        ),
        AuthError::Unavailable(_) | AuthError::Store(StoreError::Unavailable(_) | StoreError::NoTable) => unavailable(),
        AuthError::Store(StoreError::Corrupt { .. } | StoreError::Unstorable(_) | StoreError::TooManyPending(_)) => {
            internal()
        }
    }
}

fn access(error: &AccessError) -> (StatusCode, ErrorBody) {
    let body = |code: ErrorCode, details: Value, notices: Option<&Vec<String>>| {
        let notices = notices.filter(|notices| !notices.is_empty()).cloned();
        let code_text = code.as_str().to_owned();
        (code.status(), ErrorBody { code: code_text, message: error.to_string(), details: Some(details), notices })
    };
    match error {
        AccessError::InvalidInput { field, reason } => {
            body(ErrorCode::InvalidInput, json!({"field": field, "reason": reason}), None)
        }
        AccessError::InvalidPolicy(errors) => body(ErrorCode::InvalidPolicy, json!({"errors": errors}), None),
        AccessError::DurationExceedsMaximum { field, maximum } => {
            body(ErrorCode::DurationExceedsMaximum, json!({"field": field, "max_duration_seconds": maximum}), None)
        }
        AccessError::UnknownResource { synced_at, .. } => {
            body(ErrorCode::UnknownResource, json!({"synced_at": synced_at}), None)
        }
        AccessError::PolicyDenied { notices, .. } => body(ErrorCode::PolicyDenied, json!({}), Some(notices)),
        AccessError::SelfApproval => body(ErrorCode::SelfApproval, json!({}), None),
        AccessError::NotAPerson(unlinked) => {
            let who = match unlinked {
                Unlinked::Machine | Unlinked::Caller => "caller",
                Unlinked::Requester => "requester",
                Unlinked::Submitter => "submitter",
            };
            let remedy =
                "an Identity Store user needs the same external id or verified e-mail address, and no other user";
            body(ErrorCode::NotAPerson, json!({"who": who, "remedy": remedy}), None)
        }
        AccessError::BreakGlassNotPermitted(_) => body(ErrorCode::BreakGlassNotPermitted, json!({}), None),
        AccessError::NotFound(_) => body(ErrorCode::NotFound, json!({}), None),
        AccessError::Conflict { status, .. } => body(ErrorCode::Conflict, json!({"status": status}), None),
        AccessError::PreconditionFailed { version } => {
            body(ErrorCode::PreconditionFailed, json!({"etag": etag(*version)}), None)
        }
        AccessError::Auth(error) => Error::answer_of(auth(error)),
        AccessError::Store(error) => Error::answer_of(match error {
            StoreError::Unavailable(_) | StoreError::NoTable => unavailable(),
            // Only a commit finds out, and that is another error by then.
            StoreError::Corrupt { .. } | StoreError::Unstorable(_) | StoreError::TooManyPending(_) => internal(),
        }),
        AccessError::Policies(_) => Error::answer_of(internal()),
    }
}

impl Error {
    fn answer_of((code, message, details): Parts) -> (StatusCode, ErrorBody) {
        (code.status(), ErrorBody { code: code.as_str().to_owned(), message, details: Some(details), notices: None })
    }

    /// Status and body, with the id of the call in the details.
    #[must_use]
    pub fn answer_for(&self, call_id: &str) -> (StatusCode, ErrorBody) {
        let (status, mut body) = self.answer();
        if let Some(Value::Object(details)) = &mut body.details {
            details.insert("request_id".to_owned(), Value::String(call_id.to_owned()));
        }
        (status, body)
    }

    /// The answer to a call. Errors on the server's side are logged here, once, with their cause.
    pub fn to_answer(&self, call_id: &str) -> Response {
        let (status, body) = self.answer_for(call_id);
        if status.is_server_error() {
            tracing::error!(request_id = call_id, code = body.code, cause = %self, "the call failed");
        }
        let mut response = (status, Json(body)).into_response();
        let retry_after = match status {
            StatusCode::SERVICE_UNAVAILABLE => Some("2"),
            StatusCode::TOO_MANY_REQUESTS => Some("10"),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }
}

/// The id of a call, on every answer.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
