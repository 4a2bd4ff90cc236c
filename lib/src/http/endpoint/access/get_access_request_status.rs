//! `GET /v1/access/requests/{id}`: what a client polls.

use super::prelude::*;
use futures_util::future::try_join_all;

use crate::app::request_visible;
use crate::domain::{AccessRequest, Grant, RequestId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_access_request_status))
}

/// Where a request and its grants stand
#[utoipa::path(
    get,
    path = "/v1/access/requests/{id}",
    operation_id = "getAccessRequestStatus",
    tag = "Access",
    extensions(("x-table" = json!({"get": true, "query": ["table"]}))),
    params(("id" = RequestId, Path, description = "the request's id"), TenantHeader),
    responses((status = 200, description = "Where they stand.", body = wire::AccessRequestStatus), Failures, NotFoundFailure),
    security(("api_key" = ["access:request"]), ("bearer" = ["access:request"]))
)]
async fn get_access_request_status(
    call: AuthenticatedCall<scope::AccessRequest>,
    id: Input<Path<RequestId>>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let (access, request) = call.open(|table| read::<AccessRequest>(table, id)).await?;
    let request = request_visible(&access, request).await?;
    let grants = request.grant_ids.iter().map(|id| read::<Grant>(access.table().clone(), *id));
    let grants = try_join_all(grants).await?.into_iter().flatten().collect();
    Ok(Json(convert::request_status(&request, grants)).into_response())
}
