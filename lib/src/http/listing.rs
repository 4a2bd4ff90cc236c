//! Lists of what belongs to somebody, requests and grants: all of it for who sees everything, one's own for others, and
//! what they may decide or end.

use futures_util::future::try_join;
use stint_api::PageOf;

use super::body::Input;
use super::call::AuthenticatedCall;
use super::cursor::{PageParams, page_of};
use super::error::Error;
use crate::app::{OperationContext, TenantEngine};
use crate::auth::RequiredScope;
use crate::domain::{AccessRequest, ApiKeyId, Grant, PrincipalRef};
use crate::store::{Index, Listing, Record, TenantTable, keys};

/// What of it is wanted.
pub(super) struct ListFilter {
    /// Only somebody's: the subject of a person, or the id of an API key.
    pub(super) owner: Option<String>,
    /// Only in this state.
    pub(super) status: Option<&'static str>,
    /// Which page.
    pub(super) page: PageParams,
    /// The operation and all its filters, which a cursor is bound to.
    pub(super) filters: String,
}

/// A record that belongs to somebody.
pub(super) trait Owned: Record {
    /// Whether the caller may see it.
    fn is_shown(&self, engine: &TenantEngine, access: &OperationContext) -> bool;

    /// Whether there may be any of others that the caller sees; `false` is sure.
    fn may_be_of_others(engine: &TenantEngine, access: &OperationContext) -> bool;
}

impl Owned for AccessRequest {
    fn is_shown(&self, engine: &TenantEngine, access: &OperationContext) -> bool {
        engine.shows_request(access, self)
    }

    fn may_be_of_others(engine: &TenantEngine, access: &OperationContext) -> bool {
        engine.may_show_requests_of_others(access)
    }
}

impl Owned for Grant {
    fn is_shown(&self, engine: &TenantEngine, access: &OperationContext) -> bool {
        engine.shows_grant(access, self)
    }

    fn may_be_of_others(engine: &TenantEngine, access: &OperationContext) -> bool {
        engine.may_show_grants_of_others(access)
    }
}

/// A page of what is wanted and `keeps` keeps, newest first.
pub(super) async fn list<R: Owned, V: From<R> + serde::Serialize>(
    call: &AuthenticatedCall<impl RequiredScope>,
    wanted: ListFilter,
    keeps: impl Fn(&R) -> bool,
) -> Result<PageOf<V>, Error> {
    let bounds = wanted.page.limit().and_then(|limit| Ok((limit, wanted.page.position()?)));
    let (limit, after) = call.accept(Input(bounds)).await?;
    let claimed = call.claimed_principal();
    // Who sees only what is theirs has it in an index of its own; both are read at once, since who is asking is only
    // known when their credential has been checked.
    let (access, (table, wide, (own, narrow))) = call
        .open(|table| async {
            let bounded = |listing: Listing| listing.limit(limit).after(after.clone());
            let (all, own) = (bounded(narrowest::<R>(&table, &wanted)), bounded(of_somebody::<R>(&table, &claimed)));
            let pages = try_join(table.first_page::<R>(&all), table.first_page::<R>(&own)).await?;
            Ok((table, (all, pages.0), (own, pages.1)))
        })
        .await?;
    wanted.page.check(access.tenant(), &wanted.filters)?;
    let engine = access.engine().await?;
    let others = wanted.owner.is_some() || R::may_be_of_others(&engine, &access);
    let (listing, first) = if others { wide } else { (own, narrow) };
    let shown = |record: &R| keeps(record) && record.is_shown(&engine, &access);
    let found = table.complete(&listing, first, shown).await?;
    let items = found.records.into_iter().map(|record| (record.sort_key(), V::from(record)));
    page_of(items, found.next, access.tenant(), &wanted.filters)
}

/// The narrowest listing that holds all that is wanted.
fn narrowest<R: Record>(table: &TenantTable, wanted: &ListFilter) -> Listing {
    // A UUID may be an API key's id or somebody's subject: no index holds both.
    let person = wanted.owner.as_deref().filter(|id| id.parse::<ApiKeyId>().is_err());
    match (person, wanted.status) {
        (Some(sub), _) => of_somebody::<R>(table, &PrincipalRef::user(sub)),
        (None, Some(status)) => Listing::index(Index::Status, keys::by_status(table.id(), R::KIND, status)),
        (None, None) => Listing::all::<R>(table),
    }
}

fn of_somebody<R: Record>(table: &TenantTable, principal: &PrincipalRef) -> Listing {
    Listing::index(Index::Principal, keys::by_principal(table.id(), R::KIND, principal))
}
