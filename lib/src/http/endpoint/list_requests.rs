//! `GET /v1/requests`, newest first.

use super::prelude::*;
use futures_util::future::try_join;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::domain::{AccessRequest, RequestStatus, PrincipalRef, ResourceType};
use crate::store::{Index, Listing, Record, TenantTable, keys};

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
    resource_type: Option<ResourceType>,
    /// Only to the resource with this id.
    #[param(example = "111111111111")]
    resource_id: Option<String>,
    /// Made after this.
    #[param(value_type = Option<String>, format = "date-time")]
    created_after: Option<Timestamp>,
    /// Made before this.
    #[param(value_type = Option<String>, format = "date-time")]
    created_before: Option<Timestamp>,
    /// At most this many.
    #[param(minimum = 1, maximum = 250, default = 50, example = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before. It is bound to the tenant and the filters.
    #[param(example = json!(null))]
    cursor: Option<String>,
}

impl Filter {
    fn page(&self) -> PageParams {
        PageParams { limit: self.limit, cursor: self.cursor.clone() }
    }

    /// What a cursor is bound to.
    fn fingerprint(&self) -> String {
        let filters = Self { limit: None, cursor: None, ..self.clone() };
        format!("listRequests {}", serde_json::json!(filters))
    }

    fn keeps(&self, record: &AccessRequest) -> bool {
        self.status.is_none_or(|status| record.status() == status)
            && self.requester_id.as_ref().is_none_or(|id| record.requester.who.id == *id)
            && self.resource_type.is_none_or(|kind| record.resource.kind() == kind)
            && self.resource_id.as_ref().is_none_or(|id| record.resource.id() == id)
            && self.created_after.is_none_or(|after| record.created_at > after)
            && self.created_before.is_none_or(|before| record.created_at < before)
    }

    /// The narrowest listing that holds all of it.
    fn listing(&self, table: &TenantTable) -> Listing {
        match (&self.requester_id, self.status) {
            (Some(id), _) => of_person(table, &principal(id)),
            (None, Some(status)) => {
                Listing::index(Index::Status, keys::by_status(table.id(), AccessRequest::KIND, status.as_str()))
            }
            (None, None) => Listing::all::<AccessRequest>(table),
        }
    }
}

fn of_person(table: &TenantTable, principal: &PrincipalRef) -> Listing {
    Listing::index(Index::Principal, keys::by_principal(table.id(), AccessRequest::KIND, principal))
}

/// An id that is a UUID names an API key; subjects of people are what their issuer makes them.
fn principal(id: &str) -> PrincipalRef {
    id.parse().map_or_else(|_| PrincipalRef::user(id), PrincipalRef::service_account)
}

/// List access requests
///
/// Newest first. A plain user sees their own requests and those they may decide.
#[utoipa::path(
    get,
    path = "/v1/requests",
    operation_id = "listRequests",
    tag = "Requests",
    params(Filter, TenantHeader),
    responses((status = 200, description = "A page of requests.", body = PageOf<view::AccessRequest>), Failures),
    security(("api_key" = ["requests:read"]), ("bearer" = ["requests:read"]))
)]
async fn list_requests(session: Session<scope::RequestsRead>, filter: Input<Query<Filter>>) -> Result<Response, Error> {
    let filter = session.accept(filter).await?.0;
    let page = filter.page();
    let bounds = page.limit().and_then(|limit| Ok((limit, page.position()?)));
    let (limit, after) = session.accept(Input(bounds)).await?;
    let claimed = session.claimed_principal();
    // Who sees only what is theirs has it in an index of its own; both are read at once, since who is asking is only
    // known when their credential has been checked.
    let (access, (table, wide, (own, narrow))) = session
        .open(|table| async {
            let bounded = |listing: Listing| listing.limit(limit).after(after.clone());
            let (all, own) = (bounded(filter.listing(&table)), bounded(of_person(&table, &claimed)));
            let pages = try_join(table.first_page::<AccessRequest>(&all), table.first_page::<AccessRequest>(&own)).await?;
            Ok((table, (all, pages.0), (own, pages.1)))
        })
        .await?;
    let fingerprint = filter.fingerprint();
    page.check(access.tenant(), &fingerprint)?;
    let engine = access.engine().await?;
    let others = filter.requester_id.is_some() || engine.may_show_requests_of_others(&access);
    let (listing, first) = if others { wide } else { (own, narrow) };
    let found = table
        .complete(&listing, first, |record: &AccessRequest| filter.keeps(record) && engine.shows_request(&access, record))
        .await?;
    let data = found.records.into_iter().map(view::AccessRequest::from).collect();
    Ok(Json(PageOf::new(data, found.next, access.tenant(), &fingerprint)).into_response())
}
