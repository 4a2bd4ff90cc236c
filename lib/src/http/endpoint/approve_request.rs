//! `POST /v1/requests/{id}/approve`.

use super::prelude::*;
use crate::access::decide;
use crate::domain::{AccessRequest, RequestId, Verdict};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(approve_request))
}

/// Approve an access request
///
/// Approvals count by person, as the directory links accounts to Identity Store users. Who is linked to nobody, or is a
/// machine, is refused with `not_a_person`; the requester, with whatever account, with `self_approval`.
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/approve",
    operation_id = "approveRequest",
    tag = "Requests",
    params(("id" = RequestId, Path, description = "the request's id"), TenantHeader, IdempotencyHeader),
    request_body = Option<view::Decide>,
    responses((status = 200, description = "The request, approved if this approval completed the quorum.", body = view::AccessRequest), WriteFailures, NotFoundFailure),
    security(("api_key" = ["requests:decide"]), ("bearer" = ["requests:decide"]))
)]
async fn approve_request(session: Session<scope::RequestsDecide>, id: Input<Path<RequestId>>, body: OptionalBody<view::Decide>) -> Result<Response, Error> {
    decide_request(session, id, body, Verdict::Approve).await
}

/// Approving and denying are one thing with two outcomes.
pub(super) async fn decide_request(
    session: Session<scope::RequestsDecide>,
    id: Input<Path<RequestId>>,
    body: OptionalBody<view::Decide>,
    verdict: Verdict,
) -> Result<Response, Error> {
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
                    let change = decide(&access, request, verdict, reasoning?).await?;
                    Ok(change.map(view::AccessRequest::from))
                }
            },
        )
        .await
}
