//! `POST /v1/policies/{policyId}/rules`.

use super::prelude::*;
use crate::app::rules;
use crate::domain::{Policy, PolicyId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(create_policy_rule))
}

/// Add a rule to a policy
#[utoipa::path(
    post,
    path = "/v1/policies/{policyId}/rules",
    operation_id = "createPolicyRule",
    tag = "Policies",
    extensions(("x-table" = json!({"get": true, "query": ["table"], "put": ["EVENT", "IDEMPOTENCY", "POLICY", "USER"], "update": ["VERSIONS"]}))),
    params(("policyId" = PolicyId, Path, description = "the policy's id"), TenantHeader, IdempotencyHeader),
    request_body = wire::WritePolicyRule,
    responses((status = 201, description = "The rule.", body = wire::WrittenPolicyRule, headers(("ETag" = String, description = "the policy's version, for `If-Match`"))), WriteFailures, NotFoundFailure),
    security(("api_key" = ["policies:write"]), ("bearer" = ["policies:write"]))
)]
async fn create_policy_rule(
    call: AuthenticatedCall<scope::PoliciesWrite>,
    id: Input<Path<PolicyId>>,
    body: Input<Body<wire::WritePolicyRule>>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let body = call.accept(body).await?;
    call.change(
        StatusCode::CREATED,
        &body,
        |table| read::<Policy>(table, id),
        |access, policy| {
            let rule = body.value.clone().into();
            async move {
                let (change, warnings) = rules::create(&access, policy, &rule).await?;
                Ok(change
                    .map(|rule| wire::WrittenPolicyRule { rule: rule.into(), warnings: convert::problems(warnings) }))
            }
        },
    )
    .await
}
