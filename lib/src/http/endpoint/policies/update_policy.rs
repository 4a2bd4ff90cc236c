//! `PATCH /v1/policies/{policyId}`.

use super::prelude::*;
use crate::app::policies;
use crate::domain::{Policy, PolicyId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(update_policy))
}

/// Change a policy
#[utoipa::path(
    patch,
    path = "/v1/policies/{policyId}",
    operation_id = "updatePolicy",
    tag = "Policies",
    extensions(("x-table" = json!({"get": true, "query": ["table"], "put": ["EVENT", "IDEMPOTENCY", "POLICY", "USER"], "update": ["VERSIONS"]}))),
    params(("policyId" = PolicyId, Path, description = "the policy's id"), TenantHeader, IfMatchHeader),
    request_body = wire::UpdatePolicy,
    responses((status = 200, description = "Full policy with nested rules.", body = wire::WrittenPolicy, headers(("ETag" = String, description = "the policy's version, for `If-Match`"))), WriteFailures, NotFoundFailure, PreconditionFailure),
    security(("api_key" = ["policies:write"]), ("bearer" = ["policies:write"]))
)]
async fn update_policy(
    call: AuthenticatedCall<scope::PoliciesWrite>,
    id: Input<Path<PolicyId>>,
    expected: Input<IfMatch>,
    body: Input<Body<wire::UpdatePolicy>>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let expected = call.accept(expected).await?;
    let body = call.accept(body).await?;
    call.change(
        StatusCode::OK,
        &body,
        |table| read::<Policy>(table, id),
        |access, policy| {
            let (change, expected) = (body.value.clone(), expected.clone());
            async move {
                let cedar = change.cedar_policy_set.clone();
                let edit = |fields| convert::changed(change, fields);
                let (change, warnings) = policies::update(&access, policy, &expected, edit, cedar.as_deref()).await?;
                Ok(change
                    .map(|policy| wire::WrittenPolicy { policy: policy.into(), warnings: convert::problems(warnings) }))
            }
        },
    )
    .await
}
