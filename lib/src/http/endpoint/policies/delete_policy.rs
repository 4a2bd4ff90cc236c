//! `DELETE /v1/policies/{policyId}`.

use super::prelude::*;
use crate::app::policies;
use crate::domain::{Policy, PolicyId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(delete_policy))
}

/// Delete a policy
#[utoipa::path(
    delete,
    path = "/v1/policies/{policyId}",
    operation_id = "deletePolicy",
    tag = "Policies",
    extensions(("x-table" = json!({"get": true, "put": ["EVENT", "IDEMPOTENCY", "USER"], "update": ["VERSIONS"], "delete": ["POLICY"]}))),
    params(("policyId" = PolicyId, Path, description = "the policy's id"), TenantHeader, IfMatchHeader),
    responses((status = 204, description = "It is gone, with its rules."), WriteFailures, NotFoundFailure, PreconditionFailure),
    security(("api_key" = ["policies:write"]), ("bearer" = ["policies:write"]))
)]
async fn delete_policy(
    call: AuthenticatedCall<scope::PoliciesWrite>,
    id: Input<Path<PolicyId>>,
    expected: Input<IfMatch>,
    body: OptionalBody<wire::EmptyBody>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let expected = call.accept(expected).await?;
    let body = call.accept(body.into()).await?;
    call.change(
        StatusCode::NO_CONTENT,
        &body,
        |table| read::<Policy>(table, id),
        |access, policy| {
            let expected = expected.clone();
            async move { Ok(policies::delete(&access, policy, &expected)?) }
        },
    )
    .await
}
