//! `POST /v1/policies`.

use super::prelude::*;
use crate::app::policies;

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(create_policy))
}

/// Create policy
#[utoipa::path(
    post,
    path = "/v1/policies",
    operation_id = "createPolicy",
    tag = "Policies",
    extensions(("x-table" = json!({"get": true, "query": ["table"], "put": ["EVENT", "IDEMPOTENCY", "POLICY", "USER"], "update": ["VERSIONS"]}))),
    params(TenantHeader, IdempotencyHeader),
    request_body = wire::CreatePolicy,
    responses((status = 201, description = "Full policy with nested rules.", body = wire::WrittenPolicy, headers(("ETag" = String, description = "the policy's version, for `If-Match`"))), WriteFailures),
    security(("api_key" = ["policies:write"]), ("bearer" = ["policies:write"]))
)]
async fn create_policy(
    call: AuthenticatedCall<scope::PoliciesWrite>,
    body: Input<Body<wire::CreatePolicy>>,
) -> Result<Response, Error> {
    let body = call.accept(body).await?;
    call.change(
        StatusCode::CREATED,
        &body,
        |_| async { Ok(()) },
        |access, ()| {
            let policy = body.value.clone();
            async move {
                let cedar = policy.cedar_policy_set.clone();
                let (change, warnings) = policies::create(&access, policy.into(), cedar.as_deref()).await?;
                Ok(change
                    .map(|policy| wire::WrittenPolicy { policy: policy.into(), warnings: convert::problems(warnings) }))
            }
        },
    )
    .await
}
