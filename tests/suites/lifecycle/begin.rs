//! Policy is asked again by the worker, before a grant begins.

use super::*;

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
    assert_refused(&world, &grant, "policy now requires 1 approvals").await;
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
        assert_refused(&world, &id, "the grant does not match an approved request").await;
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
async fn an_extension_names_the_rules_that_permit_it() {
    let world = World::start().await;
    let rules = world.get(As::Key, policy(&world, SANDBOX_POLICY).await).await.expect(StatusCode::OK);
    let permits = json!([rules["rules"][0]["id"]]);
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 600).await;
    world.settle().await;
    let more = json!({"duration_seconds": 300, "reason": "more"});
    world.post(As::Person("alice"), format!("/v1/grants/{id}/extend"), more).await.expect(StatusCode::OK);
    assert_eq!(authorized_by(&world, "grant.extended").await, permits);
    // `ensure` extends it in the last fifth of its length.
    world.wait(850).await;
    let target =
        json!({"target": format!("AWS::Account::{SANDBOX}"), "role": "PowerUserAccess", "duration_seconds": 3600});
    let ensured = world.post(As::Person("alice"), "/v1/access/ensure", json!({"entitlements": [target]})).await;
    assert_eq!(ensured.expect(StatusCode::OK)["grants"][0]["change"], "extended");
    assert_eq!(authorized_by(&world, "grant.extended").await, permits);
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
    let service_user = world.local.aws().seeded().user("stint-local").unwrap().user_id.clone();
    let edit = |key: &mut ApiKey| (key.groups, key.identity_store_user_id) = (groups, Some(service_user));
    let secret = world.api_key_with(edit).await;
    let mut body = ask(SANDBOX, "PowerUserAccess", 3600);
    body["start_at"] = json!(world.now() + jiff::SignedDuration::from_hours(1));
    let request = world.post(As::ApiKey(&secret), "/v1/requests", body).await.expect(StatusCode::CREATED);
    world.edit_api_key(&secret, |key| key.revoked_at = Some(world.now())).await;
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

type Edit = fn(&mut Tenant);

#[tokio::test]
async fn an_emergency_is_not_given_once_the_tenant_allows_none() {
    let edits: [(Edit, &str); 3] = [
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

/// Each was decided before any of the others had begun, and none is so late that time alone makes it be asked again.
#[tokio::test]
async fn grants_that_begin_one_after_the_other_count_as_held_when_they_begin() {
    let mut seed = Seed::example();
    seed.policies = vec![json!({
        "name": "ten seconds a day", "max_duration_seconds": 10, "approval_mode": "auto",
        "cedar_policy_set": "permit(principal, action == Action::\"PowerUserAccess\", resource is AwsAccount) \
             when { context.held_seconds + context.duration_seconds <= 10 };",
    })];
    let world = World::with(seed).await;
    let mut grants = Vec::new();
    for begin in [9, 18, 27] {
        let mut body = ask(SANDBOX, "PowerUserAccess", 10);
        body["start_at"] = json!(world.now() + jiff::SignedDuration::from_secs(begin));
        let request = world.post(As::Person("alice"), "/v1/requests", body).await.expect(StatusCode::CREATED);
        grants.push(request["grant_ids"][0].as_str().unwrap().to_owned());
    }
    grants.push(world.granted("alice", SANDBOX, "PowerUserAccess", 10).await);
    for _ in 0..60 {
        world.wait(1).await;
    }
    let mut given = Vec::new();
    for grant in &grants {
        given.push(world.grant(grant).await["provisioning_status"].as_str().unwrap().to_owned());
    }
    assert_eq!(given, ["failed", "failed", "failed", "successful"]);
}

#[tokio::test]
async fn a_grant_does_not_begin_whose_approver_administers_the_tenant_no_longer() {
    let world = World::start().await;
    let mut body = ask(PRODUCTION, "ReadOnlyAccess", 600);
    body["start_at"] = json!(world.now() + jiff::SignedDuration::from_secs(60));
    let request = world.post(As::Person("alice"), "/v1/requests", body).await.expect(StatusCode::CREATED);
    let approved = approve(&world, "dave", request["id"].as_str().unwrap()).await.expect(StatusCode::OK);
    world.settle().await;
    edit_tenant(&world, |tenant| tenant.roles.clear()).await;
    world.wait(60).await;
    assert_refused(&world, approved["grant_ids"][0].as_str().unwrap(), "policy now requires 1 approvals").await;
}

#[tokio::test]
async fn what_a_key_requested_for_somebody_is_not_given_once_the_key_may_not_request_it() {
    let revoked: fn(&mut ApiKey) = |key| key.revoked_at = Some(key.created_at);
    let no_scope: fn(&mut ApiKey) = |key| key.scopes.retain(|scope| *scope != ApiScope::AccessImpersonate);
    for (change, why) in [(revoked, "has expired or was revoked"), (no_scope, "may no longer act for others")] {
        let world = World::start().await;
        let secret = world.api_key_with(|_| ()).await;
        let mut later = ask(SANDBOX, "PowerUserAccess", 3600);
        later["on_behalf_of"] = json!("alice");
        later["start_at"] = json!(world.now() + jiff::SignedDuration::from_hours(24));
        let later = world.post(As::ApiKey(&secret), "/v1/requests", later).await.expect(StatusCode::CREATED);
        let mut pending = ask(PRODUCTION, "ReadOnlyAccess", 3600);
        pending["on_behalf_of"] = json!("alice");
        let pending = world.post(As::ApiKey(&secret), "/v1/requests", pending).await.expect(StatusCode::CREATED);
        world.edit_api_key(&secret, change).await;
        approve(&world, "bob", pending["id"].as_str().unwrap()).await.refused(403, "policy_denied");
        world.wait(24 * 3600).await;
        assert_refused(&world, later["grant_ids"][0].as_str().unwrap(), why).await;
        assert!(world.assignments().is_empty());
    }
}
