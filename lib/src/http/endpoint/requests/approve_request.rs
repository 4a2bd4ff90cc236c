//! `POST /v1/requests/{id}/approve`.

use std::sync::atomic::{AtomicBool, Ordering};

use super::prelude::*;
use crate::app::reconsider::CurrentRecords;
use crate::app::{decide, request_visible};
use crate::domain::{AccessRequest, RequestId, Vote};
use crate::store::TenantTable;

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(approve_request))
}

/// Approve an access request
///
/// The approval that would grant asks policy again, by what is known now. If policy refuses, the answer is 403
/// `policy_denied`, the approval is not counted, and the request stays pending. `approved` says what is decided; that access
/// is given is said by the grant: `active` with `provisioning_status: successful`.
///
/// Approvals count by person, as the directory links accounts to Identity Store users. Who is linked to nobody, or is a
/// machine, is refused with `not_a_person`; the requester, with whatever account, with `self_approval`.
#[utoipa::path(
    post,
    path = "/v1/requests/{id}/approve",
    operation_id = "approveRequest",
    tag = "Requests",
    extensions(("x-table" = json!({"get": true, "query": ["table", "by_holder"], "put": ["EVENT", "GRANT", "IDEMPOTENCY", "REQUEST", "USER"], "update": ["PENDING"], "check": ["APIKEY", "LINK", "USER"]}))),
    params(("id" = RequestId, Path, description = "the request's id"), TenantHeader, IdempotencyHeader),
    request_body = Option<wire::Decide>,
    responses((status = 200, description = "The request, approved if this approval completed the quorum.", body = wire::AccessRequest), WriteFailures, NotFoundFailure),
    security(("api_key" = ["requests:decide"]), ("bearer" = ["requests:decide"]))
)]
async fn approve_request(
    call: AuthenticatedCall<scope::RequestsDecide>,
    id: Input<Path<RequestId>>,
    body: OptionalBody<wire::Decide>,
) -> Result<Response, Error> {
    decide_request(call, id, body, Vote::Approve).await
}

/// Approving and denying are one thing with two outcomes.
pub(super) async fn decide_request(
    call: AuthenticatedCall<scope::RequestsDecide>,
    id: Input<Path<RequestId>>,
    body: OptionalBody<wire::Decide>,
    verdict: Vote,
) -> Result<Response, Error> {
    let id = call.accept(id).await?.0;
    let body = call.accept(body.into()).await?;
    let tried = AtomicBool::new(false);
    call.change_visible(
        StatusCode::OK,
        &body,
        |table| {
            let again = tried.swap(true, Ordering::Relaxed);
            async move {
                let request = read::<AccessRequest>(table.clone(), id).await?;
                let newest = match &request {
                    Some(request) if verdict == Vote::Approve => known(&table, request, again).await?,
                    Some(_) | None => CurrentRecords::default(),
                };
                Ok((request, newest))
            }
        },
        |access, (request, _)| async move { Ok(request_visible(&access, request).await.map(drop)?) },
        |access, (request, newest)| {
            let reasoning = convert::reason("reasoning", body.value.reasoning.clone());
            async move {
                let change = decide(&access, request, newest, verdict, reasoning?).await?;
                Ok(change.map(wire::AccessRequest::from))
            }
        },
    )
    .await
}

/// Who a request is about is only known once it was read. To save the round trip they are presumed to be as it has them,
/// which the commit is conditional on; if they are not, the decision is made again with what the directory says.
async fn known(table: &TenantTable, request: &AccessRequest, again: bool) -> Result<CurrentRecords, Error> {
    match CurrentRecords::presumed(request) {
        Some(presumed) if !again => Ok(presumed),
        Some(_) | None => Ok(CurrentRecords::read(table, request).await?),
    }
}
