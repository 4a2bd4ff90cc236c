//! `POST /v1/requests/{id}/deny`.

use super::approve_request::decide_request;
use super::prelude::*;
use crate::domain::{RequestId, Vote};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(deny_request))
}

/// Deny an access request
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/deny",
    operation_id = "denyRequest",
    tag = "Requests",
    extensions(("x-table" = json!({"get": true, "query": ["table"], "put": ["EVENT", "IDEMPOTENCY", "REQUEST", "USER"]}))),
    params(("id" = RequestId, Path, description = "the request's id"), TenantHeader, IdempotencyHeader),
    request_body = Option<wire::Decide>,
    responses((status = 200, description = "The request, denied.", body = wire::AccessRequest), WriteFailures, NotFoundFailure),
    security(("api_key" = ["requests:decide"]), ("bearer" = ["requests:decide"]))
)]
async fn deny_request(
    call: AuthenticatedCall<scope::RequestsDecide>,
    id: Input<Path<RequestId>>,
    body: OptionalBody<wire::Decide>,
) -> Result<Response, Error> {
    decide_request(call, id, body, Vote::Deny).await
}
