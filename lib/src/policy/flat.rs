//! The scopes of a rule as the API has them: a type, and beside it what the type calls for.

use std::str::FromStr as _;

use cedar_policy::EntityUid;
pub use stint_api::{ActionScopeType, ScopeType};

use super::bounds;
use super::text::{entity_ref, entity_text};
use crate::domain::{ActionScope, ApiKeyId, EntityRef, PrincipalRef, RuleScope};

/// A scope with its parts side by side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlatScope {
    /// How it is said.
    pub scope_type: ScopeType,
    /// The type of the entity, or of what `is` asks for.
    pub entity_type: Option<String>,
    /// The id of the entity; of `is_in`, whose entity has a type of its own, the entity as Cedar writes it.
    pub entity_id: Option<String>,
}

/// Parts that are not those of the scope's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FlatError {
    /// The entity type is missing, or too much.
    #[error("{0}")]
    EntityType(&'static str),
    /// The entity id is missing, too much or no entity.
    #[error("{0}")]
    EntityId(&'static str),
}

impl From<&RuleScope> for FlatScope {
    fn from(scope: &RuleScope) -> Self {
        let flat = |scope_type, entity_type: &String, entity_id: Option<String>| Self {
            scope_type,
            entity_type: Some(entity_type.clone()),
            entity_id,
        };
        match scope {
            RuleScope::Any => Self::default(),
            RuleScope::Eq(entity) => flat(ScopeType::Eq, &entity.entity_type, Some(entity.entity_id.clone())),
            RuleScope::In(entity) => flat(ScopeType::In, &entity.entity_type, Some(entity.entity_id.clone())),
            RuleScope::Is(name) => flat(ScopeType::Is, name, None),
            RuleScope::IsIn(name, entity) => flat(ScopeType::IsIn, name, Some(entity_text(entity))),
        }
    }
}

impl TryFrom<FlatScope> for RuleScope {
    type Error = FlatError;

    fn try_from(flat: FlatScope) -> Result<Self, FlatError> {
        let FlatScope { scope_type, entity_type, entity_id } = flat;
        let absent = |part: &Option<String>, error: FlatError| if part.is_some() { Err(error) } else { Ok(()) };
        let entity_type = match scope_type {
            ScopeType::Any => {
                absent(&entity_type, FlatError::EntityType("does not belong to the scope type `any`"))?;
                String::new()
            }
            ScopeType::Eq | ScopeType::In | ScopeType::Is | ScopeType::IsIn => {
                entity_type.ok_or(FlatError::EntityType("is required by the scope type"))?
            }
        };
        let required = || entity_id.clone().ok_or(FlatError::EntityId("is required by the scope type"));
        match scope_type {
            ScopeType::Any | ScopeType::Is => {
                absent(&entity_id, FlatError::EntityId("does not belong to the scope types `any` and `is`"))?;
                Ok(if scope_type == ScopeType::Any { Self::Any } else { Self::Is(entity_type) })
            }
            ScopeType::Eq => Ok(Self::Eq(EntityRef { entity_type, entity_id: required()? })),
            ScopeType::In => Ok(Self::In(EntityRef { entity_type, entity_id: required()? })),
            ScopeType::IsIn => {
                let entity = parse_entity(&required()?).ok_or(FlatError::EntityId(
                    "must be an entity as Cedar writes it, such as `Group::\"sre\"`, for the scope type `is_in`",
                ))?;
                Ok(Self::IsIn(entity_type, entity))
            }
        }
    }
}

/// A scope of actions with its parts side by side.
#[must_use]
pub fn flat_actions(scope: &ActionScope) -> (ActionScopeType, Vec<String>) {
    match scope {
        ActionScope::Any => (ActionScopeType::Any, Vec::new()),
        ActionScope::Eq(id) => (ActionScopeType::Eq, vec![id.clone()]),
        ActionScope::In(ids) => (ActionScopeType::In, ids.clone()),
    }
}

/// A scope of actions of its parts.
///
/// # Errors
///
/// What must be different about the ids.
pub fn action_scope(scope_type: ActionScopeType, mut ids: Vec<String>) -> Result<ActionScope, &'static str> {
    match (scope_type, ids.len()) {
        (ActionScopeType::Any, 0) => Ok(ActionScope::Any),
        (ActionScopeType::Any, _) => Err("do not belong to the scope type `any`"),
        (ActionScopeType::Eq, 1) => Ok(ActionScope::Eq(ids.pop().unwrap_or_default())),
        (ActionScopeType::Eq, _) => Err("must be exactly one for the scope type `eq`"),
        (ActionScopeType::In, _) => Ok(ActionScope::In(ids)),
    }
}

fn parse_entity(text: &str) -> Option<EntityRef> {
    // Cedar parses any expression here before it sees that it is no entity.
    if bounds::exceeded(text).is_some() {
        return None;
    }
    bounds::with_stack(|| EntityUid::from_str(text).ok().as_ref().map(entity_ref))
}

/// Who a text means: `User::"…"` or `ServiceAccount::"…"`, and anything else is the subject of a person. None for a
/// service account whose id is not that of an API key.
#[must_use]
pub fn parse_principal(text: &str) -> Option<PrincipalRef> {
    match parse_entity(text) {
        Some(EntityRef { entity_type, entity_id }) if entity_type == "User" => Some(PrincipalRef::user(entity_id)),
        Some(EntityRef { entity_type, entity_id }) if entity_type == "ServiceAccount" => {
            entity_id.parse::<ApiKeyId>().ok().map(PrincipalRef::service_account)
        }
        Some(_) | None => Some(PrincipalRef::user(text)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn scopes_are_the_same_there_and_back() {
        let entity = || EntityRef { entity_type: "Group".to_owned(), entity_id: "a \"b\"\n".to_owned() };
        let user = || "User".to_owned();
        for scope in [
            RuleScope::Any,
            RuleScope::Eq(entity()),
            RuleScope::In(entity()),
            RuleScope::Is(user()),
            RuleScope::IsIn(user(), entity()),
        ] {
            assert_eq!(RuleScope::try_from(FlatScope::from(&scope)).unwrap(), scope);
        }
        for scope in [
            ActionScope::Any,
            ActionScope::Eq("a".to_owned()),
            ActionScope::In(vec![]),
            ActionScope::In(vec!["a".to_owned()]),
        ] {
            let (scope_type, ids) = flat_actions(&scope);
            assert_eq!(action_scope(scope_type, ids).unwrap(), scope);
        }
    }

    #[test]
    fn parts_that_do_not_belong_or_are_missing_are_named() {
        let text = || Some("x".to_owned());
        let flat =
            |scope_type, entity_type, entity_id| RuleScope::try_from(FlatScope { scope_type, entity_type, entity_id });
        assert!(matches!(flat(ScopeType::Any, text(), None), Err(FlatError::EntityType(_))));
        assert!(matches!(flat(ScopeType::Any, None, text()), Err(FlatError::EntityId(_))));
        assert!(matches!(flat(ScopeType::Is, text(), text()), Err(FlatError::EntityId(_))));
        assert!(matches!(flat(ScopeType::Eq, None, text()), Err(FlatError::EntityType(_))));
        assert!(matches!(flat(ScopeType::In, text(), None), Err(FlatError::EntityId(_))));
        assert!(matches!(flat(ScopeType::IsIn, text(), text()), Err(FlatError::EntityId(_))));
        assert!(action_scope(ActionScopeType::Eq, vec![]).is_err());
        assert!(action_scope(ActionScopeType::Any, vec!["a".to_owned()]).is_err());
    }

    #[test]
    fn a_principal_is_a_subject_unless_it_is_written_as_an_entity() {
        let key = "019a3f5e-7c1b-7000-8000-000000000001";
        let service = PrincipalRef::service_account(key.parse().unwrap());
        let table = [
            ("alice".to_owned(), Some(PrincipalRef::user("alice"))),
            ("User::\"alice\"".to_owned(), Some(PrincipalRef::user("alice"))),
            ("Group::\"sre\"".to_owned(), Some(PrincipalRef::user("Group::\"sre\""))),
            (format!("ServiceAccount::\"{key}\""), Some(service)),
            ("ServiceAccount::\"x\"".to_owned(), None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_principal(&text), expected, "{text}");
        }
    }
}
