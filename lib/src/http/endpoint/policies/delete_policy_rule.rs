//! `DELETE /v1/policies/{policyId}/rules/{ruleId}`.

use super::prelude::*;
use crate::app::rules;
use crate::domain::{Policy, PolicyId, RuleId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(delete_policy_rule))
}

/// Take a rule out of a policy
#[utoipa::path(
    delete,
    path = "/v1/policies/{policyId}/rules/{ruleId}",
    operation_id = "deletePolicyRule",
    tag = "Policies",
    extensions(("x-table" = json!({"get": true, "put": ["EVENT", "IDEMPOTENCY", "POLICY", "USER"], "update": ["VERSIONS"]}))),
    params(("policyId" = PolicyId, Path, description = "the policy's id"), ("ruleId" = RuleId, Path, description = "the rule's id"), TenantHeader, IfMatchHeader),
    responses((status = 204, description = "It is gone."), WriteFailures, NotFoundFailure, PreconditionFailure),
    security(("api_key" = ["policies:write"]), ("bearer" = ["policies:write"]))
)]
async fn delete_policy_rule(
    call: AuthenticatedCall<scope::PoliciesWrite>,
    ids: Input<Path<(PolicyId, RuleId)>>,
    expected: Input<IfMatch>,
    body: OptionalBody<wire::EmptyBody>,
) -> Result<Response, Error> {
    let (id, rule) = call.accept(ids).await?.0;
    let expected = call.accept(expected).await?;
    let body = call.accept(body.into()).await?;
    call.change(
        StatusCode::NO_CONTENT,
        &body,
        |table| read::<Policy>(table, id),
        |access, policy| {
            let expected = expected.clone();
            async move { Ok(rules::delete(&access, policy, rule, &expected)?) }
        },
    )
    .await
}
