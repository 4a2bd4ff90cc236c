//! `GET /v1/audit-log/verify`.

use super::prelude::*;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::audit::{ChainPosition, VerifiedRange, verify};
use crate::http::cursor::{cursor, refused};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(verify_audit_log))
}

/// From where on.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Start {
    /// The `next_cursor` of the call before; without it, from the first entry on. It is bound to the tenant.
    #[param(max_length = 1400, example = "rGm0p2q5cR8rFQv1dKq3V1siMDE5YTNmNWUiXQ")]
    cursor: Option<String>,
}

impl Start {
    /// The place a cursor names, not yet checked.
    fn place(page: &PageParams) -> Result<ChainPosition, Error> {
        match page.position()? {
            Some(position) => position.parse().map_err(|_| refused()),
            None => Ok(ChainPosition::beginning()),
        }
    }
}

const FILTER: &str = "verifyAuditLog";

/// Verify the audit log
///
/// Computes the chain again, some thousand entries a call: while `status` is `unfinished`, go on with `next_cursor`. It
/// finds each entry that was changed, removed, added or moved. Whoever can write the table can also make a chain anew:
/// that differs from every `head` that was noted outside before.
#[utoipa::path(
    get,
    path = "/v1/audit-log/verify",
    operation_id = "verifyAuditLog",
    tag = "Audit log",
    extensions(("x-table" = json!({"get": true, "query": ["table"]}))),
    params(Start, TenantHeader),
    responses((status = 200, description = "What was found.", body = wire::AuditLogVerification), Failures),
    security(("api_key" = ["audit:read"]), ("bearer" = ["audit:read"]))
)]
async fn verify_audit_log(
    call: AuthenticatedCall<scope::AuditRead>,
    start: Input<Query<Start>>,
) -> Result<Response, Error> {
    let page = PageParams { limit: None, cursor: call.accept(start).await?.0.cursor };
    let from = call.accept(Input(Start::place(&page))).await?;
    let (access, first) =
        call.open(|table| async move { Ok((VerifiedRange::read(&table, &from).await?, from)) }).await?;
    let (first, from) = first;
    page.check(access.tenant(), FILTER)?;
    let after = from.sequence;
    let found = verify(access.table(), from, first).await?;
    let next = |place: &ChainPosition| cursor(&place.to_string(), access.tenant(), FILTER);
    Ok(Json(convert::verification(after, found, next)).into_response())
}
