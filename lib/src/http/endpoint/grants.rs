//! Grants: access that was given.

pub mod extend_grant;
pub mod get_grant;
pub mod list_grants;
pub mod revoke_grant;
pub mod update_grant;

use utoipa_axum::router::OpenApiRouter;

use super::prelude;
use crate::http::Api;

/// The routers of the area's endpoints, by the name of their binaries.
pub(super) fn all() -> Vec<(&'static str, OpenApiRouter<Api>)> {
    vec![
        ("extend_grant", extend_grant::router()),
        ("get_grant", get_grant::router()),
        ("list_grants", list_grants::router()),
        ("revoke_grant", revoke_grant::router()),
        ("update_grant", update_grant::router()),
    ]
}
