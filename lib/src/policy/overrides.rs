//! A context given by the caller of `evaluate`, put over the one that would be there.

use std::collections::BTreeSet;

use cedar_policy::{Context, EntityUid, RestrictedExpression};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::entities::{self, types};
use super::facts::{ContextFields, QuestionKind, datetime, end, is_reason};
use crate::domain::{Auth, PrincipalKind, PrincipalRef, Seconds};

/// A context given by the caller does not fit the schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// The context of this kind of question has no such field.
    #[error("`{field}` is not a field of the context of this action")]
    UnknownField {
        /// The field.
        field: String,
    },
    /// The value is not of the field's type, or does not fit the others.
    #[error("`{field}` must be {expected}")]
    WrongType {
        /// The field.
        field: String,
        /// What it must be.
        expected: &'static str,
    },
    /// The field is needed and cannot be filled for the caller.
    #[error("`{field}` is required: {expected}")]
    Missing {
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}

impl ContextError {
    /// The field at fault.
    #[must_use]
    pub fn field(&self) -> &str {
        match self {
            Self::UnknownField { field } | Self::WrongType { field, .. } => field,
            Self::Missing { field, .. } => field,
        }
    }
}

impl ContextFields {
    /// Puts the caller's values over the facts; `null` takes an optional one away. What follows from the others
    /// follows, unless it was given.
    pub(super) fn merge(&mut self, extra: &Map<String, Value>) -> Result<(), ContextError> {
        for (field, value) in extra {
            self.put(field, value)?;
        }
        let given = |field| extra.contains_key(field);
        if !given("has_reason") {
            self.has_reason = is_reason(self.reason.as_deref());
        }
        if !given("start_at") {
            self.start_at = self.now;
        }
        let wrong = |field: &str, expected| Err(ContextError::WrongType { field: field.to_owned(), expected });
        let length = Seconds::new(self.ends_at.duration_since(self.start_at).as_secs());
        match (given("duration_seconds"), given("ends_at"), length) {
            (_, false, _) => match Seconds::new(self.duration_seconds) {
                Ok(duration) => self.ends_at = end(self.start_at, duration),
                Err(_) => return wrong("duration_seconds", "between 1 and 31536000"),
            },
            (false, true, Ok(length)) => self.duration_seconds = length.get(),
            (true, true, Ok(length)) if length.get() == self.duration_seconds => {}
            (_, true, _) => return wrong("ends_at", "`duration_seconds` after `start_at`"),
        }
        Ok(())
    }

    fn put(&mut self, field: &str, value: &Value) -> Result<(), ContextError> {
        let wrong = |expected| ContextError::WrongType { field: field.to_owned(), expected };
        match (field, self.kind) {
            ("reason", _) => self.reason = optional_text(value).ok_or_else(|| wrong("a string or null"))?,
            ("has_reason", _) => self.has_reason = value.as_bool().ok_or_else(|| wrong("true or false"))?,
            ("tickets", _) => self.tickets = texts(value).ok_or_else(|| wrong("a list of strings"))?,
            ("duration_seconds", _) => {
                self.duration_seconds = value.as_i64().ok_or_else(|| wrong("an integer"))?;
            }
            ("account_id", _) => self.account_id = optional_text(value).ok_or_else(|| wrong("a string or null"))?,
            ("role", QuestionKind::Access) => {
                self.role = optional_text(value).ok_or_else(|| wrong("a string or null"))?
            }
            ("role", QuestionKind::Approve | QuestionKind::Revoke) => {
                self.role = Some(value.as_str().ok_or_else(|| wrong("a string"))?.to_owned());
            }
            ("now", _) => self.now = time(value).ok_or_else(|| wrong("an RFC 3339 time"))?,
            ("start_at", _) => self.start_at = time(value).ok_or_else(|| wrong("an RFC 3339 time"))?,
            ("ends_at", _) => self.ends_at = time(value).ok_or_else(|| wrong("an RFC 3339 time"))?,
            ("source_ip", _) => {
                let ip = optional_text(value)
                    .filter(|ip| ip.as_ref().is_none_or(|ip| is_value(RestrictedExpression::new_ip(ip))));
                self.source_ip = ip.ok_or_else(|| wrong("an IP address, a range in CIDR notation, or null"))?;
            }
            ("auth", _) => {
                let auth = value.as_str().filter(|auth| [Auth::Oidc, Auth::ApiKey].map(Auth::as_str).contains(auth));
                self.auth = auth.ok_or_else(|| wrong("`oidc` or `api_key`"))?.to_owned();
            }
            ("mfa", _) => self.mfa = value.as_bool().ok_or_else(|| wrong("true or false"))?,
            ("held_seconds", QuestionKind::Access) => {
                let seconds = value.as_i64().filter(|seconds| (0..=24 * 60 * 60).contains(seconds));
                self.held_seconds = seconds.ok_or_else(|| wrong("an integer between 0 and 86400"))?;
            }
            ("requester", QuestionKind::Approve | QuestionKind::Revoke) => {
                self.requester = optional_entity(value, PrincipalKind::User)
                    .ok_or_else(|| wrong("`{\"type\": \"User\", \"id\": \"…\"}` or null"))?;
            }
            ("requester_service_account", QuestionKind::Approve | QuestionKind::Revoke) => {
                self.requester_service_account = optional_entity(value, PrincipalKind::ServiceAccount)
                    .ok_or_else(|| wrong("`{\"type\": \"ServiceAccount\", \"id\": \"…\"}` or null"))?;
            }
            ("break_glass", QuestionKind::Revoke) => {
                self.break_glass = value.as_bool().ok_or_else(|| wrong("true or false"))?;
            }
            _ => return Err(ContextError::UnknownField { field: field.to_owned() }),
        }
        Ok(())
    }
}

/// Who a context given by the caller names as the requester, if it names one.
#[must_use]
pub fn named_requester(context: &Map<String, Value>) -> Option<PrincipalRef> {
    let named = |field, kind| {
        let id = context.get(field)?.get("id")?.as_str()?;
        Some(PrincipalRef { kind, id: id.to_owned() })
    };
    named("requester", PrincipalKind::User)
        .or_else(|| named("requester_service_account", PrincipalKind::ServiceAccount))
}

/// A string or null.
#[expect(clippy::option_option, reason = "none is a value of the wrong type, some of none is null")]
fn optional_text(value: &Value) -> Option<Option<String>> {
    if value.is_null() { Some(None) } else { value.as_str().map(|text| Some(text.to_owned())) }
}

fn texts(value: &Value) -> Option<BTreeSet<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

/// A time Cedar can hold.
fn time(value: &Value) -> Option<Timestamp> {
    let at: Timestamp = value.as_str()?.parse().ok()?;
    Some(at).filter(|at| is_value(RestrictedExpression::new_datetime(datetime(*at))))
}

#[expect(clippy::option_option, reason = "none is a value of the wrong type, some of none is null")]
fn optional_entity(value: &Value, kind: PrincipalKind) -> Option<Option<EntityUid>> {
    if value.is_null() {
        return Some(None);
    }
    let object = value.as_object().filter(|object| object.len() == 2)?;
    let named = object.get("type")?.as_str()? == types().of_principal(kind).basename();
    let id = object.get("id")?.as_str().filter(|_| named)?;
    Some(Some(entities::principal_uid(&PrincipalRef { kind, id: id.to_owned() })))
}

/// Whether Cedar's own constructor reads it.
fn is_value(constructed: RestrictedExpression) -> bool {
    Context::from_pairs([("value".to_owned(), constructed)]).is_ok()
}
