//! What a call with a bad credential does to AWS: no more than the check of the credential.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::StatusCode;
use serde_json::{Value, json};
use stint_local::aws::Call;
use stint_tests::contract::Operation;
use stint_tests::{Answer, As, PRODUCTION, SANDBOX, World, ask};

use super::round_trips::depth;

/// A token with another header, which its signature then is not for.
pub(super) fn with_header(token: &str, edit: impl FnOnce(&mut Value)) -> String {
    let (header, rest) = token.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    edit(&mut header);
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

/// A key with another secret.
fn made_up(key: &str) -> String {
    // The alphabet of the secret has `_` too.
    let mut parts = key.splitn(4, '_').take(3).collect::<Vec<_>>();
    let secret = URL_SAFE_NO_PAD.encode([9_u8; 32]);
    parts.push(&secret);
    parts.join("_")
}

/// Every kind of bad credential: its name, the credential, and whether it is a token.
async fn bad_credentials(world: &World) -> Vec<(&'static str, String, bool)> {
    let other = world.second_tenant().await;
    let now = world.now();
    let token = world.token("alice");
    let (unsigned, signature) = token.rsplit_once('.').unwrap();
    let changed: String = signature.chars().rev().collect();
    // The key exists; who has it does not know its secret.
    let real = world.api_key(stint::auth::ApiScope::ALL).await;
    let unknown = format!("stint_{}_{}", world.local.tenant_id().as_uuid().simple(), "0".repeat(32));
    vec![
        ("a malformed key", "stint_key".to_owned(), false),
        ("a key that does not exist", format!("{unknown}_{}", URL_SAFE_NO_PAD.encode([9_u8; 32])), false),
        ("a key with another secret", made_up(&real), false),
        ("a revoked key", world.api_key_with(|key| key.revoked_at = Some(now)).await, false),
        ("an expired key", world.api_key_with(|key| key.expires_at = Some(now)).await, false),
        ("another tenant's key", other.key.clone(), false),
        ("another tenant's key with another secret", made_up(&other.key), false),
        ("a malformed token", "a.b.c".to_owned(), true),
        ("a token with another signature", format!("{unsigned}.{changed}"), true),
        ("a token without a signature", format!("{unsigned}."), true),
        ("an expired token", world.token_with("alice", |claims| claims["exp"] = json!(now.as_second() - 61)), true),
        ("a token of the algorithm none", with_header(&token, |header| header["alg"] = json!("none")), true),
        ("a token of the algorithm HS256", with_header(&token, |header| header["alg"] = json!("HS256")), true),
        ("a token of an unknown key", with_header(&token, |header| header["kid"] = json!("unheard-of")), true),
        (
            "a token of another issuer",
            world.token_with("alice", |claims| claims["iss"] = json!("https://a.example")),
            true,
        ),
        ("a token for another audience", world.token_with("alice", |claims| claims["aud"] = json!("unheard-of")), true),
        (
            "a token for many audiences",
            world.token_with("alice", |claims| claims["aud"] = json!(vec!["unheard-of"; 40])),
            true,
        ),
        ("another tenant's token", world.token_with("alice", |claims| claims["aud"] = json!(other.audience)), true),
    ]
}

fn counted(calls: &[Call]) -> String {
    let mut operations: BTreeMap<&str, usize> = BTreeMap::new();
    for call in calls {
        *operations.entry(&call.operation).or_default() += 1;
    }
    let operations: Vec<String> = operations.iter().map(|(name, times)| format!("{times} {name}")).collect();
    format!("{}  {}", depth(calls), if operations.is_empty() { "nothing".to_owned() } else { operations.join(", ") })
}

/// That it was refused, whatever else was wrong with the call.
#[track_caller]
fn refused(name: &str, answer: &Answer) {
    let of_another_tenant = matches!(name, "another tenant's key" | "another tenant's token");
    let expected = if of_another_tenant { (403, "tenant_mismatch") } else { (401, "unauthenticated") };
    answer.clone().refused(expected.0, expected.1);
}

#[tokio::test]
async fn a_bad_credential_causes_no_more_than_its_own_check() {
    let world = World::start().await;
    // The issuer's keys are known: this is what every call can do.
    world.get(As::Person("dave"), "/v1/policies").await.expect(StatusCode::OK);
    let mut credentials = bad_credentials(&world).await;
    credentials.insert(0, ("none", String::new(), false));
    let mut rows = Vec::new();
    for (name, credential, is_token) in &credentials {
        let who = || match (*is_token, credential.as_str()) {
            (_, "") => As::Nobody,
            (true, token) => As::Token(token),
            (false, key) => As::ApiKey(key),
        };
        let mut seen: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for operation in Operation::authenticated() {
            let malformed = operation.example.is_some().then(|| operation.call(&world, who()).bytes("{\"a\": [[["));
            let replayed = operation.call(&world, who()).header("idempotency-key", "a-key");
            for call in [Some(operation.call(&world, who())), malformed, Some(replayed)].into_iter().flatten() {
                world.local.aws().clear_calls();
                let answer = call.send().await;
                let calls = world.local.aws().calls();
                refused(name, &answer);
                let ids = seen.entry(counted(&calls)).or_default();
                if ids.last() != Some(&operation.id.as_str()) {
                    ids.push(&operation.id);
                }
            }
        }
        let all = Operation::authenticated().count();
        for (calls, operations) in seen {
            let of = if operations.len() == all { "every operation".to_owned() } else { operations.join(", ") };
            assert!(!calls.contains("Query") && !calls.contains("Write") && !calls.contains("Put"), "{name}: {calls}");
            rows.push(format!("{name:<44}{of:<18}{calls}"));
        }
    }
    let head = format!("{:<44}{:<18}depth and calls", "", "");
    insta::assert_snapshot!("unauthenticated", format!("{head}\n{}\n", rows.join("\n")));
}

#[tokio::test]
async fn twenty_entitlements_of_a_made_up_key_read_nothing_but_the_key() {
    let world = World::start().await;
    let entitlements: Vec<Value> =
        (0..20).map(|n| json!({"target": format!("AWS::Account::{SANDBOX}"), "role": format!("role-{n}")})).collect();
    let body = json!({"entitlements": entitlements});
    let key = made_up(world.key());
    for _ in 0..3 {
        world.local.aws().clear_calls();
        world.post(As::ApiKey(&key), "/v1/access/ensure", body.clone()).await.refused(401, "unauthenticated");
        assert_eq!(counted(&world.local.aws().calls()), "1  2 GetItem");
    }
}

#[tokio::test]
async fn a_key_that_was_good_a_moment_ago_is_checked_all_the_same() {
    let world = World::start().await;
    let mut stored = None;
    let key = world.api_key_with(|key| stored = Some(key.clone())).await;
    let request = world.post(As::Person("alice"), "/v1/requests", ask(PRODUCTION, "ReadOnlyAccess", 60)).await;
    let path = format!("/v1/requests/{}", request.expect(StatusCode::CREATED)["id"].as_str().unwrap());
    let get = async || {
        world.local.aws().clear_calls();
        let answer = world.get(As::ApiKey(&key), path.clone()).await;
        (answer, depth(&world.local.aws().calls()), world.local.aws().calls().len())
    };
    let (first, depth, _) = get().await;
    first.expect(StatusCode::OK);
    assert_eq!(depth, 2, "checked, then read");
    let (again, depth, _) = get().await;
    again.expect(StatusCode::OK);
    assert_eq!(depth, 1, "read beside the check");

    let revoked = stint::auth::api_key::ApiKey { revoked_at: Some(world.now()), ..stored.unwrap() };
    let mut writes = stint::store::Transaction::new(world.local.tenant_id());
    writes.put(&revoked).unwrap();
    world.local.table().tenant(world.local.tenant_id()).commit(writes).await.unwrap();
    for calls in [4, 2] {
        let (refused, _, seen) = get().await;
        refused.refused(401, "unauthenticated");
        assert_eq!(seen, calls, "only the first call reads beside the check");
    }
}
