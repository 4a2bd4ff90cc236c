//! Checks of free text and metadata from callers: length, depth, control and invisible characters.

use serde_json::Value;
use stint_api::Metadata;

use crate::domain::text::{has_control, without_invisible};
use crate::http::error::Error;

/// The longest reason, in characters.
const MAX_REASON: usize = 2_000;
/// The most metadata, in bytes of JSON.
const MAX_METADATA_BYTES: usize = 16 * 1024;
/// How deep lists and objects in metadata may be nested.
const MAX_METADATA_DEPTH: usize = 16;

/// A reason of at most 2,000 characters, which the caller gave in this field.
pub(in crate::http) fn reason(field: &'static str, text: Option<String>) -> Result<Option<String>, Error> {
    match text {
        Some(value) if value.chars().count() > MAX_REASON => {
            Err(Error::input(field, format!("must be at most {MAX_REASON} characters")))
        }
        Some(value) => free_text(field, &value).map(Some),
        None => Ok(None),
    }
}

/// Refuses control characters and removes invisible ones, so that text displays as what it is.
pub(in crate::http) fn free_text(field: &str, text: &str) -> Result<String, Error> {
    if has_control(text) {
        return Err(Error::input(field, "must have no control characters but tab and line breaks"));
    }
    Ok(without_invisible(text))
}

/// Checks metadata and removes invisible characters from it. Returns an empty object if there is none.
pub(in crate::http) fn metadata(given: Option<Metadata>) -> Result<Metadata, Error> {
    let mut metadata = given.unwrap_or_default();
    let length = serde_json::to_string(&metadata).map_or(usize::MAX, |text| text.len());
    if length > MAX_METADATA_BYTES {
        return Err(Error::input("metadata", format!("must be at most {MAX_METADATA_BYTES} bytes of JSON")));
    }
    match metadata.iter().find_map(|(name, value)| unstorable_field(name, value, MAX_METADATA_DEPTH)) {
        Some(reason) => Err(Error::input("metadata", reason)),
        None => {
            metadata.values_mut().for_each(remove_invisible);
            Ok(metadata)
        }
    }
}

/// Removes invisible characters from all strings: approvers read metadata beside the reason.
fn remove_invisible(value: &mut Value) {
    match value {
        Value::String(text) => *text = without_invisible(text),
        Value::Array(items) => items.iter_mut().for_each(remove_invisible),
        Value::Object(fields) => fields.values_mut().for_each(remove_invisible),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Why DynamoDB would refuse a field: its rules are stricter than JSON's (Amazon DynamoDB, "Supported data types and
/// naming rules").
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
