//! `POST /v1/policies/evaluate`: nothing is asked for, nothing recorded.

use super::prelude::*;
use futures_util::FutureExt as _;
use futures_util::future::{OptionFuture, try_join};

use crate::app::{Change, Trial};
use crate::auth::api_key::ApiKey;
use crate::domain::{DirectoryLink, Principal, PrincipalKind, PrincipalRef, User};
use crate::policy::named_requester;
use crate::store::{StoreError, TenantTable};

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
    extensions(("x-table" = json!({"get": true, "query": ["table", "by_holder"], "put": ["IDEMPOTENCY"]}))),
    params(TenantHeader, IdempotencyHeader),
    request_body = wire::EvaluatePolicies,
    responses((status = 200, description = "What the policies say.", body = wire::PolicyEvaluation), WriteFailures),
    security(("api_key" = ["policies:read"]), ("bearer" = ["policies:read"]))
)]
async fn evaluate_policies(
    call: AuthenticatedCall<scope::PoliciesRead>,
    body: Input<Body<wire::EvaluatePolicies>>,
) -> Result<Response, Error> {
    let body = call.accept(body).await?;
    let asked = call.accept(Input(convert::PolicyQuestions::try_from(body.value.clone()))).await?;
    call.change(
        StatusCode::OK,
        &body,
        |table| {
            let asked = asked.clone();
            async move { Ok(read(&table, &asked).await?) }
        },
        |access, (known, requester)| {
            let asked = asked.clone();
            async move {
                let principal = Principal { groups: asked.groups.unwrap_or(known.groups.clone()), ..known };
                let trial = Trial {
                    principal: &principal,
                    requester: requester.as_ref(),
                    resource: &asked.resource,
                    action: &asked.action,
                    extra: asked.context.as_ref(),
                };
                let evaluation = access.engine().await?.evaluate(&access, &trial).await?;
                Ok(Change::new(access.begin(), wire::PolicyEvaluation::from(evaluation)))
            }
        },
    )
    .await
}

/// What is known of who asks, and of the requester the context names.
async fn read(
    table: &TenantTable,
    asked: &convert::PolicyQuestions,
) -> Result<(Principal, Option<Principal>), StoreError> {
    let requester = asked.context.as_ref().and_then(named_requester).filter(|who| !who.id.is_empty());
    let requester = OptionFuture::from(requester.map(|who| principal(table, who))).map(Option::transpose);
    try_join(principal(table, asked.who.clone()), requester).await
}

/// What is known of a principal; of one who is not known, just who it is.
async fn principal(table: &TenantTable, who: PrincipalRef) -> Result<Principal, StoreError> {
    Ok(match who.kind {
        PrincipalKind::User => match table.get::<User>(who.id.clone()).await? {
            Some(user) => user.into_principal(),
            None => Principal::stranger(who),
        },
        PrincipalKind::ServiceAccount => match table.get::<ApiKey>(who.id.clone()).await? {
            Some(ApiKey { name, groups, identity_store_user_id, .. }) => Principal {
                name: Some(name),
                groups,
                link: DirectoryLink { service_user_id: identity_store_user_id, ..DirectoryLink::default() },
                ..Principal::stranger(who)
            },
            None => Principal::stranger(who),
        },
    })
}
