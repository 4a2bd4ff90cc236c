//! `POST /v1/requests/{id}/messages`.

use super::prelude::*;
use crate::app::{add_message, request_visible};
use crate::domain::{AccessRequest, RequestId};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(create_request_message))
}

/// Say something about a request
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/messages",
    operation_id = "createRequestMessage",
    tag = "Requests",
    extensions(("x-table" = json!({"get": true, "query": ["table"], "put": ["EVENT", "IDEMPOTENCY", "MESSAGE", "USER"]}))),
    params(("id" = RequestId, Path, description = "the request's id"), TenantHeader, IdempotencyHeader),
    request_body = wire::CreateRequestMessage,
    responses((status = 201, description = "The message.", body = wire::RequestMessage), WriteFailures, NotFoundFailure),
    security(("api_key" = ["requests:read"]), ("bearer" = ["requests:read"]))
)]
async fn create_request_message(
    call: AuthenticatedCall<scope::RequestsRead>,
    id: Input<Path<RequestId>>,
    body: Input<Body<wire::CreateRequestMessage>>,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let body = call.accept(body).await?;
    call.change_visible(
        StatusCode::CREATED,
        &body,
        |table| read::<AccessRequest>(table, id),
        |access, request| async move { Ok(request_visible(&access, request).await.map(drop)?) },
        |access, request| {
            let (content, metadata) =
                (convert::free_text("content", &body.value.content), convert::metadata(body.value.metadata.clone()));
            async move {
                let change = add_message(&access, request, content?, metadata?).await?;
                Ok(change.map(wire::RequestMessage::from))
            }
        },
    )
    .await
}
