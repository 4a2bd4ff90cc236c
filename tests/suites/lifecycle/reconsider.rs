//! Policy is asked again when time has passed: by the approval that would grant, and by the worker before it gives.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint::auth::api_key::ApiKey;
use stint::domain::{AccountId, Grant, OnDrift, Tenant, User};
use stint::store::{Record, Transaction};
use stint_local::aws::{Fault, FaultKind, Faults, Service};
use stint_local::seed::Seed;
use stint_tests::{Answer, As, PRODUCTION, SANDBOX, World, ask};

const SANDBOX_POLICY: &str = "engineering in sandbox";
const PRODUCTION_POLICY: &str = "engineering reads production";

/// The policy of that name.
async fn policy(world: &World, name: &str) -> String {
    let policies = world.get(As::Key, "/v1/policies").await.expect(StatusCode::OK);
    let found = policies["data"].as_array().unwrap_or_else(|| policies.as_array().unwrap());
    let policy = found.iter().find(|policy| policy["name"] == name).unwrap();
    format!("/v1/policies/{}", policy["id"].as_str().unwrap())
}

async fn delete(world: &World, name: &str) {
    let path = policy(world, name).await;
    let answer = world.call(As::Key, Method::DELETE, path).send().await;
    assert!(answer.status.is_success(), "{}", answer.body);
}

async fn edit(world: &World, name: &str, change: Value) {
    let path = policy(world, name).await;
    world.call(As::Key, Method::PATCH, path).json(&change).send().await.expect(StatusCode::OK);
}

/// Forbids everything until it is deleted.
async fn freeze(world: &World) {
    let freeze = json!({
        "name": "freeze",
        "priority": 1000,
        "max_duration_seconds": 60,
        "cedar_policy_set": "@notice(\"Nothing is given until the release is out.\")\nforbid (principal, action, resource)\nunless { action == Action::\"approve\" || action == Action::\"revoke\" };",
    });
    world.post(As::Key, "/v1/policies", freeze).await.expect(StatusCode::CREATED);
}

/// What the directory says of a person's groups from now on.
async fn set_groups(world: &World, sub: &str, groups: &[&str]) {
    let tenant = world.local.tenant_id();
    let table = world.local.table().tenant(tenant);
    let mut user = table.get::<User>(sub).await.unwrap().unwrap();
    user.groups = groups.iter().map(|group| (*group).to_owned()).collect();
    let mut writes = Transaction::new(tenant);
    writes.put(&user).unwrap();
    table.commit(writes).await.unwrap();
}

async fn edit_tenant(world: &World, edit: impl FnOnce(&mut Tenant)) {
    let id = world.local.tenant_id();
    let table = world.local.table().tenant(id);
    let mut tenant = table.get::<Tenant>(Tenant::KIND).await.unwrap().unwrap();
    edit(&mut tenant);
    let mut writes = Transaction::new(id);
    writes.put(&tenant).unwrap();
    table.commit(writes).await.unwrap();
}

async fn pending(world: &World) -> String {
    let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 3600).await.expect(StatusCode::CREATED);
    assert_eq!(request["status"], "pending");
    request["id"].as_str().unwrap().to_owned()
}

async fn approve(world: &World, who: &str, id: &str) -> Answer {
    world.post(As::Person(who), format!("/v1/requests/{id}/approve"), json!({})).await
}

async fn request(world: &World, id: &str) -> Value {
    world.get(As::Key, format!("/v1/requests/{id}")).await.expect(StatusCode::OK)
}

/// A request of alice's for the sandbox, granted from an hour later on.
async fn for_later(world: &World) -> String {
    let mut body = ask(SANDBOX, "PowerUserAccess", 3600);
    body["start_at"] = json!(world.now() + jiff::SignedDuration::from_hours(1));
    let request = world.post(As::Person("alice"), "/v1/requests", body).await.expect(StatusCode::CREATED);
    world.settle().await;
    request["grant_ids"][0].as_str().unwrap().to_owned()
}

fn creations(world: &World) -> usize {
    world.local.aws().calls().iter().filter(|call| call.operation == "CreateAccountAssignment").count()
}

/// The grant ended without ever having been given.
async fn assert_refused(world: &World, grant: &str, why: &str) {
    let grant = world.grant(grant).await;
    assert_eq!((&grant["status"], &grant["provisioning_status"]), (&json!("revoked"), &json!("failed")), "{grant}");
    assert!(grant["provisioning_error"].as_str().unwrap().contains(why), "{grant}");
    assert_eq!(grant["revocation"]["status"], "done");
    assert!(world.audit().contains(&"grant.failed".to_owned()));
    assert!(world.assignments().is_empty());
    assert_eq!(creations(world), 0, "nothing ever existed");
}

#[tokio::test]
async fn an_approval_under_a_policy_that_was_deleted_is_refused_and_not_counted() {
    let world = World::start().await;
    let id = pending(&world).await;
    // Bob may still approve; what alice asked for is permitted by nothing.
    let approvers = json!({
        "name": "approvers",
        "max_duration_seconds": 3600,
        "cedar_policy_set": "permit (principal in Group::\"sre\", action == Action::\"approve\", resource);",
    });
    world.post(As::Key, "/v1/policies", approvers).await.expect(StatusCode::CREATED);
    delete(&world, PRODUCTION_POLICY).await;

    approve(&world, "bob", &id).await.refused(403, "policy_denied");
    world.settle().await;
    let request = request(&world, &id).await;
    assert_eq!((&request["status"], &request["decisions"]), (&json!("pending"), &json!([])));
    assert!(world.assignments().is_empty());
    assert_eq!(world.audit().last().unwrap(), "request.approval_refused");
    let denied = world.post(As::Person("bob"), format!("/v1/requests/{id}/deny"), json!({})).await;
    assert_eq!(denied.expect(StatusCode::OK)["status"], "denied");
}

#[tokio::test]
async fn a_freeze_refuses_approvals_while_it_lasts() {
    let world = World::start().await;
    let id = pending(&world).await;
    freeze(&world).await;
    let error = approve(&world, "bob", &id).await.refused(403, "policy_denied");
    assert_eq!(error["notices"], json!(["Nothing is given until the release is out."]));
    delete(&world, "freeze").await;
    let request = approve(&world, "bob", &id).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "approved");
    let policies = world.get(As::Key, "/v1/policies").await;
    assert!(policies.status.is_success());
    world.settle().await;
    assert_eq!(world.assignments(), ["alice ReadOnlyAccess 333333333333"]);
}

#[tokio::test]
async fn refused_approvals_are_recorded_once_a_minute_for_each_principal() {
    let world = World::start().await;
    let id = pending(&world).await;
    freeze(&world).await;
    for who in ["bob", "bob", "carol", "bob"] {
        approve(&world, who, &id).await.refused(403, "policy_denied");
    }
    world.settle().await;
    let recorded = |world: &World| world.audit().iter().filter(|kind| *kind == "request.approval_refused").count();
    assert_eq!(recorded(&world), 2);
    world.pass(60);
    approve(&world, "bob", &id).await.refused(403, "policy_denied");
    world.settle().await;
    assert_eq!(recorded(&world), 3);
}

#[tokio::test]
async fn the_approval_of_ones_own_request_is_recorded() {
    let world = World::start().await;
    let id = pending(&world).await;
    approve(&world, "alice", &id).await.refused(403, "self_approval");
    world.settle().await;
    assert_eq!(world.audit().last().unwrap(), "request.approval_refused");
}

#[tokio::test]
async fn a_refused_approval_is_replayed_to_who_repeats_it() {
    let world = World::start().await;
    let id = pending(&world).await;
    freeze(&world).await;
    let again = || {
        let call = world.call(As::Person("bob"), Method::POST, format!("/v1/requests/{id}/approve"));
        call.header("idempotency-key", "once").json(&json!({})).send()
    };
    let first = again().await;
    assert_eq!(first.status, StatusCode::FORBIDDEN);
    let second = again().await;
    assert_eq!((second.status, &second.body), (first.status, &first.body));
    assert_eq!(second.headers["idempotent-replayed"], "true");
}

#[tokio::test]
async fn a_lowered_maximum_refuses_and_shortens_nothing() {
    let world = World::start().await;
    let id = pending(&world).await;
    edit(&world, PRODUCTION_POLICY, json!({"max_duration_seconds": 600, "default_duration_seconds": null})).await;
    let error = approve(&world, "bob", &id).await.refused(403, "policy_denied");
    assert!(error["message"].as_str().unwrap().contains("600 seconds"), "{error}");
    edit(&world, PRODUCTION_POLICY, json!({"max_duration_seconds": 7200})).await;
    let request = approve(&world, "bob", &id).await.expect(StatusCode::OK);
    assert_eq!(request["duration_seconds"], 3600);
}

#[tokio::test]
async fn a_raised_maximum_does_not_raise_what_was_asked_for_under_the_old_one() {
    let world = World::start().await;
    let id = pending(&world).await;
    edit(&world, PRODUCTION_POLICY, json!({"max_duration_seconds": 28800})).await;
    let request = approve(&world, "bob", &id).await.expect(StatusCode::OK);
    world.settle().await;
    let grant = request["grant_ids"][0].as_str().unwrap();
    let grants = world.items("GRANT");
    let stored = grants.iter().map(stint_tests::plain).find(|stored| stored["id"] == grant).unwrap();
    assert_eq!(stored["latest_end"], "2026-01-05T13:00:00Z");
}

#[tokio::test]
async fn a_request_waits_for_a_second_approval_once_two_are_required() {
    let world = World::start().await;
    let id = pending(&world).await;
    edit(&world, PRODUCTION_POLICY, json!({"required_approvals": 2})).await;
    let request = approve(&world, "bob", &id).await.expect(StatusCode::OK);
    assert_eq!((&request["status"], &request["required_approvals"]), (&json!("pending"), &json!(2)));
    assert_eq!(request["grant_ids"], json!([]));
    // Once asked for, it stays asked for.
    edit(&world, PRODUCTION_POLICY, json!({"required_approvals": 1})).await;
    approve(&world, "bob", &id).await.refused(409, "conflict");
    let request = approve(&world, "carol", &id).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "approved");
}

#[tokio::test]
async fn a_reason_that_is_required_now_and_missing_refuses() {
    let world = World::start().await;
    let mut body = ask(PRODUCTION, "ReadOnlyAccess", 600);
    body["reason"] = Value::Null;
    let request = world.post(As::Person("alice"), "/v1/requests", body).await.expect(StatusCode::CREATED);
    let id = request["id"].as_str().unwrap();
    edit(&world, PRODUCTION_POLICY, json!({"require_reason": true})).await;
    let error = approve(&world, "bob", id).await.refused(403, "policy_denied");
    assert!(error["message"].as_str().unwrap().contains("a reason is required now"), "{error}");
}

#[tokio::test]
async fn who_left_the_group_since_is_not_granted_what_they_asked_for() {
    let world = World::start().await;
    let id = pending(&world).await;
    set_groups(&world, "alice", &["marketing"]).await;
    approve(&world, "bob", &id).await.refused(403, "policy_denied");
    set_groups(&world, "alice", &["marketing", "engineering"]).await;
    let request = approve(&world, "bob", &id).await.expect(StatusCode::OK);
    world.settle().await;
    let grant = world.grant(request["grant_ids"][0].as_str().unwrap()).await;
    assert_eq!(grant["provisioning_status"], "successful");
}

#[tokio::test]
async fn the_approval_of_who_may_not_approve_any_more_does_not_count() {
    let mut seed = Seed::example();
    seed.policies[1]["required_approvals"] = json!(2);
    let world = World::with(seed).await;
    let id = pending(&world).await;
    approve(&world, "bob", &id).await.expect(StatusCode::OK);
    set_groups(&world, "bob", &["engineering"]).await;
    let request = approve(&world, "carol", &id).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "pending", "{request}");
    let request = approve(&world, "dave", &id).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "approved");
}

#[tokio::test]
async fn a_decision_names_the_rules_that_authorized_it() {
    let world = World::start().await;
    let id = pending(&world).await;
    let path = policy(&world, PRODUCTION_POLICY).await;
    let rules = world.get(As::Key, path).await.expect(StatusCode::OK)["rules"].clone();
    let request = approve(&world, "bob", &id).await.expect(StatusCode::OK);
    assert_eq!(request["decisions"][0]["authorized_by"], json!([rules[1]["id"]]));
    let id = pending(&world).await;
    let request = approve(&world, "dave", &id).await.expect(StatusCode::OK);
    assert_eq!(request["decisions"][0]["authorized_by"], json!([]), "an administrator");
}

#[tokio::test]
async fn a_grant_does_not_begin_once_its_policy_is_deleted() {
    let world = World::start().await;
    let grant = for_later(&world).await;
    delete(&world, SANDBOX_POLICY).await;
    world.wait(3600).await;
    assert_refused(&world, &grant, "no rule").await;
}

#[tokio::test]
async fn a_grant_does_not_begin_under_a_forbid_and_says_its_notice() {
    let world = World::start().await;
    let grant = for_later(&world).await;
    freeze(&world).await;
    world.wait(3600).await;
    assert_refused(&world, &grant, "forbidden by policy `freeze`").await;
    let entries = world.get(As::Key, "/v1/audit-log?action=grant.failed").await.expect(StatusCode::OK);
    let notices = &entries["data"][0]["metadata"]["notices"];
    assert_eq!(notices, &json!(["Nothing is given until the release is out."]), "{entries}");
}

#[tokio::test]
async fn a_grant_does_not_begin_for_who_left_the_group() {
    let world = World::start().await;
    let grant = for_later(&world).await;
    set_groups(&world, "alice", &[]).await;
    world.wait(3600).await;
    assert_refused(&world, &grant, "no rule").await;
}

#[tokio::test]
async fn a_grant_that_policy_alone_approved_does_not_begin_once_people_have_to() {
    let world = World::start().await;
    let grant = for_later(&world).await;
    edit(&world, SANDBOX_POLICY, json!({"approval_mode": "require"})).await;
    world.wait(3600).await;
    assert_refused(&world, &grant, "1 people have to approve").await;
}

#[tokio::test]
async fn a_grant_does_not_begin_longer_than_is_allowed_then() {
    let world = World::start().await;
    let grant = for_later(&world).await;
    edit(&world, SANDBOX_POLICY, json!({"max_duration_seconds": 600, "default_duration_seconds": null})).await;
    world.wait(3600).await;
    assert_refused(&world, &grant, "600 seconds").await;
}

#[tokio::test]
async fn an_extended_grant_does_not_begin_longer_than_is_allowed_then() {
    let world = World::start().await;
    let grant = for_later(&world).await;
    let path = format!("/v1/grants/{grant}/extend");
    world.post(As::Person("alice"), path, json!({"duration_seconds": 7200})).await.expect(StatusCode::OK);
    // The hour it was asked for would be allowed.
    edit(&world, SANDBOX_POLICY, json!({"max_duration_seconds": 3600, "default_duration_seconds": null})).await;
    world.wait(3600).await;
    assert_refused(&world, &grant, "3600 seconds").await;
}

#[tokio::test]
async fn a_grant_has_the_stricter_terms_it_begins_under() {
    let world = World::start().await;
    edit(&world, SANDBOX_POLICY, json!({"on_drift": "restore"})).await;
    let id = for_later(&world).await;
    let change = json!({"max_duration_seconds": 5400, "default_duration_seconds": null, "on_drift": "report"});
    edit(&world, SANDBOX_POLICY, change).await;
    world.wait(3600).await;
    assert_eq!(world.grant(&id).await["provisioning_status"], "successful");
    let stored = stored(&world, &id).await;
    assert_eq!(stored.latest_end, stored.granted_at + jiff::SignedDuration::from_secs(5400));
    assert_eq!(stored.on_drift, OnDrift::Report);
}

async fn stored(world: &World, id: &str) -> Grant {
    world.local.table().tenant(world.local.tenant_id()).get(id).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_differs_from_what_was_approved_is_not_given() {
    let hour = jiff::SignedDuration::from_hours(1);
    let edits: [&dyn Fn(&mut Grant); 6] = [
        &|grant| grant.account_id = AccountId::parse(PRODUCTION).unwrap(),
        &|grant| grant.permission_set_arn = grant.permission_set_arn.replace("ssoins", "other"),
        &|grant| grant.expires_at = grant.latest_end + hour,
        &|grant| (grant.latest_end, grant.expires_at) = (grant.latest_end + hour, grant.latest_end + hour),
        &|grant| grant.granted_at -= hour,
        &|grant| grant.action = "AdministratorAccess".to_owned(),
    ];
    for edit in edits {
        let world = World::start().await;
        let id = world.granted("alice", SANDBOX, "PowerUserAccess", 3600).await;
        let mut grant = stored(&world, &id).await;
        edit(&mut grant);
        let mut writes = Transaction::new(grant.tenant_id);
        writes.update(&grant).unwrap();
        world.local.table().tenant(grant.tenant_id).commit(writes).await.unwrap();
        world.settle().await;
        assert_refused(&world, &id, "no approved request asks for it").await;
    }
}

#[tokio::test]
async fn another_permission_set_than_the_approved_is_not_given() {
    let world = World::start().await;
    let id = world.granted("alice", SANDBOX, "ReadOnlyAccess", 3600).await;
    let more = world.granted("alice", SANDBOX, "PowerUserAccess", 3600).await;
    let mut grant = stored(&world, &id).await;
    grant.permission_set_arn = stored(&world, &more).await.permission_set_arn;
    let mut writes = Transaction::new(grant.tenant_id);
    writes.update(&grant).unwrap();
    world.local.table().tenant(grant.tenant_id).commit(writes).await.unwrap();
    world.settle().await;
    let grant = world.grant(&id).await;
    assert_eq!((&grant["status"], &grant["provisioning_status"]), (&json!("revoked"), &json!("failed")), "{grant}");
    assert_eq!(creations(&world), 1);
}

/// What the newest audit entry of that kind says of the rules.
async fn authorized_by(world: &World, kind: &str) -> Value {
    world.settle().await;
    let entries = world.get(As::Key, format!("/v1/audit-log?action={kind}")).await.expect(StatusCode::OK);
    entries["data"][0]["metadata"]["authorized_by"].clone()
}

#[tokio::test]
async fn events_name_the_rules_of_the_decision_they_record_and_of_no_other() {
    let mut seed = Seed::example();
    seed.policies[1]["required_approvals"] = json!(2);
    let world = World::with(seed).await;
    let rules = world.get(As::Key, policy(&world, PRODUCTION_POLICY).await).await.expect(StatusCode::OK);
    let approves = json!([rules["rules"][1]["id"]]);
    let id = pending(&world).await;
    approve(&world, "bob", &id).await.expect(StatusCode::OK);
    assert_eq!(authorized_by(&world, "request.approval_added").await, approves);
    freeze(&world).await;
    approve(&world, "carol", &id).await.refused(403, "policy_denied");
    assert_eq!(authorized_by(&world, "request.approval_refused").await, Value::Null);
    delete(&world, "freeze").await;
    let request = approve(&world, "carol", &id).await.expect(StatusCode::OK);
    assert_eq!(authorized_by(&world, "request.approved").await, approves);
    let path = format!("/v1/grants/{}", request["grant_ids"][0].as_str().unwrap());
    let ended = world.call(As::Person("bob"), Method::DELETE, path).send().await;
    assert!(ended.status.is_success(), "{}", ended.body);
    assert_eq!(authorized_by(&world, "grant.revoked").await, approves);

    let id = pending(&world).await;
    approve(&world, "bob", &id).await.expect(StatusCode::OK);
    let cancelled = world.post(As::Person("alice"), format!("/v1/requests/{id}/cancel"), json!({})).await;
    cancelled.expect(StatusCode::OK);
    assert_eq!(authorized_by(&world, "request.cancelled").await, Value::Null);
}

#[tokio::test]
async fn a_grant_begins_as_decided_when_nothing_changed() {
    let world = World::start().await;
    let grant = for_later(&world).await;
    world.wait(3600).await;
    assert_eq!(world.grant(&grant).await["provisioning_status"], "successful");
}

#[tokio::test]
async fn a_time_window_that_is_over_when_it_begins_gives_nothing() {
    let mut seed = Seed::example();
    let window = "permit (principal in Group::\"engineering\", action, resource == AwsAccount::\"111111111111\")\n\
                  when { context.now < datetime(\"2026-01-05T09:10:00Z\") };";
    seed.policies[0]["cedar_policy_set"] = json!(window);
    let world = World::with(seed).await;
    // Delivered too late: an outage of the bus, say.
    let grant = world.granted("alice", SANDBOX, "PowerUserAccess", 7200).await;
    world.pass(1200);
    world.settle().await;
    assert_refused(&world, &grant, "no rule").await;
}

#[tokio::test]
async fn access_of_a_key_that_was_revoked_does_not_begin() {
    let world = World::start().await;
    let groups = vec!["engineering".to_owned()];
    let service_user = world.local.aws().world().user("stint-local").unwrap().user_id.clone();
    let edit = |key: &mut ApiKey| (key.groups, key.identity_store_user_id) = (groups, Some(service_user));
    let secret = world.api_key_with(edit).await;
    let mut body = ask(SANDBOX, "PowerUserAccess", 3600);
    body["start_at"] = json!(world.now() + jiff::SignedDuration::from_hours(1));
    let request = world.post(As::ApiKey(&secret), "/v1/requests", body).await.expect(StatusCode::CREATED);
    let tenant = world.local.tenant_id();
    let table = world.local.table().tenant(tenant);
    let mut key = table.get::<ApiKey>(request["requester_id"].as_str().unwrap()).await.unwrap().unwrap();
    key.revoked_at = Some(world.now());
    let mut writes = Transaction::new(tenant);
    writes.put(&key).unwrap();
    table.commit(writes).await.unwrap();
    world.wait(3600).await;
    assert_refused(&world, request["grant_ids"][0].as_str().unwrap(), "has expired or was revoked").await;
}

#[tokio::test]
async fn policies_that_cannot_be_read_give_nothing_until_they_can() {
    let world = World::start().await;
    let grant = for_later(&world).await;
    let refuse = Fault::new(FaultKind::Refuse).on(Service::DynamoDb, "Query").times(1_000);
    world.local.aws().set_faults(Faults { rules: vec![refuse] });
    world.wait(3600).await;
    let found = world.grant(&grant).await;
    assert_eq!((&found["status"], &found["provisioning_status"]), (&json!("active"), &json!("pending")), "{found}");
    assert!(world.assignments().is_empty());
    world.local.aws().set_faults(Faults::default());
    world.pass(901);
    world.local.sweep().await.unwrap();
    assert_eq!(world.grant(&grant).await["provisioning_status"], "successful");
}

#[tokio::test]
async fn what_could_not_be_given_yet_is_refused_by_a_policy_that_came_since() {
    let world = World::start().await;
    let grant = world.granted("alice", SANDBOX, "PowerUserAccess", 7200).await;
    let refuse = Fault::new(FaultKind::Refuse).on(Service::SsoAdmin, "CreateAccountAssignment").times(1000);
    world.local.aws().set_faults(Faults { rules: vec![refuse] });
    world.settle().await;
    world.wait(901).await;
    assert_eq!(world.grant(&grant).await["provisioning_status"], "pending");
    // A policy that would refuse it while it was not given yet does.
    freeze(&world).await;
    world.wait(901).await;
    let found = world.grant(&grant).await;
    assert_eq!((&found["status"], &found["provisioning_status"]), (&json!("revoked"), &json!("failed")), "{found}");
}

#[tokio::test]
async fn an_emergency_begins_at_once_or_not_at_all() {
    let world = World::start().await;
    let mut body = ask(PRODUCTION, "AdministratorAccess", 600);
    body["break_glass"] = json!(true);
    body["start_at"] = json!("2026-03-01T00:00:00Z");
    let error = world.post(As::Person("carol"), "/v1/requests", body).await.refused(400, "invalid_input");
    assert_eq!(error["details"]["field"], "start_at");
}

#[tokio::test]
async fn an_emergency_is_not_given_once_the_tenant_allows_none() {
    let edits: [(fn(&mut Tenant), &str); 3] = [
        (|tenant| tenant.settings.break_glass.enabled = false, "break-glass is off"),
        (|tenant| tenant.settings.break_glass.groups = vec!["others".to_owned()], "for members of"),
        (|tenant| tenant.settings.break_glass.max_duration_seconds = 60.try_into().unwrap(), "is 60 seconds now"),
    ];
    for (change, why) in edits {
        let world = World::start().await;
        let mut body = ask(PRODUCTION, "AdministratorAccess", 600);
        body["break_glass"] = json!(true);
        let request = world.post(As::Person("carol"), "/v1/requests", body).await.expect(StatusCode::CREATED);
        edit_tenant(&world, change).await;
        world.settle().await;
        assert_refused(&world, request["grant_ids"][0].as_str().unwrap(), why).await;
    }
}

#[tokio::test]
async fn a_freeze_does_not_keep_anybody_from_an_emergency() {
    let world = World::start().await;
    let mut body = ask(PRODUCTION, "AdministratorAccess", 600);
    body["break_glass"] = json!(true);
    world.post(As::Person("carol"), "/v1/requests", body).await.expect(StatusCode::CREATED);
    freeze(&world).await;
    world.settle().await;
    assert_eq!(world.assignments(), ["carol AdministratorAccess 333333333333"]);
}
