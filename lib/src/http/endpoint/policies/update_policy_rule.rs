//! `PATCH /v1/policies/{policyId}/rules/{ruleId}`.

use super::prelude::*;
use crate::app::rules;
use crate::domain::{Policy, PolicyId, RuleId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(update_policy_rule))
}

/// Change a rule of a policy
#[utoipa::path(
    patch,
    path = "/v1/policies/{policyId}/rules/{ruleId}",
    operation_id = "updatePolicyRule",
    tag = "Policies",
    extensions(("x-table" = json!({"get": true, "query": ["table"], "put": ["EVENT", "IDEMPOTENCY", "POLICY", "USER"], "update": ["VERSIONS"]}))),
    params(("policyId" = PolicyId, Path, description = "the policy's id"), ("ruleId" = RuleId, Path, description = "the rule's id"), TenantHeader, IfMatchHeader),
    request_body = wire::WritePolicyRule,
    responses((status = 200, description = "The rule.", body = wire::WrittenPolicyRule, headers(("ETag" = String, description = "the policy's version, for `If-Match`"))), WriteFailures, NotFoundFailure, PreconditionFailure),
    security(("api_key" = ["policies:write"]), ("bearer" = ["policies:write"]))
)]
async fn update_policy_rule(
    call: AuthenticatedCall<scope::PoliciesWrite>,
    ids: Input<Path<(PolicyId, RuleId)>>,
    expected: Input<IfMatch>,
    body: Input<Body<wire::WritePolicyRule>>,
) -> Result<Response, Error> {
    let (id, rule) = call.accept(ids).await?.0;
    let expected = call.accept(expected).await?;
    let body = call.accept(body).await?;
    call.change(
        StatusCode::OK,
        &body,
        |table| read::<Policy>(table, id),
        |access, policy| {
            let (change, expected) = (body.value.clone().into(), expected.clone());
            async move {
                let (change, warnings) = rules::update(&access, policy, rule, &expected, &change).await?;
                Ok(change
                    .map(|rule| wire::WrittenPolicyRule { rule: rule.into(), warnings: convert::problems(warnings) }))
            }
        },
    )
    .await
}
