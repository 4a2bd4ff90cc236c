//! `POST /v1/requests`: asks for access.

use super::prelude::*;
use futures_util::TryFutureExt as _;
use futures_util::future::try_join;

use crate::app::{NewRequest, recent_grants, submit};
use crate::domain::{PrincipalRef, User};
use crate::store::TenantTable;

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(create_request))
}

/// Submit access request
#[utoipa::path(
    post,
    path = "/v1/requests",
    operation_id = "createRequest",
    tag = "Requests",
    params(TenantHeader, IdempotencyHeader),
    request_body = view::CreateRequest,
    responses((status = 201, description = "The request: granted at once, or waiting for people.", body = view::AccessRequest), WriteFailures),
    security(("api_key" = ["access:request"]), ("bearer" = ["access:request"]))
)]
async fn create_request(call: AuthenticatedCall<scope::AccessRequest>, body: Input<Body<view::CreateRequest>>) -> Result<Response, Error> {
    let body = call.accept(body).await?;
    let ask = call.accept(Input(NewRequest::try_from(body.value.clone()))).await?;
    call
        .change(
            StatusCode::CREATED,
            &body,
            |table| {
                let (ask, caller, now) = (ask.clone(), call.claimed_principal(), call.now());
                async move {
                    let requester = ask.on_behalf_of.clone().map_or(caller, PrincipalRef::user);
                    let grants = recent_grants(&table, &requester, &ask.resource, &ask.action, now);
                    try_join(named_person(table.clone(), ask.on_behalf_of.clone()), grants.map_err(Error::from)).await
                }
            },
            |access, (named, grants)| {
                let ask = ask.clone();
                async move { Ok(submit(&access, ask, named, &grants).await?.map(view::AccessRequest::from)) }
            },
        )
        .await
}

async fn named_person(table: TenantTable, sub: Option<String>) -> Result<Option<User>, Error> {
    match sub {
        Some(sub) => Ok(table.get::<User>(sub).await?),
        None => Ok(None),
    }
}
