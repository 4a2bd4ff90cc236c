//! The context of a question: what Cedar conditions may ask beside principal, action and resource.

use std::collections::BTreeSet;

use cedar_policy::{Context, EntityUid, RestrictedExpression};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::world::{self, types};
use crate::domain::{Auth, Circumstances, Principal, PrincipalKind, PrincipalRef, Seconds};

/// The circumstances of a question.
#[derive(Debug, Clone)]
pub struct QuestionContext<'a> {
    /// The reason that was given; a blank one is none.
    pub reason: Option<&'a str>,
    /// The tickets that were given.
    pub tickets: &'a [String],
    /// How long the access is wanted, if that was said.
    pub duration: Option<Seconds>,
    /// The permission set; when it is not given and the resource is an account or a unit, it is the action.
    pub role: Option<&'a str>,
    /// Who made the request that is to be approved.
    pub requester: Option<&'a Principal>,
    /// The time of the question.
    pub now: Timestamp,
    /// How the caller called.
    pub circumstances: Circumstances,
}

/// A context given by the caller does not fit the schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// The schema has no such field.
    #[error("`{field}` is not a field of the context")]
    UnknownField {
        /// The field.
        field: String,
    },
    /// The value is not of the field's type.
    #[error("`{field}` must be {expected}")]
    WrongType {
        /// The field.
        field: String,
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
        }
    }
}

/// The context, field by field, as the schema has it.
#[derive(Debug)]
pub(super) struct Facts {
    reason: Option<String>,
    has_reason: Option<bool>,
    tickets: BTreeSet<String>,
    duration_seconds: Option<i64>,
    account_id: Option<String>,
    role: Option<String>,
    requester: Option<EntityUid>,
    requester_service_account: Option<EntityUid>,
    now: String,
    source_ip: Option<String>,
    auth: String,
    mfa: bool,
}

impl Facts {
    pub(super) fn new(context: &QuestionContext<'_>, account_id: Option<String>, role: Option<&str>) -> Self {
        let requester = |kind| {
            let who = context.requester.map(|requester| &requester.who).filter(|who| who.kind == kind);
            who.map(world::principal_uid)
        };
        Self {
            reason: context.reason.map(str::to_owned),
            has_reason: None,
            tickets: context.tickets.iter().cloned().collect(),
            duration_seconds: context.duration.map(Seconds::get),
            account_id,
            role: role.map(str::to_owned),
            requester: requester(PrincipalKind::User),
            requester_service_account: requester(PrincipalKind::ServiceAccount),
            now: datetime(context.now),
            source_ip: context.circumstances.source_ip.map(|ip| ip.to_string()),
            auth: context.circumstances.auth.as_str().to_owned(),
            mfa: context.circumstances.mfa,
        }
    }

    /// Puts the caller's values over the facts; `null` takes an optional one away.
    pub(super) fn merge(&mut self, extra: &Map<String, Value>) -> Result<(), ContextError> {
        for (field, value) in extra {
            let wrong = |expected| ContextError::WrongType { field: field.clone(), expected };
            match field.as_str() {
                "reason" => self.reason = optional_text(value).ok_or_else(|| wrong("a string or null"))?,
                "has_reason" => self.has_reason = Some(value.as_bool().ok_or_else(|| wrong("true or false"))?),
                "tickets" => self.tickets = texts(value).ok_or_else(|| wrong("a list of strings"))?,
                "duration_seconds" if value.is_null() => self.duration_seconds = None,
                "duration_seconds" => {
                    self.duration_seconds = Some(value.as_i64().ok_or_else(|| wrong("an integer or null"))?);
                }
                "account_id" => self.account_id = optional_text(value).ok_or_else(|| wrong("a string or null"))?,
                "role" => self.role = optional_text(value).ok_or_else(|| wrong("a string or null"))?,
                "requester" => {
                    self.requester = optional_entity(value, PrincipalKind::User)
                        .ok_or_else(|| wrong("`{\"type\": \"User\", \"id\": \"…\"}` or null"))?;
                }
                "requester_service_account" => {
                    self.requester_service_account = optional_entity(value, PrincipalKind::ServiceAccount)
                        .ok_or_else(|| wrong("`{\"type\": \"ServiceAccount\", \"id\": \"…\"}` or null"))?;
                }
                "now" => {
                    let now = value.as_str().and_then(|text| text.parse().ok()).map(datetime);
                    let now = now.filter(|now| is_value(RestrictedExpression::new_datetime(now)));
                    self.now = now.ok_or_else(|| wrong("an RFC 3339 time"))?;
                }
                "source_ip" => {
                    let ip = optional_text(value)
                        .filter(|ip| ip.as_ref().is_none_or(|ip| is_value(RestrictedExpression::new_ip(ip))));
                    self.source_ip = ip.ok_or_else(|| wrong("an IP address, a range in CIDR notation, or null"))?;
                }
                "auth" => {
                    let auth =
                        value.as_str().filter(|auth| [Auth::Oidc, Auth::ApiKey].map(Auth::as_str).contains(auth));
                    self.auth = auth.ok_or_else(|| wrong("`oidc` or `api_key`"))?.to_owned();
                }
                "mfa" => self.mfa = value.as_bool().ok_or_else(|| wrong("true or false"))?,
                _ => return Err(ContextError::UnknownField { field: field.clone() }),
            }
        }
        Ok(())
    }

    /// The requesters it names: entities a condition can reach through the context.
    pub(super) fn requesters(&self) -> impl Iterator<Item = &EntityUid> {
        self.requester.iter().chain(&self.requester_service_account)
    }

    /// As Cedar's context, or what Cedar says against it.
    pub(super) fn into_context(self) -> Result<Context, String> {
        let has_reason =
            self.has_reason.unwrap_or_else(|| self.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty()));
        let text = RestrictedExpression::new_string;
        let uid = RestrictedExpression::new_entity_uid;
        let optional = [
            ("reason", self.reason.map(text)),
            ("duration_seconds", self.duration_seconds.map(RestrictedExpression::new_long)),
            ("account_id", self.account_id.map(text)),
            ("role", self.role.map(text)),
            ("requester", self.requester.map(uid)),
            ("requester_service_account", self.requester_service_account.map(uid)),
            ("source_ip", self.source_ip.map(RestrictedExpression::new_ip)),
        ];
        let required = [
            ("has_reason", RestrictedExpression::new_bool(has_reason)),
            ("tickets", RestrictedExpression::new_set(self.tickets.into_iter().map(text))),
            ("now", RestrictedExpression::new_datetime(self.now)),
            ("auth", text(self.auth)),
            ("mfa", RestrictedExpression::new_bool(self.mfa)),
        ];
        let optional = optional.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
        let pairs = optional.chain(required).map(|(name, value)| (name.to_owned(), value));
        Context::from_pairs(pairs).map_err(|error| error.to_string())
    }
}

/// As Cedar reads it, to the millisecond.
fn datetime(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A string or null.
#[expect(clippy::option_option, reason = "none is a value of the wrong type, some of none is null")]
fn optional_text(value: &Value) -> Option<Option<String>> {
    if value.is_null() { Some(None) } else { value.as_str().map(|text| Some(text.to_owned())) }
}

fn texts(value: &Value) -> Option<BTreeSet<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

#[expect(clippy::option_option, reason = "none is a value of the wrong type, some of none is null")]
fn optional_entity(value: &Value, kind: PrincipalKind) -> Option<Option<EntityUid>> {
    if value.is_null() {
        return Some(None);
    }
    let object = value.as_object().filter(|object| object.len() == 2)?;
    let named = object.get("type")?.as_str()? == types().of_principal(kind).basename();
    let id = object.get("id")?.as_str().filter(|_| named)?;
    Some(Some(world::principal_uid(&PrincipalRef { kind, id: id.to_owned() })))
}

/// Whether Cedar's own constructor reads it.
fn is_value(constructed: RestrictedExpression) -> bool {
    Context::from_pairs([("value".to_owned(), constructed)]).is_ok()
}
