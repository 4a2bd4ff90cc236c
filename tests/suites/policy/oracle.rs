//! The index changes nothing: every decision is Cedar's own over all rules of the priority and all entities.

use std::cell::Cell;
use std::collections::BTreeSet;

use cedar_policy::{Authorizer, Context, Decision as CedarDecision, Effect as CedarEffect, Entities, PolicyId};
use cedar_policy::{Policy as CedarPolicy, PolicySet, Request, Schema};
use jiff::Timestamp;
use proptest::prop_assert;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use stint::domain::{
    AccountId, Auth, AwsResource, Circumstances, Principal, PrincipalKind, ResourceRef, ResourceType, RuleId, Seconds,
};
use stint::policy::{
    AccessQuestion, DecidedAccess, DecisionQuestion, Directory, Engine, PolicyDecision, TenantSchema, TrialQuestion,
};

use super::fixture::{PROD, decision_question, known, question, trial};
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

fn resource_entity(world: &World, resource: &AwsResource) -> Value {
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
    let parent = resource.parent.as_ref().map(|unit| uid("AwsOrganizationalUnit", unit));
    let holder = account.filter(|_| kind != ResourceType::AwsAccount).map(|account| uid("AwsAccount", account));
    let parents: Vec<_> = parent.into_iter().chain(holder).collect();
    let mut tags = resource.tags.clone();
    let is_account = |other: &&AwsResource| {
        other.resource.kind() == ResourceType::AwsAccount && Some(other.resource.id()) == account
    };
    tags.extend(world.resources.iter().find(is_account).map(|account| account.tags.clone()).unwrap_or_default());
    json!({"uid": uid(kind.cedar_type(), resource.resource.id()), "attrs": attrs, "tags": tags, "parents": parents})
}

/// Who the context names, of a decision.
fn requester(asked: &Asked) -> Option<&Principal> {
    asked.requester.as_ref().filter(|_| ["approve", "revoke"].contains(&asked.action))
}

/// Every entity there is, each with just its direct parents.
fn entities(world: &World, asked: &Asked, resource: &ResourceRef, schema: &Schema) -> Entities {
    let mut all: Vec<_> = world.resources.iter().map(|resource| resource_entity(world, resource)).collect();
    all.extend(GROUPS.map(|group| json!({"uid": uid("Group", group), "attrs": {}, "parents": []})));
    all.push(principal_entity(&asked.principal));
    all.extend(requester(asked).into_iter().filter(|who| who.who != asked.principal.who).map(principal_entity));
    if !world.resources.iter().any(|known| known.resource == *resource) {
        all.push(resource_entity(world, &known(resource.kind(), resource.id(), resource.id())));
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
    let named = known.filter(|known| known.resource.kind() == ResourceType::AwsPermissionSet);
    let is_access = asked.action != "approve" && asked.action != "revoke";
    let role = match named {
        Some(set) => Some(set.name.as_str()),
        None if is_access => Some(asked.action).filter(|_| of_account),
        None => Some("AdministratorAccess"),
    };
    let mut context = json!({
        "duration_seconds": asked.duration,
        "start_at": "2026-01-02T04:04:05.000Z",
        "ends_at": datetime(Timestamp::from_second(BEGIN + asked.duration).unwrap()),
        "has_reason": asked.reason.is_some_and(|reason| !reason.trim().is_empty()),
        "tickets": asked.tickets,
        "now": "2026-01-02T03:04:05.000Z",
        "auth": "oidc",
        "mfa": asked.mfa,
    });
    let optional = [
        ("reason", asked.reason.map(|reason| json!(reason))),
        ("account_id", account.map(|account| json!(account))),
        ("role", role.map(|role| json!(role))),
        ("source_ip", asked.source_ip.map(|ip| json!(ip))),
        ("held_seconds", is_access.then(|| json!(asked.held_seconds))),
        ("break_glass", (asked.action == "revoke").then(|| json!(asked.mfa))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            context[name] = value;
        }
    }
    if let Some(requester) = requester(asked) {
        let name = match requester.who.kind {
            PrincipalKind::User => "requester",
            PrincipalKind::ServiceAccount => "requester_service_account",
        };
        context[name] = uid(type_of(requester.who.kind), &requester.who.id);
    }
    context
}

/// 2026-01-02T04:04:05Z: what is asked for begins an hour later.
const BEGIN: i64 = 1_767_326_645;

fn datetime(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// What must be decided: of a revocation also by who may approve, of a permission set also on its account.
fn oracle(world: &World, asked: &Asked, schema: &Schema) -> Answer {
    let answer = with_target(world, asked, schema);
    if asked.action != "revoke" || answer.permitted {
        return answer;
    }
    let approval = with_target(world, &Asked { action: "approve", ..asked.clone() }, schema);
    if approval.permitted { approval } else { answer }
}

fn with_target(world: &World, asked: &Asked, schema: &Schema) -> Answer {
    let answer = cedar(world, asked, asked.action, &asked.resource, schema);
    let set = world.resources.iter().find(|known| known.resource == asked.resource);
    let set = set.filter(|set| set.resource.kind() == ResourceType::AwsPermissionSet);
    let Some((set, account)) = set.and_then(|set| Some((set, set.account_id.as_ref()?))) else { return answer };
    if !answer.permitted {
        return answer;
    }
    let action = if asked.action == "assume" { set.name.as_str() } else { asked.action };
    let target = cedar(world, asked, action, &ResourceRef::account(account), schema);
    let errors = answer.errors.union(&target.errors).cloned().collect();
    match target {
        Answer { permitted: false, determining, .. } if determining.is_empty() => Answer { errors, ..answer },
        Answer { permitted: false, determining, .. } => Answer { permitted: false, determining, errors },
        Answer { permitted: true, determining, .. } => {
            Answer { determining: answer.determining.union(&determining).copied().collect(), errors, ..answer }
        }
    }
}

/// What Cedar decides on an action on a resource, in the context of what is asked.
fn cedar(world: &World, asked: &Asked, action: &str, resource: &ResourceRef, schema: &Schema) -> Answer {
    let named = |entity_type: &str, id: &str| format!("{entity_type}::\"{id}\"").parse().unwrap();
    let action: cedar_policy::EntityUid = named("Action", action);
    let entity: cedar_policy::EntityUid = named(resource.kind().cedar_type(), resource.id());
    let applies = schema.resources_for_action(&action).unwrap().any(|applies| applies == entity.type_name());
    if !applies {
        return DENIED;
    }
    let entities = entities(world, asked, resource, schema);
    let context = Context::from_json_value(cedar_context(world, asked), Some((schema, &action))).unwrap();
    let principal = named(type_of(asked.principal.who.kind), &asked.principal.who.id);
    let request = Request::new(principal, action, entity, context, Some(schema)).unwrap();

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

/// Ours, asked as the product asks; and trying it out says the same.
fn ours(engine: &Engine, world: &World, asked: &Asked) -> PolicyDecision {
    let Asked { principal, action, resource, reason, tickets, .. } = asked;
    let circumstances =
        Circumstances { auth: Auth::Oidc, mfa: asked.mfa, source_ip: asked.source_ip.map(|ip| ip.parse().unwrap()) };
    let (duration, start_at) = (Seconds::new(asked.duration).unwrap(), Timestamp::from_second(BEGIN).unwrap());
    let context = cedar_context(world, asked);
    let trial = TrialQuestion { requester: asked.requester.as_ref(), ..trial(principal, action, resource) };
    let tried = engine.evaluate(&trial, context.as_object()).unwrap();
    let decision = tried.decision;
    if *action == "approve" || *action == "revoke" {
        let Some(requester) = &asked.requester else { return decision };
        let question = DecisionQuestion {
            circumstances,
            decided: DecidedAccess {
                // Whoever asks for a permission set asks to assume it.
                action: "AdministratorAccess",
                reason: *reason,
                tickets,
                duration,
                start_at,
                break_glass: asked.mfa,
            },
            ..decision_question(principal, requester, resource)
        };
        let (permitted, rules) = if *action == "approve" {
            let answer = engine.authorize_approve(&question);
            (answer.is_ok(), answer.map(|permit| permit.rules().to_vec()))
        } else {
            let answer = engine.authorize_revoke(&question);
            (answer.is_ok(), answer.map(|permit| permit.rules().to_vec()))
        };
        let rules = rules.unwrap_or_else(|denied| denied.determining.iter().map(|rule| rule.rule_id).collect());
        assert_eq!(permitted, decision.is_permitted(), "{question:?}");
        assert_eq!(rules, decision.determining.iter().map(|rule| rule.rule_id).collect::<Vec<_>>(), "{question:?}");
    } else {
        let decided = engine.decide(&AccessQuestion {
            reason: *reason,
            tickets,
            duration,
            start_at,
            circumstances,
            held_seconds: asked.held_seconds,
            ..question(principal, action, resource)
        });
        assert_eq!(decided, decision);
    }
    decision
}

fn answer(decision: PolicyDecision, resource: &ResourceRef) -> Answer {
    assert_eq!(decision.fault, None);
    let in_order = decision.determining.is_sorted_by_key(|rule| rule.rule_id);
    assert!(in_order || resource.kind() == ResourceType::AwsPermissionSet, "{:?}", decision.determining);
    Answer {
        permitted: decision.is_permitted(),
        determining: decision.determining.into_iter().map(|rule| rule.rule_id).collect(),
        errors: decision.errors.into_iter().map(|error| (error.rule_id, error.message)).collect(),
    }
}

#[test]
fn every_decision_is_what_cedar_decides_over_all_rules_and_entities() {
    let [asked, permitted, forbidden, failed, unknown] = [const { Cell::new(0) }; 5];
    let count = |counter: &Cell<u32>, one: bool| counter.set(counter.get() + u32::from(one));
    let config = Config { failure_persistence: None, ..Config::with_cases(WORLDS) };
    let outcome = TestRunner::new(config).run(&world(), |world| {
        let directory: Directory = world.resources.iter().cloned().collect();
        let schema = TenantSchema::new(&directory).unwrap();
        let engine = Engine::compile(&directory, &world.policies).unwrap();
        for question in &world.questions {
            let expected = oracle(&world, question, schema.schema());
            let decision = ours(&engine, &world, question);
            let is_access = !["approve", "revoke"].contains(&question.action);
            if is_access && !directory.is_offered(&question.resource) {
                // What is not known is not given, whatever Cedar says; and whoever is not told is told what Cedar says.
                prop_assert!(!decision.is_permitted());
                prop_assert!(decision.unknown_resource || !expected.permitted);
                count(&unknown, true);
                if decision.unknown_resource {
                    continue;
                }
            }
            let got = answer(decision, &question.resource);
            if got != expected {
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
    assert!(asked.get() >= 2_000 && unknown.get() >= 50);
    for (what, counter) in [("permitted", permitted), ("forbidden", forbidden), ("failed", failed)] {
        assert!(counter.get() * 10 >= asked.get(), "only {} of {} questions {what}", counter.get(), asked.get());
    }
}
