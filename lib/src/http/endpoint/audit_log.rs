//! Audit log: what was done, and the proof that nothing was changed.

pub mod export_audit_log;
pub mod get_audit_log_entry;
pub mod list_audit_log;
pub mod verify_audit_log;

use utoipa_axum::router::OpenApiRouter;

use super::prelude;
use crate::http::Api;

/// The routers of the area's endpoints, by the name of their binaries.
pub(super) fn all() -> Vec<(&'static str, OpenApiRouter<Api>)> {
    vec![
        ("export_audit_log", export_audit_log::router()),
        ("get_audit_log_entry", get_audit_log_entry::router()),
        ("list_audit_log", list_audit_log::router()),
        ("verify_audit_log", verify_audit_log::router()),
    ]
}
