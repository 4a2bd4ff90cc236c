//! Policies: the rules by which requests are decided, and what they would decide.

pub mod create_policy;
pub mod create_policy_rule;
pub mod delete_policy;
pub mod delete_policy_rule;
pub mod evaluate_policies;
pub mod get_policy;
pub mod get_policy_rule;
pub mod get_policy_schema;
pub mod list_policies;
pub mod list_policy_rules;
pub mod reorder_policies;
pub mod reorder_policy_rules;
pub mod update_policy;
pub mod update_policy_rule;
pub mod validate_policies;

use utoipa_axum::router::OpenApiRouter;

use super::prelude;
use crate::http::Api;

/// The routers of the area's endpoints, by the name of their binaries.
pub(super) fn all() -> Vec<(&'static str, OpenApiRouter<Api>)> {
    vec![
        ("create_policy", create_policy::router()),
        ("create_policy_rule", create_policy_rule::router()),
        ("delete_policy", delete_policy::router()),
        ("delete_policy_rule", delete_policy_rule::router()),
        ("evaluate_policies", evaluate_policies::router()),
        ("get_policy", get_policy::router()),
        ("get_policy_rule", get_policy_rule::router()),
        ("get_policy_schema", get_policy_schema::router()),
        ("list_policies", list_policies::router()),
        ("list_policy_rules", list_policy_rules::router()),
        ("reorder_policies", reorder_policies::router()),
        ("reorder_policy_rules", reorder_policy_rules::router()),
        ("update_policy", update_policy::router()),
        ("update_policy_rule", update_policy_rule::router()),
        ("validate_policies", validate_policies::router()),
    ]
}
