//! What is generated, is as it would be generated now.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use super::{Generated, differences, generate};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn generated_files_are_as_generated() {
    let paths = differences(root()).unwrap();
    assert_eq!(paths, Vec::<String>::new(), "run `cargo run --bin stint-dev -- generate`");
}

/// A copy of what the generator reads and writes; one file of each kind is edited, and named.
#[test]
fn an_edited_missing_or_superfluous_file_is_named() {
    let copy = std::env::temp_dir().join(format!("stint-dev-{}", std::process::id()));
    copy_all("infra/template", &copy);
    for path in ["infra/dev/examples.json", "Cargo.toml"] {
        std::fs::create_dir_all(copy.join("infra/dev")).unwrap();
        std::fs::copy(root().join(path), copy.join(path)).unwrap();
    }
    for Generated { path, text } in generate(root()).unwrap() {
        std::fs::create_dir_all(copy.join(&path).parent().unwrap()).unwrap();
        std::fs::write(copy.join(path), text).unwrap();
    }
    assert_eq!(differences(&copy).unwrap(), Vec::<String>::new());
    let edited = [
        "functions/src/bin/list_grants.rs",
        "Cargo.toml",
        "template.yaml",
        "tests/events/get_grant.json",
        "docs/reference/permissions.md",
    ];
    for path in edited {
        let text = std::fs::read_to_string(copy.join(path)).unwrap();
        std::fs::write(copy.join(path), text.replace("grant", "other")).unwrap();
        assert_eq!(differences(&copy).unwrap(), [path]);
        std::fs::write(copy.join(path), text).unwrap();
    }
    std::fs::remove_file(copy.join("functions/src/bin/sync.rs")).unwrap();
    std::fs::write(copy.join("functions/src/bin/of_nobody.rs"), "").unwrap();
    assert_eq!(differences(&copy).unwrap(), ["functions/src/bin/sync.rs", "functions/src/bin/of_nobody.rs"]);
    std::fs::remove_dir_all(copy).unwrap();
}

fn copy_all(folder: &str, to: &Path) {
    std::fs::create_dir_all(to.join(folder)).unwrap();
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&path, to);
        } else {
            std::fs::copy(entry.path(), to.join(path)).unwrap();
        }
    }
}
