//! `PATCH /v1/policies/reorder`.

use super::prelude::*;
use crate::app::policies;
use crate::domain::Policy;

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(reorder_policies))
}

/// Put policies into an order
///
/// The policies that are named, highest priority first, exchange the priorities they have among themselves; the others
/// keep theirs. Where several that are named share a priority, it is drawn apart upwards as far as it takes (of three at
/// 0 the first gets 2, the second 1, the third 0). Should that change how one of them stands to a policy that is not
/// named, nothing is done, and the answer says which to name too.
#[utoipa::path(
    patch,
    path = "/v1/policies/reorder",
    operation_id = "reorderPolicies",
    tag = "Policies",
    extensions(("x-table" = json!({"get": true, "query": ["table"], "put": ["EVENT", "IDEMPOTENCY", "POLICY", "USER"], "update": ["VERSIONS"], "check": ["POLICY"]}))),
    params(TenantHeader),
    request_body = wire::ReorderPolicies,
    responses((status = 200, description = "The policies that were named, highest priority first.", body = wire::ReorderedPolicies), WriteFailures),
    security(("api_key" = ["policies:write"]), ("bearer" = ["policies:write"]))
)]
async fn reorder_policies(
    call: AuthenticatedCall<scope::PoliciesWrite>,
    body: Input<Body<wire::ReorderPolicies>>,
) -> Result<Response, Error> {
    let body = call.accept(body).await?;
    call.change(
        StatusCode::OK,
        &body,
        |table| async move { Ok(table.list_all::<Policy>().await?) },
        |access, all| {
            let ids = body.value.ids.clone();
            async move { Ok(policies::reorder(&access, &all, &ids)?.map(|policies| convert::reordered(&policies))) }
        },
    )
    .await
}
