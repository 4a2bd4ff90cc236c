//! Identity Center, through the real SDK client.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_ssoadmin::Client;
use aws_sdk_ssoadmin::error::ProvideErrorMetadata;
use aws_sdk_ssoadmin::types::{
    AccountAssignmentOperationStatus as Status, PrincipalType, ProvisionTargetType, StatusValues, TargetType,
};

use super::{options, start};
use crate::aws::{AwsEndpoint, Fault, FaultKind, Faults, Limits, Options, Service};

const SANDBOX: &str = "111111111111";

/// alice's access to `account`, as PowerUserAccess.
struct Access<'a> {
    endpoint: &'a AwsEndpoint,
    client: Client,
    account: &'a str,
}

/// A service error's code, or the answer.
type Outcome = Result<Status, String>;

impl<'a> Access<'a> {
    fn new(endpoint: &'a AwsEndpoint) -> Self {
        let client = Client::new(&endpoint.sdk_config());
        Self { endpoint, client, account: SANDBOX }
    }

    fn instance(&self) -> &str {
        &self.endpoint.seeded().instance_arn
    }

    fn permission_set(&self) -> &str {
        &self.endpoint.seeded().permission_set("PowerUserAccess").unwrap().arn
    }

    fn alice(&self) -> &str {
        &self.endpoint.seeded().user("alice").unwrap().user_id
    }

    async fn create(&self) -> Outcome {
        let call = self.client.create_account_assignment();
        let call = call.instance_arn(self.instance()).permission_set_arn(self.permission_set());
        let call = call.target_type(TargetType::AwsAccount).target_id(self.account);
        let call = call.principal_type(PrincipalType::User).principal_id(self.alice());
        let answer = call.send().await.map_err(|error| code(&error))?;
        Ok(answer.account_assignment_creation_status().unwrap().clone())
    }

    async fn delete(&self) -> Outcome {
        let call = self.client.delete_account_assignment();
        let call = call.instance_arn(self.instance()).permission_set_arn(self.permission_set());
        let call = call.target_type(TargetType::AwsAccount).target_id(self.account);
        let call = call.principal_type(PrincipalType::User).principal_id(self.alice());
        let answer = call.send().await.map_err(|error| code(&error))?;
        Ok(answer.account_assignment_deletion_status().unwrap().clone())
    }

    async fn created(&self, status: &Status) -> Status {
        let call = self.client.describe_account_assignment_creation_status();
        let call = call.instance_arn(self.instance());
        let id = status.request_id().unwrap();
        let answer = call.account_assignment_creation_request_id(id).send().await.unwrap();
        answer.account_assignment_creation_status().unwrap().clone()
    }

    async fn deleted(&self, status: &Status) -> Status {
        let call = self.client.describe_account_assignment_deletion_status();
        let call = call.instance_arn(self.instance());
        let id = status.request_id().unwrap();
        let answer = call.account_assignment_deletion_request_id(id).send().await.unwrap();
        answer.account_assignment_deletion_status().unwrap().clone()
    }
}

fn code<E: ProvideErrorMetadata>(error: &E) -> String {
    error.code().unwrap_or("none").to_owned()
}

#[tokio::test]
async fn an_assignment_comes_and_goes_asynchronously() {
    let latency = Duration::from_millis(300);
    let (endpoint, clock) = start(Options { latency, ..options() }).await;
    let access = Access::new(&endpoint);
    let status = access.create().await.unwrap();
    assert_eq!(status.status(), Some(&StatusValues::InProgress));
    assert_eq!(access.created(&status).await.status(), Some(&StatusValues::InProgress));
    assert!(endpoint.assignments().is_empty());
    assert_eq!(access.create().await.unwrap_err(), "ConflictException");
    clock.advance(latency);
    assert_eq!(access.created(&status).await.status(), Some(&StatusValues::Succeeded));
    let assignments = serde_json::to_value(endpoint.assignments()).unwrap();
    assert_eq!(
        assignments,
        serde_json::json!([{
            "account_id": SANDBOX,
            "permission_set": "PowerUserAccess",
            "principal": "alice",
            "created_at": "2026-01-01T00:00:00.3Z",
        }])
    );

    let status = access.delete().await.unwrap();
    assert_eq!(access.delete().await.unwrap_err(), "ConflictException");
    assert_eq!(endpoint.assignments().len(), 1);
    clock.advance(latency);
    assert_eq!(access.deleted(&status).await.status(), Some(&StatusValues::Succeeded));
    assert!(endpoint.assignments().is_empty());
    assert_eq!(access.delete().await.unwrap_err(), "ResourceNotFoundException");
}

#[tokio::test]
async fn without_latency_the_first_look_finds_it_done() {
    let (endpoint, _) = start(options()).await;
    let access = Access::new(&endpoint);
    let status = access.create().await.unwrap();
    assert_eq!(status.status(), Some(&StatusValues::InProgress));
    assert_eq!(access.created(&status).await.status(), Some(&StatusValues::Succeeded));
}

#[tokio::test]
async fn creating_twice_leaves_one() {
    let (endpoint, _) = start(options()).await;
    let access = Access::new(&endpoint);
    access.create().await.unwrap();
    let second = access.create().await.unwrap();
    assert_eq!(access.created(&second).await.status(), Some(&StatusValues::Succeeded));
    let list = access.client.list_account_assignments().instance_arn(access.instance());
    let list = list.account_id(SANDBOX).permission_set_arn(access.permission_set());
    assert_eq!(list.send().await.unwrap().account_assignments().len(), 1);
    let list = access.client.list_account_assignments_for_principal().instance_arn(access.instance());
    let list = list.principal_id(access.alice()).principal_type(PrincipalType::User);
    assert_eq!(list.send().await.unwrap().account_assignments().len(), 1);
    let list = access.client.list_permission_sets_provisioned_to_account().instance_arn(access.instance());
    let list = list.account_id(SANDBOX).send().await.unwrap();
    assert_eq!(list.permission_sets(), [access.permission_set()]);
}

#[tokio::test]
async fn what_is_unknown_or_malformed_is_refused() {
    let (endpoint, _) = start(options()).await;
    let access = Access { account: "1", ..Access::new(&endpoint) };
    assert_eq!(access.create().await.unwrap_err(), "ValidationException");
    let call = access.client.describe_permission_set().instance_arn(access.instance());
    let arn = format!("{}0", access.permission_set());
    let error = call.permission_set_arn(arn).send().await.unwrap_err();
    assert_eq!(code(&error), "ResourceNotFoundException");
    let call = access.client.list_permission_sets();
    let error = call.instance_arn("arn:aws:sso:::instance/ssoins-0000000000000000").send().await;
    assert_eq!(code(&error.unwrap_err()), "ResourceNotFoundException");
    let call = access.client.list_tags_for_resource().instance_arn(access.instance());
    let error = call.resource_arn(access.instance()).send().await.unwrap_err();
    assert_eq!(code(&error), "UnknownOperationException");
}

#[tokio::test]
async fn an_account_outside_the_organization_fails_late() {
    let (endpoint, _) = start(options()).await;
    let access = Access { account: "999999999999", ..Access::new(&endpoint) };
    let status = access.create().await.unwrap();
    let status = access.created(&status).await;
    assert_eq!(status.status(), Some(&StatusValues::Failed));
    assert!(status.failure_reason().unwrap().contains("404"));
    assert!(endpoint.assignments().is_empty());
}

#[tokio::test]
async fn asynchronous_faults_fail_or_take_their_time() {
    let (endpoint, clock) = start(options()).await;
    let access = Access::new(&endpoint);
    let create = |kind| Fault::new(kind).on(Service::SsoAdmin, "CreateAccountAssignment");
    let slow = create(FaultKind::Slow).milliseconds(5_000);
    endpoint.set_faults(Faults { rules: vec![create(FaultKind::FailAsync), slow] });
    let failed = access.create().await.unwrap();
    assert_eq!(access.created(&failed).await.status(), Some(&StatusValues::Failed));
    let slow = access.create().await.unwrap();
    assert_eq!(access.created(&slow).await.status(), Some(&StatusValues::InProgress));
    clock.advance(Duration::from_secs(5));
    assert_eq!(access.created(&slow).await.status(), Some(&StatusValues::Succeeded));
}

#[tokio::test]
async fn quotas_throttle() {
    let limits = Limits::identity_center();
    let (endpoint, clock) = start(Options { limits, ..options() }).await;
    let access = Access::new(&endpoint);
    for _ in 0..20 {
        access.client.list_instances().send().await.unwrap();
    }
    let error = access.client.list_instances().send().await.unwrap_err();
    assert_eq!(code(&error), "ThrottlingException");
    clock.advance(Duration::from_secs(1));
    access.client.list_instances().send().await.unwrap();

    let limits = Limits { outstanding_changes: Some(1), ..Limits::default() };
    let latency = Duration::from_secs(1);
    let (endpoint, _) = start(Options { limits, latency, ..options() }).await;
    Access::new(&endpoint).create().await.unwrap();
    let other = Access { account: "222222222222", ..Access::new(&endpoint) };
    assert_eq!(other.create().await.unwrap_err(), "ThrottlingException");
}

#[tokio::test]
async fn a_permission_set_is_made_used_and_deleted() {
    let (endpoint, _) = start(options()).await;
    let access = Access::new(&endpoint);
    let sso = &access.client;
    let made = sso.create_permission_set().instance_arn(access.instance());
    let made = made.name("stint-s3").session_duration("PT4H").send().await.unwrap();
    let arn = made.permission_set().unwrap().permission_set_arn().unwrap();
    let again = sso.create_permission_set().instance_arn(access.instance()).name("stint-s3");
    assert_eq!(code(&again.send().await.unwrap_err()), "ConflictException");
    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let call = sso.put_inline_policy_to_permission_set().instance_arn(access.instance());
    call.permission_set_arn(arn).inline_policy(policy).send().await.unwrap();
    let call = sso.get_inline_policy_for_permission_set().instance_arn(access.instance());
    let read = call.permission_set_arn(arn).send().await.unwrap();
    assert_eq!(read.inline_policy(), Some(policy));
    let call = sso.describe_permission_set().instance_arn(access.instance());
    let read = call.permission_set_arn(arn).send().await.unwrap();
    assert_eq!(read.permission_set().unwrap().session_duration(), Some("PT4H"));

    let call = sso.create_account_assignment().instance_arn(access.instance());
    let call = call.permission_set_arn(arn).target_type(TargetType::AwsAccount);
    let call = call.target_id(SANDBOX).principal_type(PrincipalType::User);
    call.principal_id(access.alice()).send().await.unwrap();
    let call = sso.provision_permission_set().instance_arn(access.instance());
    let call = call.permission_set_arn(arn).target_type(ProvisionTargetType::AllProvisionedAccounts);
    let answer = call.send().await.unwrap();
    let status = answer.permission_set_provisioning_status().unwrap();
    let call = sso.describe_permission_set_provisioning_status();
    let call = call.instance_arn(access.instance());
    let call = call.provision_permission_set_request_id(status.request_id().unwrap());
    let answer = call.send().await.unwrap();
    let status = answer.permission_set_provisioning_status().unwrap();
    assert_eq!(status.status(), Some(&StatusValues::Succeeded));

    let delete = || sso.delete_permission_set().instance_arn(access.instance()).permission_set_arn(arn);
    assert_eq!(code(&delete().send().await.unwrap_err()), "ConflictException");
    let call = sso.delete_account_assignment().instance_arn(access.instance());
    let call = call.permission_set_arn(arn).target_type(TargetType::AwsAccount);
    let call = call.target_id(SANDBOX).principal_type(PrincipalType::User);
    call.principal_id(access.alice()).send().await.unwrap();
    delete().send().await.unwrap();
    assert_eq!(code(&delete().send().await.unwrap_err()), "ResourceNotFoundException");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let (endpoint, _) = start(options()).await;
    let access = Access::new(&endpoint);
    let call = access.client.list_permission_sets().instance_arn(access.instance());
    let pages: Vec<_> = call.max_results(2).into_paginator().items().send().collect::<Result<_, _>>().await.unwrap();
    assert_eq!(pages.len(), 3);
}

#[tokio::test]
async fn the_observer_is_told_before_a_change_is_applied() {
    let (endpoint, _) = start(options()).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (log, looks) = (Arc::clone(&seen), Arc::downgrade(&endpoint));
    endpoint.set_observer(Arc::new(move |operation, input| {
        let endpoint = looks.upgrade().unwrap();
        let entry = (operation.to_owned(), input["TargetId"].clone(), endpoint.schedules().len());
        log.lock().unwrap().push(entry);
    }));
    let access = Access::new(&endpoint);
    access.client.list_instances().send().await.unwrap();
    access.create().await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(*seen, [("CreateAccountAssignment".to_owned(), SANDBOX.into(), 0)]);
}
