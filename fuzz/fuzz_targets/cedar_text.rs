//! Any Cedar text is taken apart or refused, validated without a panic, and what is taken apart can be put together again.
#![cfg_attr(fuzzing, no_main)]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use stint::policy::{Directory, TenantSchema, parse_policy_set, parse_rule, render, validate};

static TENANT: LazyLock<(Directory, TenantSchema)> = LazyLock::new(|| {
    let resource = |kind: &str, id: &str, name: &str| {
        let resource = json!({"type": kind, "id": id, "name": name, "last_synced_at": "2026-01-01T00:00:00Z"});
        serde_json::from_value(resource).expect("a resource as it is stored")
    };
    let directory = Directory::from_iter([
        resource("aws_account", "111111111111", "sandbox"),
        resource(
            "aws_permission_set",
            "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1111111111111111",
            "ReadOnlyAccess",
        ),
    ]);
    let schema = TenantSchema::new(&directory).expect("a schema of two resources");
    (directory, schema)
});

fuzz_target!(|text: &str| {
    let (directory, schema) = &*TENANT;
    let is_valid = validate(text, schema, directory).is_valid();
    let Ok(rules) = parse_policy_set(text) else {
        assert!(!is_valid, "valid, and does not parse");
        return;
    };
    for rule in rules {
        assert_eq!(parse_rule(&rule.text).as_ref(), Ok(&rule), "a statement by itself says something else");
        let rendered = render(&rule.fields).unwrap_or_else(|error| panic!("{error}: {rule:?}"));
        assert_eq!(parse_rule(&rendered).map(|rule| rule.fields).as_ref(), Ok(&rule.fields), "from `{rendered}`");
    }
});
