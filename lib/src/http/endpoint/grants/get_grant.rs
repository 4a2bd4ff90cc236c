//! `GET /v1/grants/{id}`.

use super::prelude::*;
use crate::app::grant_visible;
use crate::domain::{Grant, GrantId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_grant))
}

/// Get a grant
#[utoipa::path(
    get,
    path = "/v1/grants/{id}",
    operation_id = "getGrant",
    tag = "Grants",
    extensions(("x-table" = json!({"get": true, "query": ["table"]}))),
    params(("id" = GrantId, Path, description = "the grant's id"), TenantHeader),
    responses((status = 200, description = "The grant.", body = wire::Grant), Failures, NotFoundFailure),
    security(("api_key" = ["grants:read"]), ("bearer" = ["grants:read"]))
)]
async fn get_grant(call: AuthenticatedCall<scope::GrantsRead>, id: Input<Path<GrantId>>) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let (access, grant) = call.open(|table| read::<Grant>(table, id)).await?;
    let grant = grant_visible(&access, grant).await?;
    Ok(Json(wire::Grant::from(grant)).into_response())
}
