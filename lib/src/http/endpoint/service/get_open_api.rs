//! `GET /openapi.json`: what the routers say of themselves.

use super::prelude::*;
use crate::http::{ErrorBody, document};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_open_api))
}

/// This document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "getOpenApi",
    tag = "Service",
    extensions(("x-table" = json!({}))),
    responses(
        (status = 200, description = "An OpenAPI 3.1 document.", body = Object),
        (status = 429, description = "Too many calls; wait as long as `Retry-After` says.", body = ErrorBody)
    ),
    security(())
)]
async fn get_open_api() -> Response {
    Json(document()).into_response()
}
