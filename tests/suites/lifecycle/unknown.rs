//! What the directory does not know cannot be asked for, and nobody finds out what it knows.

use reqwest::StatusCode;
use serde_json::{Value, json};
use stint::domain::{AccountId, AwsResource};
use stint_local::seed::Seed;
use stint_tests::{Answer, As, PRODUCTION, SANDBOX, STAGING, World, ask};

const POWER: &str = "PowerUserAccess";
/// Well-formed, and no account of the organization.
const STRANGE: &str = "999999999999";

async fn world_of(text: &str) -> World {
    let mut seed = Seed::example();
    seed.policies = vec![json!({
        "name": "the only one", "max_duration_seconds": 28_800, "approval_mode": "auto", "cedar_policy_set": text,
    })];
    World::with(seed).await
}

/// Changes what the directory knows of a resource.
async fn edit(world: &World, key: &str, change: impl FnOnce(&mut AwsResource)) {
    let tenant = world.local.table().tenant(world.local.tenant_id());
    let mut resource: AwsResource = tenant.get(key).await.unwrap().unwrap();
    change(&mut resource);
    let mut versions = tenant.versions().await.unwrap();
    versions.directory_version += 1;
    tenant.put_all(&[resource]).await.unwrap();
    tenant.put_all(&[versions]).await.unwrap();
}

/// The answer without the ids of the call and what it names.
fn words(answer: Answer, resource: &str) -> (StatusCode, String) {
    let mut body = answer.body;
    body["details"].as_object_mut().unwrap().remove("request_id");
    (answer.status, body.to_string().replace(resource, "<account>"))
}

#[tokio::test]
async fn an_unknown_account_does_not_escape_a_forbid_by_unit() {
    let text = "permit(principal in Group::\"engineering\", action, resource is AwsAccount);
        forbid(principal, action, resource in AwsOrganizationalUnit::\"r-5717\")
            when { context has account_id && context.account_id == \"333333333333\" };";
    let world = world_of(text).await;
    let error = world.request("alice", STRANGE, POWER, 600).await.refused(400, "unknown_resource");
    assert_eq!(error["details"]["synced_at"], "2026-01-05T09:00:00Z");
    assert!(error["message"].as_str().unwrap().contains("sync"), "{error}");
    assert!(world.items("REQUEST").is_empty() && world.items("GRANT").is_empty());
    world.request("alice", SANDBOX, POWER, 600).await.expect(StatusCode::CREATED);

    let ensured = world.ensure("alice", STRANGE, POWER, json!({})).await.expect(StatusCode::OK);
    assert_eq!(ensured["grants"][0]["change"], "none");
    assert_eq!(ensured["grants"][0]["diagnostics"][0]["level"], "error");
    assert!(ensured["diagnostics"].to_string().contains("the directory does not know"), "{ensured}");

    let body = json!({"principal": "alice", "resource": format!("aws_account:{STRANGE}"), "action": POWER});
    let said = world.post(As::Key, "/v1/policies/evaluate", body).await.expect(StatusCode::OK);
    assert_eq!(said["permitted"], false);
    assert!(said["reason"].as_str().unwrap().contains("the directory does not know"), "{said}");

    let mut emergency = ask(STRANGE, POWER, 600);
    emergency["break_glass"] = json!(true);
    world.post(As::Person("carol"), "/v1/requests", emergency).await.refused(400, "unknown_resource");
}

#[tokio::test]
async fn an_account_that_is_gone_is_unknown() {
    let world = world_of("permit(principal in Group::\"engineering\", action, resource is AwsAccount);").await;
    edit(&world, &format!("aws_account:{SANDBOX}"), |known| known.gone_at = Some(known.last_synced_at)).await;
    world.request("alice", SANDBOX, POWER, 600).await.refused(400, "unknown_resource");
    world.request("alice", STAGING, POWER, 600).await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn nobody_finds_out_which_accounts_exist() {
    // A rule about a unit or one account must not tell what is in it, or that it is there.
    let text = "permit(principal in Group::\"engineering\", action, resource == AwsAccount::\"111111111111\");
        permit(principal in Group::\"admins\", action, resource in AwsOrganizationalUnit::\"r-5717\");
        forbid(principal, action, resource in AwsOrganizationalUnit::\"r-5717\")
            when { context has account_id && context.account_id == \"0\" };
        forbid(principal, action, resource == AwsAccount::\"333333333333\") when { context.duration_seconds < 2 };";
    let world = world_of(text).await;
    for who in ["alice", "carol"] {
        let mut told = Vec::new();
        for account in [STAGING, PRODUCTION, STRANGE] {
            let ensured = world.ensure(who, account, POWER, json!({"dry_run": true})).await;
            let mut ensured = ensured.expect(StatusCode::OK);
            ensured["grants"][0].as_object_mut().unwrap().remove("id");
            told.push((StatusCode::OK, ensured.to_string().replace(account, "<account>")));
            let before = (world.items("REQUEST").len(), world.audit().len());
            told.push(words(world.request(who, account, POWER, 600).await, account));
            world.settle().await;
            let after = (world.items("REQUEST").len(), world.audit().len());
            assert_eq!(after, (before.0 + 1, before.1 + 1), "{who} {account}");
            assert_eq!(world.audit().last().unwrap(), "request.denied");
        }
        assert_eq!(told[1].0, StatusCode::FORBIDDEN);
        assert!(told.iter().step_by(2).all(|one| *one == told[0]), "{told:#?}");
        assert!(told.iter().skip(1).step_by(2).all(|one| *one == told[1]), "{told:#?}");
    }
    world.request("dave", STRANGE, POWER, 600).await.refused(400, "unknown_resource");
}

/// A permission set that the directory has on an account.
async fn world_of_sets(text: &str) -> (World, String) {
    let world = world_of(text).await;
    let arn =
        Seed::example().aws.permission_sets.iter().find(|set| set.name == "AdministratorAccess").unwrap().arn.clone();
    let account = AccountId::parse(PRODUCTION).unwrap();
    edit(&world, &format!("aws_permission_set:{arn}"), |known| known.account_id = Some(account)).await;
    (world, arn)
}

async fn ask_for_set(world: &World, arn: &str) -> Answer {
    let body = json!({
        "resource": {"type": "aws_permission_set", "id": arn}, "action": "assume", "reason": "x", "duration_seconds": 600,
    });
    world.post(As::Person("alice"), "/v1/requests", body).await
}

#[tokio::test]
async fn a_permission_set_asked_for_by_its_arn_does_not_escape_what_forbids_the_role() {
    let permit = "permit(principal, action == Action::\"assume\", resource is AwsPermissionSet);";
    let forbids = [
        "forbid(principal, action == Action::\"AdministratorAccess\", resource);",
        "forbid(principal, action, resource == AwsAccount::\"333333333333\");",
        "forbid(principal, action, resource) when { context has role && context.role == \"AdministratorAccess\" };",
        "forbid(principal, action, resource is AwsAccount) when { context.duration_seconds > 60 };",
    ];
    for forbid in forbids {
        let (world, arn) = world_of_sets(&format!("{permit}\n@notice(\"not this one\") {forbid}")).await;
        let error = ask_for_set(&world, &arn).await.refused(403, "policy_denied");
        assert_eq!(error["notices"], json!(["not this one"]), "{forbid}");
        let body = json!({"principal": "alice", "resource": format!("aws_permission_set:{arn}"), "action": "assume"});
        let said = world.post(As::Key, "/v1/policies/evaluate", body).await.expect(StatusCode::OK);
        assert_eq!(said["permitted"], false, "{forbid}");
    }
    let (world, arn) = world_of_sets(permit).await;
    ask_for_set(&world, &arn).await.expect(StatusCode::CREATED);
    world.settle().await;
    assert_eq!(world.assignments(), ["alice AdministratorAccess 333333333333"]);
    // As asked it has to be permitted: that the role is does not help.
    let (world, arn) = world_of_sets("permit(principal, action == Action::\"AdministratorAccess\", resource);").await;
    ask_for_set(&world, &arn).await.refused(403, "policy_denied");
}

/// Nothing is known of the account's unit and tags, so no rule could forbid by them.
#[tokio::test]
async fn a_permission_set_on_an_account_nobody_knows_does_not_escape_a_forbid_by_unit() {
    let text = "permit(principal, action == Action::\"assume\", resource is AwsPermissionSet);
        forbid(principal, action, resource in AwsOrganizationalUnit::\"r-5717\");";
    let (world, arn) = world_of_sets(text).await;
    ask_for_set(&world, &arn).await.refused(403, "policy_denied");
    let strange = AccountId::parse(STRANGE).unwrap();
    edit(&world, &format!("aws_permission_set:{arn}"), |known| known.account_id = Some(strange)).await;
    ask_for_set(&world, &arn).await.refused(400, "unknown_resource");
    assert!(world.items("GRANT").is_empty());
}

#[tokio::test]
async fn of_a_permission_set_and_its_role_the_strictest_terms_hold() {
    let mut seed = Seed::example();
    let policy = |name: &str, mode: &str, text: &str| {
        json!({
            "name": name, "max_duration_seconds": 28_800, "approval_mode": mode, "cedar_policy_set": text,
        })
    };
    seed.policies = vec![
        policy("by arn", "auto", "permit(principal, action == Action::\"assume\", resource);"),
        policy("by role", "require", "permit(principal, action == Action::\"AdministratorAccess\", resource);"),
    ];
    let arn = seed.aws.permission_sets.iter().find(|set| set.name == "AdministratorAccess").unwrap().arn.clone();
    let world = World::with(seed).await;
    let account = AccountId::parse(PRODUCTION).unwrap();
    edit(&world, &format!("aws_permission_set:{arn}"), |known| known.account_id = Some(account)).await;
    let request: Value = ask_for_set(&world, &arn).await.expect(StatusCode::CREATED);
    assert_eq!((&request["status"], &request["approval_mode"]), (&json!("pending"), &json!("require")));
}

/// Who could be permitted a permission set is told that there is none of this name; a stranger is not.
#[tokio::test]
async fn nobody_finds_out_which_permission_sets_there_are() {
    let world = world_of("permit(principal in Group::\"sre\", action, resource is AwsAccount);").await;
    let refusals = [POWER, "Nope"].map(|role| (role, world.request("alice", STRANGE, role, 60)));
    let mut said = Vec::new();
    for (role, refusal) in refusals {
        said.push(words(refusal.await, role));
    }
    assert_eq!(said[0], said[1]);
    let told = world.request("bob", SANDBOX, "Nope", 60).await.refused(403, "policy_denied");
    assert!(told.to_string().contains("`Nope` is not an action"), "{told}");
}
