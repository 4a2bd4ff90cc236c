//! `GET /v1/requests/{id}/messages`, oldest first.

use super::prelude::*;
use futures_util::future::try_join;

use crate::app::request_visible;
use crate::domain::{AccessRequest, RequestId, RequestMessage};
use crate::store::{Listing, Record, messages_of};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_request_messages))
}

/// What was said about a request, oldest first
#[utoipa::path(
    get,
    path = "/v1/requests/{id}/messages",
    operation_id = "listRequestMessages",
    tag = "Requests",
    extensions(("x-table" = json!({"get": true, "query": ["table"]}))),
    params(("id" = RequestId, Path, description = "the request's id"), PageParams, TenantHeader),
    responses((status = 200, description = "A page of messages.", body = PageOf<wire::RequestMessage>), Failures, NotFoundFailure),
    security(("api_key" = ["requests:read"]), ("bearer" = ["requests:read"]))
)]
async fn list_request_messages(
    call: AuthenticatedCall<scope::RequestsRead>,
    id: Input<Path<RequestId>>,
    page: Input<Query<PageParams>>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let page = call.accept(page).await?.0;
    let (limit, after) = (page.limit(), page.position());
    let (access, (request, messages)) = call
        .open(|table| async move {
            let listing = Listing::partition(messages_of(table.id(), id)).oldest_first().limit(limit?).after(after?);
            let messages = async { Ok(table.list::<RequestMessage>(&listing).await?) };
            try_join(read::<AccessRequest>(table.clone(), id), messages).await
        })
        .await?;
    let filter = format!("listRequestMessages {id}");
    page.check(access.tenant(), &filter)?;
    request_visible(&access, request).await?;
    let items = messages.records.into_iter().map(|message| (message.sort_key(), wire::RequestMessage::from(message)));
    Ok(Json(page_of(items, messages.next, access.tenant(), &filter)?).into_response())
}
