//! `GET /v1/requests`, newest first.

use super::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::domain::{AccessRequest, RequestStatus};
use crate::http::listing::{ListFilter, list};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_requests))
}

/// What to list.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Only with this status.
    status: Option<RequestStatus>,
    /// Only of this requester: the subject of a person, or the id of an API key.
    #[param(example = "alice")]
    requester_id: Option<String>,
    /// Only to this type of resource.
    resource_type: Option<wire::ResourceType>,
    /// Only to the resource with this id.
    #[param(example = "111111111111")]
    resource_id: Option<String>,
    /// Made after this.
    #[param(value_type = Option<String>, format = "date-time")]
    created_after: Option<Timestamp>,
    /// Made before this.
    #[param(value_type = Option<String>, format = "date-time")]
    created_before: Option<Timestamp>,
    /// At most this many; fewer when more would not fit an answer.
    #[param(minimum = 1, maximum = 250, default = 50, example = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before. It is bound to the tenant and the filters.
    #[param(max_length = 1400, example = "rGm0p2q5cR8rFQv1dKq3V1siMDE5YTNmNWUiXQ")]
    cursor: Option<String>,
}

impl Filter {
    fn wanted(&self) -> ListFilter {
        let filters = Self { limit: None, cursor: None, ..self.clone() };
        ListFilter {
            owner: self.requester_id.clone(),
            status: self.status.map(RequestStatus::as_str),
            page: PageParams { limit: self.limit, cursor: self.cursor.clone() },
            filters: format!("listRequests {}", serde_json::json!(filters)),
        }
    }

    fn keeps(&self, record: &AccessRequest) -> bool {
        self.status.is_none_or(|status| record.status() == status)
            && self.requester_id.as_ref().is_none_or(|id| record.requester.who.id == *id)
            && self.resource_type.is_none_or(|kind| record.resource.kind() == kind.into())
            && self.resource_id.as_ref().is_none_or(|id| record.resource.id() == id)
            && self.created_after.is_none_or(|after| record.created_at > after)
            && self.created_before.is_none_or(|before| record.created_at < before)
    }
}

/// List access requests
///
/// Newest first. A plain user sees their own requests and those they may decide.
#[utoipa::path(
    get,
    path = "/v1/requests",
    operation_id = "listRequests",
    tag = "Requests",
    extensions(("x-table" = json!({"get": true, "query": ["table", "by_principal", "by_status"]}))),
    params(Filter, TenantHeader),
    responses((status = 200, description = "A page of requests.", body = PageOf<wire::AccessRequest>), Failures),
    security(("api_key" = ["requests:read"]), ("bearer" = ["requests:read"]))
)]
async fn list_requests(
    call: AuthenticatedCall<scope::RequestsRead>,
    filter: Input<Query<Filter>>,
) -> Result<Response, Error> {
    let filter = call.accept(filter).await?.0;
    let page: PageOf<wire::AccessRequest> =
        list(&call, filter.wanted(), |record: &AccessRequest| filter.keeps(record)).await?;
    Ok(Json(page).into_response())
}
