//! `DELETE /v1/grants/{id}`: ends a grant early.

use super::prelude::*;
use crate::app::{grant_visible, revoke};
use crate::domain::{Grant, GrantId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(revoke_grant))
}

/// End a grant early
#[utoipa::path(
    delete,
    path = "/v1/grants/{id}",
    operation_id = "revokeGrant",
    tag = "Grants",
    extensions(("x-table" = json!({"get": true, "query": ["table"], "put": ["EVENT", "GRANT", "IDEMPOTENCY", "USER"], "update": ["PENDING"]}))),
    params(("id" = GrantId, Path, description = "the grant's id"), TenantHeader),
    responses((status = 202, description = "The grant has ended; `revocation` tells how far taking the access away has come.", body = wire::Grant), WriteFailures, NotFoundFailure),
    security(("api_key" = ["grants:revoke"]), ("bearer" = ["grants:revoke"]))
)]
async fn revoke_grant(
    call: AuthenticatedCall<scope::GrantsRevoke>,
    id: Input<Path<GrantId>>,
    body: OptionalBody<wire::EmptyBody>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let body = call.accept(body.into()).await?;
    call.change_visible(
        StatusCode::ACCEPTED,
        &body,
        |table| read::<Grant>(table, id),
        |access, grant| async move { Ok(grant_visible(&access, grant).await.map(drop)?) },
        |access, grant| async move { Ok(revoke(&access, grant).await?.map(wire::Grant::from)) },
    )
    .await
}
