//! `GET /v1/policies`, highest priority first, then oldest first.

use super::prelude::*;
use crate::app::policies;

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_policies))
}

/// List policies
///
/// Highest priority first; of one priority, the oldest first.
#[utoipa::path(
    get,
    path = "/v1/policies",
    operation_id = "listPolicies",
    tag = "Policies",
    extensions(("x-table" = json!({"get": true, "query": ["table"]}))),
    params(PageParams, TenantHeader),
    responses((status = 200, description = "A page of policies, without their rules.", body = PageOf<wire::PolicySummary>), Failures),
    security(("api_key" = ["policies:read"]), ("bearer" = ["policies:read"]))
)]
async fn list_policies(
    call: AuthenticatedCall<scope::PoliciesRead>,
    page: Input<Query<PageParams>>,
) -> Result<Response, Error> {
    let page = call.accept(page).await?.0;
    let access = call.enter().await?;
    let all = policies::in_order(&access, |policy| wire::PolicySummary::from(policy)).await?;
    Ok(Json(page_of_all(all, &page, access.tenant(), "listPolicies")?).into_response())
}
