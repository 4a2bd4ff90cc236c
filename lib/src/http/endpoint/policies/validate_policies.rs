//! `POST /v1/policies/validate`: nothing is stored.

use super::prelude::*;
use crate::app::{Change, policies};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(validate_policies))
}

/// Validate Cedar text
///
/// Checks it as `createPolicy` does, strictly against the tenant's schema. Nothing is stored.
#[utoipa::path(
    post,
    path = "/v1/policies/validate",
    operation_id = "validatePolicies",
    tag = "Policies",
    extensions(("x-table" = json!({"get": true, "query": ["table"], "put": ["IDEMPOTENCY"]}))),
    params(TenantHeader, IdempotencyHeader),
    request_body = wire::ValidatePolicies,
    responses((status = 200, description = "What is wrong with the text, and where.", body = wire::PolicyValidation), WriteFailures),
    security(("api_key" = ["policies:read"]), ("bearer" = ["policies:read"]))
)]
async fn validate_policies(
    call: AuthenticatedCall<scope::PoliciesRead>,
    body: Input<Body<wire::ValidatePolicies>>,
) -> Result<Response, Error> {
    let body = call.accept(body).await?;
    call.change(
        StatusCode::OK,
        &body,
        |_| async { Ok(()) },
        |access, ()| {
            let text = body.value.cedar_policy_set.clone();
            async move {
                let report = policies::validation(&access, &text).await?;
                Ok(Change::new(access.begin(), wire::PolicyValidation::from(report)))
            }
        },
    )
    .await
}
