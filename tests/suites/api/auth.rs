//! Credentials over HTTP: which tokens and keys let whom in.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint::auth::ApiScope;
use stint::domain::{GroupsClaim, Tenant, User};
use stint::store::{Record as _, Transaction};
use stint_tests::{Answer, As, PRODUCTION, SANDBOX, World, ask};

async fn lists(world: &World, who: As<'_>) -> Answer {
    world.get(who, "/v1/requests").await
}

#[tokio::test]
async fn a_token_is_of_the_issuer_for_the_audience_and_of_now() {
    let world = World::start().await;
    let now = world.now().as_second();
    type Edit = fn(&mut Value, i64);
    let edits: [(&str, bool, Edit); 17] = [
        ("as it is", true, |_, _| {}),
        ("one of several audiences", true, |claims, _| claims["aud"] = json!(["another", claims["aud"]])),
        ("ended within the leeway", true, |claims, now| claims["exp"] = json!(now - 59)),
        ("ended beyond the leeway", false, |claims, now| claims["exp"] = json!(now - 60)),
        ("begins within the leeway", true, |claims, now| claims["nbf"] = json!(now + 60)),
        ("begins beyond the leeway", false, |claims, now| claims["nbf"] = json!(now + 61)),
        ("no end", false, |claims, _| drop(claims.as_object_mut().unwrap().remove("exp"))),
        ("an end that is no number", false, |claims, _| claims["exp"] = json!("tomorrow")),
        ("another audience", false, |claims, _| claims["aud"] = json!("another")),
        ("no audience", false, |claims, _| drop(claims.as_object_mut().unwrap().remove("aud"))),
        ("an audience that begins alike", false, |claims, _| claims["aud"] = json!("stint-local-2")),
        ("another issuer", false, |claims, _| claims["iss"] = json!("https://issuer.example.com")),
        ("the issuer with a slash", false, |claims, _| {
            claims["iss"] = json!(format!("{}/", claims["iss"].as_str().unwrap()));
        }),
        ("no issuer", false, |claims, _| drop(claims.as_object_mut().unwrap().remove("iss"))),
        ("nobody", false, |claims, _| drop(claims.as_object_mut().unwrap().remove("sub"))),
        ("the empty subject", false, |claims, _| claims["sub"] = json!("")),
        ("a subject that is no text", false, |claims, _| claims["sub"] = json!(7)),
    ];
    for (name, good, edit) in edits {
        let token = world.token_with("alice", |claims| edit(claims, now));
        let answer = lists(&world, As::Token(&token)).await;
        assert_eq!(answer.status == StatusCode::OK, good, "{name}: {}", answer.body);
        if !good {
            answer.refused(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn a_token_ends_when_it_says() {
    let world = World::start().await;
    let token = world.token_with("alice", |_| {});
    lists(&world, As::Token(&token)).await.expect(StatusCode::OK);
    world.pass(3600 + 59);
    lists(&world, As::Token(&token)).await.expect(StatusCode::OK);
    world.pass(1);
    lists(&world, As::Token(&token)).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_token_that_was_tampered_with_is_none() {
    let world = World::start().await;
    let (alices, daves) = (world.token("alice"), world.token("dave"));
    let parts = |token: &str| -> [String; 3] {
        let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        parts.try_into().unwrap()
    };
    let ([header, claims, signature], [_, others, other_signature]) = (parts(&alices), parts(&daves));
    // `{"alg":"none","typ":"JWT"}` and `{"alg":"HS256","typ":"JWT"}`
    let (none, symmetric) = ("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9");
    let mut flipped = signature.clone().into_bytes();
    flipped[10] = if flipped[10] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    for forged in [
        format!("{header}.{others}.{signature}"),
        format!("{header}.{claims}.{other_signature}"),
        format!("{header}.{claims}.{flipped}"),
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{symmetric}.{claims}.{signature}"),
        format!("{alices}."),
        format!("{alices}.{signature}"),
        format!("{header}.{claims}.{signature}="),
        format!(".{claims}.{signature}"),
        "..".to_owned(),
    ] {
        lists(&world, As::Token(&forged)).await.refused(401, "unauthenticated");
    }
    lists(&world, As::Token(&alices)).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_good_credential_of_another_tenant_is_told_apart_from_a_bad_one() {
    let world = World::start().await;
    let other = world.second_tenant().await;
    let (here, there) = (world.local.tenant_id().to_string(), other.id.to_string());
    let ask = async |who: As<'_>, tenant: &str| {
        world.call(who, Method::GET, "/v1/requests").header("x-tenant-id", tenant).send().await
    };
    let ours = world.token("alice");
    let theirs = world.token_with("alice", |claims| claims["aud"] = other.audience.clone().into());
    ask(As::Token(&ours), &here).await.expect(StatusCode::OK);
    ask(As::Token(&theirs), &there).await.expect(StatusCode::OK);
    ask(As::Token(&theirs), &here).await.refused(403, "tenant_mismatch");
    ask(As::Token(&ours), &there).await.refused(403, "tenant_mismatch");
    // A tenant that does not exist is told apart from no other.
    let nowhere = "019a3f5e-7c1b-7000-8000-0000000000ff";
    ask(As::Token(&ours), nowhere).await.refused(403, "tenant_mismatch");
    ask(As::ApiKey(&other.key), nowhere).await.refused(403, "tenant_mismatch");

    let ended = world.now().as_second() - 61;
    let bad = world.token_with("alice", |claims| {
        claims["aud"] = other.audience.clone().into();
        claims["exp"] = ended.into();
    });
    ask(As::Token(&bad), &here).await.refused(401, "unauthenticated");
    ask(As::Token(&bad), nowhere).await.refused(401, "unauthenticated");
    // Someone who is of both tenants is another person in each.
    let request = world.request("alice", SANDBOX, "ReadOnlyAccess", 60).await.expect(StatusCode::CREATED);
    let path = format!("/v1/requests/{}", request["id"].as_str().unwrap());
    let call = world.call(As::Token(&theirs), Method::GET, path).header("x-tenant-id", there.as_str());
    call.send().await.refused(404, "not_found");
}

#[tokio::test]
async fn one_credential_a_call() {
    let world = World::start().await;
    let both = world.call(As::Person("alice"), Method::GET, "/v1/requests").header("x-api-key", world.key());
    both.send().await.refused(401, "unauthenticated");
    let twice = world.call(As::Key, Method::GET, "/v1/requests").header("x-api-key", world.key());
    twice.send().await.refused(401, "unauthenticated");
    let people = world.call(As::Person("alice"), Method::GET, "/v1/requests");
    let people = people.header("authorization", format!("Bearer {}", world.token("dave")));
    people.send().await.refused(401, "unauthenticated");
    let token = world.token("alice");
    for value in [
        token.clone(),
        format!("Basic {token}"),
        format!("Bearer{token}"),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {}", world.key()),
    ] {
        let call = world.call(As::Nobody, Method::GET, "/v1/requests").header("authorization", value.clone());
        let answer = call.send().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{value}");
    }
    let call = world.call(As::Nobody, Method::GET, "/v1/requests").header("authorization", format!("bEARER {token}"));
    call.send().await.expect(StatusCode::OK);
    lists(&world, As::ApiKey(&token)).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_key_ends_at_its_end_and_when_it_is_revoked() {
    let world = World::start().await;
    let end = world.now() + jiff::SignedDuration::from_secs(60);
    let key = world.api_key_with(|key| key.expires_at = Some(end)).await;
    world.pass(59);
    lists(&world, As::ApiKey(&key)).await.expect(StatusCode::OK);
    world.pass(1);
    lists(&world, As::ApiKey(&key)).await.refused(401, "unauthenticated");
    // The last character changed: another secret of the same key.
    let mut other = world.key().to_owned();
    let last = other.pop().unwrap();
    other.push(if last == 'A' { 'E' } else { 'A' });
    lists(&world, As::ApiKey(&other)).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn groups_and_roles_are_those_of_the_token() {
    let world = World::start().await;
    let sandbox = || ask(SANDBOX, "ReadOnlyAccess", 60);
    let stranger = world.token_with("eve", |claims| claims["groups"] = json!(["engineering"]));
    let request = world.post(As::Token(&stranger), "/v1/requests", sandbox()).await.expect(StatusCode::CREATED);
    assert_eq!(request["requester_id"], "eve");
    for groups in [json!([]), json!(["Engineering"]), json!(["engineering "])] {
        let token = world.token_with("alice", |claims| claims["groups"] = groups.clone());
        world.post(As::Token(&token), "/v1/requests", sandbox()).await.refused(403, "policy_denied");
    }
    let admin = world.token_with("eve", |claims| claims["groups"] = json!(["admins"]));
    world.get(As::Token(&admin), "/v1/policies").await.expect(StatusCode::OK);
    world.get(As::Token(&stranger), "/v1/policies").await.refused(403, "insufficient_scope");
    // An administrator acts in their own name.
    let mut body = ask(PRODUCTION, "ReadOnlyAccess", 60);
    body["on_behalf_of"] = json!("alice");
    let error = world.post(As::Token(&admin), "/v1/requests", body).await.refused(403, "insufficient_scope");
    assert_eq!(error["details"]["required"], "access:impersonate");
}

#[tokio::test]
async fn nothing_of_a_credential_comes_back() {
    let world = World::start().await;
    let (key, token) = (world.api_key(&[ApiScope::GrantsRead]).await, world.token("alice"));
    let secret = key.rsplit('_').next().unwrap();
    for answer in [
        lists(&world, As::ApiKey(&key)).await,
        world.get(As::ApiKey(&format!("{key}x")), "/v1/requests").await,
        world.get(As::Token(&token), "/v1/policies").await,
        world.get(As::Token(&format!("{token}x")), "/v1/requests").await,
        world.call(As::Token(&token), Method::POST, "/v1/requests").bytes("{").send().await,
    ] {
        let text = format!("{}{:?}", answer.body, answer.headers);
        assert!(!text.contains(secret) && !text.contains(&token), "{text}");
    }
}

/// A rule may forbid by group: who is in groups that the token does not list is not let through as a member of none.
#[tokio::test]
async fn groups_a_token_leaves_out_are_not_no_groups() {
    let world = World::start().await;
    type Edit = fn(&mut Value);
    let left_out: [(&str, Edit); 8] = [
        ("no claim", |claims| drop(claims.as_object_mut().unwrap().remove("groups"))),
        ("null", |claims| claims["groups"] = json!(null)),
        ("hasgroups", |claims| claims["hasgroups"] = json!(true)),
        ("hasgroups as text", |claims| claims["hasgroups"] = json!("true")),
        ("in _claim_names", |claims| claims["_claim_names"] = json!({"groups": "src1"})),
        ("in _claim_names, spelled otherwise", |claims| claims["_claim_names"] = json!({"Groups": "src1"})),
        ("in _claim_names, as text", |claims| claims["_claim_names"] = json!("{\"groups\":\"src1\"}")),
        ("in short", |claims| claims["groups:src1"] = json!("https://graph.example.com")),
    ];
    for (name, edit) in left_out {
        let token = world.token_with("alice", edit);
        let error = lists(&world, As::Token(&token)).await.refused(403, "groups_unknown");
        assert!(error["details"]["remedy"].is_string(), "{name}: {error}");
        let body = ask(SANDBOX, "ReadOnlyAccess", 60);
        world.post(As::Token(&token), "/v1/requests", body).await.refused(403, "groups_unknown");
    }
    let none = world.token_with("alice", |claims| claims["groups"] = json!([]));
    lists(&world, As::Token(&none)).await.expect(StatusCode::OK);
    // A bad token is one all the same, and of another tenant it is said so.
    let expired = world.token_with("alice", |claims| {
        claims["groups"] = json!(null);
        claims["exp"] = json!(1);
    });
    lists(&world, As::Token(&expired)).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn the_directory_supplies_the_groups_a_token_leaves_out() {
    let world = World::start().await;
    let table = world.local.table().tenant(world.local.tenant_id());
    let token = world.token_with("alice", |claims| claims["hasgroups"] = json!(true));
    let mut alice = table.get::<User>("alice").await.unwrap().unwrap();
    alice.directory_groups = Some(vec!["admins".to_owned()]);
    let mut writes = Transaction::new(table.id());
    writes.put(&alice).unwrap();
    table.commit(writes).await.unwrap();
    world.get(As::Token(&token), "/v1/policies").await.expect(StatusCode::OK);
    let body = ask(SANDBOX, "ReadOnlyAccess", 60);
    world.post(As::Token(&token), "/v1/requests", body).await.refused(403, "policy_denied");
    let known = table.get::<User>("alice").await.unwrap().unwrap();
    assert_eq!((known.groups, known.directory_groups), (vec!["admins".to_owned()], Some(vec!["admins".to_owned()])));
    // A token that lists its groups is believed.
    world.get(As::Person("alice"), "/v1/policies").await.refused(403, "insufficient_scope");
}

#[tokio::test]
async fn a_tenant_may_take_groups_left_out_for_none() {
    let world = World::start().await;
    let token = world.token_with("alice", |claims| claims["groups"] = json!(null));
    lists(&world, As::Token(&token)).await.refused(403, "groups_unknown");
    let table = world.local.table().tenant(world.local.tenant_id());
    let mut tenant = table.get::<Tenant>(Tenant::KIND).await.unwrap().unwrap();
    tenant.oidc.as_mut().unwrap().groups = GroupsClaim::Optional;
    let mut writes = Transaction::new(tenant.id);
    writes.put(&tenant).unwrap();
    table.commit(writes).await.unwrap();
    lists(&world, As::Token(&token)).await.expect(StatusCode::OK);
    let body = ask(SANDBOX, "ReadOnlyAccess", 60);
    world.post(As::Token(&token), "/v1/requests", body).await.refused(403, "policy_denied");
}
