//! `POST /v1/requests/{id}/cancel`.

use super::prelude::*;
use crate::app::{cancel, request_visible};
use crate::domain::{AccessRequest, RequestId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(cancel_request))
}

/// Withdraw an access request
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/cancel",
    operation_id = "cancelRequest",
    tag = "Requests",
    extensions(("x-table" = json!({"get": true, "query": ["table"], "put": ["EVENT", "IDEMPOTENCY", "REQUEST", "USER"]}))),
    params(("id" = RequestId, Path, description = "the request's id"), TenantHeader, IdempotencyHeader),
    request_body = Option<wire::EmptyBody>,
    responses((status = 200, description = "The request, cancelled.", body = wire::AccessRequest), WriteFailures, NotFoundFailure),
    security(("api_key" = ["access:request"]), ("bearer" = ["access:request"]))
)]
async fn cancel_request(
    call: AuthenticatedCall<scope::AccessRequest>,
    id: Input<Path<RequestId>>,
    body: OptionalBody<wire::EmptyBody>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let body = call.accept(body.into()).await?;
    call.change_visible(
        StatusCode::OK,
        &body,
        |table| read::<AccessRequest>(table, id),
        |access, request| async move { Ok(request_visible(&access, request).await.map(drop)?) },
        |access, request| async move { Ok(cancel(&access, request).await?.map(wire::AccessRequest::from)) },
    )
    .await
}
