//! The table, through the real SDK client.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue::S;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};

use super::{options, put, start};
use crate::aws::Service;

#[tokio::test]
async fn the_table_has_its_indexes_stream_and_ttl() {
    let (endpoint, _) = start(options()).await;
    let client = Client::new(&endpoint.sdk_config());
    let table = client.describe_table().table_name("stint").send().await.unwrap();
    let table = table.table().unwrap();
    let mut indexes: Vec<_> = table
        .global_secondary_indexes()
        .iter()
        .map(|index| {
            let keys: Vec<_> = index.key_schema().iter().map(|key| key.attribute_name()).collect();
            format!("{} {}", index.index_name().unwrap(), keys.join(" "))
        })
        .collect();
    indexes.sort();
    assert_eq!(
        indexes,
        [
            "by_access access_pk sk",
            "by_holder holder_pk sk",
            "by_principal principal_pk sk",
            "by_status status_pk sk",
            "due due_pk due_sk"
        ]
    );
    assert!(table.stream_specification().unwrap().stream_enabled());
    let ttl = client.describe_time_to_live().table_name("stint").send().await.unwrap();
    let ttl = ttl.time_to_live_description().unwrap();
    assert_eq!(ttl.attribute_name(), Some("ttl"));
}

#[tokio::test]
async fn a_failed_condition_reaches_the_client_as_it_is() {
    let (endpoint, _) = start(options()).await;
    let client = Client::new(&endpoint.sdk_config());
    put(&endpoint, "a", "1").await;
    let put = Put::builder()
        .table_name("stint")
        .item("pk", S("a".to_owned()))
        .item("sk", S("1".to_owned()))
        .condition_expression("attribute_not_exists(pk)");
    let item = TransactWriteItem::builder().put(put.build().unwrap()).build();
    let error = client.transact_write_items().transact_items(item).send().await.unwrap_err();
    let error = error.into_service_error();
    assert!(error.is_transaction_canceled_exception(), "{error:?}");
    assert!(error.message().is_some_and(|message| message.contains("ConditionalCheckFailed")));
    assert_eq!(endpoint.items().len(), 1);
}

#[tokio::test]
async fn calls_are_logged_with_their_order() {
    let (endpoint, _) = start(options()).await;
    put(&endpoint, "a", "1").await;
    put(&endpoint, "a", "2").await;
    let calls = endpoint.calls();
    let order: Vec<_> = calls.iter().map(|call| (call.started, call.finished)).collect();
    assert_eq!(order, [(1, Some(2)), (3, Some(4))]);
    assert!(calls.iter().all(|call| call.service == Service::DynamoDb && call.operation == "PutItem"));
    endpoint.clear_calls();
    assert!(endpoint.calls().is_empty());
}

#[tokio::test]
async fn the_stream_is_read_through_its_own_client() {
    let (endpoint, _) = start(options()).await;
    let client = aws_sdk_dynamodbstreams::Client::new(&endpoint.sdk_config());
    let streams = client.list_streams().table_name("stint").send().await.unwrap();
    assert_eq!(streams.streams().len(), 1);
}
