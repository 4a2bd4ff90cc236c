//! What API Gateway answers itself, in place of a function. It reads as what the functions answer.

use serde_json::json;
use stint::auth::AuthError;
use stint::http::{Error, ErrorBody, ErrorCode};

use crate::GenerateError;

/// API Gateway replaces it by the id of the call.
const REQUEST_ID: &str = "$context.requestId";

/// An answer of API Gateway.
struct GatewayResponse {
    /// The kind of response (API Gateway Developer Guide, "Gateway response types").
    kind: &'static str,
    /// `None`: the status that API Gateway has for the failure.
    status: Option<u16>,
    body: ErrorBody,
    retry_after_seconds: Option<u32>,
}

/// What functions answer to this error.
fn like(kind: &'static str, error: &Error) -> GatewayResponse {
    let (status, body) = error.answer_for(REQUEST_ID);
    GatewayResponse { kind, status: Some(status.as_u16()), body, retry_after_seconds: None }
}

/// What no function answers.
fn own(kind: &'static str, code: ErrorCode, message: &str) -> GatewayResponse {
    let details = Some(json!({"request_id": REQUEST_ID}));
    let body = ErrorBody { code: code.as_str().to_owned(), message: message.to_owned(), details, notices: None };
    GatewayResponse { kind, status: Some(code.status().as_u16()), body, retry_after_seconds: None }
}

impl GatewayResponse {
    fn any_status(self) -> Self {
        Self { status: None, ..self }
    }

    fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    fn text(&self) -> Result<String, GenerateError> {
        let Self { kind, .. } = self;
        let status = self.status.map(|status| format!("          StatusCode: {status}\n")).unwrap_or_default();
        let retry_after =
            self.retry_after_seconds.map(|seconds| format!(", Retry-After: \"'{seconds}'\"")).unwrap_or_default();
        let body = serde_json::to_string(&self.body).map_err(GenerateError::Body)?;
        Ok(format!(
            "        {kind}:
{status}          ResponseParameters: {{Headers: {{X-Request-ID: context.requestId{retry_after}}}}}
          ResponseTemplates: {{application/json: '{body}'}}
"
        ))
    }
}

/// The responses, as a property of the API in the template.
pub(crate) fn responses() -> Result<String, GenerateError> {
    let (invalid, not_found, limited) = (ErrorCode::InvalidInput, ErrorCode::NotFound, ErrorCode::RateLimited);
    let (no_operation, too_many) = ("there is no such operation", "too many calls; wait as long as `Retry-After` says");
    let (internal, unavailable) = (Error::Internal(String::new()), Error::Unavailable(String::new()));
    let responses = [
        own("DEFAULT_4XX", invalid, "the request cannot be accepted").any_status(),
        like("DEFAULT_5XX", &internal).any_status(),
        own("BAD_REQUEST_BODY", invalid, "the body cannot be read"),
        own("BAD_REQUEST_PARAMETERS", invalid, "the path, query or headers cannot be read"),
        like("UNAUTHORIZED", &AuthError::Unauthenticated(String::new()).into()),
        own("RESOURCE_NOT_FOUND", not_found, no_operation),
        // The path or method does not exist.
        own("MISSING_AUTHENTICATION_TOKEN", not_found, no_operation),
        // The same if the call has an `Authorization` header, which API Gateway takes for an AWS signature.
        own("INVALID_SIGNATURE", not_found, no_operation),
        like("REQUEST_TOO_LARGE", &Error::PayloadTooLarge),
        like("UNSUPPORTED_MEDIA_TYPE", &Error::UnsupportedMediaType),
        own("THROTTLED", limited, too_many).retry_after(1),
        own("QUOTA_EXCEEDED", limited, too_many).retry_after(60),
        like("INTEGRATION_FAILURE", &unavailable).retry_after(2),
        like("INTEGRATION_TIMEOUT", &unavailable).retry_after(2),
    ];
    let texts: Result<String, _> = responses.iter().map(GatewayResponse::text).collect();
    Ok(format!("      GatewayResponses:\n{}", texts?))
}
