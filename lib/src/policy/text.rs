//! Statements to fields and back.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use cedar_policy::{
    ActionConstraint, Effect as CedarEffect, EntityId, EntityTypeName, EntityUid, Policy, PolicySet,
    PrincipalConstraint, ResourceConstraint,
};

use super::bounds;
use super::problem::{PolicyErrors, Problem};
use super::scan::{self, Statement};
use crate::domain::{ActionScope, Effect, EntityRef, RuleScope};

/// What to tell the caller when the rule decides.
const NOTICE: &str = "notice";

/// The longest notice, in characters.
const MAX_NOTICE: usize = 1_000;

/// Whether sessions of the rule's grants are audited.
const AUDIT_SESSION: &str = "audit_session";

/// A rule taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFields {
    /// Permit or forbid.
    pub effect: Effect,
    /// Which principals.
    pub principal: RuleScope,
    /// Which actions.
    pub action: ActionScope,
    /// Which resources.
    pub resource: RuleScope,
    /// The `when` and `unless` clauses as they were written, from the first keyword to the last brace.
    pub conditions: Option<String>,
    /// `@notice`.
    pub notice: Option<String>,
    /// False if `@audit_session` says so.
    pub audit_session: bool,
    /// The other annotations, `@id` among them; also an `@audit_session` that says true.
    pub annotations: BTreeMap<String, String>,
}

/// One statement as it was written, and taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedRule {
    /// The statement with its annotations and the comments that belong to it.
    pub text: String,
    /// What it says.
    pub fields: RuleFields,
}

/// Fields that do not make a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// Cedar does not parse what they make.
    #[error("the fields make no cedar statement: {0}")]
    Invalid(PolicyErrors),
    /// They make something else than they say: a field holds more than belongs in it.
    #[error("`{field}` holds more than belongs in it")]
    Altered {
        /// The field.
        field: &'static str,
    },
}

/// Takes a policy text apart, one rule for each statement.
///
/// # Errors
///
/// [`PolicyErrors`] when it passes a bound on its syntax tree, when Cedar does not parse it, for a template, for an action of another type than `Action`, and for
/// an `@audit_session` that is neither true nor false; with places in `text`.
pub fn parse_policy_set(text: &str) -> Result<Vec<ParsedRule>, PolicyErrors> {
    match bounds::exceeded(text) {
        Some(problem) => Err(PolicyErrors::new(problem)),
        None => bounds::with_stack(|| parse_bounded(text)),
    }
}

fn parse_bounded(text: &str) -> Result<Vec<ParsedRule>, PolicyErrors> {
    let set = PolicySet::from_str(text).map_err(|errors| PolicyErrors::of_parse(text, &errors))?;
    let statements = scan::statements(text);
    if let Some(template) = set.templates().next() {
        let number = template.id().to_string().strip_prefix("policy").and_then(|number| number.parse::<usize>().ok());
        let start = number.and_then(|number| statements.get(number)).map_or(0, |statement| statement.start);
        let message = "templates are not supported: replace `?principal` and `?resource` with entities";
        return Err(PolicyErrors::new(Problem::at(text, start, message)));
    }
    // Each statement is parsed again by itself below, so a place that was not found cannot change what is stored.
    if statements.len() != set.num_of_policies() {
        return Err(PolicyErrors::new(Problem::at(text, 0, "the statements could not be told apart")));
    }
    statements.iter().map(|statement| rule(text, statement)).collect()
}

/// Takes apart a text that must be one statement.
///
/// # Errors
///
/// [`PolicyErrors`] as [`parse_policy_set`], and when it is not exactly one statement.
pub fn parse_rule(text: &str) -> Result<ParsedRule, PolicyErrors> {
    let mut rules = parse_policy_set(text)?.into_iter();
    match (rules.next(), rules.next()) {
        (Some(rule), None) => Ok(rule),
        (_, extra) => {
            let start = extra.and_then(|_| scan::statements(text).get(1).map(|second| second.start)).unwrap_or(0);
            Err(PolicyErrors::new(Problem::at(text, start, "a rule is exactly one statement")))
        }
    }
}

fn rule(text: &str, statement: &Statement) -> Result<ParsedRule, PolicyErrors> {
    let refuse = |message: String| PolicyErrors::new(Problem::at(text, statement.start, message));
    let written = text.get(statement.span.clone()).unwrap_or_default();
    let policy = Policy::parse(None, written).map_err(|error| refuse(error.to_string()))?;

    let mut annotations: BTreeMap<_, _> =
        policy.annotations().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let notice = annotations.remove(NOTICE);
    if notice.as_ref().is_some_and(|notice| notice.chars().count() > MAX_NOTICE) {
        return Err(refuse(format!("`@notice` must be at most {MAX_NOTICE} characters")));
    }
    let audit_session = match annotations.get(AUDIT_SESSION).map(String::as_str) {
        None | Some("true") => true,
        Some("false") => {
            annotations.remove(AUDIT_SESSION);
            false
        }
        Some(other) => return Err(refuse(format!("`@audit_session` must be `true` or `false`, not `{other}`"))),
    };
    let action = match policy.action_constraint() {
        ActionConstraint::Any => ActionScope::Any,
        ActionConstraint::Eq(uid) => ActionScope::Eq(action_id(&uid).map_err(refuse)?),
        ActionConstraint::In(uids) => {
            let ids: Result<_, _> = uids.iter().map(action_id).collect();
            ActionScope::In(ids.map_err(refuse)?)
        }
    };
    Ok(ParsedRule {
        text: written.to_owned(),
        fields: RuleFields {
            effect: match policy.effect() {
                CedarEffect::Permit => Effect::Permit,
                CedarEffect::Forbid => Effect::Forbid,
            },
            principal: match policy.principal_constraint() {
                PrincipalConstraint::Any => RuleScope::Any,
                PrincipalConstraint::Eq(uid) => RuleScope::Eq(entity_ref(&uid)),
                PrincipalConstraint::In(uid) => RuleScope::In(entity_ref(&uid)),
                PrincipalConstraint::Is(name) => RuleScope::Is(name.to_string()),
                PrincipalConstraint::IsIn(name, uid) => RuleScope::IsIn(name.to_string(), entity_ref(&uid)),
            },
            action,
            resource: match policy.resource_constraint() {
                ResourceConstraint::Any => RuleScope::Any,
                ResourceConstraint::Eq(uid) => RuleScope::Eq(entity_ref(&uid)),
                ResourceConstraint::In(uid) => RuleScope::In(entity_ref(&uid)),
                ResourceConstraint::Is(name) => RuleScope::Is(name.to_string()),
                ResourceConstraint::IsIn(name, uid) => RuleScope::IsIn(name.to_string(), entity_ref(&uid)),
            },
            conditions: statement.clauses.clone().and_then(|clauses| text.get(clauses)).map(str::to_owned),
            notice,
            audit_session,
            annotations,
        },
    })
}

pub(super) fn entity_ref(uid: &EntityUid) -> EntityRef {
    EntityRef { entity_type: uid.type_name().to_string(), entity_id: uid.id().unescaped().to_owned() }
}

fn action_id(uid: &EntityUid) -> Result<String, String> {
    if uid.type_name().to_string() == "Action" {
        Ok(uid.id().unescaped().to_owned())
    } else {
        Err(format!("actions are written `Action::\"…\"`, not `{uid}`"))
    }
}

/// Writes fields as one Cedar statement.
///
/// What is written is parsed again and compared with the fields, so that no id, notice or condition can add a statement
/// or change a scope.
///
/// # Errors
///
/// [`RenderError`] when the fields do not make the statement they say.
pub fn render(fields: &RuleFields) -> Result<String, RenderError> {
    let conditions = fields.conditions.as_deref().filter(|conditions| !conditions.trim().is_empty());
    let mut wanted = fields.clone();
    wanted.conditions = match conditions.map(scan::trim_clauses) {
        None => None,
        Some(None) => return Err(RenderError::Altered { field: "conditions" }),
        Some(Some(clauses)) => Some(clauses.to_owned()),
    };
    if !fields.audit_session {
        // A flag that was turned off holds over the annotation that once said the contrary.
        wanted.annotations.remove(AUDIT_SESSION);
    }
    let text = write(&wanted)?;
    let parsed = parse_rule(&text).map_err(RenderError::Invalid)?.fields;
    let differences = [
        ("effect", parsed.effect != wanted.effect),
        ("principal", parsed.principal != wanted.principal),
        ("action", parsed.action != wanted.action),
        ("resource", parsed.resource != wanted.resource),
        ("conditions", parsed.conditions != wanted.conditions),
        ("notice", parsed.notice != wanted.notice),
        ("audit_session", parsed.audit_session != wanted.audit_session),
        ("annotations", parsed.annotations != wanted.annotations),
    ];
    match differences.into_iter().find(|(_, differs)| *differs) {
        Some((field, _)) => Err(RenderError::Altered { field }),
        None => Ok(text),
    }
}

pub(super) fn write(fields: &RuleFields) -> Result<String, RenderError> {
    let mut text = String::new();
    let own = [(NOTICE, fields.notice.as_deref()), (AUDIT_SESSION, Some("false").filter(|_| !fields.audit_session))];
    let own = own.into_iter().filter_map(|(key, value)| value.map(|value| (key, value)));
    for (key, value) in fields.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str())).chain(own) {
        text.push_str(&format!("@{key}({})\n", quote(value)));
    }
    let effect = match fields.effect {
        Effect::Permit => "permit",
        Effect::Forbid => "forbid",
    };
    let principal = scope("principal", &fields.principal)?;
    let resource = scope("resource", &fields.resource)?;
    let action = match &fields.action {
        ActionScope::Any => "action".to_owned(),
        ActionScope::Eq(id) => format!("action == {}", action(id)),
        ActionScope::In(ids) => {
            format!("action in [{}]", ids.iter().map(|id| action(id)).collect::<Vec<_>>().join(", "))
        }
    };
    text.push_str(&format!("{effect} (\n  {principal},\n  {action},\n  {resource}\n)"));
    if let Some(conditions) = &fields.conditions {
        text.push('\n');
        text.push_str(conditions);
    }
    text.push(';');
    Ok(text)
}

fn scope(variable: &'static str, scope: &RuleScope) -> Result<String, RenderError> {
    Ok(match scope {
        RuleScope::Any => variable.to_owned(),
        RuleScope::Eq(entity) => format!("{variable} == {}", uid(variable, entity)?),
        RuleScope::In(entity) => format!("{variable} in {}", uid(variable, entity)?),
        RuleScope::Is(name) => format!("{variable} is {}", type_name(variable, name)?),
        RuleScope::IsIn(name, entity) => {
            format!("{variable} is {} in {}", type_name(variable, name)?, uid(variable, entity)?)
        }
    })
}

fn uid(variable: &'static str, entity: &EntityRef) -> Result<EntityUid, RenderError> {
    let name = type_name(variable, &entity.entity_type)?;
    Ok(EntityUid::from_type_name_and_id(name, EntityId::new(&entity.entity_id)))
}

fn type_name(field: &'static str, name: &str) -> Result<EntityTypeName, RenderError> {
    EntityTypeName::from_str(name).map_err(|_| RenderError::Altered { field })
}

/// An entity as Cedar writes it.
pub(super) fn entity_text(entity: &EntityRef) -> String {
    format!("{}::{}", entity.entity_type, quote(&entity.entity_id))
}

fn action(id: &str) -> String {
    format!("Action::{}", quote(id))
}

/// As a Cedar string; its escapes are Rust's.
fn quote(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}
