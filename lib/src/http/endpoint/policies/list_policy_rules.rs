//! `GET /v1/policies/{policyId}/rules`, in their order.

use super::prelude::*;
use crate::app::policies;
use crate::domain::{Policy, PolicyId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_policy_rules))
}

/// List the rules of a policy
#[utoipa::path(
    get,
    path = "/v1/policies/{policyId}/rules",
    operation_id = "listPolicyRules",
    tag = "Policies",
    extensions(("x-table" = json!({"get": true}))),
    params(("policyId" = PolicyId, Path, description = "the policy's id"), PageParams, TenantHeader),
    responses((status = 200, description = "A page of rules, in their order.", body = PageOf<wire::PolicyRule>, headers(("ETag" = String, description = "the policy's version, for `If-Match`"))), Failures, NotFoundFailure),
    security(("api_key" = ["policies:read"]), ("bearer" = ["policies:read"]))
)]
async fn list_policy_rules(
    call: AuthenticatedCall<scope::PoliciesRead>,
    id: Input<Path<PolicyId>>,
    page: Input<Query<PageParams>>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let page = call.accept(page).await?.0;
    let (access, policy) = call.open(|table| read::<Policy>(table, id)).await?;
    let policy = policies::found(policy)?;
    let all = policy.rules.into_iter().map(|rule| (rule.ordinal, wire::PolicyRule::from(rule)));
    let page = page_of_all(all, &page, access.tenant(), &format!("listPolicyRules {id}"))?;
    Ok(tagged(policy.version, page))
}
