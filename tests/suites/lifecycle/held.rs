//! How long somebody had an access counts by person and by what was given, whatever account asked and however it was named.

use reqwest::StatusCode;
use serde_json::{Value, json};
use stint::domain::{AccountId, AwsResource, PersonLink};
use stint::store::Transaction;
use stint_tests::{As, SANDBOX, World, ask};

use super::judged::{evaluate, world_of};
use super::people::{account, link, user_id};

const POWER: &str = "PowerUserAccess";
const TEXT: &str = "permit(principal, action, resource);
    @notice(\"enough for today\") forbid(principal, action, resource)
        when { context has held_seconds && context.held_seconds >= 20 };";

fn power(seconds: i64) -> Value {
    ask(SANDBOX, POWER, seconds)
}

async fn held(world: &World, who: &str) -> Value {
    evaluate(world, who, POWER, json!({})).await["evaluated_context"]["held_seconds"].clone()
}

#[tokio::test]
async fn a_persons_other_accounts_and_keys_go_on_where_the_first_ended() {
    let world = world_of(TEXT, json!({})).await;
    let second = account(&world, "alice at work", "alice@example.com");
    let alice = user_id(&world, "alice");
    let key = world.api_key_with(|key| key.identity_store_user_id = Some(alice)).await;
    // Both at once: each second counts once.
    world.granted("alice", SANDBOX, POWER, 10).await;
    world.post(As::Token(&second), "/v1/requests", power(15)).await.expect(StatusCode::CREATED);
    world.wait(15).await;
    for who in ["alice", "alice at work"] {
        assert_eq!(held(&world, who).await, 15, "{who}");
    }
    world.post(As::ApiKey(&key), "/v1/requests", power(5)).await.expect(StatusCode::CREATED);
    world.wait(5).await;
    for who in [As::Person("alice"), As::Token(&second), As::ApiKey(&key)] {
        let refused = world.post(who.clone(), "/v1/requests", power(1)).await.refused(403, "policy_denied");
        assert_eq!(refused["notices"], json!(["enough for today"]), "{who:?}");
        let needed = json!({"entitlements": [{"target": format!("AWS::Account::{SANDBOX}"), "role": POWER}]});
        let ensured = world.post(who, "/v1/access/ensure", needed).await.expect(StatusCode::OK);
        assert_eq!(ensured["grants"][0]["change"], "none", "{ensured}");
    }
    world.granted("bob", SANDBOX, POWER, 10).await;
    world.granted("alice", SANDBOX, "ReadOnlyAccess", 10).await;
}

#[tokio::test]
async fn a_permission_set_asked_for_by_its_arn_is_what_its_role_on_its_account_is() {
    let world = world_of(TEXT, json!({})).await;
    let table = world.local.table().tenant(world.local.tenant_id());
    let known: Vec<AwsResource> = table.list_all().await.unwrap();
    let set = known.into_iter().find(|known| known.name == POWER).unwrap();
    let arn = set.resource.id().to_owned();
    let mut writes = Transaction::new(table.id());
    writes.put(&AwsResource { account_id: Some(AccountId::parse(SANDBOX).unwrap()), ..set }).unwrap();
    writes.directory_changed();
    table.commit(writes).await.unwrap();
    let by_arn = |seconds: i64| {
        let mut body = power(seconds);
        body["resource"] = json!({"type": "aws_permission_set", "id": arn});
        body["action"] = json!("assume");
        body
    };
    world.granted("alice", SANDBOX, POWER, 10).await;
    world.wait(10).await;
    world.post(As::Person("alice"), "/v1/requests", by_arn(10)).await.expect(StatusCode::CREATED);
    world.wait(10).await;
    assert_eq!(held(&world, "alice").await, 20);
    world.post(As::Person("alice"), "/v1/requests", by_arn(1)).await.refused(403, "policy_denied");
    world.request("alice", SANDBOX, POWER, 1).await.refused(403, "policy_denied");
}

#[tokio::test]
async fn what_somebody_had_before_the_directory_linked_them_counts_too() {
    let world = world_of(TEXT, json!({})).await;
    let keys: Vec<PersonLink> = world.local.table().tenant(world.local.tenant_id()).list_all().await.unwrap();
    let alices = user_id(&world, "alice");
    let keys = keys.into_iter().filter(|link| link.user_id() == Some(&alices)).map(|link| link.key);
    let keys: Vec<String> = keys.collect();
    for key in &keys {
        link(&world, key.clone(), &[]).await;
    }
    world.granted("alice", SANDBOX, POWER, 20).await;
    world.wait(20).await;
    world.request("alice", SANDBOX, POWER, 1).await.refused(403, "policy_denied");
    for key in keys {
        link(&world, key, &["alice"]).await;
    }
    world.request("alice", SANDBOX, POWER, 1).await.refused(403, "policy_denied");
}

/// The second account uses the time up while the first one's request waits for people.
#[tokio::test]
async fn an_approval_counts_what_the_person_had_with_another_account_meanwhile() {
    let mut seed = stint_local::seed::Seed::example();
    let policy = |name: &str, mode: &str, text: &str| {
        json!({
            "name": name, "max_duration_seconds": 3600, "approval_mode": mode,
            "cedar_policy_set": text,
        })
    };
    seed.policies = vec![
        policy("waits", "require", "permit(principal, action, resource) when { context.duration_seconds > 30 };"),
        policy("given", "auto", "permit(principal, action, resource) when { context.duration_seconds <= 30 };"),
        policy(
            "limit",
            "auto",
            "forbid(principal, action == Action::\"PowerUserAccess\", resource) when { context.held_seconds >= 20 };",
        ),
    ];
    let world = World::with(seed).await;
    let request = world.request("alice", SANDBOX, POWER, 60).await.expect(StatusCode::CREATED);
    assert_eq!(request["status"], "pending");
    let second = account(&world, "alice at work", "alice@example.com");
    world.post(As::Token(&second), "/v1/requests", power(20)).await.expect(StatusCode::CREATED);
    world.wait(20).await;
    let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
    world.post(As::Person("bob"), path, json!({})).await.refused(403, "policy_denied");
}

#[tokio::test]
async fn who_is_linked_to_another_user_meanwhile_does_not_extend_what_the_first_one_has() {
    let world = world_of("permit(principal, action, resource);", json!({})).await;
    let id = world.granted("alice", SANDBOX, POWER, 600).await;
    world.settle().await;
    let links: Vec<PersonLink> = world.local.table().tenant(world.local.tenant_id()).list_all().await.unwrap();
    let alices = user_id(&world, "alice");
    for one in links.into_iter().filter(|link| link.user_id() == Some(&alices)) {
        link(&world, one.key, &["bob"]).await;
    }
    let extend = json!({"duration_seconds": 60});
    let path = format!("/v1/grants/{id}/extend");
    world.post(As::Person("alice"), path, extend).await.refused(403, "policy_denied");
}
