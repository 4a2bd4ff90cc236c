//! One name runs through everything: endpoint or worker, binary, template entry, OpenAPI operation. What `stint-dev generate`
//! writes is not looked at here: that it is as generated is tested there.

use std::collections::BTreeSet;

use stint_tests::template::functions;

use super::sources;

/// The endpoints of the library.
pub(super) fn endpoints() -> BTreeSet<String> {
    stint::http::endpoint::all().into_iter().map(|(name, _)| name.to_owned()).collect()
}

/// The workers of the library: its public modules.
pub(super) fn workers() -> BTreeSet<String> {
    let text = sources::read("lib/src/workers.rs");
    text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).map(str::to_owned).collect()
}

/// The ids of the operations.
fn documented() -> BTreeSet<String> {
    let document = serde_json::to_value(stint::http::document()).unwrap();
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    let mut ids = BTreeSet::new();
    for id in operations.map(|operation| operation["operationId"].as_str().unwrap()) {
        assert!(ids.insert(id.to_owned()), "two operations are called {id}");
    }
    ids
}

fn pascal(name: &str) -> String {
    let capital = |word: &str| format!("{}{}", word.split_at(1).0.to_uppercase(), word.split_at(1).1);
    name.split('_').map(capital).collect()
}

fn camel(name: &str) -> String {
    let pascal = pascal(name);
    format!("{}{}", pascal.split_at(1).0.to_lowercase(), pascal.split_at(1).1)
}

#[test]
fn every_endpoint_is_the_operation_of_its_name() {
    let endpoints: BTreeSet<String> = endpoints().iter().map(|name| camel(name)).collect();
    assert_eq!(endpoints, documented());
}

#[test]
fn no_endpoint_is_called_as_a_worker_is() {
    assert_eq!(endpoints().intersection(&workers()).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn every_endpoint_and_worker_has_its_function_in_the_template_and_nothing_else_has() {
    let functions: BTreeSet<String> = functions().into_keys().collect();
    assert_eq!(functions, &endpoints() | &workers());
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

/// The generator reads what operations declare of themselves; callers are not shown it.
#[test]
fn what_operations_declare_for_the_generator_is_not_served() {
    let [served, annotated] = [stint::http::document(), stint::http::annotated_document()]
        .map(|document| serde_json::to_string(&document).unwrap());
    let mark = format!("\"{}\"", stint::http::TABLE_EXTENSION);
    assert!(annotated.contains(&mark) && !served.contains(&mark));
}
