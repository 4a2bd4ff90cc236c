//! `POST /v1/policies/evaluate`: nothing is asked for, nothing recorded.

use super::prelude::*;
use crate::access::Change;
use crate::auth::api_key::ApiKey;
use crate::domain::{Principal, PrincipalKind, PrincipalRef, User};
use crate::store::TenantTable;
use view::AskedPolicies;

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
    session: Session<scope::PoliciesRead>,
    body: Input<Body<view::EvaluatePolicies>>,
) -> Result<Response, Error> {
    let body = session.accept(body).await?;
    let asked = session.accept(Input(AskedPolicies::try_from(body.value.clone()))).await?;
    session
        .change(
            StatusCode::OK,
            &body,
            |table| principal(table, asked.who.clone()),
            |access, known| {
                let asked = asked.clone();
                async move {
                    let principal = Principal { groups: asked.groups.unwrap_or(known.groups.clone()), ..known };
                    let engine = access.engine().await?;
                    let decision =
                        engine.evaluate(&access, &principal, &asked.resource, &asked.action, asked.context.as_ref())?;
                    Ok(Change::new(access.begin(), view::PolicyEvaluation::from(decision)))
                }
            },
        )
        .await
}

/// What is known of a principal; of one who is not known, just who it is.
async fn principal(table: TenantTable, who: PrincipalRef) -> Result<Principal, Error> {
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
