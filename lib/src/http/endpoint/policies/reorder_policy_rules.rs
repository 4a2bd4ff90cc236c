//! `PATCH /v1/policies/{policyId}/rules/reorder`.

use super::prelude::*;
use crate::app::rules;
use crate::domain::{Policy, PolicyId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(reorder_policy_rules))
}

/// Put the rules of a policy into an order
///
/// It is the order they are shown in. The rules of a policy decide together, whatever their order.
#[utoipa::path(
    patch,
    path = "/v1/policies/{policyId}/rules/reorder",
    operation_id = "reorderPolicyRules",
    tag = "Policies",
    extensions(("x-table" = json!({"get": true, "put": ["EVENT", "IDEMPOTENCY", "POLICY", "USER"], "update": ["VERSIONS"]}))),
    params(("policyId" = PolicyId, Path, description = "the policy's id"), TenantHeader, IfMatchHeader),
    request_body = wire::ReorderPolicyRules,
    responses((status = 200, description = "Full policy with nested rules, in their new order.", body = wire::Policy, headers(("ETag" = String, description = "the policy's version, for `If-Match`"))), WriteFailures, NotFoundFailure, PreconditionFailure),
    security(("api_key" = ["policies:write"]), ("bearer" = ["policies:write"]))
)]
async fn reorder_policy_rules(
    call: AuthenticatedCall<scope::PoliciesWrite>,
    id: Input<Path<PolicyId>>,
    expected: Input<IfMatch>,
    body: Input<Body<wire::ReorderPolicyRules>>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let expected = call.accept(expected).await?;
    let body = call.accept(body).await?;
    call.change(
        StatusCode::OK,
        &body,
        |table| read::<Policy>(table, id),
        |access, policy| {
            let (ids, expected) = (body.value.ids.clone(), expected.clone());
            async move { Ok(rules::reorder(&access, policy, &ids, &expected)?.map(wire::Policy::from)) }
        },
    )
    .await
}
