//! `GET /v1/audit-log`, newest first.

use super::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::domain::{EventKind, EventSubject};
use crate::store::{AuditEntry, Listing, Record};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_audit_log))
}

/// What to list.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Only what this one did: the subject of a person, the id of an API key, or `system`.
    #[param(example = "alice")]
    actor_id: Option<String>,
    /// Only what happened to this kind of thing.
    resource_type: Option<EventSubject>,
    /// Only what happened to this one.
    #[param(example = "019a3f5e-7c1b-7000-8000-000000000001")]
    resource_id: Option<String>,
    /// Only this.
    action: Option<EventKind>,
    /// Only what happened then or later.
    #[param(value_type = Option<String>, format = "date-time")]
    from: Option<Timestamp>,
    /// Only what happened before.
    #[param(value_type = Option<String>, format = "date-time")]
    to: Option<Timestamp>,
    /// At most this many; fewer when more would not fit an answer.
    #[param(minimum = 1, maximum = 250, default = 50, example = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before. It is bound to the tenant and the filters.
    #[param(max_length = 1400, example = "rGm0p2q5cR8rFQv1dKq3V1siMDE5YTNmNWUiXQ")]
    cursor: Option<String>,
}

impl Filter {
    fn filters(&self) -> String {
        let filters = Self { limit: None, cursor: None, ..self.clone() };
        format!("listAuditLog {}", serde_json::json!(filters))
    }

    fn keeps(&self, entry: &AuditEntry) -> bool {
        let event = &entry.event;
        self.actor_id.as_ref().is_none_or(|id| event.actor.id == *id)
            && self.resource_type.is_none_or(|kind| event.resource_type == kind)
            && self.resource_id.as_ref().is_none_or(|id| event.resource_id == *id)
            && self.action.is_none_or(|kind| event.kind == kind)
            && self.from.is_none_or(|from| event.created_at >= from)
            && self.to.is_none_or(|to| event.created_at < to)
    }
}

/// List the audit log
///
/// Newest first, in the order in which it was sealed. A page may have fewer entries than asked for, or none, and others
/// follow all the same: `has_more` tells.
#[utoipa::path(
    get,
    path = "/v1/audit-log",
    operation_id = "listAuditLog",
    tag = "Audit log",
    extensions(("x-table" = json!({"get": true, "query": ["table"]}))),
    params(Filter, TenantHeader),
    responses((status = 200, description = "A page of entries.", body = PageOf<wire::AuditLogEntry>), Failures),
    security(("api_key" = ["audit:read"]), ("bearer" = ["audit:read"]))
)]
async fn list_audit_log(
    call: AuthenticatedCall<scope::AuditRead>,
    filter: Input<Query<Filter>>,
) -> Result<Response, Error> {
    let filter = call.accept(filter).await?.0;
    let page = PageParams { limit: filter.limit, cursor: filter.cursor.clone() };
    let bounds = page.limit().and_then(|limit| Ok((limit, page.position()?)));
    let (limit, after) = call.accept(Input(bounds)).await?;
    let (access, (listing, first)) = call
        .open(|table| async move {
            let listing = Listing::all::<AuditEntry>(&table).limit(limit).after(after);
            let first = table.first_page::<AuditEntry>(&listing).await?;
            Ok((listing, first))
        })
        .await?;
    page.check(access.tenant(), &filter.filters())?;
    let found = access.table().complete(&listing, first, |entry| filter.keeps(entry)).await?;
    let items = found.records.into_iter().map(|entry| (entry.sort_key(), wire::AuditLogEntry::from(entry)));
    Ok(Json(page_of(items, found.next, access.tenant(), &filter.filters())?).into_response())
}
