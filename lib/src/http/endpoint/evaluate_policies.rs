//! `POST /v1/policies/evaluate`: nothing is asked for, nothing recorded.

use super::prelude::*;
use futures_util::FutureExt as _;
use futures_util::future::{OptionFuture, try_join3};
use jiff::Timestamp;

use crate::app::{Change, Trial, recent_grants};
use crate::auth::api_key::ApiKey;
use crate::domain::{Grant, Principal, PrincipalKind, PrincipalRef, User};
use crate::policy::named_requester;
use crate::store::{StoreError, TenantTable};
use view::PolicyQuestions;

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(evaluate_policies))
}

/// Evaluate policies
///
/// Says what would be decided; nothing is asked for and nothing recorded.
#[utoipa::path(
    post,
    path = "/v1/policies/evaluate",
    operation_id = "evaluatePolicies",
    tag = "Policies",
    params(TenantHeader, IdempotencyHeader),
    request_body = view::EvaluatePolicies,
    responses((status = 200, description = "What the policies say.", body = view::PolicyEvaluation), WriteFailures),
    security(("api_key" = ["policies:read"]), ("bearer" = ["policies:read"]))
)]
async fn evaluate_policies(
    call: AuthenticatedCall<scope::PoliciesRead>,
    body: Input<Body<view::EvaluatePolicies>>,
) -> Result<Response, Error> {
    let body = call.accept(body).await?;
    let asked = call.accept(Input(PolicyQuestions::try_from(body.value.clone()))).await?;
    call
        .change(
            StatusCode::OK,
            &body,
            |table| {
                let (asked, now) = (asked.clone(), call.now());
                async move { Ok(read(&table, &asked, now).await?) }
            },
            |access, (known, requester, recent)| {
                let asked = asked.clone();
                async move {
                    let principal = Principal { groups: asked.groups.unwrap_or(known.groups.clone()), ..known };
                    let trial = Trial {
                        principal: &principal,
                        requester: requester.as_ref(),
                        resource: &asked.resource,
                        action: &asked.action,
                        recent: &recent,
                        extra: asked.context.as_ref(),
                    };
                    let evaluation = access.engine().await?.evaluate(&access, &trial)?;
                    Ok(Change::new(access.begin(), view::PolicyEvaluation::from(evaluation)))
                }
            },
        )
        .await
}

/// What is known of who asks, of the requester the context names, and the grants of this access.
async fn read(
    table: &TenantTable,
    asked: &PolicyQuestions,
    now: Timestamp,
) -> Result<(Principal, Option<Principal>, Vec<Grant>), StoreError> {
    let requester = asked.context.as_ref().and_then(named_requester).filter(|who| !who.id.is_empty());
    let requester = OptionFuture::from(requester.map(|who| principal(table, who))).map(Option::transpose);
    let grants = recent_grants(table, &asked.who, &asked.resource, &asked.action, now);
    try_join3(principal(table, asked.who.clone()), requester, grants).await
}

/// What is known of a principal; of one who is not known, just who it is.
async fn principal(table: &TenantTable, who: PrincipalRef) -> Result<Principal, StoreError> {
    Ok(match who.kind {
        PrincipalKind::User => match table.get::<User>(who.id.clone()).await? {
            Some(user) => user.into_principal(),
            None => Principal::stranger(who),
        },
        PrincipalKind::ServiceAccount => match table.get::<ApiKey>(who.id.clone()).await? {
            Some(ApiKey { name, groups, .. }) => {
                Principal { name: Some(name), groups, ..Principal::stranger(who) }
            }
            None => Principal::stranger(who),
        },
    })
}
