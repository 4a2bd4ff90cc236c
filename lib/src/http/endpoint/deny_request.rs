//! `POST /v1/requests/{id}/deny`.

use super::prelude::*;
use crate::access::decide;
use crate::domain::{AccessRequest, RequestId, Verdict};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(deny_request))
}

/// Deny an access request
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/deny",
    operation_id = "denyRequest",
    tag = "Requests",
    params(("id" = RequestId, Path, description = "the request's id"), TenantHeader, IdempotencyHeader),
    request_body = Option<view::Decide>,
    responses((status = 200, description = "The request, denied.", body = view::AccessRequest), WriteFailures, NotFoundFailure),
    security(("api_key" = ["requests:decide"]), ("bearer" = ["requests:decide"]))
)]
async fn deny_request(session: Session<scope::RequestsDecide>, id: Input<Path<RequestId>>, body: OptionalBody<view::Decide>) -> Result<Response, Error> {
    let id = session.accept(id).await?.0;
    let body = session.accept(body.into()).await?;
    session
        .change(
            StatusCode::OK,
            &body,
            |table| read::<AccessRequest>(table, id),
            |access, request| {
                let reasoning = body.value.clone().reasoning();
                async move {
                    let change = decide(&access, request, Verdict::Deny, reasoning?).await?;
                    Ok(change.map(view::AccessRequest::from))
                }
            },
        )
        .await
}
