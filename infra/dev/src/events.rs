//! What API Gateway sends each endpoint, for `cargo lambda invoke`: `tests/events`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::operations::Operation;
use crate::{GenerateError, Generated, read};

/// What the events are about, by operation: the records that `stint-local --aws-only` starts with.
const EXAMPLES: &str = "infra/dev/examples.json";
/// In the path, where no example names another.
const ID: &str = "019a3f5e-7c1b-7000-8000-000000000001";
/// The key that everybody knows (`stint_local::example`).
const KEY: &str = "stint_019a3f5e7c1b70008000000000000001_019a3f5e7c1b70008000000000000002_a25vd24gdG8gZXZlcnlvbmU6IG9ubHkgZXhhbXBsZXM";
const HOST: &str = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com";
const SOURCE: &str = "203.0.113.7";
const AGENT: &str = "curl/8.7.1";

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Example {
    /// The parameters in the path.
    path: BTreeMap<String, String>,
    /// The query.
    query: BTreeMap<String, String>,
    /// The body, if not as the document's example.
    body: Option<Value>,
}

/// An event for each operation.
///
/// # Errors
///
/// [`GenerateError::File`] when the examples cannot be read.
pub(crate) fn of_operations(operations: &[Operation], root: &Path) -> Result<Vec<Generated>, GenerateError> {
    let failed = |error: serde_json::Error| GenerateError::File { path: EXAMPLES.to_owned(), error: error.into() };
    let mut examples: BTreeMap<String, Example> = serde_json::from_str(&read(root, EXAMPLES)?).map_err(failed)?;
    let mut files = Vec::new();
    for operation in operations {
        let event = Event::new(operation, examples.remove(&operation.name).unwrap_or_default());
        let text = serde_json::to_string_pretty(&event).map_err(failed)?;
        files.push(Generated::new(format!("tests/events/{}.json", operation.name), text + "\n"));
    }
    match examples.into_keys().next() {
        Some(operation) => Err(GenerateError::Operation {
            operation,
            problem: format!("{EXAMPLES} has an example of it, and there is no such operation"),
        }),
        None => Ok(files),
    }
}

/// An event of a REST API with Lambda proxy integration, in the order API Gateway has its fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    resource: String,
    path: String,
    http_method: String,
    headers: BTreeMap<&'static str, &'static str>,
    multi_value_headers: BTreeMap<&'static str, [&'static str; 1]>,
    query_string_parameters: Option<BTreeMap<String, String>>,
    multi_value_query_string_parameters: Option<BTreeMap<String, [String; 1]>>,
    path_parameters: Option<BTreeMap<String, String>>,
    stage_variables: (),
    request_context: Context,
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    resource_id: &'static str,
    resource_path: String,
    http_method: String,
    extended_request_id: &'static str,
    request_time: &'static str,
    path: String,
    account_id: &'static str,
    protocol: &'static str,
    stage: &'static str,
    domain_prefix: &'static str,
    request_time_epoch: u64,
    request_id: &'static str,
    identity: Identity,
    domain_name: &'static str,
    deployment_id: &'static str,
    api_id: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    cognito_identity_pool_id: (),
    account_id: (),
    cognito_identity_id: (),
    caller: (),
    source_ip: &'static str,
    principal_org_id: (),
    access_key: (),
    cognito_authentication_type: (),
    cognito_authentication_provider: (),
    user_arn: (),
    user_agent: &'static str,
    user: (),
}

const IDENTITY: Identity = Identity {
    cognito_identity_pool_id: (),
    account_id: (),
    cognito_identity_id: (),
    caller: (),
    source_ip: SOURCE,
    principal_org_id: (),
    access_key: (),
    cognito_authentication_type: (),
    cognito_authentication_provider: (),
    user_arn: (),
    user_agent: AGENT,
    user: (),
};

impl Event {
    fn new(operation: &Operation, example: Example) -> Self {
        let body = example.body.or_else(|| operation.body.clone());
        let names = operation.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let given = |name: &str| example.path.get(name).cloned().unwrap_or_else(|| ID.to_owned());
        let parameters: BTreeMap<String, String> = names.map(|name| (name.to_owned(), given(name))).collect();
        let fill = |path: String, (name, value): (&String, &String)| path.replace(&format!("{{{name}}}"), value);
        let path = parameters.iter().fold(operation.path.clone(), fill);
        let headers = headers(operation, body.is_some());
        Self {
            resource: operation.path.clone(),
            http_method: operation.method.clone(),
            multi_value_headers: headers.iter().map(|(name, value)| (*name, [*value])).collect(),
            headers,
            multi_value_query_string_parameters: some(
                example.query.iter().map(|(name, value)| (name.clone(), [value.clone()])).collect(),
            ),
            query_string_parameters: some(example.query),
            path_parameters: some(parameters),
            stage_variables: (),
            request_context: Context {
                resource_id: "q1w2e3",
                resource_path: operation.path.clone(),
                http_method: operation.method.clone(),
                extended_request_id: "WyB3vFZ5oAMEoQw=",
                request_time: "05/Jan/2026:10:00:00 +0000",
                path: format!("/live{path}"),
                account_id: "000000000000",
                protocol: "HTTP/1.1",
                stage: "live",
                domain_prefix: "a1b2c3d4e5",
                request_time_epoch: 1_767_607_200_000,
                request_id: "8f9d1c5a-3b2e-4d6f-9a7b-0c1d2e3f4a5b",
                identity: IDENTITY,
                domain_name: HOST,
                deployment_id: "z9y8x7",
                api_id: "a1b2c3d4e5",
            },
            path,
            body: body.map(|body| body.to_string()),
            is_base64_encoded: false,
        }
    }
}

fn headers(operation: &Operation, has_body: bool) -> BTreeMap<&'static str, &'static str> {
    let mut headers = BTreeMap::from([
        ("Accept", "application/json"),
        ("Host", HOST),
        ("User-Agent", AGENT),
        ("X-Amzn-Trace-Id", "Root=1-695b8b90-4f2a6d0c1b3e5a7988776655"),
        ("X-Forwarded-For", SOURCE),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ]);
    if operation.scope.is_some() {
        headers.extend([("X-API-Key", KEY), ("X-Tenant-ID", ID)]);
    }
    if has_body {
        headers.insert("Content-Type", "application/json");
    }
    headers
}

/// API Gateway sends null where there is nothing.
fn some<T>(map: BTreeMap<String, T>) -> Option<BTreeMap<String, T>> {
    Some(map).filter(|map| !map.is_empty())
}
