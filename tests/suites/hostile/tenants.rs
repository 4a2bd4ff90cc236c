//! Two tenants of one table. What is the other's is, to the letter, as if it were not there; and nothing of it changes.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint::domain::OidcConfig;
use stint_tests::contract::Operation;
use stint_tests::{Answer, As, OtherTenant, PRODUCTION, SANDBOX, World, ask};

/// An id of nothing.
const NO_ID: &str = "019a3f5e-7c1b-7000-8000-0000000000ff";
/// Stands in every text of the other tenant that somebody wrote.
const MARK: &str = "theirs-alone";

/// What a tenant has one of each of.
struct Things {
    request: String,
    grant: String,
    policy: String,
    rule: String,
    cursor: String,
}

impl Things {
    fn ids(&self) -> [&str; 4] {
        [&self.request, &self.grant, &self.policy, &self.rule]
    }
}

/// Us, and them.
struct Two {
    world: World,
    other: OtherTenant,
    ours: Things,
    theirs: Things,
}

impl Two {
    async fn start() -> Self {
        let world = World::start().await;
        let other = world.second_tenant().await;
        let (tenant, alice) = (world.local.tenant_id().to_string(), world.token("alice"));
        let ours = furnish(&world, &tenant, world.key(), &alice, "ours").await;
        let alice = world.token_with("alice", |claims| claims["aud"] = other.audience.clone().into());
        let theirs = furnish(&world, &other.id.to_string(), &other.key, &alice, MARK).await;
        world.settle().await;
        Self { world, other, ours, theirs }
    }

    /// Everything the other tenant has, by its key.
    fn items(&self) -> BTreeMap<String, Value> {
        let prefix = format!("T#{}", self.other.id);
        let keyed = self
            .world
            .local
            .aws()
            .items()
            .into_iter()
            .map(|item| (format!("{} {}", item["pk"]["S"], item["sk"]["S"]), item));
        keyed.filter(|(key, _)| key.contains(&prefix)).collect()
    }

    /// Makes a call about something of the other tenant's, and the same call about nothing, and holds that they are
    /// answered alike.
    async fn alike(&self, name: &str, thing: &str, call: impl AsyncFn(&str) -> Answer) -> Answer {
        let (theirs, nothing) = (call(thing).await, call(NO_ID).await);
        assert_eq!(told(&theirs, thing), told(&nothing, NO_ID), "{name}: {thing}");
        assert!(!theirs.body.to_string().contains(MARK), "{name}: {}", theirs.body);
        theirs
    }
}

/// What an answer tells: without the id that was asked for, and what differs from call to call.
fn told(answer: &Answer, asked: &str) -> String {
    let mut body = answer.body.clone();
    if let Some(details) = body["details"].as_object_mut() {
        details.remove("request_id");
    }
    format!("{} {}", answer.status, body.to_string().replace(asked, "it"))
}

async fn furnish(world: &World, tenant: &str, key: &str, alice: &str, mark: &str) -> Things {
    let post = async |who: As<'_>, path: &str, body: Value| {
        let call = world.call(who, Method::POST, path).header("x-tenant-id", tenant).json(&body);
        call.send().await.expect(StatusCode::CREATED)
    };
    let policy = |name: &str, mode: &str, account: &str| {
        json!({"name": format!("{name} {mark}"), "description": mark, "max_duration_seconds": 600, "approval_mode": mode,
            "cedar_policy_set": format!("@notice(\"{mark}\") permit (principal, action, resource == AwsAccount::\"{account}\");")})
    };
    let first = post(As::ApiKey(key), "/v1/policies", policy("at once", "auto", SANDBOX)).await;
    post(As::ApiKey(key), "/v1/policies", policy("ask", "require", PRODUCTION)).await;
    let mut asked = ask(SANDBOX, "ReadOnlyAccess", 600);
    asked["reason"] = json!(mark);
    let granted = post(As::Token(alice), "/v1/requests", asked).await;
    let mut asked = ask(PRODUCTION, "ReadOnlyAccess", 600);
    asked["reason"] = json!(mark);
    let waiting = post(As::Token(alice), "/v1/requests", asked).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let request = text(&waiting["id"]);
    post(As::Token(alice), &format!("/v1/requests/{request}/messages"), json!({"content": mark})).await;
    let page = world.call(As::ApiKey(key), Method::GET, "/v1/requests?limit=1").header("x-tenant-id", tenant);
    let page = page.send().await.expect(StatusCode::OK);
    Things {
        request,
        grant: text(&granted["grant_ids"][0]),
        policy: text(&first["id"]),
        rule: text(&first["rules"][0]["id"]),
        cursor: text(&page["next_cursor"]),
    }
}

/// An operation, about these.
fn about<'a>(operation: &Operation, world: &'a World, who: As<'a>, ids: &[&str]) -> stint_tests::Call<'a> {
    let names = operation.path_parameters();
    let path =
        names.iter().zip(ids).fold(operation.path.clone(), |path, (name, id)| path.replace(&format!("{{{name}}}"), id));
    let call = world.call(who, operation.method.clone(), path);
    operation.example.iter().fold(call, |call, example| call.json(example))
}

#[tokio::test]
async fn an_id_in_a_path() {
    let two = Two::start().await;
    let before = two.items();
    let there = two.other.id.to_string();
    let alice = two.world.token("alice");
    let everyone = || [As::Key, As::Token(&alice)];
    for operation in Operation::authenticated() {
        let sets: Vec<Vec<&str>> = match operation.path_parameters().as_slice() {
            [] => continue,
            [_] => two.theirs.ids().map(|id| vec![id]).into(),
            _ => vec![
                vec![&two.theirs.policy, &two.theirs.rule],
                vec![&two.ours.policy, &two.theirs.rule],
                vec![&two.theirs.policy, &two.ours.rule],
            ],
        };
        for ids in &sets {
            for who in everyone() {
                // Ours stay, theirs become nothing.
                let swapped: Vec<&str> =
                    ids.iter().map(|id| if two.theirs.ids().contains(id) { NO_ID } else { id }).collect();
                let theirs = about(operation, &two.world, who.clone(), ids).send().await;
                let nothing = about(operation, &two.world, who.clone(), &swapped).send().await;
                assert_eq!(told(&theirs, ids[0]), told(&nothing, swapped[0]), "{}: {ids:?}", operation.id);
                if let As::Key = who {
                    theirs.refused(404, "not_found");
                } else {
                    assert!([403, 404].contains(&theirs.status.as_u16()), "{}: {}", operation.id, theirs.body);
                }
                let call = about(operation, &two.world, who, ids).header("x-tenant-id", there.clone());
                call.send().await.refused(403, "tenant_mismatch");
            }
        }
    }
    two.world.settle().await;
    assert_eq!(two.items(), before);
}

#[tokio::test]
async fn an_id_in_a_body_or_a_query() {
    let two = Two::start().await;
    let before = two.items();
    let world = &two.world;
    let sandbox = json!({"type": "aws_account", "id": SANDBOX});
    let rules = format!("/v1/policies/{}/rules/reorder", two.ours.policy);
    let bodies = [
        (Method::PATCH, "/v1/policies/reorder", json!({"ids": ["@"]})),
        (Method::PATCH, "/v1/policies/reorder", json!({"ids": ["@", two.ours.policy]})),
        (Method::PATCH, rules.as_str(), json!({"ids": ["@"]})),
        (
            Method::POST,
            "/v1/policies/evaluate",
            json!({"principal": "@", "resource": format!("aws_account:{SANDBOX}"), "action": "ReadOnlyAccess"}),
        ),
        (
            Method::POST,
            "/v1/requests",
            json!({"resource": sandbox, "action": "ReadOnlyAccess", "reason": "because", "on_behalf_of": "@"}),
        ),
    ];
    let key_id = world.get(As::Key, "/v1/requests").await.headers["x-request-id"].clone();
    for (method, path, body) in bodies {
        for id in two.theirs.ids().into_iter().chain([key_id.as_str()]) {
            let call = async |id: &str| {
                let body: Value = serde_json::from_str(&body.to_string().replace('@', id)).unwrap();
                world.call(As::Key, method.clone(), path).json(&body).send().await
            };
            two.alike(path, id, call).await;
        }
    }
    for query in [
        "/v1/requests?requester_id=@",
        "/v1/requests?resource_id=@",
        "/v1/grants?grantee_id=@",
        "/v1/grants?resource_id=@",
    ] {
        for id in two.theirs.ids() {
            let answer = two.alike(query, id, async |id| world.get(As::Key, query.replace('@', id)).await).await;
            assert_eq!(answer.expect(StatusCode::OK)["data"], json!([]), "{query}");
        }
    }
    two.world.settle().await;
    assert_eq!(two.items(), before);
}

#[tokio::test]
async fn a_cursor_of_theirs_is_none_and_no_list_holds_anything_of_theirs() {
    let two = Two::start().await;
    let path = format!("/v1/requests?limit=1&cursor={}", two.theirs.cursor);
    let error = two.world.get(As::Key, path).await.refused(400, "invalid_input");
    assert_eq!(error["details"]["field"], "cursor");
    for operation in Operation::authenticated().filter(|operation| operation.method == Method::GET) {
        for who in [As::Key, As::Person("alice"), As::Person("dave")] {
            let ids = [two.ours.ids(), [two.ours.policy.as_str(), &two.ours.rule, NO_ID, NO_ID]];
            for ids in ids {
                let answer = about(operation, &two.world, who.clone(), &ids).send().await;
                let text = answer.body.to_string();
                assert!(!text.contains(MARK), "{}: {text}", operation.id);
                assert!(two.theirs.ids().iter().all(|id| !text.contains(id)), "{}: {text}", operation.id);
            }
        }
    }
}

#[tokio::test]
async fn an_idempotency_key_of_theirs_is_not_ours() {
    let two = Two::start().await;
    let there = two.other.id.to_string();
    let theirs = two.world.token_with("alice", |claims| claims["aud"] = two.other.audience.clone().into());
    let dave = two.world.token_with("dave", |claims| claims["aud"] = two.other.audience.clone().into());
    for operation in Operation::authenticated() {
        if operation.method != Method::POST || !operation.path_parameters().is_empty() {
            continue;
        }
        let pairs = [
            (As::Token(theirs.as_str()), As::Person("alice")),
            (As::Token(dave.as_str()), As::Person("dave")),
            (As::ApiKey(two.other.key.as_str()), As::Key),
        ];
        for (them, us) in pairs {
            let call = |who| operation.call(&two.world, who).header("idempotency-key", "one and the same");
            let first = call(them).header("x-tenant-id", there.clone()).send().await;
            // Another body: with their answer in the way it would be refused.
            let more = format!("{} ", operation.example.as_ref().unwrap());
            let answer = call(us).bytes(more).send().await;
            assert_ne!(answer.body["code"], "idempotency_conflict", "{}", operation.id);
            let (first, answer) = (&first.body["id"], &answer.body["id"]);
            assert!(first.is_null() || first != answer, "{}: {first}", operation.id);
        }
    }
}

/// Another tenant with an issuer of its own.
#[tokio::test]
async fn a_token_of_their_issuer() {
    let (world, elsewhere) = (World::start().await, World::start().await);
    let other = world.second_tenant().await;
    let issuer = elsewhere.local.issuer();
    let oidc = OidcConfig::new(issuer.issuer(), issuer.claims("alice", 1)["aud"].as_str().unwrap());
    stint_local::seed::trust(world.local.table(), other.id, &oidc).await.unwrap();
    let (here, there) = (world.local.tenant_id().to_string(), other.id.to_string());
    let ask = async |token: &str, tenant: &str| {
        world.call(As::Token(token), Method::GET, "/v1/grants").header("x-tenant-id", tenant).send().await
    };
    let theirs = elsewhere.token("alice");
    ask(&theirs, &there).await.expect(StatusCode::OK);
    ask(&theirs, &here).await.refused(403, "tenant_mismatch");
    ask(&world.token("alice"), &there).await.refused(403, "tenant_mismatch");
    // Their issuer says it is ours, and ours that it is theirs.
    let ours = world.local.issuer().issuer();
    let forged = elsewhere.token_with("alice", |claims| claims["iss"] = ours.into());
    let swapped = world.token_with("alice", |claims| claims["iss"] = issuer.issuer().into());
    let for_others = elsewhere.token_with("alice", |claims| claims["aud"] = json!("elsewhere"));
    for (name, token) in [("forged", forged), ("swapped", swapped), ("for others", for_others)] {
        for tenant in [&here, &there] {
            let answer = ask(&token, tenant).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}: {}", answer.body);
        }
    }
}
