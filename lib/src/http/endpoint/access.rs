//! Access: what a principal has, and what it needs.

pub mod ensure_access;
pub mod get_access_request_status;

use utoipa_axum::router::OpenApiRouter;

use super::prelude;
use crate::http::Api;

/// The routers of the area's endpoints, by the name of their binaries.
pub(super) fn all() -> Vec<(&'static str, OpenApiRouter<Api>)> {
    vec![("ensure_access", ensure_access::router()), ("get_access_request_status", get_access_request_status::router())]
}
