//! `GET /v1/policies/{policyId}/rules/{ruleId}`.

use super::prelude::*;
use crate::app::{policies, rules};
use crate::domain::{Policy, PolicyId, RuleId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_policy_rule))
}

/// Get a rule of a policy
#[utoipa::path(
    get,
    path = "/v1/policies/{policyId}/rules/{ruleId}",
    operation_id = "getPolicyRule",
    tag = "Policies",
    extensions(("x-table" = json!({"get": true}))),
    params(("policyId" = PolicyId, Path, description = "the policy's id"), ("ruleId" = RuleId, Path, description = "the rule's id"), TenantHeader),
    responses((status = 200, description = "The rule.", body = wire::PolicyRule, headers(("ETag" = String, description = "the policy's version, for `If-Match`"))), Failures, NotFoundFailure),
    security(("api_key" = ["policies:read"]), ("bearer" = ["policies:read"]))
)]
async fn get_policy_rule(
    call: AuthenticatedCall<scope::PoliciesRead>,
    ids: Input<Path<(PolicyId, RuleId)>>,
) -> Result<Response, Error> {
    let (id, rule) = call.accept(ids).await?.0;
    let (_, policy) = call.open(|table| read::<Policy>(table, id)).await?;
    let policy = policies::found(policy)?;
    Ok(tagged(policy.version, wire::PolicyRule::from(rules::of(&policy, rule)?.clone())))
}
