//! How changed fields change a rule.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use jiff::Timestamp;
use uuid::Uuid;

fn rule(number: u128, text: &str) -> Rule {
    rule_as(Uuid::from_u128(number).into(), Timestamp::UNIX_EPOCH, parse_rule(text).unwrap())
}

fn after(text: &str, change: &RuleChange) -> Result<String, String> {
    edited(&rule(1, text), change).map_err(|error| error.to_string())
}

const RULE: &str = r#"// who may
@id("x")
@notice("n")
permit (principal == Group::"a", action in [Action::"b", Action::"c"], resource) when { context.mfa };"#;

#[test]
fn a_change_of_nothing_leaves_the_text_as_it_was_written() {
    assert_eq!(after(RULE, &RuleChange::default()).unwrap(), RULE);
    let same = RuleChange { effect: Some(Effect::Permit), notice: Some(Some("n".to_owned())), ..RuleChange::default() };
    assert_eq!(after(RULE, &same).unwrap(), RULE);
}

#[test]
fn what_is_omitted_stays_and_none_clears() {
    let change = RuleChange {
        effect: Some(Effect::Forbid),
        principal: ScopeChange { scope_type: Some(ScopeType::In), ..ScopeChange::default() },
        notice: Some(None),
        audit_session: Some(false),
        ..RuleChange::default()
    };
    let text = after(RULE, &change).unwrap();
    let fields = parse_rule(&text).unwrap().fields;
    let former = parse_rule(RULE).unwrap().fields;
    assert!(matches!(&fields.principal, RuleScope::In(entity) if entity.entity_id == "a"), "{text}");
    assert_eq!((fields.effect, fields.notice, fields.audit_session), (Effect::Forbid, None, false));
    assert_eq!((fields.action, fields.conditions), (former.action, former.conditions));
    assert_eq!(fields.annotations, former.annotations);
}

#[test]
fn another_scope_type_takes_along_what_it_calls_for_and_leaves_the_rest() {
    let to = |scope_type| RuleChange {
        principal: ScopeChange { scope_type: Some(scope_type), ..ScopeChange::default() },
        ..RuleChange::default()
    };
    assert!(after(RULE, &to(ScopeType::Any)).unwrap().contains("principal,"));
    assert!(after(RULE, &to(ScopeType::Is)).unwrap().contains("principal is Group,"));
    assert!(after(RULE, &to(ScopeType::IsIn)).unwrap_err().starts_with("principal_entity_id: "));
    let any = RuleChange { action_scope_type: Some(ActionScopeType::Any), ..RuleChange::default() };
    assert!(after(RULE, &any).unwrap().contains("action,"));
    let eq = RuleChange { action_scope_type: Some(ActionScopeType::Eq), ..RuleChange::default() };
    assert!(after(RULE, &eq).unwrap_err().starts_with("action_ids: "));
}

#[test]
fn an_order_names_each_rule_once() {
    let text = "permit (principal, action, resource);";
    let rules = numbered([rule(1, text), rule(2, text), rule(3, text)]);
    let id = |number: u128| RuleId::from(Uuid::from_u128(number));
    let order = permuted(&rules, &[id(3), id(1), id(2)]).unwrap();
    assert_eq!(
        order.iter().map(|rule| (rule.id, rule.ordinal)).collect::<Vec<_>>(),
        [(id(3), 0), (id(1), 1), (id(2), 2)]
    );
    for wrong in [
        vec![],
        vec![id(1), id(2)],
        vec![id(1), id(2), id(2)],
        vec![id(1), id(2), id(3), id(3)],
        vec![id(1), id(2), id(4)],
    ] {
        assert_eq!(permuted(&rules, &wrong), None, "{wrong:?}");
    }
}
