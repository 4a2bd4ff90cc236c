//! The codes of errors, each documented once: for callers, the reference page, and what API Gateway answers itself.

use axum::http::StatusCode;

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:tt $status:ident)+) => {
        /// What went wrong, for machines.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// The status of an answer with this code.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)+
                }
            }

            /// What it means, for the reference.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim(),)+
                }
            }
        }
    };
}

error_codes! {
    /// Something in the call cannot be read or is not allowed: `details` has `field` and `reason`.
    InvalidInput = "invalid_input" BAD_REQUEST
    /// The Cedar text or a field of a policy is not valid: `details.errors` has each error with its place.
    InvalidPolicy = "invalid_policy" BAD_REQUEST
    /// Policy permits no access that long: `details.max_duration_seconds` is the most.
    DurationExceedsMaximum = "duration_exceeds_maximum" BAD_REQUEST
    /// The directory does not know the account or permission set: `details.synced_at` says when it was last read.
    UnknownResource = "unknown_resource" BAD_REQUEST
    /// There is no credential, or it is not good.
    Unauthenticated = "unauthenticated" UNAUTHORIZED
    /// The credential belongs to another tenant than `X-Tenant-ID` names.
    TenantMismatch = "tenant_mismatch" FORBIDDEN
    /// The credential lacks the scope in `details.required`.
    InsufficientScope = "insufficient_scope" FORBIDDEN
    /// The token leaves its owner's groups out: `details.remedy` says what helps.
    GroupsUnknown = "groups_unknown" FORBIDDEN
    /// Policy does not permit it: `notices` has what the rules say about it.
    PolicyDenied = "policy_denied" FORBIDDEN
    /// Nobody approves what they asked for themselves.
    SelfApproval = "self_approval" FORBIDDEN
    /// Approvals count by person, and `details.who` is linked to none: `details.remedy` says what helps.
    NotAPerson = "not_a_person" FORBIDDEN
    /// The tenant's settings do not let the caller break the glass.
    BreakGlassNotPermitted = "break_glass_not_permitted" FORBIDDEN
    /// It does not exist, or the caller may not know that it does.
    NotFound = "not_found" NOT_FOUND
    /// The path has no such method.
    MethodNotAllowed = "method_not_allowed" METHOD_NOT_ALLOWED
    /// It is in another state than this needs: `details.status` is the state it is in.
    Conflict = "conflict" CONFLICT
    /// The `Idempotency-Key` was used with another body.
    IdempotencyConflict = "idempotency_conflict" CONFLICT
    /// It was changed since the version that `If-Match` names: `details.etag` is the version it has.
    PreconditionFailed = "precondition_failed" PRECONDITION_FAILED
    /// The body is too large.
    PayloadTooLarge = "payload_too_large" PAYLOAD_TOO_LARGE
    /// The body is not JSON.
    UnsupportedMediaType = "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE
    /// There are too many calls, or too many grants that are not usable yet: wait as long as `Retry-After` says.
    RateLimited = "rate_limited" TOO_MANY_REQUESTS
    /// An internal error: include the request id when reporting it.
    Internal = "internal" INTERNAL_SERVER_ERROR
    /// Something this needs is down: wait as long as `Retry-After` says.
    Unavailable = "unavailable" SERVICE_UNAVAILABLE
}
