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
use super::organizations::ORGANIZATION_ID;
use super::wire::{Request, Service};

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

/// What a call needs to be granted, by the Service Authorization Reference. What that says of a call that is not here
/// has to be written down before a function makes it: until then the call needs everything.
pub(super) fn needed(request: &Request, account: &str) -> Vec<Permission> {
    let (operation, input) = (request.operation.as_str(), &request.input);
    match (request.service, operation) {
        (Service::DynamoDb, "TransactWriteItems" | "TransactGetItems") => transaction(input, account),
        (Service::DynamoDb, _) => vec![on_table(operation, input, account)],
        (Service::Events, "PutEvents") => {
            let buses = members(input, "Entries").map(|entry| text(entry, "EventBusName"));
            buses.map(|bus| permission("events", operation, arn("events", account, "event-bus/", bus))).collect()
        }
        (Service::Scheduler, "CreateSchedule" | "UpdateSchedule" | "DeleteSchedule") => {
            let name = format!("{}/{}", text(input, "GroupName"), text(input, "Name"));
            let schedule = permission("scheduler", operation, arn("scheduler", account, "schedule/", &name));
            // Whoever names the role it is to run as hands that role over.
            let role = input.pointer("/Target/RoleArn").and_then(Value::as_str);
            std::iter::once(schedule).chain(role.map(|role| permission("iam", "PassRole", role.to_owned()))).collect()
        }
        (Service::SsoAdmin, _) => {
            let account = ["TargetId", "AccountId"].iter().find_map(|name| input.get(*name)?.as_str());
            let named = ["InstanceArn", "PermissionSetArn"].iter().filter_map(|name| input.get(*name)?.as_str());
            let resources =
                named.map(str::to_owned).chain(account.map(|account| format!("arn:aws:sso:::account/{account}")));
            resources.map(|resource| permission("sso", operation, resource)).collect()
        }
        (Service::IdentityStore, "GetUserId") => {
            let store = format!("arn:aws:identitystore::{account}:identitystore/{}", text(input, "IdentityStoreId"));
            // Whose id it is, is what the call asks.
            let user = "arn:aws:identitystore:::user/*".to_owned();
            [store, user].map(|resource| permission("identitystore", operation, resource)).into()
        }
        (Service::IdentityStore, "IsMemberInGroups") => {
            let store = format!("arn:aws:identitystore::{account}:identitystore/{}", text(input, "IdentityStoreId"));
            let others = ["user", "group", "membership"].map(|kind| format!("arn:aws:identitystore:::{kind}/*"));
            let all = std::iter::once(store).chain(others);
            all.map(|resource| permission("identitystore", operation, resource)).collect()
        }
        (Service::IdentityStore, "ListUsers") => {
            let store = format!("arn:aws:identitystore::{account}:identitystore/{}", text(input, "IdentityStoreId"));
            [store, "arn:aws:identitystore:::user/*".to_owned()]
                .map(|resource| permission("identitystore", operation, resource))
                .into()
        }
        (Service::Organizations, "ListRoots") => vec![permission("organizations", operation, "*".to_owned())],
        (Service::Organizations, "ListOrganizationalUnitsForParent" | "ListAccountsForParent") => {
            let parent = text(input, "ParentId");
            let kind = if parent.starts_with("r-") { "root" } else { "ou" };
            let resource = format!("arn:aws:organizations::{account}:{kind}/{ORGANIZATION_ID}/{parent}");
            vec![permission("organizations", operation, resource)]
        }
        (Service::Organizations, "ListTagsForResource") => {
            let of = text(input, "ResourceId");
            let resource = format!("arn:aws:organizations::{account}:account/{ORGANIZATION_ID}/{of}");
            vec![permission("organizations", operation, resource)]
        }
        (service, _) => vec![permission(&format!("{service:?}"), operation, "*".to_owned())],
    }
}

/// A transaction needs what each of its items would need alone.
fn transaction(input: &Value, account: &str) -> Vec<Permission> {
    let items = members(input, "TransactItems").filter_map(Value::as_object).flatten();
    let single = |kind: &str| match kind {
        "Put" => "PutItem",
        "Update" => "UpdateItem",
        "Delete" => "DeleteItem",
        "ConditionCheck" => "ConditionCheckItem",
        _ => "GetItem",
    };
    items.map(|(kind, item)| on_table(single(kind), item, account)).collect()
}

fn on_table(operation: &str, input: &Value, account: &str) -> Permission {
    let key = ["/Key/pk/S", "/Item/pk/S"].iter().find_map(|place| input.pointer(place)?.as_str());
    Permission {
        leading_key: key.map(str::to_owned),
        ..permission("dynamodb", operation, table_or_index(input, account))
    }
}

fn table_or_index(input: &Value, account: &str) -> String {
    let table = arn("dynamodb", account, "table/", text(input, "TableName"));
    match input.get("IndexName").and_then(Value::as_str) {
        Some(index) => format!("{table}/index/{index}"),
        None => table,
    }
}

fn arn(service: &str, account: &str, kind: &str, name: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{account}:{kind}{name}")
}

fn permission(service: &str, operation: &str, resource: String) -> Permission {
    Permission { action: format!("{service}:{operation}"), resource, leading_key: None }
}

fn members<'a>(input: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    input.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(input: &'a Value, name: &str) -> &'a str {
    input.get(name).and_then(Value::as_str).unwrap_or_default()
}
