//! `PATCH /v1/grants/{id}`.

use super::prelude::*;
use crate::app::{grant_visible, set_audit};
use crate::domain::{Grant, GrantId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(update_grant))
}

/// Change a setting of a grant
#[utoipa::path(
    patch,
    path = "/v1/grants/{id}",
    operation_id = "updateGrant",
    tag = "Grants",
    extensions(("x-table" = json!({"get": true, "put": ["EVENT", "GRANT", "IDEMPOTENCY", "USER"]}))),
    params(("id" = GrantId, Path, description = "the grant's id"), TenantHeader),
    request_body = wire::UpdateGrant,
    responses((status = 200, description = "The grant.", body = wire::Grant), WriteFailures, NotFoundFailure),
    security(("api_key" = ["grants:write"]), ("bearer" = ["grants:write"]))
)]
async fn update_grant(
    call: AuthenticatedCall<scope::GrantsWrite>,
    id: Input<Path<GrantId>>,
    body: Input<Body<wire::UpdateGrant>>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let body = call.accept(body).await?;
    call.change_visible(
        StatusCode::OK,
        &body,
        |table| read::<Grant>(table, id),
        |access, grant| async move { Ok(grant_visible(&access, grant).await.map(drop)?) },
        |access, grant| {
            let audit = body.value.audit_enabled;
            async move { Ok(set_audit(&access, grant, audit).await?.map(wire::Grant::from)) }
        },
    )
    .await
}
