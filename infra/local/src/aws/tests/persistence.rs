//! A killed endpoint is one that is dropped without a word: nothing is written at the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_sdk_ssoadmin::types::{PrincipalType, TargetType};

use super::{Functions, clock, options, put, put_event, schedule};
use crate::aws::{AwsEndpoint, Error, Options, Storage};

/// A directory of this test alone, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let name = format!("stint-aws-{test}-{}", std::process::id());
        let directory = Self(std::env::temp_dir().join(name));
        let _ = std::fs::remove_dir_all(&directory.0);
        directory
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn open(directory: &Path) -> Arc<AwsEndpoint> {
    let storage = Storage::Directory(directory.to_owned());
    AwsEndpoint::start(Options { storage, ..options() }).await.unwrap()
}

#[tokio::test]
async fn everything_is_there_after_a_kill() {
    let directory = Directory::new("kill");
    let endpoint = open(&directory.0).await;
    put(&endpoint, "T#1#EVENT", "1").await;
    let functions = Functions::of(&endpoint);
    assert_eq!(endpoint.deliver().await, 1);
    functions.fail(2);
    put(&endpoint, "T#1#EVENT", "2").await;
    put_event(&endpoint, "grant.requested").await;
    assert_eq!(endpoint.deliver().await, 2);
    schedule(&endpoint, "grant-1", "2026-01-01T00:10:00").await;
    let seeded = endpoint.seeded();
    aws_sdk_ssoadmin::Client::new(&endpoint.sdk_config())
        .create_account_assignment()
        .instance_arn(&seeded.instance_arn)
        .permission_set_arn(&seeded.permission_set("ReadOnlyAccess").unwrap().arn)
        .target_type(TargetType::AwsAccount)
        .target_id("111111111111")
        .principal_type(PrincipalType::User)
        .principal_id(&seeded.user("bob").unwrap().user_id)
        .send()
        .await
        .unwrap();
    drop(endpoint);

    let endpoint = open(&directory.0).await;
    assert_eq!(endpoint.items().len(), 2);
    assert_eq!(endpoint.schedules().len(), 1);
    assert_eq!(endpoint.assignments()[0].principal, "bob");
    assert_eq!(endpoint.queued_events(), 1);
    let functions = Functions::of(&endpoint);
    // The stream's retry is forgotten with the process; the event's delay is not.
    assert_eq!(endpoint.deliver().await, 1);
    let calls = functions.take();
    let records = calls[0].1["Records"].as_array().unwrap();
    assert_eq!(records.len(), 1, "what was done with is not delivered again");
    assert_eq!(records[0]["dynamodb"]["Keys"]["sk"]["S"], "2");
    endpoint.services.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(endpoint.deliver().await, 1);
    assert_eq!(functions.take()[0].0, "provision");
    endpoint.shutdown().await;
}

#[tokio::test]
async fn a_table_that_was_not_finished_is_made_anew() {
    let directory = Directory::new("unfinished");
    std::fs::create_dir_all(&directory.0).unwrap();
    std::fs::write(directory.0.join("dynamodb.unfinished"), "half a table").unwrap();
    std::fs::write(directory.0.join("dynamodb.unfinished-wal"), "and what was to come").unwrap();
    let endpoint = open(&directory.0).await;
    put(&endpoint, "T#1#EVENT", "1").await;
    endpoint.shutdown().await;
    drop(endpoint);
    assert_eq!(open(&directory.0).await.items().len(), 1);
    assert!(!directory.0.join("dynamodb.unfinished").exists());
}

#[tokio::test]
async fn a_corrupt_state_is_named_and_not_overwritten() {
    let directory = Directory::new("corrupt");
    std::fs::create_dir_all(&directory.0).unwrap();
    let file = directory.0.join("aws-state.json");
    std::fs::write(&file, "{").unwrap();
    let storage = Storage::Directory(directory.0.clone());
    let error = AwsEndpoint::start(Options { storage, clock: clock(), ..options() }).await.err();
    assert!(matches!(error, Some(Error::Corrupt(..))), "{error:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{");
}
