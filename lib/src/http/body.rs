//! Input, parsed once. What is wrong with it is told after the credential was checked, never before.

mod strict;

use axum::body::{Body as HttpBody, to_bytes};
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{Request, header};
use serde::Deserializer;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::convert::Infallible;

use self::strict::Strict;
use super::error::Error;

/// The longest body that is read, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 256 * 1024;

/// Input that was read, or what is wrong with it; [`super::call::AuthenticatedCall::accept`] tells which.
pub(super) struct Input<T>(pub(super) Result<T, Error>);

/// A JSON body with a fingerprint of its bytes.
pub(super) struct Body<T> {
    /// What it says.
    pub value: T,
    /// SHA-256 of its bytes, in hex.
    pub(super) fingerprint: String,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<Body<T>> {
    type Rejection = Infallible;

    async fn from_request(request: Request<HttpBody>, _: &S) -> Result<Self, Infallible> {
        Ok(Self(read(request, true).await))
    }
}

/// A body that may be left out altogether, or be `null`: it then says what `{}` says.
pub(super) struct OptionalBody<T>(pub(super) Result<Body<T>, Error>);

impl<T> From<OptionalBody<T>> for Input<Body<T>> {
    fn from(body: OptionalBody<T>) -> Self {
        Self(body.0)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Infallible;

    async fn from_request(request: Request<HttpBody>, _: &S) -> Result<Self, Infallible> {
        Ok(Self(read(request, false).await))
    }
}

async fn read<T: DeserializeOwned>(request: Request<HttpBody>, required: bool) -> Result<Body<T>, Error> {
    let is_json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"));
    let bytes = to_bytes(request.into_body(), MAX_BODY_BYTES).await.map_err(|_| Error::PayloadTooLarge)?;
    let left_out = bytes.is_empty() || bytes.trim_ascii() == b"null";
    let text: &[u8] = if left_out && !required { b"{}" } else { &bytes };
    if !is_json && !bytes.is_empty() {
        return Err(Error::UnsupportedMediaType);
    }
    let value = parse(text)?;
    Ok(Body { value, fingerprint: crate::hash::sha256(text) })
}

/// Parses JSON, naming the field at fault.
fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    let tree: Value = serde_json::from_slice(text).map_err(|error| refused("", &error.to_string()))?;
    named::<T, _>(Strict(&tree))?;
    // A tree has forgotten the fields that came twice.
    named(&mut serde_json::Deserializer::from_slice(text))
}

fn named<'de, T: DeserializeOwned, D: Deserializer<'de>>(json: D) -> Result<T, Error> {
    serde_path_to_error::deserialize(json)
        .map_err(|error| refused(&error.path().to_string(), &error.inner().to_string()))
}

fn refused(path: &str, reason: &str) -> Error {
    let (field, reason) = at_fault(path, reason);
    Error::input(field.unwrap_or_else(|| "body".to_owned()), reason)
}

/// The field at fault and what is wrong with it. Serde names unknown and missing fields in its message only; the path is
/// then their parent's.
fn at_fault<'a>(path: &str, reason: &'a str) -> (Option<String>, &'a str) {
    let reason = reason.split(" at line ").next().unwrap_or(reason);
    let named = ["unknown field `", "missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| reason.strip_prefix(start)?.split('`').next())
        .filter(|name| !name.is_empty());
    let parent = path.trim_matches('.');
    let field = match (parent, named) {
        ("" | "?", None) => None,
        ("" | "?", Some(name)) => Some(name.to_owned()),
        (parent, None) => Some(parent.to_owned()),
        (parent, Some(name)) if parent == name || parent.ends_with(&format!(".{name}")) => Some(parent.to_owned()),
        (parent, Some(name)) => Some(format!("{parent}.{name}")),
    };
    (field, reason)
}

/// A path parameter such as an id.
impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Input<Path<T>> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let path = Path::from_request_parts(parts, state).await;
        Ok(Self(path.map_err(|error| {
            if let PathRejection::FailedToDeserializePathParams(error) = error {
                at_parameter(error.into_kind())
            } else {
                Error::Internal(error.body_text())
            }
        })))
    }
}

/// The error at a path parameter.
fn at_parameter(fault: ErrorKind) -> Error {
    if let ErrorKind::DeserializeError { key, message, .. } = fault {
        Error::input(key, message)
    } else if let ErrorKind::InvalidUtf8InPathParam { key } = fault {
        Error::input(key, "is not UTF-8")
    } else {
        Error::input("path", fault.to_string())
    }
}

/// Query parameters.
impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Input<Query<T>> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let query = Query::from_request_parts(parts, state).await;
        Ok(Self(query.map_err(|error| {
            let text = error.body_text();
            let text = text.trim_start_matches("Failed to deserialize query string: ");
            let (path, reason) = text.split_once(": ").filter(|(path, _)| !path.contains(' ')).unwrap_or(("", text));
            let (field, reason) = at_fault(path, reason);
            Error::input(field.unwrap_or_else(|| "query".to_owned()), reason)
        })))
    }
}
