//! Who calls, and what IAM would ask of them: the actions a call is made of, each on a resource.
//!
//! Many functions share one process here. Each runs by [`running_as`], and each of its calls carries its name; so what
//! a template grants can be held against what its functions do.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use serde::Serialize;
use serde_json::Value;

use super::REGION;
use super::wire::Request;

/// Names the function a call is made by.
pub(super) const CALLED_BY: &str = "x-stint-local-function";

tokio::task_local! {
    static FUNCTION: String;
}

/// Runs something as a function: the calls it makes to AWS are that function's.
pub async fn running_as<F: Future>(function: impl Into<String>, what: F) -> F::Output {
    FUNCTION.scope(function.into(), what).await
}

/// An action on a resource, as a statement grants it and a call needs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Permission {
    /// The action, such as `dynamodb:GetItem`.
    pub action: String,
    /// The resource's ARN.
    pub resource: String,
    /// `dynamodb:LeadingKeys`: the partition key of the item that is read or written. None for other services, and for
    /// queries, which statements do not restrict by key.
    pub leading_key: Option<String>,
}

/// An HTTP client whose calls say which function makes them.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) T);

impl HttpClient for Named<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Named(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Named<SharedHttpConnector> {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        if let Ok(function) = FUNCTION.try_with(Clone::clone) {
            request.headers_mut().insert(CALLED_BY, function);
        }
        self.0.call(request)
    }
}

/// What an operation needs that is not written down here: everything. What the Service Authorization Reference says of it
/// has to be written down before a function uses it.
pub(super) fn everything(request: &Request, _account: &str) -> Vec<Permission> {
    vec![permission(&format!("{:?}", request.service), &request.operation, "*".to_owned())]
}

pub(super) fn arn(service: &str, account: &str, kind: &str, name: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{account}:{kind}{name}")
}

pub(super) fn permission(service: &str, operation: &str, resource: String) -> Permission {
    Permission { action: format!("{service}:{operation}"), resource, leading_key: None }
}

pub(super) fn members<'a>(input: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    input.get(name).and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn text<'a>(input: &'a Value, name: &str) -> &'a str {
    input.get(name).and_then(Value::as_str).unwrap_or_default()
}
