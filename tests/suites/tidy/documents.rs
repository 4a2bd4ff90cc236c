//! What documents, workflows and the Makefile name is there.

use std::fs;
use std::path::Path;

use super::sources::{files, read};

/// The targets of the links of a Markdown text, those in code blocks left out.
fn links(text: &str) -> Vec<String> {
    let outside = text.split("```").step_by(2);
    let targets = outside.flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).collect()
}

/// The anchors of a Markdown text, as GitHub makes them of its headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    let anchor = |heading: &str| {
        let letters = heading.trim_start_matches('#').trim().to_lowercase();
        letters
            .chars()
            .filter(|letter| letter.is_alphanumeric() || "-_ ".contains(*letter))
            .collect::<String>()
            .replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    for path in files("").into_iter().filter(|path| path.ends_with(".md")) {
        let folder = Path::new(&path).parent().unwrap();
        for link in links(&read(&path)).into_iter().filter(|link| !link.contains(':')) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let file = if file.is_empty() { path.clone() } else { folder.join(file).to_str().unwrap().to_owned() };
            let there = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&file);
            assert!(there.exists(), "{path}: {link}");
            let found =
                anchor.is_empty() || anchors(&fs::read_to_string(there).unwrap()).iter().any(|one| one == anchor);
            assert!(found, "{path}: {link} has no such heading");
        }
    }
}

#[test]
fn workflows_use_actions_by_commit() {
    for workflow in ["advisories", "ci", "release"] {
        let text = read(&format!(".github/workflows/{workflow}.yml"));
        for used in text.lines().filter_map(|line| line.split_once("uses: ").map(|(_, used)| used)) {
            let (_, version) = used.split_once('@').unwrap();
            let commit = version.split(' ').next().unwrap();
            let pinned = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(pinned && version.contains(" # v"), "{workflow}: {used}");
        }
    }
}

#[test]
fn builds_use_the_versions_that_were_reviewed() {
    const BUILDING: [&str; 7] = ["run ", "build ", "test ", "clippy ", "doc ", "bench ", "nextest run "];
    for path in ["Makefile", ".ci/run"] {
        for line in read(path).replace("\\\n", " ").lines() {
            let commands =
                line.split("cargo ").skip(1).map(|command| command.strip_prefix("lambda ").unwrap_or(command));
            for command in commands.filter(|command| BUILDING.iter().any(|building| command.starts_with(building))) {
                assert!(command.contains("--locked") || command.contains("$(WORKSPACE)"), "{path}: cargo {command}");
            }
        }
    }
}
