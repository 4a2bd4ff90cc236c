//! Writes the files that follow from something else: from the operations as the routers describe them, from the list of
//! workers, and from the parts of the template in `infra/template`.
//!
//! | module | writes |
//! |---|---|
//! | `functions` | `functions/src/bin/*.rs`, and the routes of `cargo lambda watch` in `Cargo.toml` |
//! | `template`, `gateway` | `template.yaml` |
//! | `events` | `tests/events/*.json` of the operations |
//! | `reference` | `docs/reference/*.md` |

mod events;
mod functions;
mod gateway;
mod kinds;
mod operations;
mod reference;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod workers;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// A generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Its path from the root of the project.
    pub path: String,
    /// What it has to contain.
    pub text: String,
}

impl Generated {
    fn new(path: impl Into<String>, text: String) -> Self {
        Self { path: path.into(), text }
    }
}

/// Why nothing was generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which one.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// An operation does not say of itself what is needed.
    #[error("operation `{operation}`: {problem}")]
    Operation {
        /// Its id.
        operation: String,
        /// What is wrong.
        problem: String,
    },
    /// A declaration names a kind of record that `kinds` does not know.
    #[error("`{0}` is not a kind of record: infra/dev/src/kinds.rs says how each kind's partition key is made")]
    UnknownKind(String),
    /// An answer of API Gateway is no JSON.
    #[error("an answer of API Gateway: {0}")]
    Body(serde_json::Error),
    /// A file with a generated region lacks its marks.
    #[error("{0} lacks the lines that enclose what is generated")]
    NoRegion(&'static str),
}

/// Directories in which every file is generated.
const DIRECTORIES: [&str; 2] = ["functions/src/bin", "docs/reference"];

/// Every generated file, as it has to be.
///
/// # Errors
///
/// [`GenerateError`] when an operation or a part says something that cannot be.
pub fn generate(root: &Path) -> Result<Vec<Generated>, GenerateError> {
    let operations = operations::all()?;
    let workers = workers::all();
    let template = template::Template::new(&operations, &workers, root)?;
    let mut files = functions::binaries(&operations, &workers);
    files.push(functions::watch_routes(&operations, root)?);
    files.push(Generated::new("template.yaml", template.text()));
    files.extend(events::of_operations(&operations, root)?);
    files.extend(reference::pages(&operations, &workers)?);
    Ok(files)
}

/// The paths of files that are not as they have to be, and of those that are there and should not be.
///
/// # Errors
///
/// [`GenerateError`], see [`generate`].
pub fn differences(root: &Path) -> Result<Vec<String>, GenerateError> {
    let files = generate(root)?;
    let differs = |file: &&Generated| std::fs::read_to_string(root.join(&file.path)).ok().as_ref() != Some(&file.text);
    let mut paths: Vec<String> = files.iter().filter(differs).map(|file| file.path.clone()).collect();
    paths.extend(superfluous(&files, root)?);
    Ok(paths)
}

/// Writes the files that differ, removes those that should not be there, and returns their paths.
///
/// # Errors
///
/// [`GenerateError`], see [`generate`].
pub fn write(root: &Path) -> Result<Vec<String>, GenerateError> {
    let files = generate(root)?;
    let changed = differences(root)?;
    for path in &changed {
        let place = root.join(path);
        let done = match files.iter().find(|file| file.path == *path) {
            Some(file) => {
                place.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&place, &file.text))
            }
            None => std::fs::remove_file(&place),
        };
        done.map_err(|error| GenerateError::File { path: path.clone(), error })?;
    }
    Ok(changed)
}

fn superfluous(files: &[Generated], root: &Path) -> Result<Vec<String>, GenerateError> {
    let generated: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut found = Vec::new();
    for directory in DIRECTORIES {
        let failed = |error| GenerateError::File { path: directory.to_owned(), error };
        if !root.join(directory).exists() {
            continue;
        }
        for entry in std::fs::read_dir(root.join(directory)).map_err(failed)? {
            let path = format!("{directory}/{}", entry.map_err(failed)?.file_name().to_string_lossy());
            if !generated.contains(path.as_str()) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn read(root: &Path, path: &str) -> Result<String, GenerateError> {
    std::fs::read_to_string(root.join(path)).map_err(|error| GenerateError::File { path: path.to_owned(), error })
}
