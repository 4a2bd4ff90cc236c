//! `GET /v1/grants`, newest first.

use super::prelude::*;
use futures_util::future::try_join;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::domain::{Grant, GrantStatus, PrincipalRef, ResourceType};
use crate::store::{Index, Listing, Record, TenantTable, keys};

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
    resource_type: Option<ResourceType>,
    /// Only to the resource with this id.
    #[param(example = "111111111111")]
    resource_id: Option<String>,
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
        format!("listGrants {}", serde_json::json!(filters))
    }

    fn keeps(&self, record: &Grant) -> bool {
        self.status.is_none_or(|status| record.status == status)
            && self.grantee_id.as_ref().is_none_or(|id| record.grantee.who.id == *id)
            && self.resource_type.is_none_or(|kind| record.resource.kind() == kind)
            && self.resource_id.as_ref().is_none_or(|id| record.resource.id() == id)
    }

    /// The narrowest listing that holds all of it.
    fn listing(&self, table: &TenantTable) -> Listing {
        match (&self.grantee_id, self.status) {
            (Some(id), _) => of_person(table, &principal(id)),
            (None, Some(status)) => {
                Listing::index(Index::Status, keys::by_status(table.id(), Grant::KIND, status.as_str()))
            }
            (None, None) => Listing::all::<Grant>(table),
        }
    }
}

fn of_person(table: &TenantTable, principal: &PrincipalRef) -> Listing {
    Listing::index(Index::Principal, keys::by_principal(table.id(), Grant::KIND, principal))
}

/// An id that is a UUID names an API key; subjects of people are what their issuer makes them.
fn principal(id: &str) -> PrincipalRef {
    id.parse().map_or_else(|_| PrincipalRef::user(id), PrincipalRef::service_account)
}

/// List grants
///
/// Newest first. A plain user sees their own grants and those they may end.
#[utoipa::path(
    get,
    path = "/v1/grants",
    operation_id = "listGrants",
    tag = "Grants",
    params(Filter, TenantHeader),
    responses((status = 200, description = "A page of grants.", body = PageOf<view::Grant>), Failures),
    security(("api_key" = ["grants:read"]), ("bearer" = ["grants:read"]))
)]
async fn list_grants(session: Session<scope::GrantsRead>, filter: Input<Query<Filter>>) -> Result<Response, Error> {
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
            let pages = try_join(table.first_page::<Grant>(&all), table.first_page::<Grant>(&own)).await?;
            Ok((table, (all, pages.0), (own, pages.1)))
        })
        .await?;
    let fingerprint = filter.fingerprint();
    page.check(access.tenant(), &fingerprint)?;
    let engine = access.engine().await?;
    let others = filter.grantee_id.is_some() || engine.may_show_grants_of_others(&access);
    let (listing, first) = if others { wide } else { (own, narrow) };
    let found = table
        .complete(&listing, first, |record: &Grant| filter.keeps(record) && engine.shows_grant(&access, record))
        .await?;
    let data = found.records.into_iter().map(view::Grant::from).collect();
    Ok(Json(PageOf::new(data, found.next, access.tenant(), &fingerprint)).into_response())
}
