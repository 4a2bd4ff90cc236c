//! Service: the service itself.

pub mod get_health;
pub mod get_open_api;

use utoipa_axum::router::OpenApiRouter;

use super::prelude;
use crate::http::Api;

/// The routers of the area's endpoints, by the name of their binaries.
pub(super) fn all() -> Vec<(&'static str, OpenApiRouter<Api>)> {
    vec![("get_health", get_health::router()), ("get_open_api", get_open_api::router())]
}
