//! A small world.

use jiff::Timestamp;
use stint::domain::{
    AccountId, ApprovalMode, Auth, AwsResource, Circumstances, OnDrift, Policy, PolicyId, PolicySettings, Principal,
    PrincipalRef, ResourceRef, ResourceType, Rule, RuleId, Seconds,
};
use stint::policy::{AccessQuestion, DecidedAccess, DecisionQuestion, Directory, TrialQuestion, parse_policy_set};
use uuid::Uuid;

pub(crate) const ROOT: &str = "r-ab12";
pub(crate) const WORKLOADS: &str = "ou-ab12-workload";
pub(crate) const PRODUCTION: &str = "ou-ab12-producti";
pub(crate) const SANDBOX: &str = "111111111111";
pub(crate) const PROD: &str = "333333333333";
pub(crate) const READ_ONLY: &str = "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1111111111111111";
pub(crate) const ADMIN: &str = "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-2222222222222222";
pub(crate) const DATABASE: &str = "arn:aws:rds:eu-west-1:333333333333:db:orders";

pub(crate) fn known(kind: ResourceType, id: &str, name: &str) -> AwsResource {
    AwsResource {
        resource: ResourceRef::new(kind, id).unwrap(),
        name: name.to_owned(),
        account_id: None,
        parent: None,
        tags: std::collections::BTreeMap::new(),
        rank: None,
        metadata: serde_json::Map::new(),
        last_synced_at: Timestamp::UNIX_EPOCH,
        missing_since: None,
        gone_at: None,
    }
}

pub(crate) fn below(parent: &str, mut resource: AwsResource) -> AwsResource {
    resource.parent = Some(parent.to_owned());
    resource
}

/// Root, a unit in a unit, two accounts, and one of each thing in production.
pub(crate) fn resources() -> Vec<AwsResource> {
    let mut bucket = known(ResourceType::AwsS3Bucket, "orders", "orders");
    bucket.account_id = Some(AccountId::parse(PROD).unwrap());
    bucket.tags.insert("env".to_owned(), "prod".to_owned());
    let sandbox = below(ROOT, known(ResourceType::AwsAccount, SANDBOX, "sandbox"));
    vec![
        known(ResourceType::AwsOrganizationalUnit, ROOT, "Root"),
        below(ROOT, known(ResourceType::AwsOrganizationalUnit, WORKLOADS, "Workloads")),
        below(WORKLOADS, known(ResourceType::AwsOrganizationalUnit, PRODUCTION, "Production")),
        sandbox,
        below(PRODUCTION, known(ResourceType::AwsAccount, PROD, "production")),
        known(ResourceType::AwsPermissionSet, READ_ONLY, "ReadOnlyAccess"),
        known(ResourceType::AwsPermissionSet, ADMIN, "AdministratorAccess"),
        bucket,
        known(ResourceType::AwsRdsInstance, DATABASE, "orders"),
    ]
}

pub(crate) fn directory() -> Directory {
    resources().into_iter().collect()
}

pub(crate) fn settings() -> PolicySettings {
    PolicySettings {
        approval_mode: ApprovalMode::Auto,
        max_duration_seconds: Seconds::constant::<3600>(),
        default_duration_seconds: None,
        approval_timeout_seconds: None,
        required_approvals: 1,
        require_reason: false,
        ticket_pattern: None,
        notification_channel: None,
        on_drift: OnDrift::Report,
    }
}

/// A policy; its id and those of its rules are made of `number`.
pub(crate) fn policy(number: u128, priority: i32, text: &str) -> Policy {
    let rules = parse_policy_set(text).unwrap().into_iter().zip(0_u32..).map(|(parsed, ordinal)| Rule {
        id: RuleId::from(Uuid::from_u128(number * 1000 + u128::from(ordinal))),
        ordinal,
        effect: parsed.fields.effect,
        policy_text: parsed.text,
        principal: parsed.fields.principal,
        action: parsed.fields.action,
        resource: parsed.fields.resource,
        conditions: parsed.fields.conditions,
        notice: parsed.fields.notice,
        audit_session: parsed.fields.audit_session,
        created_at: Timestamp::UNIX_EPOCH,
    });
    Policy {
        id: PolicyId::from(Uuid::from_u128(number)),
        name: format!("policy {number}"),
        description: None,
        enabled: true,
        priority,
        settings: settings(),
        rules: rules.collect(),
        version: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

pub(crate) fn user(sub: &str, groups: &[&str]) -> Principal {
    Principal {
        who: PrincipalRef::user(sub),
        email: Some(format!("{sub}@example.com")),
        name: None,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        link: stint::domain::DirectoryLink::default(),
    }
}

pub(crate) fn account(id: &str) -> ResourceRef {
    ResourceRef::new(ResourceType::AwsAccount, id).unwrap()
}

pub(crate) const NOW: &str = "2026-01-02T03:04:05Z";

/// Asks for an hour, at once, with a reason.
pub(crate) fn question<'a>(principal: &'a Principal, action: &'a str, resource: &'a ResourceRef) -> AccessQuestion<'a> {
    AccessQuestion {
        principal,
        resource,
        action,
        reason: Some("an incident"),
        tickets: &[],
        duration: Seconds::constant::<3600>(),
        start_at: NOW.parse().unwrap(),
        now: NOW.parse().unwrap(),
        circumstances: CIRCUMSTANCES,
        held_seconds: 0,
    }
}

pub(crate) const CIRCUMSTANCES: Circumstances = Circumstances { auth: Auth::Oidc, mfa: false, source_ip: None };

/// Decides on the hour of reading that `requester` asked for.
pub(crate) fn decision_question<'a>(
    principal: &'a Principal,
    requester: &'a Principal,
    resource: &'a ResourceRef,
) -> DecisionQuestion<'a> {
    DecisionQuestion {
        principal,
        circumstances: CIRCUMSTANCES,
        now: NOW.parse().unwrap(),
        requester,
        resource,
        decided: DecidedAccess {
            action: "ReadOnlyAccess",
            reason: Some("an incident"),
            tickets: &[],
            duration: Seconds::constant::<3600>(),
            start_at: NOW.parse().unwrap(),
            break_glass: false,
        },
    }
}

/// Tries out what `principal` would be told.
pub(crate) fn trial<'a>(principal: &'a Principal, action: &'a str, resource: &'a ResourceRef) -> TrialQuestion<'a> {
    TrialQuestion {
        principal,
        resource,
        action,
        requester: None,
        default_duration: Seconds::constant::<3600>(),
        now: NOW.parse().unwrap(),
        circumstances: CIRCUMSTANCES,
        held_seconds: 0,
    }
}
