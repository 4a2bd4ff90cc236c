//! The index changes nothing: every decision is Cedar's own over all rules of the priority and all entities.

use std::cell::Cell;
use std::collections::BTreeSet;

use cedar_policy::{Authorizer, Context, Decision as CedarDecision, Effect as CedarEffect, Entities, PolicyId};
use cedar_policy::{Policy as CedarPolicy, PolicySet, Request, Schema};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::{Value, json};
use stint::domain::{
    AccountId, AwsResource, Policy, Principal, PrincipalKind, PrincipalRef, ResourceRef, ResourceType, RuleId, Seconds,
};
use stint::policy::{Auth, Directory, Engine, Question, QuestionContext, TenantSchema};

use super::fixture::{ADMIN, DATABASE, PROD, PRODUCTION, READ_ONLY, ROOT, SANDBOX, WORKLOADS, context, known, policy};

/// Rule sets; each is asked `QUESTIONS` questions.
const WORLDS: u32 = 320;
const QUESTIONS: usize = 8;

const GROUPS: [&str; 3] = ["g0", "g1", "g2"];
const ACTIONS: [&str; 6] = ["ReadOnlyAccess", "AdministratorAccess", "read", "connect", "assume", "approve"];

const PRINCIPALS: [&str; 11] = [
    "principal",
    "principal",
    "principal == User::\"alice\"",
    "principal == ServiceAccount::\"key\"",
    "principal == User::\"group:g0\"",
    "principal in Group::\"g0\"",
    "principal in User::\"group:g1\"",
    "principal in User::\"bob\"",
    "principal is User",
    "principal is ServiceAccount in Group::\"g1\"",
    "principal is User in Group::\"g2\"",
];

const ACTION_SCOPES: [&str; 7] = [
    "action",
    "action",
    "action == Action::\"ReadOnlyAccess\"",
    "action == Action::\"read\"",
    "action in Action::\"approve\"",
    "action in [Action::\"ReadOnlyAccess\", Action::\"connect\", Action::\"assume\", Action::\"ReadOnlyAccess\"]",
    "action in []",
];

const RESOURCES: [&str; 12] = [
    "resource",
    "resource",
    "resource == AwsAccount::\"111111111111\"",
    "resource == AwsAccount::\"999999999999\"",
    "resource in AwsAccount::\"333333333333\"",
    "resource in AwsOrganizationalUnit::\"ou-ab12-workload\"",
    "resource in AwsOrganizationalUnit::\"r-ab12\"",
    "resource == AwsOrganizationalUnit::\"ou-ab12-producti\"",
    "resource is AwsAccount",
    "resource is AwsAccount in AwsOrganizationalUnit::\"ou-ab12-producti\"",
    "resource is AwsS3Bucket in AwsAccount::\"333333333333\"",
    "resource is AwsOrganizationalUnit in AwsOrganizationalUnit::\"ou-ab12-workload\"",
];

/// Many of these fail for some principals, resources or contexts.
const CONDITIONS: [&str; 25] = [
    "",
    "",
    "",
    "when { context.has_reason }",
    "unless { context.mfa }",
    "when { principal.email like \"*@example.com\" }",
    "when { principal.name == \"deploy\" }",
    "when { resource.rank < 5 }",
    "when { resource.getTag(\"env\") == \"prod\" }",
    "when { resource.hasTag(\"env\") && resource.getTag(\"env\") == \"prod\" }",
    "when { context.duration_seconds * 9223372036854775807 > 0 }",
    "when { context has duration_seconds && context.duration_seconds <= 3600 } unless { context.auth == \"api_key\" }",
    "when { resource in AwsOrganizationalUnit::\"ou-ab12-workload\" }",
    "when { AwsAccount::\"111111111111\" in AwsOrganizationalUnit::\"ou-ab12-producti\" }",
    "when { AwsAccount::\"333333333333\".name == resource.name }",
    "when { AwsAccount::\"999999999999\".account_id == context.account_id }",
    "when { AwsS3Bucket::\"orders\" in resource && AwsS3Bucket::\"orders\".rank == 1 }",
    "when { context.requester in Group::\"g0\" }",
    "when { context has requester && context.requester != principal } unless { context.requester.groups.contains(\"g1\") }",
    "when { context has requester_service_account && context.requester_service_account in Group::\"g1\" }",
    "when { User::\"alice\".groups.contains(\"g0\") }",
    "when { [User::\"alice\", User::\"bob\"].contains(principal) && User::\"bob\" in Group::\"g1\" }",
    "when { context.now > datetime(\"2026-01-01\") && context.source_ip.isInRange(ip(\"10.0.0.0/8\")) }",
    "when { context.tickets.containsAny([\"OPS-1\"]) || Group::\"g0\" has x }",
    "when { if principal in Group::\"g0\" then action == Action::\"ReadOnlyAccess\" else context.role == \"ReadOnlyAccess\" }",
];

#[derive(Debug, Clone)]
struct Asked {
    principal: Principal,
    requester: Option<Principal>,
    action: &'static str,
    resource: ResourceRef,
    reason: Option<&'static str>,
    tickets: Vec<String>,
    duration: Option<i64>,
    source_ip: Option<&'static str>,
    mfa: bool,
}

#[derive(Debug, Clone)]
struct World {
    resources: Vec<AwsResource>,
    policies: Vec<Policy>,
    questions: Vec<Asked>,
}

fn principal() -> impl Strategy<Value = Principal> {
    let who = prop_oneof![
        2 => Just((PrincipalKind::User, "alice")),
        1 => Just((PrincipalKind::User, "bob")),
        1 => Just((PrincipalKind::ServiceAccount, "key")),
        1 => Just((PrincipalKind::ServiceAccount, "alice")),
    ];
    let groups = proptest::collection::vec(select(&GROUPS[..]), 0..4);
    let email = proptest::option::of(select(&["alice@example.com", "bob@elsewhere.example"][..]));
    let name = proptest::option::of(Just("deploy".to_owned()));
    (who, groups, email, name).prop_map(|((kind, id), groups, email, name)| Principal {
        who: PrincipalRef { kind, id: id.to_owned() },
        email: email.map(str::to_owned),
        name,
        groups: groups.into_iter().map(str::to_owned).collect(),
    })
}

fn directory() -> impl Strategy<Value = Vec<AwsResource>> {
    use ResourceType::{AwsAccount, AwsOrganizationalUnit, AwsPermissionSet, AwsRdsInstance, AwsS3Bucket};
    let kinds = [
        (AwsOrganizationalUnit, ROOT),
        (AwsOrganizationalUnit, WORKLOADS),
        (AwsOrganizationalUnit, PRODUCTION),
        (AwsAccount, SANDBOX),
        (AwsAccount, PROD),
        (AwsS3Bucket, "orders"),
        (AwsRdsInstance, DATABASE),
    ];
    let detail = (any::<bool>(), 0..3_usize, proptest::option::of(0..9_i64), any::<bool>(), any::<bool>());
    proptest::collection::vec(detail, kinds.len()).prop_map(move |details| {
        let mut resources: Vec<_> = kinds
            .into_iter()
            .zip(details)
            .enumerate()
            .filter(|(_, (_, (known, parent, ..)))| *known || *parent > 0)
            .map(|(place, ((kind, id), (named, parent, rank, tagged, prod)))| {
                let mut resource = known(kind, id, if named { "orders" } else { id });
                resource.rank = rank;
                if tagged {
                    resource.tags.insert("env".to_owned(), if prod { "prod" } else { "dev" }.to_owned());
                }
                match kind {
                    // A unit stands only below one before it, so there is no circle.
                    AwsOrganizationalUnit if place == 0 => {}
                    AwsOrganizationalUnit | AwsAccount => {
                        let units = [ROOT, WORKLOADS, PRODUCTION];
                        resource.parent = Some(units[parent.min(place - 1)].to_owned());
                    }
                    AwsPermissionSet | AwsS3Bucket | AwsRdsInstance | ResourceType::AwsEc2Instance => {
                        let account = if named { PROD } else { SANDBOX };
                        resource.account_id = prod.then(|| AccountId::parse(account).unwrap());
                    }
                }
                resource
            })
            .collect();
        resources.push(known(AwsPermissionSet, READ_ONLY, "ReadOnlyAccess"));
        resources.push(known(AwsPermissionSet, ADMIN, "AdministratorAccess"));
        resources
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    use ResourceType::{AwsAccount, AwsOrganizationalUnit, AwsPermissionSet, AwsRdsInstance, AwsS3Bucket};
    let resource = prop_oneof![
        Just((AwsAccount, SANDBOX)),
        Just((AwsAccount, PROD)),
        Just((AwsAccount, PROD)),
        Just((AwsAccount, "999999999999")),
        Just((AwsOrganizationalUnit, PRODUCTION)),
        Just((AwsS3Bucket, "orders")),
        Just((AwsRdsInstance, DATABASE)),
        Just((AwsPermissionSet, ADMIN)),
    ];
    // Most questions are about an action that applies; the rest are denied before Cedar is asked.
    let asked = (resource, 0..10_usize).prop_map(|((kind, id), pick)| {
        let fitting: &[&str] = match kind {
            AwsAccount | AwsOrganizationalUnit => {
                &["ReadOnlyAccess", "ReadOnlyAccess", "AdministratorAccess", "approve"]
            }
            AwsPermissionSet => &["assume", "approve"],
            AwsS3Bucket | AwsRdsInstance | ResourceType::AwsEc2Instance => &["read", "connect", "approve"],
        };
        let action = if pick == 9 { ACTIONS[id.len() % ACTIONS.len()] } else { fitting[pick % fitting.len()] };
        (ResourceRef::new(kind, id).unwrap(), action)
    });
    let circumstances = (
        select(&[None, Some(""), Some(" "), Some("an incident")][..]),
        proptest::collection::vec(select(&["OPS-1", "OPS-2"][..]), 0..3),
        select(&[None, Some(1), Some(2), Some(7200)][..]),
        select(&[None, Some("10.1.2.3"), Some("::1")][..]),
        any::<bool>(),
    );
    (principal(), proptest::option::of(principal()), asked, circumstances).prop_map(
        |(principal, requester, (resource, action), (reason, tickets, duration, source_ip, mfa))| Asked {
            principal,
            requester,
            action,
            resource,
            reason,
            tickets: tickets.into_iter().map(str::to_owned).collect(),
            duration,
            source_ip,
            mfa,
        },
    )
}

fn world() -> impl Strategy<Value = World> {
    let effect = prop_oneof![3 => Just("permit"), 1 => Just("forbid")];
    let rule =
        (effect, select(&PRINCIPALS[..]), select(&ACTION_SCOPES[..]), select(&RESOURCES[..]), select(&CONDITIONS[..]))
            .prop_map(|(effect, principal, action, resource, conditions)| {
                format!("{effect}({principal}, {action}, {resource}) {conditions};\n")
            });
    let rules = proptest::collection::vec(rule, 0..8).prop_map(|rules| rules.concat());
    let policies =
        proptest::collection::vec((-1..3_i32, proptest::bool::weighted(0.85), rules), 1..6).prop_map(|drawn| {
            let policies = drawn.into_iter().zip(1..).map(|((priority, enabled, text), number)| {
                let mut policy = policy(number, priority, &text);
                policy.enabled = enabled;
                policy
            });
            policies.collect()
        });
    (directory(), policies, proptest::collection::vec(asked(), QUESTIONS))
        .prop_map(|(resources, policies, questions)| World { resources, policies, questions })
}

/// The oracle's answer.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    permitted: bool,
    determining: BTreeSet<RuleId>,
    errors: BTreeSet<(RuleId, String)>,
}

const DENIED: Answer = Answer { permitted: false, determining: BTreeSet::new(), errors: BTreeSet::new() };

fn uid(entity_type: &str, id: &str) -> Value {
    json!({"type": entity_type, "id": id})
}

fn type_of(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::User => "User",
        PrincipalKind::ServiceAccount => "ServiceAccount",
    }
}

fn principal_entity(principal: &Principal) -> Value {
    let groups: BTreeSet<_> = principal.groups.iter().collect();
    let mut parents: Vec<_> = groups.iter().map(|group| uid("Group", group)).collect();
    let mut attrs = json!({"groups": principal.groups});
    match principal.who.kind {
        PrincipalKind::User => {
            parents.extend(groups.iter().map(|group| uid("User", &format!("group:{group}"))));
            if let Some(email) = &principal.email {
                attrs["email"] = json!(email);
            }
        }
        PrincipalKind::ServiceAccount => {
            let name = principal.name.as_ref().or(principal.email.as_ref()).unwrap_or(&principal.who.id);
            attrs["name"] = json!(name);
        }
    }
    json!({"uid": uid(type_of(principal.who.kind), &principal.who.id), "attrs": attrs, "parents": parents})
}

fn resource_entity(resource: &AwsResource) -> Value {
    let kind = resource.resource.kind();
    let account = match kind {
        ResourceType::AwsAccount => Some(resource.resource.id()),
        ResourceType::AwsRdsInstance => Some(PROD),
        ResourceType::AwsPermissionSet
        | ResourceType::AwsS3Bucket
        | ResourceType::AwsEc2Instance
        | ResourceType::AwsOrganizationalUnit => resource.account_id.as_ref().map(AccountId::as_str),
    };
    let mut attrs = json!({"name": resource.name});
    if let Some(account) = account {
        attrs["account_id"] = json!(account);
    }
    if let Some(rank) = resource.rank {
        attrs["rank"] = json!(rank);
    }
    let parent = resource.parent.as_ref().map(|unit| uid("AwsOrganizationalUnit", unit));
    let holder = account.filter(|_| kind != ResourceType::AwsAccount).map(|account| uid("AwsAccount", account));
    let parents: Vec<_> = parent.into_iter().chain(holder).collect();
    json!({"uid": uid(kind.cedar_type(), resource.resource.id()), "attrs": attrs, "tags": resource.tags, "parents": parents})
}

/// Every entity there is, each with just its direct parents.
fn entities(world: &World, asked: &Asked, schema: &Schema) -> Entities {
    let mut all: Vec<_> = world.resources.iter().map(resource_entity).collect();
    all.extend(GROUPS.map(|group| json!({"uid": uid("Group", group), "attrs": {}, "parents": []})));
    all.push(principal_entity(&asked.principal));
    all.extend(asked.requester.iter().filter(|who| who.who != asked.principal.who).map(principal_entity));
    if !world.resources.iter().any(|known| known.resource == asked.resource) {
        all.push(resource_entity(&known(asked.resource.kind(), asked.resource.id(), asked.resource.id())));
    }
    Entities::from_json_value(Value::Array(all), Some(schema)).unwrap()
}

fn cedar_context(world: &World, asked: &Asked) -> Value {
    let known = world.resources.iter().find(|known| known.resource == asked.resource);
    let account = match asked.resource.kind() {
        ResourceType::AwsAccount => Some(asked.resource.id()),
        ResourceType::AwsRdsInstance => Some(PROD),
        ResourceType::AwsPermissionSet
        | ResourceType::AwsS3Bucket
        | ResourceType::AwsEc2Instance
        | ResourceType::AwsOrganizationalUnit => {
            known.and_then(|known| known.account_id.as_ref()).map(AccountId::as_str)
        }
    };
    let of_account = matches!(asked.resource.kind(), ResourceType::AwsAccount | ResourceType::AwsOrganizationalUnit);
    let mut context = json!({
        "has_reason": asked.reason.is_some_and(|reason| !reason.trim().is_empty()),
        "tickets": asked.tickets,
        "now": "2026-01-02T03:04:05.000Z",
        "auth": "oidc",
        "mfa": asked.mfa,
    });
    let optional = [
        ("reason", asked.reason.map(|reason| json!(reason))),
        ("duration_seconds", asked.duration.map(|duration| json!(duration))),
        ("account_id", account.map(|account| json!(account))),
        ("role", (of_account && asked.action != "approve").then(|| json!(asked.action))),
        ("source_ip", asked.source_ip.map(|ip| json!(ip))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            context[name] = value;
        }
    }
    if let Some(requester) = &asked.requester {
        let name = match requester.who.kind {
            PrincipalKind::User => "requester",
            PrincipalKind::ServiceAccount => "requester_service_account",
        };
        context[name] = uid(type_of(requester.who.kind), &requester.who.id);
    }
    context
}

fn oracle(world: &World, asked: &Asked, schema: &Schema) -> Answer {
    let named = |entity_type: &str, id: &str| format!("{entity_type}::\"{id}\"").parse().unwrap();
    let action: cedar_policy::EntityUid = named("Action", asked.action);
    let resource: cedar_policy::EntityUid = named(asked.resource.kind().cedar_type(), asked.resource.id());
    let applies = schema.resources_for_action(&action).unwrap().any(|applies| applies == resource.type_name());
    if !applies {
        return DENIED;
    }
    let entities = entities(world, asked, schema);
    let context = Context::from_json_value(cedar_context(world, asked), Some((schema, &action))).unwrap();
    let principal = named(type_of(asked.principal.who.kind), &asked.principal.who.id);
    let request = Request::new(principal, action, resource, context, Some(schema)).unwrap();

    let mut answer = DENIED;
    let priorities: BTreeSet<_> = world.policies.iter().map(|policy| policy.priority).collect();
    for priority in priorities.into_iter().rev() {
        let group = world.policies.iter().filter(|policy| policy.enabled && policy.priority == priority);
        let mut set = PolicySet::new();
        for rule in group.flat_map(|policy| &policy.rules) {
            set.add(CedarPolicy::parse(Some(PolicyId::new(rule.id.to_string())), &rule.policy_text).unwrap()).unwrap();
        }
        let response = Authorizer::new().is_authorized(&request, &set, &entities);
        let mut failed_forbids = BTreeSet::new();
        for error in response.diagnostics().errors() {
            let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
            let id: RuleId = error.policy_id().to_string().parse().unwrap();
            answer.errors.insert((id, error.inner().to_string()));
            if set.policy(error.policy_id()).unwrap().effect() == CedarEffect::Forbid {
                failed_forbids.insert(id);
            }
        }
        let reasons: BTreeSet<RuleId> =
            response.diagnostics().reason().map(|id| id.to_string().parse().unwrap()).collect();
        match response.decision() {
            CedarDecision::Allow if failed_forbids.is_empty() => {
                return Answer { permitted: true, determining: reasons, ..answer };
            }
            CedarDecision::Allow => return Answer { determining: failed_forbids, ..answer },
            CedarDecision::Deny if reasons.is_empty() && failed_forbids.is_empty() => {}
            CedarDecision::Deny => {
                return Answer { determining: reasons.union(&failed_forbids).copied().collect(), ..answer };
            }
        }
    }
    answer
}

fn ours(engine: &Engine, asked: &Asked) -> Answer {
    let context = QuestionContext {
        reason: asked.reason,
        tickets: &asked.tickets,
        duration: asked.duration.map(|duration| Seconds::new(duration).unwrap()),
        requester: asked.requester.as_ref(),
        source_ip: asked.source_ip.map(|ip| ip.parse().unwrap()),
        auth: Auth::Oidc,
        mfa: asked.mfa,
        ..context()
    };
    let question = Question { principal: &asked.principal, action: asked.action, resource: &asked.resource, context };
    let decision = engine.evaluate(&question, None).unwrap();
    assert_eq!(decision.fault, None);
    let in_order = decision.determining.is_sorted_by_key(|rule| rule.rule_id);
    assert!(in_order, "{:?}", decision.determining);
    Answer {
        permitted: decision.is_permitted(),
        determining: decision.determining.into_iter().map(|rule| rule.rule_id).collect(),
        errors: decision.errors.into_iter().map(|error| (error.rule_id, error.message)).collect(),
    }
}

#[test]
fn every_decision_is_what_cedar_decides_over_all_rules_and_entities() {
    let (asked, permitted, forbidden, failed) = (Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(0));
    let count = |counter: &Cell<u32>, one: bool| counter.set(counter.get() + u32::from(one));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(WORLDS) };
    let outcome = TestRunner::new(config).run(&world(), |world| {
        let directory: Directory = world.resources.iter().cloned().collect();
        let schema = TenantSchema::new(&directory).unwrap();
        let engine = Engine::compile(&directory, &world.policies).unwrap();
        for question in &world.questions {
            let expected = oracle(&world, question, schema.schema());
            if ours(&engine, question) != expected {
                let got = ours(&engine, question);
                return Err(TestCaseError::fail(format!("{question:#?}\nexpected {expected:#?}\ngot {got:#?}")));
            }
            count(&asked, true);
            count(&permitted, expected.permitted);
            count(&forbidden, !expected.permitted && !expected.determining.is_empty());
            count(&failed, !expected.errors.is_empty());
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    assert!(asked.get() >= 2_000);
    for (what, counter) in [("permitted", permitted), ("forbidden", forbidden), ("failed", failed)] {
        assert!(counter.get() * 10 >= asked.get(), "only {} of {} questions {what}", counter.get(), asked.get());
    }
}
