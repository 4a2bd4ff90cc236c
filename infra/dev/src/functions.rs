//! The binaries, and where `cargo lambda watch` finds them.

use std::collections::BTreeMap;
use std::path::Path;

use crate::operations::Operation;
use crate::workers::Worker;
use crate::{GenerateError, Generated, read};

/// A binary for each operation and each worker.
pub(crate) fn binaries(operations: &[Operation], workers: &[Worker]) -> Vec<Generated> {
    let endpoints = operations.iter().map(|operation| (operation.name.as_str(), endpoint(operation)));
    let all = endpoints.chain(workers.iter().map(|worker| (worker.name, of_worker(worker))));
    all.map(|(name, text)| Generated::new(format!("functions/src/bin/{name}.rs"), text)).collect()
}

fn endpoint(Operation { name, method, path, area, table, .. }: &Operation) -> String {
    let area = area.replace(' ', "_").to_lowercase();
    // Without the table there is nothing to connect to.
    let api = if table.is_none() { "api_without_connections" } else { "api" };
    format!(
        "//! `{method} {path}`.
use stint::context::{{self, Error}};
use stint::http::{{app, endpoint}};

#[tokio::main(flavor = \"current_thread\")]
async fn main() -> Result<(), Error> {{
    let api = context::{api}().await?;
    lambda_http::run(app(endpoint::{area}::{name}::router(), api)).await
}}
"
    )
}

fn of_worker(Worker { name, summary, table, .. }: &Worker) -> String {
    // Connections are opened by reading an item.
    let run = if table.get { "run_worker" } else { "run_worker_without_connections" };
    format!(
        "//! {summary}
use stint::context::{{Error, {run}}};
use stint::workers::{name};

#[tokio::main(flavor = \"current_thread\")]
async fn main() -> Result<(), Error> {{
    {run}({name}::handle).await
}}
"
    )
}

const MANIFEST: &str = "Cargo.toml";
const BEGIN: &str = "[workspace.metadata.lambda.watch.router]\n";
const END: &str = "# End of what `stint-dev generate` writes.\n";

/// `Cargo.toml`, with the routes of `cargo lambda watch`.
///
/// # Errors
///
/// [`GenerateError`] when it has no place for them.
pub(crate) fn watch_routes(operations: &[Operation], root: &Path) -> Result<Generated, GenerateError> {
    let manifest = read(root, MANIFEST)?;
    let (before, rest) = manifest.split_once(BEGIN).ok_or(GenerateError::NoRegion(MANIFEST))?;
    let (_, after) = rest.split_once(END).ok_or(GenerateError::NoRegion(MANIFEST))?;
    let mut by_path: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in operations {
        by_path.entry(&operation.path).or_default().push(operation);
    }
    let mut routes = String::new();
    for (path, mut operations) in by_path {
        operations.sort_by(|one, other| one.method.cmp(&other.method));
        let each =
            operations.iter().map(|one| format!("{{ method = \"{}\", function = \"{}\" }}", one.method, one.name));
        let each: Vec<String> = each.collect();
        routes += &match each.as_slice() {
            [one] => format!("\"{path}\" = [{one}]\n"),
            many => format!("\"{path}\" = [\n    {},\n]\n", many.join(",\n    ")),
        };
    }
    Ok(Generated::new(MANIFEST, format!("{before}{BEGIN}{routes}{END}{after}")))
}
