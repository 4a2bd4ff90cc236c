//! `GET /v1/requests/{id}`.

use super::prelude::*;
use crate::app::request_visible;
use crate::domain::{AccessRequest, RequestId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_request))
}

/// Get an access request
#[utoipa::path(
    get,
    path = "/v1/requests/{id}",
    operation_id = "getRequest",
    tag = "Requests",
    extensions(("x-table" = json!({"get": true, "query": ["table"]}))),
    params(("id" = RequestId, Path, description = "the request's id"), TenantHeader),
    responses((status = 200, description = "The request.", body = wire::AccessRequest), Failures, NotFoundFailure),
    security(("api_key" = ["requests:read"]), ("bearer" = ["requests:read"]))
)]
async fn get_request(
    call: AuthenticatedCall<scope::RequestsRead>,
    id: Input<Path<RequestId>>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let (access, request) = call.open(|table| read::<AccessRequest>(table, id)).await?;
    let request = request_visible(&access, request).await?;
    Ok(Json(wire::AccessRequest::from(request)).into_response())
}
