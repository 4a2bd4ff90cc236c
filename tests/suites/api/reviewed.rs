//! The OpenAPI document as it was reviewed: a snapshot an operation and a schema, and one of all else.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use stint_tests::contract::document;

/// Where the snapshots are. `infra/openapi` puts the document together from them.
const SNAPSHOTS: &str = "suites/api/snapshots/openapi";

fn review(folder: &str, name: &str, value: &Value) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join(SNAPSHOTS).join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_json_snapshot!(name, value));
}

/// Holds that a folder has the snapshots of these and no other.
fn holds_no_other(folder: &str, names: &BTreeSet<String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(SNAPSHOTS).join(folder);
    let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let others: Vec<String> =
        files.filter(|file| file.strip_suffix(".snap").is_none_or(|name| !names.contains(name))).collect();
    assert!(others.is_empty(), "delete from {}, or accept: {others:?}", folder.display());
}

#[test]
fn each_operation_is_what_was_reviewed() {
    let mut names = BTreeSet::new();
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            review("operations", name, &json!({path: {method: operation}}));
            names.insert(name.to_owned());
        }
    }
    holds_no_other("operations", &names);
}

#[test]
fn each_schema_is_what_was_reviewed() {
    let mut names = BTreeSet::new();
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        review("schemas", name, schema);
        names.insert(name.clone());
    }
    holds_no_other("schemas", &names);
}

#[test]
fn all_else_is_what_was_reviewed() {
    let mut rest = document().clone();
    rest["paths"] = json!({});
    rest["components"]["schemas"] = json!({});
    review("", "document", &rest);
}
