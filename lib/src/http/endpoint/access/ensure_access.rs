//! `POST /v1/access/ensure`: the hot path.

use super::prelude::*;
use futures_util::future::try_join_all;

use crate::app::Change;
use crate::app::ensure::{ensure, known};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(ensure_access))
}

/// Ensure access entitlements (JIT access request hook)
///
/// Idempotent per tenant, principal, target and role: a live grant is reported, a missing one is activated or requested,
/// one about to end is extended. All entitlements are decided independently.
#[utoipa::path(
    post,
    path = "/v1/access/ensure",
    operation_id = "ensureAccess",
    tag = "Access",
    extensions(("x-table" = json!({"get": true, "query": ["table", "by_access", "by_holder"], "put": ["EVENT", "GRANT", "IDEMPOTENCY", "REQUEST", "SLOT", "USER"], "update": ["PENDING"], "check": ["APIKEY", "LINK", "TENANT", "VERSIONS"]}))),
    params(TenantHeader, IdempotencyHeader),
    request_body = wire::EnsureAccess,
    responses((status = 200, description = "Where each access stands. A refusal is a diagnostic here, not an error.", body = wire::EnsureAccessResult), WriteFailures),
    security(("api_key" = ["access:request"]), ("bearer" = ["access:request"]))
)]
async fn ensure_access(
    call: AuthenticatedCall<scope::AccessRequest>,
    body: Input<Body<wire::EnsureAccess>>,
) -> Result<Response, Error> {
    let body = call.accept(body).await?;
    let given = body.value.clone();
    let parsed = convert::entitlements(&given).and_then(|all| Ok((all, convert::justification(given.justification)?)));
    let (entitlements, justification) = call.accept(Input(parsed)).await?;
    call.change(
        StatusCode::OK,
        &body,
        |table| {
            let (entitlements, principal, now) = (entitlements.clone(), call.claimed_principal(), call.now());
            async move {
                let known = entitlements.iter().map(|entitlement| known(&table, &principal, entitlement, now));
                Ok(try_join_all(known).await?)
            }
        },
        |access, known| {
            let (entitlements, justification) = (entitlements.clone(), justification.clone());
            let dry_run = body.value.dry_run;
            async move {
                if !dry_run {
                    access.record_sign_in().await?;
                }
                // Each is committed by itself: one refusal, or one race, never hides another's answer.
                let mut ensured = Vec::new();
                for (entitlement, known) in entitlements.iter().zip(known) {
                    ensured.push(ensure(&access, entitlement, &justification, known, dry_run).await?);
                }
                Ok(Change::new(access.begin(), convert::ensure_result(ensured)))
            }
        },
    )
    .await
}
