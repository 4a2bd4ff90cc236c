//! The context of a question: what Cedar conditions may ask beside principal, action and resource.

use std::collections::BTreeSet;

use cedar_policy::{Context, EntityUid, RestrictedExpression};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::entities;
use super::question::{AccessQuestion, DecisionQuestion, TrialQuestion};
use crate::domain::{Principal, PrincipalKind, Seconds};

/// The kinds of question. Each has a context type of its own, with exactly what is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuestionKind {
    Access,
    Approve,
    Revoke,
}

impl QuestionKind {
    /// The kind of question an action is asked with.
    pub(super) fn of(action: &str) -> Self {
        match action {
            "approve" => Self::Approve,
            "revoke" => Self::Revoke,
            _ => Self::Access,
        }
    }
}

/// The context, field by field, as the schema has it.
#[derive(Debug, Clone)]
pub(super) struct ContextFields {
    pub(super) kind: QuestionKind,
    pub(super) reason: Option<String>,
    pub(super) has_reason: bool,
    pub(super) tickets: BTreeSet<String>,
    pub(super) duration_seconds: i64,
    pub(super) start_at: Timestamp,
    pub(super) ends_at: Timestamp,
    pub(super) now: Timestamp,
    pub(super) account_id: Option<String>,
    pub(super) role: Option<String>,
    pub(super) source_ip: Option<String>,
    pub(super) auth: String,
    pub(super) mfa: bool,
    /// Of an access.
    pub(super) held_seconds: i64,
    /// Of a decision.
    pub(super) requester: Option<EntityUid>,
    /// Of a decision on what a machine asked for.
    pub(super) requester_service_account: Option<EntityUid>,
    /// Of a revocation.
    pub(super) break_glass: bool,
}

impl ContextFields {
    pub(super) fn of_access(question: &AccessQuestion<'_>, account_id: Option<String>, role: Option<String>) -> Self {
        Self {
            kind: QuestionKind::Access,
            reason: question.reason.map(str::to_owned),
            has_reason: is_reason(question.reason),
            tickets: question.tickets.iter().cloned().collect(),
            duration_seconds: question.duration.get(),
            start_at: question.start_at,
            ends_at: end(question.start_at, question.duration),
            now: question.now,
            account_id,
            role,
            source_ip: question.circumstances.source_ip.map(|ip| ip.to_string()),
            auth: question.circumstances.auth.as_str().to_owned(),
            mfa: question.circumstances.mfa,
            held_seconds: question.held_seconds,
            requester: None,
            requester_service_account: None,
            break_glass: false,
        }
    }

    pub(super) fn of_decision(
        kind: QuestionKind,
        question: &DecisionQuestion<'_>,
        account_id: Option<String>,
        role: String,
    ) -> Self {
        let decided = &question.decided;
        let mut facts = Self {
            kind,
            reason: decided.reason.map(str::to_owned),
            has_reason: is_reason(decided.reason),
            tickets: decided.tickets.iter().cloned().collect(),
            duration_seconds: decided.duration.get(),
            start_at: decided.start_at,
            ends_at: end(decided.start_at, decided.duration),
            now: question.now,
            account_id,
            role: Some(role),
            source_ip: question.circumstances.source_ip.map(|ip| ip.to_string()),
            auth: question.circumstances.auth.as_str().to_owned(),
            mfa: question.circumstances.mfa,
            held_seconds: 0,
            requester: None,
            requester_service_account: None,
            break_glass: decided.break_glass,
        };
        facts.set_requester(question.requester);
        facts
    }

    /// Of a question that is tried out, before the caller's values are put over it.
    pub(super) fn of_trial(
        question: &TrialQuestion<'_>,
        duration: Seconds,
        account_id: Option<String>,
        role: Option<String>,
    ) -> Self {
        let access = AccessQuestion {
            principal: question.principal,
            resource: question.resource,
            action: question.action,
            reason: None,
            tickets: &[],
            duration,
            start_at: question.now,
            now: question.now,
            circumstances: question.circumstances,
            held_seconds: question.held_seconds,
        };
        let kind = QuestionKind::of(question.action);
        Self { kind, ..Self::of_access(&access, account_id, role) }
    }

    fn set_requester(&mut self, requester: &Principal) {
        let uid = Some(entities::principal_uid(&requester.who));
        match requester.who.kind {
            PrincipalKind::User => self.requester = uid,
            PrincipalKind::ServiceAccount => self.requester_service_account = uid,
        }
    }

    /// The requesters it names: entities a condition can reach through the context.
    pub(super) fn requesters(&self) -> impl Iterator<Item = &EntityUid> {
        self.requester.iter().chain(&self.requester_service_account)
    }

    /// As Cedar's context, or what Cedar says against it.
    pub(super) fn context(&self) -> Result<Context, String> {
        let pairs = self.fields().into_iter().map(|(name, value)| (name.to_owned(), value.expression()));
        Context::from_pairs(pairs).map_err(|error| error.to_string())
    }

    /// As it is answered, in the form in which `evaluate` takes it.
    pub(super) fn json(&self) -> Map<String, Value> {
        self.fields().into_iter().map(|(name, value)| (name.to_owned(), value.json())).collect()
    }

    /// The fields of its kind that are filled.
    fn fields(&self) -> Vec<(&'static str, Field<'_>)> {
        let mut fields = vec![
            ("duration_seconds", Field::Long(self.duration_seconds)),
            ("now", Field::Time(self.now)),
            ("start_at", Field::Time(self.start_at)),
            ("ends_at", Field::Time(self.ends_at)),
            ("has_reason", Field::Bool(self.has_reason)),
            ("tickets", Field::Texts(&self.tickets)),
            ("auth", Field::Text(&self.auth)),
            ("mfa", Field::Bool(self.mfa)),
        ];
        fields.extend(self.reason.as_deref().map(|reason| ("reason", Field::Text(reason))));
        fields.extend(self.account_id.as_deref().map(|account| ("account_id", Field::Text(account))));
        fields.extend(self.role.as_deref().map(|role| ("role", Field::Text(role))));
        fields.extend(self.source_ip.as_deref().map(|ip| ("source_ip", Field::Ip(ip))));
        if self.kind == QuestionKind::Access {
            fields.push(("held_seconds", Field::Long(self.held_seconds)));
        } else {
            let requesters =
                [("requester", &self.requester), ("requester_service_account", &self.requester_service_account)];
            fields.extend(requesters.into_iter().filter_map(|(name, uid)| Some((name, Field::Entity(uid.as_ref()?)))));
        }
        if self.kind == QuestionKind::Revoke {
            fields.push(("break_glass", Field::Bool(self.break_glass)));
        }
        fields
    }
}

/// A value of the context.
enum Field<'a> {
    Bool(bool),
    Long(i64),
    Text(&'a str),
    Texts(&'a BTreeSet<String>),
    Time(Timestamp),
    Ip(&'a str),
    Entity(&'a EntityUid),
}

impl Field<'_> {
    fn expression(self) -> RestrictedExpression {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        match self {
            Self::Bool(value) => RestrictedExpression::new_bool(value),
            Self::Long(value) => RestrictedExpression::new_long(value),
            Self::Text(value) => text(value),
            Self::Texts(values) => RestrictedExpression::new_set(values.iter().map(|value| text(value))),
            Self::Time(at) => RestrictedExpression::new_datetime(datetime(at)),
            Self::Ip(ip) => RestrictedExpression::new_ip(ip),
            Self::Entity(uid) => RestrictedExpression::new_entity_uid(uid.clone()),
        }
    }

    fn json(self) -> Value {
        match self {
            Self::Bool(value) => value.into(),
            Self::Long(value) => value.into(),
            Self::Text(value) | Self::Ip(value) => value.into(),
            Self::Texts(values) => values.iter().cloned().collect(),
            Self::Time(at) => datetime(at).into(),
            Self::Entity(uid) => {
                serde_json::json!({"type": uid.type_name().to_string(), "id": uid.id().unescaped().to_owned()})
            }
        }
    }
}

/// Whether it is a reason: one that is blank is none.
pub(super) fn is_reason(reason: Option<&str>) -> bool {
    reason.is_some_and(|reason| !reason.trim().is_empty())
}

/// When what begins at `start` and is `duration` long ends.
pub(super) fn end(start: Timestamp, duration: Seconds) -> Timestamp {
    start.checked_add(duration.span()).unwrap_or(Timestamp::MAX)
}

/// As Cedar reads it, to the millisecond.
pub(super) fn datetime(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
