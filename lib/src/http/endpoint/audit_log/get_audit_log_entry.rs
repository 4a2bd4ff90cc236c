//! `GET /v1/audit-log/{id}`.

use super::prelude::*;

use crate::app::AccessError;
use crate::domain::EventId;
use crate::store::{AuditEntry, Index, Listing, audit_entry_of};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_audit_log_entry))
}

/// Get an entry of the audit log
///
/// It is found a moment after it stands in the list.
#[utoipa::path(
    get,
    path = "/v1/audit-log/{id}",
    operation_id = "getAuditLogEntry",
    tag = "Audit log",
    extensions(("x-table" = json!({"get": true, "query": ["by_access"]}))),
    params(("id" = EventId, Path, description = "the entry's id, which is that of the event"), TenantHeader),
    responses((status = 200, description = "The entry.", body = wire::AuditLogEntry), Failures, NotFoundFailure),
    security(("api_key" = ["audit:read"]), ("bearer" = ["audit:read"]))
)]
async fn get_audit_log_entry(
    call: AuthenticatedCall<scope::AuditRead>,
    id: Input<Path<EventId>>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let (_, found) = call
        .open(|table| async move {
            let listing = Listing::index(Index::Access, audit_entry_of(table.id(), id));
            Ok(table.first_page::<AuditEntry>(&listing).await?)
        })
        .await?;
    let entry = found.records.into_iter().find(|entry| entry.event.id == id);
    let entry = entry.ok_or(AccessError::NotFound("there is no such audit entry, or you may not see it"))?;
    Ok(Json(wire::AuditLogEntry::from(entry)).into_response())
}
