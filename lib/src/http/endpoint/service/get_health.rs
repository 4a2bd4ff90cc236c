//! `GET /healthz`: whether the table answers.

use axum::extract::State;

use super::prelude::*;
use crate::http::ErrorBody;

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_health))
}

/// Whether the service works
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "getHealth",
    tag = "Service",
    extensions(("x-table" = json!({"get": true}))),
    responses(
        (status = 200, description = "It does.", body = wire::Health),
        (status = 429, description = "Too many calls; wait as long as `Retry-After` says.", body = ErrorBody),
        (status = 503, description = "The table cannot be reached.", body = ErrorBody)
    ),
    security(())
)]
async fn get_health(State(api): State<Api>) -> Result<Response, Error> {
    api.table().ping().await?;
    Ok(Json(wire::Health { status: "ok".to_owned() }).into_response())
}
