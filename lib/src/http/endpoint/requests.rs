//! Requests: access that is asked for.

pub mod approve_request;
pub mod cancel_request;
pub mod create_request;
pub mod create_request_message;
pub mod deny_request;
pub mod get_request;
pub mod list_request_messages;
pub mod list_requests;

use utoipa_axum::router::OpenApiRouter;

use super::prelude;
use crate::http::Api;

/// The routers of the area's endpoints, by the name of their binaries.
pub(super) fn all() -> Vec<(&'static str, OpenApiRouter<Api>)> {
    vec![
        ("approve_request", approve_request::router()),
        ("cancel_request", cancel_request::router()),
        ("create_request", create_request::router()),
        ("create_request_message", create_request_message::router()),
        ("deny_request", deny_request::router()),
        ("get_request", get_request::router()),
        ("list_request_messages", list_request_messages::router()),
        ("list_requests", list_requests::router()),
    ]
}
