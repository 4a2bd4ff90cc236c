//! identitystore through its client; organizations and STS, whose clients are not among the dependencies, by hand.

use aws_sdk_identitystore::Client;
use aws_sdk_identitystore::error::ProvideErrorMetadata;
use aws_sdk_identitystore::types::{AlternateIdentifier, Filter, UniqueAttribute};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::{options, start};
use crate::aws::{AwsEndpoint, AwsSeed, Role};

fn by(path: &str, value: &str) -> AlternateIdentifier {
    let attribute = UniqueAttribute::builder().attribute_path(path).attribute_value(value.into());
    AlternateIdentifier::UniqueAttribute(attribute.build().unwrap())
}

#[tokio::test]
async fn a_user_is_found_by_name_and_address() {
    let (endpoint, _) = start(options()).await;
    let client = Client::new(&endpoint.sdk_config());
    let store = endpoint.seeded().identity_store_id.as_str();
    let alice = endpoint.seeded().user("alice").unwrap();
    for identifier in [by("userName", "alice"), by("emails.value", "alice@example.com")] {
        let call = client.get_user_id().identity_store_id(store);
        let answer = call.alternate_identifier(identifier).send().await.unwrap();
        assert_eq!(answer.user_id(), alice.user_id);
    }
    let call = client.get_user_id().identity_store_id(store);
    let error = call.alternate_identifier(by("userName", "mallory")).send().await.unwrap_err();
    assert_eq!(error.code(), Some("ResourceNotFoundException"));
    let call = client.describe_user().identity_store_id(store).user_id(&alice.user_id);
    assert_eq!(call.send().await.unwrap().user_name(), Some("alice"));
    let filter = Filter::builder().attribute_path("UserName").attribute_value("bob");
    #[expect(deprecated, reason = "the endpoint answers it, so it is tried")]
    let call = client.list_users().identity_store_id(store).filters(filter.build().unwrap());
    assert_eq!(call.send().await.unwrap().users().len(), 1);
}

#[tokio::test]
async fn a_user_made_through_the_api_is_found() {
    let (endpoint, _) = start(options()).await;
    let client = Client::new(&endpoint.sdk_config());
    let store = endpoint.seeded().identity_store_id.as_str();
    let made = client.create_user().identity_store_id(store).user_name("erin").send().await.unwrap();
    let call = client.get_user_id().identity_store_id(store);
    let found = call.alternate_identifier(by("userName", "erin")).send().await.unwrap();
    assert_eq!(found.user_id(), made.user_id());
}

async fn post(endpoint: &AwsEndpoint, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let mut request = Request::post(endpoint.url());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let response = client.request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(Body::new(response.into_body()), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn organizations(endpoint: &AwsEndpoint, operation: &str, input: Value) -> Value {
    let target = format!("AWSOrganizationsV20161128.{operation}");
    let (_, body) = post(endpoint, &[("x-amz-target", &target)], &input.to_string()).await;
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn the_organization_is_walked_from_root_to_account_and_back() {
    let (endpoint, _) = start(options()).await;
    let roots = organizations(&endpoint, "ListRoots", json!({})).await;
    let root = &roots["Roots"][0]["Id"];
    let input = json!({ "ParentId": root });
    let units = organizations(&endpoint, "ListOrganizationalUnitsForParent", input).await;
    let workloads = &units["OrganizationalUnits"][0];
    assert_eq!(workloads["Name"], "Workloads");
    let input = json!({ "ParentId": workloads["Id"] });
    let units = organizations(&endpoint, "ListOrganizationalUnitsForParent", input).await;
    let staging = &units["OrganizationalUnits"][0];
    let input = json!({ "ParentId": staging["Id"] });
    let accounts = organizations(&endpoint, "ListAccountsForParent", input).await;
    assert_eq!(accounts["Accounts"][0]["Id"], "222222222222");
    let parents = organizations(&endpoint, "ListParents", json!({ "ChildId": "222222222222" })).await;
    assert_eq!(parents["Parents"][0]["Id"], staging["Id"]);
    let all = organizations(&endpoint, "ListAccounts", json!({})).await;
    assert_eq!(all["Accounts"].as_array().unwrap().len(), 3);
    let missing = organizations(&endpoint, "DescribeAccount", json!({ "AccountId": "999999999999" })).await;
    assert_eq!(missing["__type"], "AccountNotFoundException");
    let unknown = organizations(&endpoint, "LeaveOrganization", json!({})).await;
    assert_eq!(unknown["__type"], "UnknownOperationException");
}

#[tokio::test]
async fn a_role_is_assumed_with_its_external_id_only() {
    let arn = "arn:aws:iam::444444444444:role/stint";
    let role = Role { arn: arn.to_owned(), external_id: "a b".to_owned() };
    let seeded = AwsSeed { roles: vec![role], ..crate::seed::Seed::example().aws };
    let (endpoint, _) = start(crate::aws::Options { seeded, ..options() }).await;
    let form = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={arn}&RoleSessionName=s");
    let (status, body) = post(&endpoint, &[], &form).await;
    assert_eq!(status, 403);
    assert!(body.contains("<Code>AccessDenied</Code>"), "{body}");
    let (status, body) = post(&endpoint, &[], &format!("{form}&ExternalId=a+b")).await;
    assert_eq!(status, 200);
    assert!(body.contains("<AccessKeyId>ASIALOCAL</AccessKeyId>"), "{body}");
}
