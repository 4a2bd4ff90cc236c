//! `drain_guard`: CloudFormation calls it before it deletes the stack. It refuses while a grant's revocation is not
//! `done`: without workers, that access would never be taken away.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::provision::{WorkerError, Workers};

/// How long the response may take. It is a short upload to a bucket in the same Region; CloudFormation itself waits
/// much longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The id of the custom resource. It stands for no real resource.
const PHYSICAL_ID: &str = "drain-guard";

/// A request of CloudFormation to a custom resource ("Custom resource request objects").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    request_type: RequestType,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum RequestType {
    Create,
    Update,
    Delete,
}

/// The response, which is sent to the URL in the request ("Custom resource response objects").
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    status: &'static str,
    reason: String,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
}

/// Handles a request of CloudFormation.
///
/// # Errors
///
/// [`WorkerError`] if the response could not be sent.
pub async fn handle(workers: &Workers, event: Value) -> Result<Value, WorkerError> {
    let request: Request = serde_json::from_value(event).map_err(|error| WorkerError::Event(error.to_string()))?;
    let refusal = match request.request_type {
        RequestType::Create | RequestType::Update => None,
        RequestType::Delete => refusal(workers).await,
    };
    answer(&request, refusal).await?;
    Ok(Value::Null)
}

/// Why the stack must not be deleted now; `None` if it may be.
async fn refusal(workers: &Workers) -> Option<String> {
    match workers.table.unfinished_grants().await {
        Ok(grants) if grants.is_empty() => None,
        Ok(grants) => Some(format!(
            "{} grants are live, or their revocation is not done. Run `stint-drain`, then delete the stack",
            grants.len()
        )),
        Err(error) => Some(format!("could not find out whether there are live grants: {error}")),
    }
}

async fn answer(request: &Request, refusal: Option<String>) -> Result<(), WorkerError> {
    let response = Response {
        status: if refusal.is_none() { "SUCCESS" } else { "FAILED" },
        reason: refusal.unwrap_or_default(),
        physical_resource_id: request.physical_resource_id.as_deref().unwrap_or(PHYSICAL_ID),
        stack_id: &request.stack_id,
        request_id: &request.request_id,
        logical_resource_id: &request.logical_resource_id,
    };
    // As bytes, so that no content type is sent: the URL is signed for a request without one.
    let body = serde_json::to_vec(&response).map_err(|error| WorkerError::Answer(error.to_string()))?;
    let sent = async {
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        client.put(&request.response_url).body(body).send().await?.error_for_status()
    };
    // The URL is a credential and must not be logged.
    sent.await.map(|_| ()).map_err(|error| WorkerError::Answer(error.without_url().to_string()))
}
