//! What operations of every area share: errors, pages, empty bodies; and the health of the service.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What every failure answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "code": "not_found",
    "message": "there is no such request, or you may not see it",
    "details": {"request_id": "019a3f5e-7c1b-7000-8000-000000000001"}
}))]
pub struct ErrorBody {
    /// Machine-readable error code, such as `not_found` or `tenant_mismatch`.
    pub code: String,
    /// Human-readable description of the error.
    pub message: String,
    /// Additional context: always `request_id`, and what the code calls for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub details: Option<Value>,
    /// Notices of the Cedar rules that determined the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notices: Option<Vec<String>>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PageOf<T> {
    /// The page.
    pub data: Vec<T>,
    /// What to send as `cursor` for the next page.
    #[schema(required = true, example = json!(null))]
    pub next_cursor: Option<String>,
    /// Whether there is one.
    pub has_more: bool,
}

/// An empty JSON object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct EmptyBody {}

/// The health of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"status": "ok"}))]
pub struct Health {
    /// `ok`.
    pub status: String,
}
