//! How replaced text changes rules, and what the event says of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;

use super::*;
use crate::domain::{ApprovalMode, OnDrift, Seconds};
use uuid::Uuid;

fn id<I: From<Uuid>>(number: u128) -> I {
    Uuid::from_u128(number).into()
}

/// The rules of a text that replaces former ones; ids of new ones are counted from `next`.
fn of_text(former: Vec<Rule>, text: &str, next: u128) -> Vec<Rule> {
    let next = Cell::new(next);
    replaced(former, parse_policy_set(text).unwrap(), Timestamp::UNIX_EPOCH, || id(next.replace(next.get() + 1)))
}

fn policy(rules: Vec<Rule>) -> Policy {
    Policy {
        id: id(100),
        name: "a".to_owned(),
        description: None,
        enabled: true,
        priority: 0,
        settings: PolicySettings {
            approval_mode: ApprovalMode::Auto,
            max_duration_seconds: Seconds::constant::<60>(),
            default_duration_seconds: None,
            approval_timeout_seconds: None,
            required_approvals: 1,
            require_reason: false,
            ticket_pattern: None,
            notification_channel: None,
            on_drift: OnDrift::Report,
        },
        rules,
        version: 0,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

const FORMER: &str = r#"
    permit (principal, action, resource);
    @id("b") forbid (principal, action, resource) when { context.mfa };
    forbid (principal, action, resource) unless { context.mfa };
"#;

#[test]
fn a_rule_stays_itself_by_its_text_or_its_id_annotation() {
    let former = of_text(Vec::new(), FORMER, 1);
    let text = r#"
        @id("new") permit (principal, action, resource);
        @id("b") forbid (principal, action, resource);
        permit (principal, action, resource);
        permit (principal, action, resource);
    "#;
    let rules = of_text(former, text, 10);
    let ids: Vec<RuleId> = rules.iter().map(|rule| rule.id).collect();
    assert_eq!(ids, [id(10), id(2), id(1), id(11)]);
    assert_eq!(rules.iter().map(|rule| rule.ordinal).collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn the_text_of_all_rules_makes_the_same_rules() {
    let rules = of_text(Vec::new(), FORMER, 1);
    assert_eq!(of_text(rules.clone(), &assembled(&rules), 10), rules);
}

#[test]
fn the_event_tells_what_changed_and_nothing_else() {
    let before = policy(of_text(Vec::new(), FORMER, 1));
    let mut after = policy(of_text(before.rules.clone(), "@id(\"b\") permit (principal, action, resource);", 10));
    after.name = "z".to_owned();
    after.version = 7;
    after.settings.ticket_pattern = Some("^A".to_owned());
    let expected = json!({
        "name": {"from": "a", "to": "z"},
        "ticket_pattern": {"from": null, "to": "^A"},
        "rules": {
            "added": [],
            "removed": [id::<RuleId>(1), id::<RuleId>(3)],
            "changed": [id::<RuleId>(2)],
            "order": [id::<RuleId>(2)],
        },
    });
    assert_eq!(Value::Object(changed(&before, &after).unwrap()), expected);
}

#[test]
fn each_field_has_its_bounds() {
    let refused = |edit: fn(&mut PolicyFields)| {
        let mut fields = PolicyFields::of(&policy(Vec::new()));
        edit(&mut fields);
        match fields.check() {
            Err(AccessError::InvalidInput { field, .. }) => field.into_owned(),
            Err(error) => error.to_string(),
            Ok(()) => "nothing".to_owned(),
        }
    };
    assert_eq!(refused(|_| ()), "nothing");
    assert_eq!(refused(|fields| fields.name.clear()), "name");
    assert_eq!(refused(|fields| fields.name = "ä".repeat(128)), "nothing");
    assert_eq!(refused(|fields| fields.name = "ä".repeat(129)), "name");
    assert_eq!(refused(|fields| fields.description = Some("x".repeat(1_001))), "description");
    assert_eq!(refused(|fields| fields.priority = 1_000_001), "priority");
    assert_eq!(refused(|fields| fields.settings.required_approvals = 0), "required_approvals");
    assert_eq!(refused(|fields| fields.settings.required_approvals = 11), "required_approvals");
    assert_eq!(refused(|fields| fields.settings.notification_channel = Some(String::new())), "notification_channel");
    assert_eq!(refused(|fields| fields.settings.ticket_pattern = Some("(".to_owned())), "ticket_pattern");
    let longer = |fields: &mut PolicyFields| fields.settings.default_duration_seconds = Some(Seconds::constant::<61>());
    assert_eq!(refused(longer), "default_duration_seconds");
}

#[test]
fn a_policy_that_would_not_fit_the_table_is_refused() {
    let text = format!("permit (principal, action, resource) when {{ \"{}\" == \"\" }};", "x".repeat(100_000));
    assert!(check_size(&policy(of_text(Vec::new(), &text, 1))).is_err());
    let text = "permit (principal, action, resource);";
    assert!(check_size(&policy(of_text(Vec::new(), &text.repeat(200), 1))).is_ok());
    assert!(check_size(&policy(of_text(Vec::new(), &text.repeat(201), 1))).is_err());
}
