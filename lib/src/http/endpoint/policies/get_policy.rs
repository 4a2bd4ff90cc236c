//! `GET /v1/policies/{policyId}`.

use super::prelude::*;
use crate::app::policies;
use crate::domain::{Policy, PolicyId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_policy))
}

/// Get a policy
#[utoipa::path(
    get,
    path = "/v1/policies/{policyId}",
    operation_id = "getPolicy",
    tag = "Policies",
    extensions(("x-table" = json!({"get": true}))),
    params(("policyId" = PolicyId, Path, description = "the policy's id"), TenantHeader),
    responses((status = 200, description = "Full policy with nested rules.", body = wire::Policy, headers(("ETag" = String, description = "the policy's version, for `If-Match`"))), Failures, NotFoundFailure),
    security(("api_key" = ["policies:read"]), ("bearer" = ["policies:read"]))
)]
async fn get_policy(
    call: AuthenticatedCall<scope::PoliciesRead>,
    id: Input<Path<PolicyId>>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let (_, policy) = call.open(|table| read::<Policy>(table, id)).await?;
    let policy = policies::found(policy)?;
    Ok(tagged(policy.version, wire::Policy::from(policy)))
}
