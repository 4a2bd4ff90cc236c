//! What a decision costs at 10 to 10,000 rules, beside plain Cedar over the same rules.
//!
//! Each rule has one scope and one condition and is about a group and an account of its own. Plain Cedar is given its
//! entities and its request ready-made; ours makes both from the question.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;

use cedar_policy::{Authorizer, Context, Decision, Entities, PolicySet, Request};
use criterion::{BenchmarkId, Criterion};
use jiff::Timestamp;
use serde_json::json;
use stint::domain::{
    ApprovalMode, Auth, AwsResource, Circumstances, OnDrift, Policy, PolicyId, PolicySettings, Principal, PrincipalRef,
    ResourceRef, ResourceType, Rule, RuleId, Seconds,
};
use stint::policy::{AccessQuestion, Directory, Engine, parse_policy_set};
use uuid::Uuid;

const ACTION: &str = "ReadOnlyAccess";

fn account(number: usize) -> String {
    format!("{number:012}")
}

fn resource(kind: ResourceType, id: &str, name: &str) -> AwsResource {
    AwsResource {
        resource: ResourceRef::new(kind, id).unwrap(),
        name: name.to_owned(),
        account_id: None,
        parent: (kind == ResourceType::AwsAccount).then(|| "ou-ab12-12345678".to_owned()),
        tags: [("env".to_owned(), "prod".to_owned())].into(),
        rank: Some(1),
        metadata: serde_json::Map::new(),
        last_synced_at: Timestamp::UNIX_EPOCH,
        missing_since: None,
        gone_at: None,
    }
}

fn directory(accounts: usize) -> Directory {
    let permission_set = "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef";
    let mut resources = vec![
        resource(ResourceType::AwsPermissionSet, permission_set, ACTION),
        resource(ResourceType::AwsOrganizationalUnit, "ou-ab12-12345678", "Workloads"),
    ];
    resources.extend((0..accounts).map(|number| resource(ResourceType::AwsAccount, &account(number), "an account")));
    resources.into_iter().collect()
}

fn text(rules: usize) -> String {
    (0..rules)
        .map(|number| {
            format!(
                "permit(principal in Group::\"group-{number}\", action == Action::\"{ACTION}\", resource == \
                 AwsAccount::\"{}\") when {{ context.has_reason }};\n",
                account(number)
            )
        })
        .collect()
}

fn policy(text: &str) -> Policy {
    let rules = parse_policy_set(text).unwrap().into_iter().zip(0_u32..).map(|(parsed, ordinal)| Rule {
        id: RuleId::from(Uuid::from_u128(ordinal.into())),
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
        id: PolicyId::from(Uuid::from_u128(1)),
        name: "bench".to_owned(),
        description: None,
        enabled: true,
        priority: 0,
        settings: PolicySettings {
            approval_mode: ApprovalMode::Auto,
            max_duration_seconds: Seconds::new(3600).unwrap(),
            default_duration_seconds: None,
            approval_timeout_seconds: None,
            required_approvals: 1,
            require_reason: false,
            ticket_pattern: None,
            notification_channel: None,
            on_drift: OnDrift::Report,
        },
        rules: rules.collect(),
        version: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

fn ours(criterion: &mut Criterion, rules: usize) {
    let directory = directory(rules);
    let text = text(rules);
    let engine = Engine::compile(&directory, &[policy(&text)]).unwrap();
    let principal = Principal {
        who: PrincipalRef::user("alice"),
        email: Some("alice@example.com".to_owned()),
        name: None,
        groups: vec!["engineering".to_owned(), format!("group-{}", rules / 2), "everyone".to_owned()],
        link: stint::domain::DirectoryLink::default(),
    };
    let resource = ResourceRef::new(ResourceType::AwsAccount, account(rules / 2)).unwrap();
    let question = AccessQuestion {
        principal: &principal,
        action: ACTION,
        resource: &resource,
        reason: Some("an incident"),
        tickets: &[],
        duration: Seconds::new(3600).unwrap(),
        start_at: Timestamp::UNIX_EPOCH,
        now: Timestamp::UNIX_EPOCH,
        circumstances: Circumstances { auth: Auth::Oidc, mfa: true, source_ip: Some("10.0.0.1".parse().unwrap()) },
        held_seconds: 0,
    };
    assert!(engine.decide(&question).is_permitted());
    criterion.benchmark_group("decision").bench_with_input(
        BenchmarkId::new("stint", rules),
        &question,
        |b, question| {
            b.iter(|| engine.decide(black_box(question)));
        },
    );
}

fn plain(criterion: &mut Criterion, rules: usize) {
    let set: PolicySet = text(rules).parse().unwrap();
    let groups: Vec<_> = ["engineering", &format!("group-{}", rules / 2), "everyone"]
        .map(|group| json!({"type": "Group", "id": group}))
        .to_vec();
    let entities = json!([
        {"uid": {"type": "User", "id": "alice"}, "attrs": {"groups": []}, "parents": groups},
        {"uid": {"type": "AwsAccount", "id": account(rules / 2)}, "attrs": {"name": "an account"}, "parents": []},
    ]);
    let entities = Entities::from_json_value(entities, None).unwrap();
    let context = Context::from_json_value(json!({"has_reason": true}), None).unwrap();
    let resource = format!("AwsAccount::\"{}\"", account(rules / 2)).parse().unwrap();
    let action = format!("Action::\"{ACTION}\"").parse().unwrap();
    let request = Request::new("User::\"alice\"".parse().unwrap(), action, resource, context, None).unwrap();
    let authorizer = Authorizer::new();
    assert_eq!(authorizer.is_authorized(&request, &set, &entities).decision(), Decision::Allow);
    criterion.benchmark_group("decision").bench_with_input(BenchmarkId::new("cedar", rules), &request, |b, request| {
        b.iter(|| authorizer.is_authorized(black_box(request), &set, &entities));
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for rules in [10, 100, 1_000, 10_000] {
        plain(&mut criterion, rules);
        ours(&mut criterion, rules);
    }
    criterion.final_summary();
}
