//! What is decided, and why.

use serde_json::json;
use stint::domain::{ApprovalMode, PolicySettings, Principal, PrincipalRef, ResourceRef, ResourceType, Seconds};
use stint::policy::{Engine, PolicyDecision, PolicyOutcome};

use super::fixture::{
    ADMIN, DATABASE, PROD, PRODUCTION, WORKLOADS, account, below, decision_question, directory, known, policy,
    question, resources, settings, trial, user,
};

const READ: &str = "ReadOnlyAccess";

fn decide(engine: &Engine, principal: &Principal, action: &str, resource: &ResourceRef) -> PolicyDecision {
    engine.decide(&question(principal, action, resource))
}

/// What one policy decides about alice of engineering, who asks to read in production.
fn alone(text: &str) -> PolicyDecision {
    let engine = Engine::compile(&directory(), &[policy(1, 0, text)]).unwrap();
    decide(&engine, &user("alice", &["engineering"]), READ, &account(PROD))
}

#[test]
fn nothing_is_permitted_unless_a_rule_says_so() {
    let engine = Engine::compile(&directory(), &[]).unwrap();
    let decision = decide(&engine, &user("alice", &[]), READ, &account(PROD));
    assert_eq!(decision.outcome, PolicyOutcome::Denied);
    assert_eq!(decision.reason, "no rule permits this request");
    let decision = alone("permit(principal, action, resource) when { context.mfa };");
    assert_eq!((decision.outcome, decision.reason.as_str()), (PolicyOutcome::Denied, "no rule permits this request"));
}

#[test]
fn a_scope_reaches_groups_and_units_above() {
    let permitted = [
        "permit(principal in Group::\"engineering\", action, resource);",
        "permit(principal in User::\"group:engineering\", action, resource);",
        "permit(principal is User in Group::\"engineering\", action == Action::\"ReadOnlyAccess\", resource);",
        "permit(principal == User::\"alice\", action in [Action::\"assume\", Action::\"ReadOnlyAccess\"], resource);",
        "permit(principal, action, resource in AwsOrganizationalUnit::\"r-ab12\");",
        "permit(principal, action, resource in AwsOrganizationalUnit::\"ou-ab12-workload\");",
        "permit(principal, action, resource is AwsAccount in AwsOrganizationalUnit::\"ou-ab12-producti\");",
        "permit(principal, action, resource in AwsAccount::\"333333333333\");",
        "permit(principal, action, resource) when { context.role == \"ReadOnlyAccess\" && context.account_id == resource.account_id };",
        "permit(principal, action, resource) when { resource in AwsOrganizationalUnit::\"ou-ab12-workload\" };",
        "permit(principal, action, resource) when { AwsAccount::\"111111111111\".name == \"sandbox\" };",
        "permit(principal, action, resource) when { AwsS3Bucket::\"orders\" in resource };",
    ];
    for text in permitted {
        assert!(alone(text).is_permitted(), "{text}");
    }
    let denied = [
        "permit(principal in Group::\"sre\", action, resource);",
        "permit(principal == Group::\"engineering\", action, resource);",
        "permit(principal == User::\"group:engineering\", action, resource);",
        "permit(principal is ServiceAccount, action, resource);",
        "permit(principal, action == Action::\"AdministratorAccess\", resource);",
        "permit(principal, action in [], resource);",
        "permit(principal, action, resource == AwsOrganizationalUnit::\"r-ab12\");",
        "permit(principal, action, resource is AwsS3Bucket);",
    ];
    for text in denied {
        assert!(!alone(text).is_permitted(), "{text}");
    }
}

#[test]
fn the_highest_priority_that_says_anything_decides() {
    let permit = "@notice(\"welcome\") permit(principal, action, resource);";
    let forbid = "@notice(\"closed\") forbid(principal, action, resource);";
    let silent = "permit(principal, action, resource) when { context.mfa };";
    let cases = [
        (vec![(1, permit), (2, forbid)], false, vec!["closed"]),
        (vec![(2, permit), (1, forbid)], true, vec!["welcome"]),
        (vec![(1, permit), (1, forbid)], false, vec!["closed"]),
        (vec![(-5, permit), (3, silent)], true, vec!["welcome"]),
        (vec![(1, permit), (1, permit)], true, vec!["welcome"]),
        (vec![(1, silent)], false, vec![]),
    ];
    for (policies, permitted, notices) in cases {
        let policies: Vec<_> =
            policies.iter().zip(1..).map(|((priority, text), id)| policy(id, *priority, text)).collect();
        let engine = Engine::compile(&directory(), &policies).unwrap();
        let decision = decide(&engine, &user("alice", &[]), READ, &account(PROD));
        assert_eq!(decision.is_permitted(), permitted, "{policies:?}");
        assert_eq!(decision.notices, notices, "{policies:?}");
        assert_eq!(decision.matching_policy_ids.len(), decision.determining.len());
    }
}

#[test]
fn a_disabled_policy_does_not_exist() {
    let mut disabled = policy(1, 9, "forbid(principal, action, resource);");
    disabled.enabled = false;
    let engine = Engine::compile(&directory(), &[disabled, policy(2, 0, "permit(principal, action, resource);")]);
    assert!(decide(&engine.unwrap(), &user("alice", &[]), READ, &account(PROD)).is_permitted());
}

#[test]
fn a_rule_that_fails_forbids_if_it_forbids_and_never_permits() {
    let decision = alone("permit(principal, action, resource) when { resource.rank < 3 };");
    assert!(!decision.is_permitted());
    assert_eq!((decision.determining.len(), decision.errors.len()), (0, 1));

    let decision = alone(
        "permit(principal, action, resource); @notice(\"rank\") forbid(principal, action, resource) when { resource.rank < 3 };",
    );
    assert!(!decision.is_permitted());
    assert_eq!((decision.notices, decision.errors.len()), (vec!["rank".to_owned()], 1));
    assert_eq!(decision.determining[0].rule_id, decision.errors[0].rule_id);
    assert!(decision.errors[0].message.contains("rank"), "{:?}", decision.errors);
}

#[test]
fn the_strictest_settings_of_the_determining_permits_hold() {
    let with = |id, settings: PolicySettings, text: &str| {
        let mut policy = policy(id, 0, text);
        policy.settings = settings;
        policy
    };
    let seconds = |seconds| Seconds::new(seconds).unwrap();
    let permit = "@audit_session(\"false\") permit(principal, action, resource);";
    let policies = [
        with(1, settings(), permit),
        with(
            2,
            PolicySettings {
                approval_mode: ApprovalMode::Require,
                max_duration_seconds: seconds(7200),
                default_duration_seconds: Some(seconds(5400)),
                required_approvals: 2,
                ticket_pattern: Some("OPS-[0-9]+".to_owned()),
                ..settings()
            },
            permit,
        ),
        with(
            3,
            PolicySettings {
                approval_timeout_seconds: Some(seconds(600)),
                require_reason: true,
                ticket_pattern: Some("OPS-[0-9]+".to_owned()),
                ..settings()
            },
            "permit(principal, action, resource);",
        ),
        // Not satisfied: it has no say.
        with(
            4,
            PolicySettings { max_duration_seconds: seconds(60), required_approvals: 9, ..settings() },
            "permit(principal, action, resource) when { context.mfa };",
        ),
    ];
    let terms = |count: usize| {
        let engine = Engine::compile(&directory(), &policies[..count]).unwrap();
        decide(&engine, &user("alice", &[]), READ, &account(PROD)).terms().unwrap().clone()
    };
    let lenient = terms(1);
    assert_eq!(lenient.approval_mode, ApprovalMode::Auto);
    assert_eq!(lenient.default_duration_seconds, None);
    assert_eq!(lenient.approval_timeout_seconds, seconds(10_800));
    assert!(!lenient.audit_session && !lenient.require_reason);

    let strict = terms(4);
    assert_eq!(strict.approval_mode, ApprovalMode::Require);
    assert_eq!(strict.max_duration_seconds, seconds(3600));
    assert_eq!(strict.default_duration_seconds, Some(seconds(3600)), "capped at the maximum");
    assert_eq!(strict.approval_timeout_seconds, seconds(600));
    assert_eq!(strict.required_approvals, 2);
    assert_eq!(strict.ticket_patterns, ["OPS-[0-9]+"]);
    assert!(strict.audit_session && strict.require_reason);
}

#[test]
fn an_action_that_does_not_apply_is_denied_and_says_so() {
    let engine = Engine::compile(&directory(), &[policy(1, 0, "permit(principal, action, resource);")]).unwrap();
    let alice = user("alice", &[]);
    let reason = |action: &str, resource: &ResourceRef| {
        let decision = decide(&engine, &alice, action, resource);
        assert!(!decision.is_permitted(), "{action} {resource}");
        decision.reason
    };
    let unknown = "`PowerUserAccess` is not an action on resources of type `aws_account`";
    assert_eq!(reason("PowerUserAccess", &account(PROD)), unknown);
    let bucket = ResourceRef::new(ResourceType::AwsS3Bucket, "orders").unwrap();
    assert_eq!(reason(READ, &bucket), "`ReadOnlyAccess` is not an action on resources of type `aws_s3_bucket`");
    assert_eq!(reason("approve", &account(PROD)), "`approve` is reserved and not an access to ask for");
    assert_eq!(reason("revoke", &account(PROD)), "`revoke` is reserved and not an access to ask for");

    let permission_set = ResourceRef::new(ResourceType::AwsPermissionSet, ADMIN).unwrap();
    let unit = ResourceRef::new(ResourceType::AwsOrganizationalUnit, WORKLOADS).unwrap();
    let database = ResourceRef::new(ResourceType::AwsRdsInstance, DATABASE).unwrap();
    for (action, resource) in [("read", &bucket), ("assume", &permission_set), (READ, &unit), ("connect", &database)] {
        assert!(decide(&engine, &alice, action, resource).is_permitted(), "{action} {resource}");
    }
}

#[test]
fn a_subject_cannot_pass_for_a_group() {
    let text = "permit(principal in User::\"group:admins\", action, resource);";
    let engine = Engine::compile(&directory(), &[policy(1, 0, text)]).unwrap();
    assert!(decide(&engine, &user("alice", &["admins"]), READ, &account(PROD)).is_permitted());
    assert!(!decide(&engine, &user("group:admins", &[]), READ, &account(PROD)).is_permitted());
    assert!(!decide(&engine, &user("group:admins", &["admins"]), READ, &account(PROD)).is_permitted());

    let machine = Principal { who: PrincipalRef { id: "group:admins".to_owned(), ..user_less() }, ..user("x", &[]) };
    assert!(!decide(&engine, &machine, READ, &account(PROD)).is_permitted());
}

fn user_less() -> PrincipalRef {
    PrincipalRef { kind: stint::domain::PrincipalKind::ServiceAccount, id: String::new() }
}

#[test]
fn authority_is_asked_of_the_policies() {
    let text = "permit(principal in Group::\"sre\", action == Action::\"approve\", resource)
            when { context has requester && !(context.requester in Group::\"sre\") };
        permit(principal in Group::\"ci\", action == Action::\"approve\", resource)
            when { context has requester_service_account };
        @notice(\"ask sre\") forbid(principal, action == Action::\"revoke\", resource) unless { principal in Group::\"sre\" };
        permit(principal, action == Action::\"revoke\", resource);";
    let engine = Engine::compile(&directory(), &[policy(1, 0, text)]).unwrap();
    let (engineer, sre, ci) = (user("alice", &["engineering"]), user("bob", &["sre"]), user("carol", &["ci"]));
    let machine = Principal { who: PrincipalRef { id: "key".to_owned(), ..user_less() }, ..user("x", &[]) };
    let approve = |who: &Principal, requester: &Principal| {
        engine.authorize_approve(&decision_question(who, requester, &account(PROD)))
    };
    assert_eq!(approve(&sre, &engineer).unwrap().rules().len(), 1);
    assert!(approve(&sre, &sre).is_err());
    assert!(approve(&sre, &user("dave", &["sre"])).is_err());
    assert!(approve(&sre, &machine).is_err());
    assert!(approve(&ci, &machine).is_ok());
    assert!(approve(&ci, &engineer).is_err());

    let revoke = |who| engine.authorize_revoke(&decision_question(who, &engineer, &account(PROD)));
    assert!(revoke(&sre).is_ok());
    let denied = revoke(&engineer).unwrap_err();
    assert_eq!(denied.notices, ["ask sre"]);
}

#[test]
fn evaluating_takes_any_context_that_fits_the_schema() {
    let text = "permit(principal, action == Action::\"ReadOnlyAccess\", resource) when { context.has_reason && context.mfa
            && context.duration_seconds == 60 && context.held_seconds == 7
            && context.tickets.contains(\"OPS-1\") && context.now == datetime(\"2030-01-01T00:00:00Z\")
            && context.start_at == context.now && context.ends_at == datetime(\"2030-01-01T00:01:00Z\")
            && context.source_ip.isLoopback() && context.auth == \"api_key\"
            && context.role == \"r\" && context.account_id == \"a\" };
        permit(principal, action == Action::\"approve\", resource) when { context.role == \"r\" } unless { context.has_reason };
        permit(principal, action == Action::\"revoke\", resource) when { context.break_glass && context.role == \"r\"
            && context.requester == User::\"bob\" && context.requester_service_account.name == \"key\" };";
    let engine = Engine::compile(&directory(), &[policy(1, 0, text)]).unwrap();
    let alice = user("alice", &[]);
    let evaluate =
        |action, extra: serde_json::Value| engine.evaluate(&trial(&alice, action, &account(PROD)), extra.as_object());
    let permitted = |action, extra| evaluate(action, extra).unwrap().decision.is_permitted();
    let full = json!({
        "reason": "x", "mfa": true, "duration_seconds": 60, "tickets": ["OPS-1"], "now": "2030-01-01T00:00:00Z",
        "source_ip": "127.0.0.1", "auth": "api_key", "role": "r", "account_id": "a", "held_seconds": 7,
    });
    let evaluation = evaluate(READ, full).unwrap();
    assert!(evaluation.decision.is_permitted(), "{evaluation:?}");
    // What was evaluated is what evaluates to the same.
    let again = evaluate(READ, serde_json::Value::Object(evaluation.context.clone())).unwrap();
    assert_eq!(again, evaluation);

    assert!(permitted("approve", json!({"role": "r"})));
    assert!(!permitted("approve", json!({"role": "s"})));
    assert!(!permitted("approve", json!({"role": "r", "reason": "x"})));
    assert!(permitted("approve", json!({"role": "r", "reason": "x", "has_reason": false})));
    let revoke = json!({
        "role": "r", "break_glass": true, "requester": {"type": "User", "id": "bob"}, "reason": "x",
        "requester_service_account": {"type": "ServiceAccount", "id": "key"},
    });
    assert!(permitted("revoke", revoke));

    let entity = |kind| json!({"type": kind, "id": "bob"});
    let bad = [
        (READ, "mood", json!("good")),
        (READ, "reason", json!(1)),
        (READ, "mfa", json!(null)),
        (READ, "duration_seconds", json!(1.5)),
        (READ, "duration_seconds", json!(u64::MAX)),
        (READ, "duration_seconds", json!(0)),
        (READ, "duration_seconds", json!(null)),
        (READ, "ends_at", json!("2025-01-01T00:00:00Z")),
        (READ, "held_seconds", json!(86_401)),
        (READ, "tickets", json!(["a", 1])),
        (READ, "now", json!("yesterday")),
        (READ, "now", json!("-009999-01-02T00:00:00Z")),
        (READ, "source_ip", json!("300.0.0.1")),
        (READ, "auth", json!("magic")),
        (READ, "requester", entity("User")),
        (READ, "break_glass", json!(true)),
        ("approve", "role", json!(null)),
        ("approve", "held_seconds", json!(1)),
        ("approve", "break_glass", json!(true)),
        ("approve", "requester", entity("ServiceAccount")),
        ("approve", "requester", json!({"type": "User", "id": "bob", "groups": []})),
        ("revoke", "requester_service_account", json!("key")),
    ];
    for (action, field, value) in bad {
        let error = evaluate(action, json!({ field: value })).unwrap_err();
        assert_eq!(error.field(), field);
    }
    assert_eq!(evaluate("approve", json!({})).unwrap_err().field(), "role");
    let contradictory = json!({"duration_seconds": 60, "ends_at": "2026-01-02T03:05:06Z"});
    assert_eq!(evaluate(READ, contradictory).unwrap_err().field(), "ends_at");
}

#[test]
fn a_directory_that_is_no_hierarchy_is_an_error_that_names_the_unit() {
    let unit = |id: &str, parent: &str| below(parent, known(ResourceType::AwsOrganizationalUnit, id, id));
    let circle = resources().into_iter().chain([unit(PRODUCTION, WORKLOADS), unit(WORKLOADS, PRODUCTION)]).collect();
    let error = Engine::compile(&circle, &[]).unwrap_err().to_string();
    assert!(error.contains("is above itself"), "{error}");
}
