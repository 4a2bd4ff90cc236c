//! `POST /v1/grants/{id}/extend`.

use super::prelude::*;
use crate::app::{extend, grant_visible};
use crate::domain::{Grant, GrantId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(extend_grant))
}

/// Extend a grant
///
/// Policy decides again. The grant never lasts longer than the policies' maximum, counted from `granted_at`; where
/// policy asks people, make a new request instead: access goes on without a gap once it is approved.
#[utoipa::path(
    post,
    path = "/v1/grants/{id}/extend",
    operation_id = "extendGrant",
    tag = "Grants",
    extensions(("x-table" = json!({"get": true, "query": ["table", "by_holder"], "put": ["EVENT", "GRANT", "IDEMPOTENCY", "USER"], "check": ["APIKEY", "LINK", "TENANT", "VERSIONS"]}))),
    params(("id" = GrantId, Path, description = "the grant's id"), TenantHeader, IdempotencyHeader),
    request_body = wire::ExtendGrant,
    responses((status = 200, description = "The grant, with its new end.", body = wire::Grant), WriteFailures, NotFoundFailure),
    security(("api_key" = ["access:request"]), ("bearer" = ["access:request"]))
)]
async fn extend_grant(
    call: AuthenticatedCall<scope::AccessRequest>,
    id: Input<Path<GrantId>>,
    body: Input<Body<wire::ExtendGrant>>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let body = call.accept(body).await?;
    call.change_visible(
        StatusCode::OK,
        &body,
        |table| read::<Grant>(table, id),
        |access, grant| async move { Ok(grant_visible(&access, grant).await.map(drop)?) },
        |access, grant| {
            let (by, reason) = (body.value.duration_seconds, convert::reason("reason", body.value.reason.clone()));
            async move { Ok(extend(&access, grant, by, reason?.as_deref()).await?.map(wire::Grant::from)) }
        },
    )
    .await
}
