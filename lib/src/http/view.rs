//! What goes over the wire. Answers are made of domain types; input becomes domain types.

mod audit;
mod ensure;
mod evaluate;
mod grant;
mod message;
mod policy;
mod request;
mod rule;
mod written;

pub use audit::{AuditLogEntry, AuditLogVerification};
pub use ensure::{EnsureAccess, EnsureAccessAnswer};
pub(super) use evaluate::PolicyQuestions;
pub use evaluate::{EvaluatePolicies, PolicyEvaluation, PolicyValidation, ValidatePolicies};
pub use grant::{ExtendGrant, Grant, UpdateGrant};
pub use message::{CreateRequestMessage, RequestMessage};
pub use policy::{CreatePolicy, Policy, PolicySummary, ReorderPolicies, ReorderedPolicies, UpdatePolicy};
pub use request::{AccessRequest, AccessRequestStatus, CreateRequest, Decide};
pub use rule::{PolicyRule, ReorderPolicyRules, WritePolicyRule};
pub use written::{WrittenPolicy, WrittenPolicyRule};

use serde_json::Value;

use super::error::Error;
use crate::domain::text::{has_control, without_invisible};

/// Free text of at most `longest` characters.
fn bounded(field: &'static str, text: Option<String>, longest: usize) -> Result<Option<String>, Error> {
    match text {
        Some(value) if value.chars().count() > longest => {
            Err(Error::input(field, format!("must be at most {longest} characters")))
        }
        Some(value) => free_text(field, &value).map(Some),
        None => Ok(None),
    }
}

/// Text that people will read, without what is not seen: it must not show them something else than it says.
fn free_text(field: &str, text: &str) -> Result<String, Error> {
    if has_control(text) {
        return Err(Error::input(field, "must have no control characters but tab and line breaks"));
    }
    Ok(without_invisible(text))
}

/// A reason for anything.
const MAX_REASON: usize = 2_000;
/// What a caller attaches, as JSON.
const MAX_METADATA_BYTES: usize = 16 * 1024;
/// Lists and objects in lists and objects.
const MAX_METADATA_DEPTH: usize = 16;

fn metadata(given: Option<crate::domain::Metadata>) -> Result<crate::domain::Metadata, Error> {
    let metadata = given.unwrap_or_default();
    let length = serde_json::to_string(&metadata).map_or(usize::MAX, |text| text.len());
    if length > MAX_METADATA_BYTES {
        return Err(Error::input("metadata", format!("must be at most {MAX_METADATA_BYTES} bytes of JSON")));
    }
    match metadata.iter().find_map(|(name, value)| unstorable_field(name, value, MAX_METADATA_DEPTH)) {
        Some(reason) => Err(Error::input("metadata", reason)),
        None => Ok(metadata),
    }
}

/// Why the table would not take a field: it is choosier than JSON (Amazon DynamoDB, "Supported data types and naming
/// rules").
fn unstorable_field(name: &str, value: &Value, depth: usize) -> Option<String> {
    if name.is_empty() {
        return Some("must have no empty names".to_owned());
    }
    unstorable(value, depth)
}

fn unstorable(value: &Value, depth: usize) -> Option<String> {
    match value {
        Value::Array(_) | Value::Object(_) if depth == 0 => {
            Some(format!("must be at most {MAX_METADATA_DEPTH} levels deep"))
        }
        Value::Array(items) => items.iter().find_map(|item| unstorable(item, depth - 1)),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| unstorable_field(name, value, depth - 1)),
        Value::Number(number) => {
            let magnitude = number.as_f64().unwrap_or_default().abs();
            let stored = magnitude == 0.0 || (1e-130..9e125).contains(&magnitude);
            (!stored).then(|| format!("must have no number as large or as small as {number}"))
        }
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

/// A field of a change that is there; one that is not stays `None` by `#[serde(default)]`. So `null` is refused where it
/// is no value, and told from nothing where it is one.
fn present<'de, D: serde::Deserializer<'de>, T: serde::Deserialize<'de>>(given: D) -> Result<Option<T>, D::Error> {
    T::deserialize(given).map(Some)
}

/// A body that says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct EmptyBody {}
