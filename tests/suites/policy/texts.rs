//! Statements to fields and back.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stint::domain::{ActionScope, Effect, EntityRef, RuleScope};
use stint::policy::{RenderError, RuleFields, parse_policy_set, parse_rule, render};

fn entity(entity_type: &str, entity_id: &str) -> EntityRef {
    EntityRef { entity_type: entity_type.to_owned(), entity_id: entity_id.to_owned() }
}

fn anything(effect: Effect) -> RuleFields {
    RuleFields {
        effect,
        principal: RuleScope::Any,
        action: ActionScope::Any,
        resource: RuleScope::Any,
        conditions: None,
        notice: None,
        audit_session: true,
        annotations: BTreeMap::new(),
    }
}

/// What a statement means to Cedar, wherever it stands.
fn meaning(text: &str) -> serde_json::Value {
    cedar_policy::Policy::parse(None, text).unwrap().to_json().unwrap()
}

#[test]
fn every_scope_is_taken_apart_and_put_together() {
    let sre = || entity("Group", "sre");
    let scopes = [
        ("principal", RuleScope::Any),
        ("principal == User::\"alice\"", RuleScope::Eq(entity("User", "alice"))),
        ("principal in Group::\"sre\"", RuleScope::In(sre())),
        ("principal is ServiceAccount", RuleScope::Is("ServiceAccount".to_owned())),
        ("principal is User in Group::\"sre\"", RuleScope::IsIn("User".to_owned(), sre())),
        ("principal == User::\"a\\\"b\\\\c\\n\\u{e9}é\"", RuleScope::Eq(entity("User", "a\"b\\c\néé"))),
        ("principal is A::B in C::D::\"e\"", RuleScope::IsIn("A::B".to_owned(), entity("C::D", "e"))),
    ];
    let actions = [
        ("action", ActionScope::Any),
        ("action == Action::\"assume\"", ActionScope::Eq("assume".to_owned())),
        ("action in Action::\"assume\"", ActionScope::In(vec!["assume".to_owned()])),
        ("action in [Action::\"b\", Action::\"a\"]", ActionScope::In(vec!["b".to_owned(), "a".to_owned()])),
        ("action in []", ActionScope::In(Vec::new())),
    ];
    for (scope_text, scope) in &scopes {
        for (action_text, action) in &actions {
            let resource_text = scope_text.replace("principal", "resource");
            let text = format!("forbid({scope_text}, {action_text}, {resource_text});");
            let parsed = parse_rule(&text).unwrap();
            let expected = RuleFields {
                principal: scope.clone(),
                action: action.clone(),
                resource: scope.clone(),
                ..anything(Effect::Forbid)
            };
            assert_eq!(parsed.fields, expected, "{text}");
            assert_eq!(parsed.text, text);
            let rendered = render(&parsed.fields).unwrap();
            assert_eq!(meaning(&rendered), meaning(&text));
            assert_eq!(parse_rule(&rendered).unwrap().fields, expected);
        }
    }
}

#[test]
fn conditions_are_kept_as_they_were_written() {
    let clauses = [
        "when { true }",
        "when{context.mfa}unless{context.auth==\"api_key\"}",
        "when { { \"a}\": {\"b\": \"}; permit(\" }}[\"a}\"].b == \"when {\" }",
        "when { // }; forbid(principal, action, resource)\n  true // {\n}\n// unless\nunless { \"//\" == \"\\\"//\" }",
        "when { if context.mfa then [1, 2].contains(1) else false }\n\twhen { principal in [Group::\"}\"] }",
    ];
    for clause in clauses {
        let text = format!(
            "@notice(\"when {{\") permit ( principal , action , resource ) // before {{\n{clause} // after }}\n;"
        );
        let parsed = parse_rule(&text).unwrap();
        assert_eq!(parsed.fields.conditions.as_deref(), Some(clause));
        let rendered = render(&parsed.fields).unwrap();
        assert_eq!(meaning(&rendered), meaning(&text));
        assert_eq!(parse_rule(&rendered).unwrap().fields, parsed.fields);
    }
}

#[test]
fn annotations_are_honoured_and_the_unknown_ones_kept() {
    let text = "@id(\"r1\") @notice(\"ask \\\"sre\\\"\") @audit_session(\"false\") @owner @when(\"x\")\npermit(principal, action, resource);";
    let parsed = parse_rule(text).unwrap();
    assert_eq!(parsed.fields.notice.as_deref(), Some("ask \"sre\""));
    assert!(!parsed.fields.audit_session);
    let kept: Vec<_> = parsed.fields.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(kept, [("id", "r1"), ("owner", ""), ("when", "x")]);
    assert_eq!(parse_rule(&render(&parsed.fields).unwrap()).unwrap().fields, parsed.fields);

    let explicit = parse_rule("@audit_session(\"true\") permit(principal, action, resource);").unwrap().fields;
    assert!(explicit.audit_session);
    assert_eq!(meaning(&render(&explicit).unwrap())["annotations"]["audit_session"], "true");
    let turned_off = parse_rule(&render(&RuleFields { audit_session: false, ..explicit }).unwrap()).unwrap().fields;
    assert!(!turned_off.audit_session);
}

#[test]
fn comments_stay_with_their_statement() {
    let text = "// everybody\npermit(principal, action, resource); // at once\n\n// nobody\nforbid(principal, action, resource);\n// end\n";
    let texts: Vec<_> = parse_policy_set(text).unwrap().into_iter().map(|rule| rule.text).collect();
    assert_eq!(
        texts,
        [
            "// everybody\npermit(principal, action, resource); // at once",
            "// nobody\nforbid(principal, action, resource);"
        ]
    );
    assert!(parse_policy_set(" // nothing\n").unwrap().is_empty());
}

#[test]
fn what_is_no_rule_is_refused_at_its_place() {
    let permit = "permit(principal, action, resource);\n";
    let cases = [
        ("permit(principal, action, resource)".to_owned(), 1, 36),
        (format!("{permit}\n  permit(principal, actoin, resource);"), 3, 21),
        (format!("{permit}permit(principal == ?principal, action, resource);"), 2, 1),
        (format!("{permit}@audit_session(\"no\") permit(principal, action, resource);"), 2, 1),
        (format!("{permit}permit(principal, action, resource) when {{ \"é\" == é }};"), 2, 51),
        (format!("{permit}// é\npermit(principal, action == Foo::Action::\"a\", resource);"), 3, 1),
    ];
    for (text, line, column) in cases {
        let errors = parse_policy_set(&text).unwrap_err();
        let first = &errors.problems()[0];
        assert_eq!((first.line, first.column), (line, column), "{text}\n{errors}");
    }
    assert!(parse_rule("").is_err());
    assert_eq!(parse_rule(&permit.repeat(2)).unwrap_err().problems()[0].line, 2);
}

#[test]
fn no_field_smuggles_anything_in() {
    let extra = "permit(principal, action, resource);";
    let with_conditions =
        |conditions: &str| RuleFields { conditions: Some(conditions.to_owned()), ..anything(Effect::Forbid) };
    let hostile = [
        format!("when {{ true }}; {extra}"),
        format!("; {extra} permit(principal, action, resource) when {{ true }}"),
        format!("when {{ true }}; {}", extra.trim_end_matches(';')),
        "when { true } // ".to_owned() + extra + "\n; permit(principal, action, resource)",
        "when { true } } unless { true }".to_owned(),
        "garbage when { true }".to_owned(),
        "true".to_owned(),
        "// only a comment".to_owned(),
        "when { principal == ?principal }".to_owned(),
        "when { \"unclosed }".to_owned(),
    ];
    for conditions in hostile {
        let rendered = render(&with_conditions(&conditions));
        assert!(rendered.is_err(), "{conditions} became {rendered:?}");
    }
    // Comments around the clauses are no harm; they are left out.
    let rendered = render(&with_conditions("// why\nwhen { true } // so")).unwrap();
    assert!(rendered.ends_with("when { true };"), "{rendered}");

    for name in
        ["User, action, resource); permit(principal", "User::\"a\" in Group", "User // ", " User", "", "1", "in"]
    {
        let fields = RuleFields { principal: RuleScope::Is(name.to_owned()), ..anything(Effect::Forbid) };
        assert!(render(&fields).is_err(), "{name}");
        let fields = RuleFields { resource: RuleScope::In(entity(name, "x")), ..anything(Effect::Forbid) };
        assert!(render(&fields).is_err(), "{name}");
    }
    for (key, value) in [("id(\"x\")\npermit(principal, action, resource); @b", "x"), ("notice", "x"), ("", "x")] {
        let annotations = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let rendered = render(&RuleFields { annotations, ..anything(Effect::Forbid) });
        assert!(rendered.is_err(), "{key} became {rendered:?}");
    }
    let altered = render(&with_conditions("true")).unwrap_err();
    assert_eq!(altered, RenderError::Altered { field: "conditions" });
}

fn entity_strategy() -> impl Strategy<Value = EntityRef> {
    let name = prop_oneof![Just("User"), Just("Group"), Just("AwsAccount"), Just("N::T")];
    (name, any::<String>()).prop_map(|(name, id)| entity(name, &id))
}

fn scope_strategy() -> impl Strategy<Value = RuleScope> {
    prop_oneof![
        Just(RuleScope::Any),
        entity_strategy().prop_map(RuleScope::Eq),
        entity_strategy().prop_map(RuleScope::In),
        entity_strategy().prop_map(|entity| RuleScope::Is(entity.entity_type)),
        (entity_strategy(), entity_strategy()).prop_map(|(left, right)| RuleScope::IsIn(left.entity_type, right)),
    ]
}

fn fields_strategy() -> impl Strategy<Value = RuleFields> {
    let action = prop_oneof![
        Just(ActionScope::Any),
        any::<String>().prop_map(ActionScope::Eq),
        proptest::collection::vec(any::<String>(), 0..3).prop_map(ActionScope::In),
    ];
    let clause = (prop_oneof![Just("when"), Just("unless")], any::<String>(), prop_oneof![Just(""), Just(" // } ;\n")])
        .prop_map(|(word, text, comment)| {
            format!("{word} {{{comment} {{\"}}\": \"{}\"}} has x }}", text.escape_debug())
        });
    let conditions = proptest::collection::vec(clause, 0..3)
        .prop_map(|clauses| Some(clauses.join("\n")).filter(|clauses| !clauses.is_empty()));
    let annotations = proptest::collection::btree_map("id|owner|when|permit", any::<String>(), 0..3);
    let effect = prop_oneof![Just(Effect::Permit), Just(Effect::Forbid)];
    let notice = proptest::option::of(any::<String>());
    (effect, scope_strategy(), action, scope_strategy(), conditions, notice, any::<bool>(), annotations).prop_map(
        |(effect, principal, action, resource, conditions, notice, audit_session, annotations)| RuleFields {
            effect,
            principal,
            action,
            resource,
            conditions,
            notice,
            audit_session,
            annotations,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn fields_to_text_to_fields_is_the_identity(fields in fields_strategy()) {
        let text = render(&fields).unwrap();
        let parsed = parse_rule(&text).unwrap();
        prop_assert_eq!(&parsed.fields, &fields);
        prop_assert_eq!(&parsed.text, &text);
        prop_assert_eq!(meaning(&render(&parsed.fields).unwrap()), meaning(&text));
    }

    #[test]
    fn any_text_is_taken_or_refused_and_never_worse(
        text in r#"(permit|forbid|when|unless|//|"|\\|[(){};@\[\], \n]|principal|action|resource|true|é|\PC){0,40}"#
    ) {
        if let Err(errors) = parse_policy_set(&text) {
            prop_assert!(!errors.problems().is_empty());
        }
        // As a condition it is either one or refused: the scope stays what was asked.
        let fields = RuleFields { conditions: Some(text), ..anything(Effect::Forbid) };
        if let Ok(rendered) = render(&fields) {
            let parsed = parse_rule(&rendered).unwrap().fields;
            prop_assert_eq!(RuleFields { conditions: None, ..parsed }, anything(Effect::Forbid));
        }
    }
}
