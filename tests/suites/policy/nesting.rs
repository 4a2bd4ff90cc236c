//! How deep a text may be: what is within the bounds works everywhere on a small stack, and what is beyond is refused
//! before Cedar sees it.

use proptest::prelude::*;
use stint::domain::Principal;
use stint::policy::{
    Engine, PolicyDecision, RuleFields, TenantSchema, parse_policy_set, parse_principal, parse_rule, render, validate,
};

use super::fixture::{SANDBOX, account, directory, policy, question, user};

/// As api.md has them, "Cedar model".
const LEVELS: usize = 64;
const CHAIN: usize = 512;

/// A clause `n` deep, or with a chain of `n`.
type Form = (&'static str, fn(usize) -> String, usize);

fn around(open: &str, n: usize, core: &str, close: &str) -> String {
    format!("{}{core}{}", open.repeat(n), close.repeat(n))
}

const FORMS: [Form; 24] = [
    ("parentheses", |n| around("(", n, "context.mfa", ")"), LEVELS),
    ("sets", |n| format!("{} == 1", around("[", n, "1", "]")), LEVELS),
    ("records", |n| format!("{} == 1", around("{a: ", n, "1", "}")), LEVELS),
    ("records of quoted names", |n| format!("{} == 1", around("{\"a\": ", n, "1", "}")), LEVELS),
    ("not", |n| around("!(", n, "context.mfa", ")"), LEVELS),
    ("not, four times", |n| around("!!!!(", n, "context.mfa", ")"), LEVELS),
    ("minus", |n| format!("{} == 1", around("-(", n, "1", ")")), LEVELS),
    ("arguments", |n| around("[true].contains(", n, "true", ")"), LEVELS),
    ("functions", |n| format!("{} == 1", around("ip(", n, "\"10.0.0.1\"", ")")), LEVELS),
    ("and in parentheses", |n| around("(context.mfa && ", n, "context.mfa", ")"), LEVELS),
    ("if in parentheses", |n| around("(if context.mfa then true else ", n, "false", ")"), LEVELS),
    ("or", |n| format!("{}context.mfa", "context.mfa || ".repeat(n)), CHAIN),
    ("and", |n| format!("{}context.mfa", "context.mfa && ".repeat(n)), CHAIN),
    ("sum", |n| format!("{}1 == 1", "1 + ".repeat(n)), CHAIN),
    ("difference", |n| format!("{}1 == 1", "1 - ".repeat(n)), CHAIN),
    ("product of negatives", |n| format!("{}1 == 1", "-1 * ".repeat(n)), CHAIN),
    ("attributes", |n| format!("context{} == 1", ".a".repeat(n)), CHAIN),
    ("indexes", |n| format!("context{} == 1", "[\"a\"]".repeat(n)), CHAIN),
    ("methods", |n| format!("context.source_ip{}", ".isIpv4()".repeat(n)), CHAIN / 2 - 1),
    ("has", |n| format!("context has a{}", ".a".repeat(n)), CHAIN),
    ("has, and has", |n| format!("{}true", "context has reason && ".repeat(n)), CHAIN),
    ("else if", |n| format!("{}false", "if context.mfa then true else ".repeat(n)), CHAIN),
    ("if in then", |n| format!("{}true{}", "if context.mfa then ".repeat(n), " else false".repeat(n)), CHAIN),
    ("if in if", |n| format!("{}true{}", "if ".repeat(n), " then context.mfa else false".repeat(n)), CHAIN),
];

fn statement(clause: &str) -> String {
    format!("permit (principal, action, resource)\nwhen {{ {clause} }};")
}

/// On a thread with the stack that those of the runtime have, 2 MB.
fn on_a_small_stack<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(2 << 20).spawn_scoped(scope, run).unwrap().join().unwrap()
    })
}

fn decide(engine: &Engine) -> PolicyDecision {
    let (principal, resource): (Principal, _) = (user("alice", &[]), account(SANDBOX));
    engine.decide(&question(&principal, "ReadOnlyAccess", &resource))
}

/// Through everything that takes a text.
fn everywhere(text: &str) -> Result<Vec<String>, String> {
    let schema = TenantSchema::new(&directory()).unwrap();
    let report = validate(text, &schema, &directory());
    let parsed = parse_policy_set(text).map_err(|errors| {
        assert_eq!(report.errors, errors.problems());
        errors.to_string()
    })?;
    for rule in &parsed {
        let fields = RuleFields { notice: Some("changed".to_owned()), ..rule.fields.clone() };
        let written = render(&fields).map_err(|error| error.to_string())?;
        assert_eq!(parse_rule(&written).unwrap().fields, fields);
    }
    let engine = Engine::compile(&directory(), &[policy(1, 0, text)]).unwrap();
    let decision = decide(&engine);
    assert_eq!(decision.fault, None);
    Ok(decision.errors.into_iter().map(|error| error.message).collect())
}

#[test]
fn what_is_as_deep_as_the_bounds_allow_works_everywhere_on_a_small_stack() {
    for (name, form, most) in FORMS {
        let errors =
            on_a_small_stack(|| everywhere(&statement(&form(most)))).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!errors.iter().any(|error| error.contains("recursion")), "{name}: {errors:?}");
    }
    // A chain in each level, as much as one path may hold.
    let mixed = around("(context.mfa && context.mfa && context.mfa && context.mfa && ", LEVELS, "context.mfa", ")");
    let more = format!("{mixed}{}", " || context.mfa".repeat(250));
    let errors = on_a_small_stack(|| everywhere(&statement(&more))).unwrap();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn one_more_is_refused_with_its_place_and_the_limit() {
    for (name, form, most) in FORMS {
        let limit = if most == LEVELS { LEVELS } else { CHAIN };
        for n in [most + 1, most + 3, 2_000, 100_000] {
            let problem =
                on_a_small_stack(|| parse_policy_set(&statement(&form(n))).unwrap_err().problems()[0].clone());
            assert!(problem.message.contains(&limit.to_string()), "{name}, {n}: {problem}");
            assert!(problem.line == 2 && problem.column > 8, "{name}, {n}: {problem}");
        }
    }
    let clauses = format!("permit (principal, action, resource){};", " when { true }".repeat(2_000));
    assert!(parse_policy_set(&clauses).unwrap_err().to_string().contains("512"));
    let scope =
        statement("true").replace("principal,", &format!("principal == {},", around("(", 66, "User::\"a\"", ")")));
    assert!(parse_policy_set(&scope).unwrap_err().to_string().contains("64"));
    // Each chain is short enough; all of them on one path are not.
    let mixed = around(&format!("({}", "true && ".repeat(20)), 60, "true", ")");
    assert!(parse_policy_set(&statement(&mixed)).unwrap_err().to_string().contains("640"));
}

#[test]
fn not_more_is_said_of_a_text_than_fits_an_answer() {
    let text = statement(&format!("context{}", ".then".repeat(500))).repeat(90);
    let errors = on_a_small_stack(|| parse_policy_set(&text)).unwrap_err();
    assert_eq!(errors.problems().len(), 100);
    let long = statement(&format!("context[{{a: \"{}\"}}]", "x".repeat(100_000)));
    let errors = on_a_small_stack(|| parse_policy_set(&long)).unwrap_err();
    assert!(errors.problems().iter().all(|problem| problem.message.chars().count() <= 1_000), "{errors}");
}

#[test]
fn an_ordinary_long_rule_is_within_the_bounds() {
    let accounts: Vec<_> = (0..500).map(|n| format!("(context.account_id == \"{n}\" && !(context.mfa))")).collect();
    let text = statement(&format!("context has account_id && ({})", accounts.join(" || ")));
    on_a_small_stack(|| everywhere(&text)).unwrap();
    let many = format!("{}\n", statement("context.mfa")).repeat(400);
    on_a_small_stack(|| parse_policy_set(&many).map(|rules| assert_eq!(rules.len(), 400))).unwrap();
    // Brackets and operators in strings and comments are none.
    let hidden = format!("\"{}\" == \"\" // {}\n", "(\\\"[".repeat(1_000), "((((".repeat(1_000));
    on_a_small_stack(|| everywhere(&statement(&hidden))).unwrap();
}

#[test]
fn a_principal_or_an_entity_that_is_nested_is_none() {
    for n in [64, 65, 100_000] {
        let nested = around("(", n, "User::\"alice\"", ")");
        let read = on_a_small_stack(|| parse_principal(&nested));
        assert_eq!(read.unwrap().id, nested);
    }
}

#[test]
fn a_stored_rule_that_cannot_be_compiled_fails_closed_by_itself() {
    let deep = around("(", 100_000, "true", ")");
    for broken in [
        statement(&deep),
        statement(&"true && ".repeat(600)),
        "this is no rule".to_owned(),
        "permit(principal == ?principal, action, resource);".to_owned(),
    ] {
        let permit = policy(1, 0, "permit (principal, action, resource);");
        let mut stored = policy(2, 0, "permit (principal, action, resource);");
        stored.rules[0].policy_text.clone_from(&broken);
        let engine = on_a_small_stack(|| Engine::compile(&directory(), &[permit.clone(), stored.clone()])).unwrap();
        let decision = on_a_small_stack(|| decide(&engine));
        assert!(decision.is_permitted(), "another rule permits");
        assert_eq!(decision.errors[0].rule_id, stored.rules[0].id);
        assert!(!decision.determining.iter().any(|rule| rule.rule_id == stored.rules[0].id));

        let alone = Engine::compile(&directory(), std::slice::from_ref(&stored)).unwrap();
        assert!(!decide(&alone).is_permitted(), "a permit that cannot be compiled permits nothing");

        let mut forbid = policy(3, 0, "forbid (principal == User::\"alice\", action, resource);");
        forbid.rules[0].policy_text.clone_from(&broken);
        let decision = decide(&Engine::compile(&directory(), &[permit.clone(), forbid.clone()]).unwrap());
        assert!(!decision.is_permitted(), "a forbid that cannot be compiled forbids");
        assert_eq!(
            (decision.errors[0].rule_id, decision.determining[0].rule_id),
            (forbid.rules[0].id, forbid.rules[0].id)
        );
        assert!(!decision.errors[0].message.is_empty());

        let mut others = policy(4, 0, "forbid (principal == User::\"bob\", action, resource);");
        others.rules[0].policy_text = broken;
        let decision = decide(&Engine::compile(&directory(), &[permit, others]).unwrap());
        assert!(decision.is_permitted(), "outside its scope it is not asked");
    }
}

/// Pieces of clauses, well-formed or not, each many times.
fn soup() -> impl Strategy<Value = String> {
    let pieces = [
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "{a:",
        "!",
        "-",
        "--",
        "!!!!(",
        "1",
        "true",
        "context",
        ".a",
        ".if",
        ".then",
        "[\"a\"]",
        "[1",
        "if ",
        " then ",
        " else ",
        " if true then ",
        " else if ",
        " && ",
        " || ",
        " + ",
        " * ",
        " == ",
        " has ",
        " in ",
        " is ",
        " like ",
        "::",
        ":",
        ",",
        ";",
        "\"",
        "\"a\"",
        "//",
        "\n",
        "@a",
        ".contains(",
        "ip(",
        "?principal",
        "User::\"a\"",
    ];
    let piece = (proptest::sample::select(pieces.to_vec()), prop_oneof![4 => 1_usize..4, 1 => 1_usize..1_500]);
    proptest::collection::vec(piece, 1..40)
        .prop_map(|pieces| pieces.into_iter().map(|(piece, times)| piece.repeat(times)).collect())
}

/// Clauses that parse, of any shape.
fn clause() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![Just("true".to_owned()), Just("context.mfa".to_owned())];
    leaf.prop_recursive(24, 200, 2, |inner| {
        let wrap =
            |open: &'static str, close: &'static str| move |(n, inner): (usize, String)| around(open, n, &inner, close);
        let times = || prop_oneof![Just(1_usize), 1_usize..70, 1_usize..600];
        prop_oneof![
            (times(), inner.clone()).prop_map(wrap("(", ")")),
            (times(), inner.clone()).prop_map(wrap("!(", ")")),
            (times(), inner.clone()).prop_map(wrap("[true].contains(", ")")),
            (times(), inner.clone()).prop_map(wrap("(true && ", ")")),
            (times(), inner.clone()).prop_map(wrap("if true then true else ", "")),
            (times(), inner.clone()).prop_map(wrap("context.mfa || ", "")),
            (times(), inner.clone()).prop_map(wrap("", " && context.mfa")),
            (inner.clone(), inner).prop_map(|(left, right)| format!("({left}) == ({right})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_text_aborts_the_process(soup in soup(), whole in any::<bool>()) {
        let text = if whole { soup } else { statement(&soup) };
        let _ = on_a_small_stack(|| (everywhere(&text).is_ok(), parse_principal(&text).is_some()));
    }

    #[test]
    fn what_is_accepted_never_runs_out_of_stack(clause in clause()) {
        let errors = on_a_small_stack(|| everywhere(&statement(&clause)));
        prop_assert!(!errors.unwrap_or_default().iter().any(|error| error.contains("recursion")));
    }
}
