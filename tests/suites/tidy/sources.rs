//! The sources themselves.

use std::fs;
use std::path::{Path, PathBuf};

/// A file over this many lines is two files.
const LONGEST: usize = 450;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text of a file of the project.
pub(super) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of the files below a folder of the project, in order.
pub(super) fn files(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            // What is built and what belongs to tools is not ours.
            let ours = name != "target" && (!name.starts_with('.') || name == ".ci");
            match entry.file_type().unwrap().is_dir() {
                true if ours => folders.push(path),
                false => files.push(path),
                true => {}
            }
        }
    }
    files.sort();
    files
}

/// The text files of the project, each with its path.
fn texts() -> Vec<(String, String)> {
    let read = |path: String| fs::read_to_string(root().join(&path)).ok().map(|text| (path, text));
    files("").into_iter().filter_map(read).collect()
}

fn rust() -> Vec<(String, String)> {
    texts().into_iter().filter(|(path, _)| path.ends_with(".rs")).collect()
}

#[test]
fn a_long_file_is_two_files() {
    for (path, text) in rust() {
        let lines = text.lines().count();
        assert!(lines <= LONGEST, "{path} has {lines} lines");
    }
}

/// A module's own tests say it by their names.
#[test]
fn every_file_says_what_it_is_for() {
    let is_of_a_module = |path: &str| path.contains("/tests/") || path.ends_with("/tests.rs");
    for (path, text) in rust().into_iter().filter(|(path, _)| !is_of_a_module(path)) {
        assert!(text.starts_with("//! "), "{path} does not begin with its documentation");
    }
}

#[test]
fn nothing_is_left_to_do() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!("), concat!("un", "implemented!(")];
    for (path, text) in texts() {
        for (number, line) in text.lines().enumerate() {
            assert_eq!(marks.iter().find(|mark| line.contains(**mark)), None, "{path}:{}", number + 1);
        }
    }
}

#[test]
fn no_path_of_somebodys_machine() {
    let here = fs::canonicalize(root()).unwrap();
    let homes = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("C:", "\\")];
    for (path, text) in texts() {
        for (number, line) in text.lines().enumerate() {
            let place = format!("{path}:{}", number + 1);
            assert!(!line.contains(here.to_str().unwrap()), "{place}");
            assert_eq!(homes.iter().find(|home| line.contains(**home)), None, "{place}");
        }
    }
}
