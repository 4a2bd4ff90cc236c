//! The index changes nothing: every decision is Cedar's own over all rules of the priority and all entities.

use std::cell::Cell;
use std::collections::BTreeSet;

use cedar_policy::{Authorizer, Context, Decision as CedarDecision, Effect as CedarEffect, Entities, PolicyId};
use cedar_policy::{Policy as CedarPolicy, PolicySet, Request, Schema};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use stint::domain::{
    AccountId, Auth, AwsResource, Circumstances, Principal, PrincipalKind, ResourceType, RuleId, Seconds,
};
use stint::policy::{Directory, Engine, Question, QuestionContext, TenantSchema};

use super::fixture::{PROD, context, known};
use super::worlds::{Asked, GROUPS, World, world};

/// Rule sets; each is asked several questions.
const WORLDS: u32 = 160;

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
        circumstances: Circumstances {
            auth: Auth::Oidc,
            mfa: asked.mfa,
            source_ip: asked.source_ip.map(|ip| ip.parse().unwrap()),
        },
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
    let config = Config { failure_persistence: None, ..Config::with_cases(WORLDS) };
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
