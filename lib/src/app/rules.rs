//! Changing single rules of a policy.

use super::policies::{MOST_RULES, check_schema, found, invalid, numbered, rule_as, save, warnings};
use super::{AccessError, Change, IfMatch, OperationContext, TenantEngine};
use crate::domain::{ActionScope, Effect, Policy, Rule, RuleId, RuleScope};
use crate::policy::{
    ActionScopeType, FlatError, FlatScope, ParsedRule, Problem, RenderError, RuleFields, ScopeType, action_scope,
    flat_actions, parse_rule, render,
};

/// The changes to a rule. For a new rule they apply to one that matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleChange {
    /// The whole statement; if given, the other fields are ignored.
    pub policy_text: Option<String>,
    /// Whether it permits or forbids.
    pub effect: Option<Effect>,
    /// The principals.
    pub principal: ScopeChange,
    /// The kind of the action scope.
    pub action_scope_type: Option<ActionScopeType>,
    /// The names of the actions.
    pub action_ids: Option<Vec<String>>,
    /// The resources.
    pub resource: ScopeChange,
    /// The `when` and `unless` clauses; `Some(None)` removes them.
    pub conditions: Option<Option<String>>,
    /// The text shown to the caller; `Some(None)` removes it.
    pub notice: Option<Option<String>>,
    /// Whether sessions are audited.
    pub audit_session: Option<bool>,
}

/// The changes to a scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeChange {
    /// The kind of the scope.
    pub scope_type: Option<ScopeType>,
    /// The entity type; `Some(None)` removes it.
    pub entity_type: Option<Option<String>>,
    /// The entity id; `Some(None)` removes it.
    pub entity_id: Option<Option<String>>,
}

/// The rule with this id.
///
/// # Errors
///
/// [`AccessError::NotFound`] if the policy has no such rule.
pub fn of(policy: &Policy, id: RuleId) -> Result<&Rule, AccessError> {
    policy.rules.iter().find(|rule| rule.id == id).ok_or(AccessError::NotFound("the policy has no such rule"))
}

/// Adds a rule at the end of a policy. The answer includes warnings about the text.
///
/// # Errors
///
/// [`AccessError`] if there is no such policy, or the rule is not valid.
pub async fn create(
    access: &OperationContext,
    policy: Option<Policy>,
    rule: &RuleChange,
) -> Result<(Change<Rule>, Vec<Problem>), AccessError> {
    let before = found(policy)?;
    let missing = || AccessError::input("effect", "is required without `policy_text`");
    let text = match &rule.policy_text {
        Some(text) => text.clone(),
        None => written(&rule.over(everything(rule.effect.ok_or_else(missing)?))?)?,
    };
    let (parsed, warnings) = statement(&*access.engine().await?, &text)?;
    let id: RuleId = access.id();
    let mut after = before.clone();
    after.rules.push(rule_as(id, access.now(), parsed));
    Ok((answer(access, &before, after, id)?, warnings))
}

/// Changes the text or single fields of a rule. If fields change, the rule's text is generated anew, without its
/// comments. The answer includes warnings about the text.
///
/// # Errors
///
/// [`AccessError`] if there is no such rule, the policy's version is not the expected one, or the result is not valid.
pub async fn update(
    access: &OperationContext,
    policy: Option<Policy>,
    id: RuleId,
    expected: &IfMatch,
    change: &RuleChange,
) -> Result<(Change<Rule>, Vec<Problem>), AccessError> {
    let before = found(policy)?;
    let former = of(&before, id)?;
    let text = match &change.policy_text {
        Some(text) => text.clone(),
        None => edited(former, change)?,
    };
    let mut after = before.clone();
    let warned = if text == former.policy_text {
        warnings(access, &text).await?
    } else {
        let (parsed, warned) = statement(&*access.engine().await?, &text)?;
        let rule = rule_as(id, former.created_at, parsed);
        after.rules = after.rules.into_iter().map(|other| if other.id == id { rule.clone() } else { other }).collect();
        warned
    };
    // Invalid input is reported first, as for a policy.
    expected.check(before.version)?;
    Ok((answer(access, &before, after, id)?, warned))
}

/// Removes a rule from a policy.
///
/// # Errors
///
/// [`AccessError`] if there is no such rule, or the policy's version is not the expected one.
pub fn delete(
    access: &OperationContext,
    policy: Option<Policy>,
    id: RuleId,
    expected: &IfMatch,
) -> Result<Change<()>, AccessError> {
    let before = found(policy)?;
    of(&before, id)?;
    expected.check(before.version)?;
    let mut after = before.clone();
    after.rules.retain(|rule| rule.id != id);
    after.rules = numbered(after.rules);
    Ok(save(access, &before, after)?.map(|_| ()))
}

/// Orders the rules of a policy. The order is for display only; all rules decide together.
///
/// # Errors
///
/// [`AccessError`] if there is no such policy, its version is not the expected one, or `ids` are not the ids of its
/// rules, each once.
pub fn reorder(
    access: &OperationContext,
    policy: Option<Policy>,
    ids: &[RuleId],
    expected: &IfMatch,
) -> Result<Change<Policy>, AccessError> {
    if ids.len() > MOST_RULES {
        return Err(AccessError::input("ids", format!("must be at most {MOST_RULES} ids")));
    }
    let before = found(policy)?;
    expected.check(before.version)?;
    let mut after = before.clone();
    after.rules = permuted(&before.rules, ids)
        .ok_or_else(|| AccessError::input("ids", "must be the ids of all rules of the policy, each once"))?;
    save(access, &before, after)
}

fn permuted(rules: &[Rule], ids: &[RuleId]) -> Option<Vec<Rule>> {
    let found: Option<Vec<_>> = ids.iter().map(|id| rules.iter().find(|rule| rule.id == *id).cloned()).collect();
    let all = rules.len() == ids.len() && rules.iter().all(|rule| ids.contains(&rule.id));
    found.filter(|_| all).map(numbered)
}

fn answer(
    access: &OperationContext,
    before: &Policy,
    mut after: Policy,
    id: RuleId,
) -> Result<Change<Rule>, AccessError> {
    after.rules = numbered(after.rules);
    let rule = of(&after, id)?.clone();
    Ok(save(access, before, after)?.map(|_| rule))
}

/// Parses a text that is one statement and may be stored, and returns it with warnings.
fn statement(engine: &TenantEngine, text: &str) -> Result<(ParsedRule, Vec<Problem>), AccessError> {
    let parsed = parse_rule(text).map_err(|errors| invalid(&errors))?;
    let warnings = check_schema(engine, text)?;
    Ok((parsed, warnings))
}

fn everything(effect: Effect) -> RuleFields {
    RuleFields {
        effect,
        principal: RuleScope::Any,
        action: ActionScope::Any,
        resource: RuleScope::Any,
        conditions: None,
        notice: None,
        audit_session: true,
        annotations: std::collections::BTreeMap::new(),
    }
}

/// The text of a rule with some fields changed; its present text if no field changes.
fn edited(former: &Rule, change: &RuleChange) -> Result<String, AccessError> {
    let fields = parse_rule(&former.policy_text)
        .map_err(|errors| AccessError::Policies(format!("rule `{}` does not parse: {errors}", former.id)))?
        .fields;
    let wanted = change.over(fields.clone())?;
    if wanted == fields { Ok(former.policy_text.clone()) } else { written(&wanted) }
}

fn written(fields: &RuleFields) -> Result<String, AccessError> {
    render(fields).map_err(|error| match error {
        RenderError::Invalid(errors) => invalid(&errors),
        RenderError::Altered { field } => {
            let field = match field {
                "principal" => "principal_entity_type",
                "resource" => "resource_entity_type",
                "action" => "action_ids",
                other => other,
            };
            AccessError::input(field, "contains text that does not belong in this field")
        }
    })
}

impl RuleChange {
    /// The fields with the change applied.
    fn over(&self, fields: RuleFields) -> Result<RuleFields, AccessError> {
        let (was_type, was_ids) = flat_actions(&fields.action);
        let scope_type = self.action_scope_type.unwrap_or(was_type);
        let kept = if scope_type == ActionScopeType::Any { Vec::new() } else { was_ids };
        let action_ids = self.action_ids.clone().unwrap_or(kept);
        Ok(RuleFields {
            effect: self.effect.unwrap_or(fields.effect),
            principal: self.principal.over(&fields.principal, ["principal_entity_type", "principal_entity_id"])?,
            action: action_scope(scope_type, action_ids).map_err(|reason| AccessError::input("action_ids", reason))?,
            resource: self.resource.over(&fields.resource, ["resource_entity_type", "resource_entity_id"])?,
            conditions: self.conditions.clone().unwrap_or(fields.conditions),
            notice: self.notice.clone().unwrap_or(fields.notice),
            audit_session: self.audit_session.unwrap_or(fields.audit_session),
            annotations: fields.annotations,
        })
    }
}

impl ScopeChange {
    /// The scope with the change applied. If its kind changes, it keeps the parts that the new kind has too.
    fn over(&self, scope: &RuleScope, [type_field, id_field]: [&'static str; 2]) -> Result<RuleScope, AccessError> {
        let was = FlatScope::from(scope);
        let scope_type = self.scope_type.unwrap_or(was.scope_type);
        // The id of `is_in` is written differently from those of `eq` and `in`.
        let same_id = match scope_type {
            ScopeType::Eq | ScopeType::In => matches!(was.scope_type, ScopeType::Eq | ScopeType::In),
            ScopeType::IsIn => was.scope_type == ScopeType::IsIn,
            ScopeType::Any | ScopeType::Is => false,
        };
        let entity_type = was.entity_type.filter(|_| scope_type != ScopeType::Any);
        let entity_id = was.entity_id.filter(|_| same_id);
        RuleScope::try_from(FlatScope {
            scope_type,
            entity_type: self.entity_type.clone().unwrap_or(entity_type),
            entity_id: self.entity_id.clone().unwrap_or(entity_id),
        })
        .map_err(|error| match error {
            FlatError::EntityType(reason) => AccessError::input(type_field, reason),
            FlatError::EntityId(reason) => AccessError::input(id_field, reason),
        })
    }
}

#[cfg(test)]
mod tests;
