//! The modules of `lib` depend on each other in one direction.

use super::sources;

/// The modules, the lowest layer first. A module may use those of lower layers, and none of its own.
const LAYERS: &[&[&str]] = &[
    &["clock", "domain", "hash", "metrics"],
    &["directory", "policy", "store"],
    &["audit", "auth", "aws"],
    &["app", "tenancy"],
    &["provision"],
    &["http", "workers"],
    &["context"],
];

fn layer(module: &str) -> usize {
    let found = LAYERS.iter().position(|layer| layer.contains(&module));
    found.unwrap_or_else(|| panic!("say which layer `{module}` is in"))
}

/// Lines of code of each module, with where they are.
fn code() -> Vec<(String, String, String)> {
    let mut lines = Vec::new();
    for path in sources::files("lib/src") {
        let Some(place) = path.strip_prefix("lib/src/").filter(|place| *place != "lib.rs") else { continue };
        let module = place.split(['/', '.']).next().unwrap_or_default();
        for (number, line) in sources::read(&path).lines().enumerate() {
            if !line.trim_start().starts_with("//") {
                lines.push((module.to_owned(), format!("{path}:{}", number + 1), line.to_owned()));
            }
        }
    }
    lines
}

#[test]
fn modules_use_lower_layers_only() {
    for (module, place, line) in code() {
        for used in line.split("crate::").skip(1) {
            let used = used.split(|char: char| !char.is_alphanumeric() && char != '_').next().unwrap_or_default();
            assert!(!used.is_empty(), "{place}: name one module in one `use`");
            assert!(used == module || layer(used) < layer(&module), "{place}: `{module}` must not know `{used}`");
        }
    }
}

#[test]
fn every_module_has_a_layer() {
    let text = sources::read("lib/src/lib.rs");
    let mut modules: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let mut layered = LAYERS.concat();
    modules.sort_unstable();
    layered.sort_unstable();
    assert_eq!(modules, layered);
}

/// A permit without rules stands on a credential, which `auth` has checked.
#[test]
fn only_auth_makes_permits_without_rules() {
    for (_, place, line) in code() {
        let makes = line.contains("of_credential") && !line.contains("fn of_credential");
        assert!(!makes || place.starts_with("lib/src/auth/caller.rs:"), "{place}");
    }
}

/// `domain` and `policy` do no I/O, read no clock and make no ids: those are arguments.
#[test]
fn domain_and_policy_are_pure() {
    let impure =
        ["aws_sdk", "tokio::", "reqwest::", "std::env", "std::fs", "std::net::Tcp", "crate::clock", "async fn"];
    for (module, place, line) in code() {
        if ["domain", "policy"].contains(&module.as_str()) {
            assert_eq!(impure.iter().find(|word| line.contains(**word)), None, "{place}");
        }
    }
}

/// Clients have the wire types without AWS, Cedar and the web server, since those take minutes to build.
#[test]
fn the_wire_types_need_nothing_that_a_client_does_not_want() {
    let text = sources::read("lib/api/Cargo.toml");
    let used: Vec<&str> = text.lines().filter_map(|line| line.strip_suffix(".workspace = true")).collect();
    let of_the_package = ["version", "edition", "rust-version", "license", "publish"];
    let dependencies: Vec<&str> = used.into_iter().filter(|name| !of_the_package.contains(name)).collect();
    assert_eq!(dependencies, ["jiff", "serde", "serde_json", "thiserror", "utoipa", "uuid"]);
}
