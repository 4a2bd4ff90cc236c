//! What goes over the wire. Answers are made of domain types; input becomes domain types.

mod audit;
mod ensure;
mod evaluate;
mod grant;
mod message;
mod policy;
mod request;
mod rule;

pub use audit::{AuditLogEntry, AuditLogVerification};
pub use ensure::{EnsureAccess, EnsureAccessAnswer};
pub(super) use evaluate::AskedPolicies;
pub use evaluate::{EvaluatePolicies, PolicyEvaluation, PolicyValidation, ValidatePolicies};
pub use grant::{ExtendGrant, Grant, UpdateGrant};
pub use message::{CreateRequestMessage, RequestMessage};
pub use policy::{CreatePolicy, Policy, PolicySummary, ReorderPolicies, ReorderedPolicies, UpdatePolicy};
pub use request::{AccessRequest, AccessRequestStatus, CreateRequest, Decide};
pub use rule::{PolicyRule, ReorderPolicyRules, WritePolicyRule};

use super::error::Error;

/// Text of at most `longest` characters.
fn bounded(field: &'static str, text: Option<String>, longest: usize) -> Result<Option<String>, Error> {
    match &text {
        Some(value) if value.chars().count() > longest => {
            Err(Error::input(field, format!("must be at most {longest} characters")))
        }
        Some(_) | None => Ok(text),
    }
}

/// A reason for anything.
const MAX_REASON: usize = 2_000;
/// What a caller attaches, as JSON.
const MAX_METADATA_BYTES: usize = 16 * 1024;

fn metadata(given: Option<crate::domain::Metadata>) -> Result<crate::domain::Metadata, Error> {
    let metadata = given.unwrap_or_default();
    let length = serde_json::to_string(&metadata).map_or(usize::MAX, |text| text.len());
    if length > MAX_METADATA_BYTES {
        return Err(Error::input("metadata", format!("must be at most {MAX_METADATA_BYTES} bytes of JSON")));
    }
    Ok(metadata)
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
pub struct Nothing {}
