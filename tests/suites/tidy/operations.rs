//! One name runs through everything: endpoint or worker, binary, template entry, OpenAPI operation.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::sources;
use super::template::{functions, resources};

/// The endpoints of the library.
pub(super) fn endpoints() -> BTreeSet<String> {
    stint::http::endpoint::all().into_iter().map(|(name, _)| name.to_owned()).collect()
}

/// The workers of the library: its public modules.
pub(super) fn workers() -> BTreeSet<String> {
    let text = sources::read("lib/src/workers.rs");
    text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).map(str::to_owned).collect()
}

/// Method and path of each operation, by its id.
pub(super) fn documented() -> BTreeMap<String, (String, String)> {
    let document = serde_json::to_value(stint::http::document()).unwrap();
    let mut operations = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let twin = operations.insert(id.to_owned(), (method.clone(), path.clone()));
            assert_eq!(twin, None, "two operations are called {id}");
        }
    }
    operations
}

fn pascal(name: &str) -> String {
    let capital = |word: &str| format!("{}{}", word.split_at(1).0.to_uppercase(), word.split_at(1).1);
    name.split('_').map(capital).collect()
}

fn camel(name: &str) -> String {
    let pascal = pascal(name);
    format!("{}{}", pascal.split_at(1).0.to_lowercase(), pascal.split_at(1).1)
}

/// The name of an operation's binary.
pub(super) fn snake(operation: &str) -> String {
    let letter =
        |letter: char| if letter.is_uppercase() { format!("_{}", letter.to_lowercase()) } else { letter.into() };
    operation.chars().map(letter).collect()
}

fn kebab(name: &str) -> String {
    name.replace('_', "-")
}

#[test]
fn every_endpoint_is_the_operation_of_its_name() {
    let documented: BTreeSet<String> = documented().into_keys().collect();
    let endpoints: BTreeSet<String> = endpoints().iter().map(|name| camel(name)).collect();
    assert_eq!(endpoints, documented);
}

#[test]
fn no_endpoint_is_called_as_a_worker_is() {
    assert_eq!(endpoints().intersection(&workers()).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn every_endpoint_and_worker_has_its_binary_and_nothing_else_has() {
    let binaries: BTreeSet<String> = sources::files("functions/src/bin")
        .iter()
        .map(|path| path.trim_start_matches("functions/src/bin/").trim_end_matches(".rs").to_owned())
        .collect();
    assert_eq!(binaries, &endpoints() | &workers());
}

#[test]
fn every_endpoint_and_worker_has_its_function_in_the_template_and_nothing_else_has() {
    let functions: BTreeSet<String> = functions().into_keys().collect();
    assert_eq!(functions, &endpoints() | &workers());
}

#[test]
fn a_binary_serves_the_endpoint_of_its_name_and_says_where() {
    let documented = documented();
    for name in endpoints() {
        let text = sources::read(&format!("functions/src/bin/{name}.rs"));
        let (method, path) = &documented[&camel(&name)];
        assert_eq!(text.lines().next(), Some(format!("//! `{} {path}`.", method.to_uppercase()).as_str()), "{name}");
        assert!(text.contains(&format!("endpoint::{name}::router()")), "{name}");
    }
    for name in workers() {
        let text = sources::read(&format!("functions/src/bin/{name}.rs"));
        assert!(text.contains(&format!("run_worker({name}::handle)")), "{name}");
    }
}

#[test]
fn a_binary_only_wires() {
    for path in sources::files("functions/src/bin") {
        let text = sources::read(&path);
        assert!(text.lines().count() <= 15, "{path} is long");
        let branches = ["if ", "match ", "for ", "while ", "loop "];
        let decides = text.lines().any(|line| branches.iter().any(|word| line.trim_start().starts_with(word)));
        assert!(!decides, "{path} decides something");
    }
}

#[test]
fn the_template_routes_as_the_document_says() {
    let (documented, functions) = (documented(), functions());
    for name in endpoints() {
        assert_eq!(functions[&name].routes(), [documented[&camel(&name)].clone()], "{name}");
    }
    for name in workers() {
        assert!(functions[&name].routes().is_empty(), "{name} is not to be called from outside");
    }
}

#[test]
fn functions_and_log_groups_are_called_as_their_binary_is() {
    let mut log_groups = resources("AWS::Logs::LogGroup");
    for (name, function) in functions() {
        let log_group = format!("{}LogGroup", pascal(&name));
        let properties = function.properties;
        assert_eq!(function.logical_id, format!("{}Function", pascal(&name)));
        assert_eq!(properties["FunctionName"], sub(&format!("${{AWS::StackName}}-{}", kebab(&name))), "{name}");
        assert_eq!(properties["LoggingConfig"]["LogGroup"], json!({"Ref": log_group}), "{name}");
        let Some(group) = log_groups.remove(&log_group) else { panic!("{log_group} is missing") };
        let group = &group["Properties"];
        assert_eq!(group["LogGroupName"], sub(&format!("/aws/lambda/${{AWS::StackName}}-{}", kebab(&name))), "{name}");
        assert_eq!(group["RetentionInDays"], json!({"Ref": "LogRetentionDays"}), "{name}");
    }
    // The API's, which is tested where the API is.
    log_groups.remove("ApiAccessLogGroup");
    assert!(log_groups.is_empty(), "log groups of no function: {:?}", log_groups.keys());
}

fn sub(text: &str) -> Value {
    json!({"Fn::Sub": text})
}
