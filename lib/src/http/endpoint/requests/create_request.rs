//! `POST /v1/requests`: asks for access.

use super::prelude::*;
use crate::app::{NewRequest, submit};
use crate::domain::User;
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
    extensions(("x-table" = json!({"get": true, "query": ["table", "by_holder"], "put": ["EVENT", "GRANT", "IDEMPOTENCY", "REFUSAL", "REQUEST", "USER"], "update": ["PENDING"]}))),
    params(TenantHeader, IdempotencyHeader),
    request_body = wire::CreateRequest,
    responses((status = 201, description = "The request: granted at once, or waiting for people.", body = wire::AccessRequest), WriteFailures),
    security(("api_key" = ["access:request"]), ("bearer" = ["access:request"]))
)]
async fn create_request(
    call: AuthenticatedCall<scope::AccessRequest>,
    body: Input<Body<wire::CreateRequest>>,
) -> Result<Response, Error> {
    let body = call.accept(body).await?;
    let ask = call.accept(Input(NewRequest::try_from(body.value.clone()))).await?;
    call.change(
        StatusCode::CREATED,
        &body,
        |table| named_person(table, ask.on_behalf_of.clone()),
        |access, named| {
            let ask = ask.clone();
            async move { Ok(submit(&access, ask, named).await?.map(wire::AccessRequest::from)) }
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
