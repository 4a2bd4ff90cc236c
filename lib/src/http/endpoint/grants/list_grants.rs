//! `GET /v1/grants`, newest first.

use super::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::domain::{Grant, GrantStatus};
use crate::http::listing::{ListFilter, list};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_grants))
}

/// What to list.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Only with this status.
    status: Option<GrantStatus>,
    /// Only of this grantee: the subject of a person, or the id of an API key.
    #[param(example = "alice")]
    grantee_id: Option<String>,
    /// Only to this type of resource.
    resource_type: Option<wire::ResourceType>,
    /// Only to the resource with this id.
    #[param(example = "111111111111")]
    resource_id: Option<String>,
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
            owner: self.grantee_id.clone(),
            status: self.status.map(GrantStatus::as_str),
            page: PageParams { limit: self.limit, cursor: self.cursor.clone() },
            filters: format!("listGrants {}", serde_json::json!(filters)),
        }
    }

    fn keeps(&self, record: &Grant) -> bool {
        self.status.is_none_or(|status| record.status == status)
            && self.grantee_id.as_ref().is_none_or(|id| record.grantee.who.id == *id)
            && self.resource_type.is_none_or(|kind| record.resource.kind() == kind.into())
            && self.resource_id.as_ref().is_none_or(|id| record.resource.id() == id)
    }
}

/// List grants
///
/// Newest first. A plain user sees their own grants and those they may end.
#[utoipa::path(
    get,
    path = "/v1/grants",
    operation_id = "listGrants",
    tag = "Grants",
    extensions(("x-table" = json!({"get": true, "query": ["table", "by_principal", "by_status"]}))),
    params(Filter, TenantHeader),
    responses((status = 200, description = "A page of grants.", body = PageOf<wire::Grant>), Failures),
    security(("api_key" = ["grants:read"]), ("bearer" = ["grants:read"]))
)]
async fn list_grants(
    call: AuthenticatedCall<scope::GrantsRead>,
    filter: Input<Query<Filter>>,
) -> Result<Response, Error> {
    let filter = call.accept(filter).await?.0;
    let page: PageOf<wire::Grant> = list(&call, filter.wanted(), |record: &Grant| filter.keeps(record)).await?;
    Ok(Json(page).into_response())
}
