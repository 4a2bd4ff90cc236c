//! Who counts as another person, and who receives what is given.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};
use stint::domain::{AccessRequest, ExternalIdSource, PersonLink, Tenant, User};
use stint::store::{Record, Transaction};
use stint_local::seed::Seed;
use stint_tests::{Answer, As, PRODUCTION, SANDBOX, World, ask};

/// A token of an account the seed does not know, in the group that approves, with this address.
pub(super) fn account(world: &World, sub: &str, email: &str) -> String {
    claiming(world, sub, json!({"email": email, "email_verified": true}))
}

/// A token of such an account with these claims.
fn claiming(world: &World, sub: &str, mut more: Value) -> String {
    world.token_with(sub, |claims| {
        claims["groups"] = json!(["sre"]);
        claims.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
    })
}

async fn pending(world: &World) -> String {
    let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED);
    assert_eq!(request["status"], "pending");
    request["id"].as_str().unwrap().to_owned()
}

async fn decide(world: &World, who: As<'_>, id: &str, verb: &str) -> Answer {
    world.post(who, format!("/v1/requests/{id}/{verb}"), json!({})).await
}

async fn approve(world: &World, who: As<'_>, id: &str) -> Answer {
    decide(world, who, id, "approve").await
}

async fn not_a_person(world: &World, token: &str, id: &str, who: &str) {
    let error = approve(world, As::Token(token), id).await.refused(403, "not_a_person");
    assert_eq!(error["details"]["who"], who, "{error}");
}

/// A world whose example policy asks for so many approvals.
async fn quorum(approvals: u32) -> World {
    let mut seed = Seed::example();
    seed.policies[1]["required_approvals"] = json!(approvals);
    World::with(seed).await
}

pub(super) fn user_id(world: &World, sub: &str) -> String {
    world.local.aws().seeded().user(sub).unwrap().user_id.clone()
}

/// What a sync would write once a key leads to these users.
pub(super) async fn link(world: &World, key: String, users: &[&str]) {
    let user_ids: BTreeSet<String> = users.iter().map(|sub| user_id(world, sub)).collect();
    let mut writes = Transaction::new(world.local.tenant_id());
    writes.put(&PersonLink { key, user_ids }).unwrap();
    world.local.table().tenant(world.local.tenant_id()).commit(writes).await.unwrap();
}

async fn edit_tenant(world: &World, edit: impl FnOnce(&mut Tenant)) {
    let table = world.local.table().tenant(world.local.tenant_id());
    let mut tenant = table.get::<Tenant>(Tenant::KIND).await.unwrap().unwrap();
    edit(&mut tenant);
    let mut writes = Transaction::new(tenant.id);
    writes.put(&tenant).unwrap();
    table.commit(writes).await.unwrap();
}

async fn known(world: &World, sub: &str) -> Option<User> {
    world.local.table().tenant(world.local.tenant_id()).get::<User>(sub).await.unwrap()
}

#[tokio::test]
async fn the_requesters_second_account_does_not_approve() {
    let world = World::start().await;
    let id = pending(&world).await;
    for email in ["alice@example.com", "Alice@Example.COM"] {
        let second = account(&world, "alice-admin", email);
        approve(&world, As::Token(&second), &id).await.refused(403, "self_approval");
        decide(&world, As::Token(&second), &id, "deny").await.refused(403, "self_approval");
    }
    approve(&world, As::Person("bob"), &id).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn an_account_the_directory_links_to_nobody_denies_and_does_not_approve() {
    let world = World::start().await;
    let id = pending(&world).await;
    let accounts = [
        json!({}),
        json!({"email": "nobody@example.com", "email_verified": true}),
        json!({"email": "bob@example.com"}),
        json!({"email": "bob@example.com", "email_verified": false}),
        json!({"email": "bob@example.com", "email_verified": "false"}),
        json!({"email": "bob@example.com", "email_verified": true, "xms_edov": false}),
        json!({"email": "bob\u{200b}@example.com", "email_verified": true}),
        json!({"email": " bob@example.com", "email_verified": true}),
        // Names link nobody.
        json!({"name": "bob", "preferred_username": "bob", "upn": "bob@example.com"}),
    ];
    for more in accounts {
        not_a_person(&world, &claiming(&world, "ghost", more), &id, "caller").await;
    }
    let ghost = claiming(&world, "ghost", json!({}));
    let denied = decide(&world, As::Token(&ghost), &id, "deny").await.expect(StatusCode::OK);
    assert_eq!(denied["status"], "denied");
}

#[tokio::test]
async fn an_address_is_trusted_only_in_the_tenants_own_domains() {
    let world = World::start().await;
    let id = pending(&world).await;
    let bob = claiming(&world, "bob-2", json!({"email": "bob@example.com"}));
    edit_tenant(&world, |tenant| tenant.oidc.as_mut().unwrap().trust_email = true).await;
    not_a_person(&world, &bob, &id, "caller").await;
    edit_tenant(&world, |tenant| tenant.verified_domains = vec!["elsewhere.example".to_owned()]).await;
    not_a_person(&world, &bob, &id, "caller").await;
    edit_tenant(&world, |tenant| tenant.verified_domains.push("example.com".to_owned())).await;
    approve(&world, As::Token(&bob), &id).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn two_accounts_of_one_person_make_no_quorum() {
    let world = quorum(2).await;
    let id = pending(&world).await;
    let second = account(&world, "Bob", "BOB@example.com");
    let request = approve(&world, As::Person("bob"), &id).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "pending");
    approve(&world, As::Token(&second), &id).await.refused(409, "conflict");
    let request = approve(&world, As::Person("carol"), &id).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "approved");
}

#[tokio::test]
async fn a_machine_does_not_approve_whatever_it_may_and_may_deny() {
    let world = quorum(2).await;
    let id = pending(&world).await;
    approve(&world, As::Person("bob"), &id).await.expect(StatusCode::OK);
    let (bob, carol) = (user_id(&world, "bob"), user_id(&world, "carol"));
    let nobody = world.api_key_with(|key| key.name = "carol".to_owned()).await;
    let as_carol = world.api_key_with(|key| key.identity_store_user_id = Some(carol)).await;
    let as_bob = world.api_key_with(|key| key.identity_store_user_id = Some(bob)).await;
    for key in [&nobody, &as_carol, &as_bob] {
        let error = approve(&world, As::ApiKey(key), &id).await.refused(403, "not_a_person");
        assert_eq!(error["details"]["who"], "caller");
    }
    decide(&world, As::ApiKey(&nobody), &id, "deny").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_key_is_given_access_only_as_the_user_an_administrator_set_on_it() {
    let world = World::start().await;
    let engineers = |user: Option<String>| {
        move |key: &mut stint::auth::api_key::ApiKey| {
            key.name = "alice".to_owned();
            key.groups = vec!["engineering".to_owned()];
            key.identity_store_user_id = user;
        }
    };
    let named = world.api_key_with(engineers(None)).await;
    let sandbox = ask(SANDBOX, "PowerUserAccess", 600);
    let error = world.post(As::ApiKey(&named), "/v1/requests", sandbox.clone()).await.refused(400, "invalid_input");
    assert_eq!(error["details"]["field"], "identity_store_user_id");
    let ensure = json!({"entitlements": [{"target": format!("AWS::Account::{SANDBOX}"), "role": "PowerUserAccess"}]});
    let answer = world.post(As::ApiKey(&named), "/v1/access/ensure", ensure).await.expect(StatusCode::OK);
    assert!(answer["diagnostics"].to_string().contains("Identity Store user"), "{answer}");
    world.settle().await;
    assert_eq!(world.assignments(), Vec::<String>::new(), "a name leads to nobody");

    let set = world.api_key_with(engineers(Some(user_id(&world, "stint-local")))).await;
    world.post(As::ApiKey(&set), "/v1/requests", sandbox).await.expect(StatusCode::CREATED);
    world.settle().await;
    assert_eq!(world.assignments(), ["stint-local PowerUserAccess 111111111111"]);
}

#[tokio::test]
async fn who_receives_what_a_key_asks_for_does_not_approve_it() {
    let world = World::start().await;
    let bob = user_id(&world, "bob");
    let key = world
        .api_key_with(|key| {
            key.groups = vec!["engineering".to_owned()];
            key.identity_store_user_id = Some(bob.clone());
        })
        .await;
    let body = ask(PRODUCTION, "ReadOnlyAccess", 600);
    let request = world.post(As::ApiKey(&key), "/v1/requests", body.clone()).await.expect(StatusCode::CREATED);
    let id = request["id"].as_str().unwrap();
    approve(&world, As::Person("bob"), id).await.refused(403, "self_approval");
    approve(&world, As::Person("carol"), id).await.expect(StatusCode::OK);

    // Nor who asked for it in another's name.
    let mut body = body;
    body["on_behalf_of"] = json!("alice");
    let request = world.post(As::ApiKey(&key), "/v1/requests", body).await.expect(StatusCode::CREATED);
    let id = request["id"].as_str().unwrap();
    approve(&world, As::Person("bob"), id).await.refused(403, "self_approval");
    let second = account(&world, "alice-admin", "alice@example.com");
    approve(&world, As::Token(&second), id).await.refused(403, "self_approval");
    approve(&world, As::Person("carol"), id).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn an_address_of_two_users_links_nobody() {
    let mut seed = Seed::example();
    let mut twin = stint_local::aws::User::named("bobs-twin");
    twin.email = "Bob@example.com".to_owned();
    seed.aws.users.push(twin);
    let world = World::with(seed).await;
    let id = pending(&world).await;
    not_a_person(&world, &world.token("bob"), &id, "caller").await;
    approve(&world, As::Person("carol"), &id).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn an_external_id_is_stronger_than_an_address() {
    let world = World::start().await;
    let issuer = world.local.issuer().issuer().to_owned();
    let id = pending(&world).await;
    link(&world, PersonLink::by_external_id(&issuer, "bob"), &["alice"]).await;
    approve(&world, As::Person("bob"), &id).await.refused(403, "self_approval");
    // Two users: the address does not decide between them.
    link(&world, PersonLink::by_external_id(&issuer, "bob"), &["alice", "bob"]).await;
    not_a_person(&world, &world.token("bob"), &id, "caller").await;
    // Another issuer's id, or another spelling, is another id.
    link(&world, PersonLink::by_external_id(&issuer, "bob"), &[]).await;
    link(&world, PersonLink::by_external_id("https://elsewhere.example", "bob"), &["alice"]).await;
    link(&world, PersonLink::by_external_id(&issuer, "Bob"), &["alice"]).await;
    approve(&world, As::Person("bob"), &id).await.expect(StatusCode::OK);
}

/// What is given goes to whom the external id leads to, not to whom the address does.
#[tokio::test]
async fn access_is_given_to_the_user_with_the_external_id() {
    let mut seed = Seed::example();
    let mut idp = stint_local::aws::User::named("provisioned");
    idp.external_ids = vec![stint_local::aws::ExternalId { issuer: "https://scim".to_owned(), id: "00u1".to_owned() }];
    seed.aws.users.push(idp);
    let world = World::with(seed).await;
    let source = ExternalIdSource { issuer: "https://scim".to_owned(), claim: "oid".to_owned() };
    edit_tenant(&world, |tenant| tenant.oidc.as_mut().unwrap().external_id = Some(source)).await;
    let alice = world.token_with("alice", |claims| claims["oid"] = json!("00u1"));
    world
        .post(As::Token(&alice), "/v1/requests", ask(SANDBOX, "PowerUserAccess", 60))
        .await
        .expect(StatusCode::CREATED);
    world.settle().await;
    assert_eq!(world.assignments(), ["provisioned PowerUserAccess 111111111111"]);
}

#[tokio::test]
async fn nobody_approves_what_is_for_somebody_the_directory_does_not_know() {
    let mut seed = Seed::example();
    seed.aws.users.retain(|user| user.sub != "alice");
    let world = World::with(seed).await;
    let id = pending(&world).await;
    not_a_person(&world, &world.token("bob"), &id, "requester").await;
    // Once a sync has found them, somebody else's approval counts, and their own does not.
    link(&world, PersonLink::by_email("alice@example.com"), &["dave"]).await;
    approve(&world, As::Person("dave"), &id).await.refused(403, "self_approval");
    approve(&world, As::Person("bob"), &id).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn who_is_who_is_looked_up_again_when_it_is_decided() {
    let world = quorum(2).await;
    let id = pending(&world).await;
    approve(&world, As::Person("bob"), &id).await.expect(StatusCode::OK);
    // The directory has learned that the requester's address is carol's.
    link(&world, PersonLink::by_email("alice@example.com"), &["carol"]).await;
    approve(&world, As::Person("carol"), &id).await.refused(403, "self_approval");
    link(&world, PersonLink::by_email("alice@example.com"), &["alice"]).await;
    // Nobody knows any more who it was that approved: that approval does not count.
    link(&world, PersonLink::by_email("bob@example.com"), &[]).await;
    let request = approve(&world, As::Person("carol"), &id).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "pending", "{request}");
    let request = approve(&world, As::Person("dave"), &id).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "approved");
}

/// The two approvals carry what the address led to at the time of each, and DynamoDB takes one condition an item.
#[tokio::test]
async fn two_accounts_whose_links_were_read_at_different_times_keep_nobody_from_approving() {
    let world = quorum(3).await;
    let id = pending(&world).await;
    approve(&world, As::Person("bob"), &id).await.expect(StatusCode::OK);
    // A second account with the address, whose own external id leads to dave.
    link(&world, PersonLink::by_email("bob@example.com"), &["bob", "carol"]).await;
    let issuer = world.local.issuer().issuer().to_owned();
    link(&world, PersonLink::by_external_id(&issuer, "second"), &["dave"]).await;
    let table = world.local.table().tenant(world.local.tenant_id());
    let mut request = table.get::<AccessRequest>(id.as_str()).await.unwrap().unwrap();
    let mut second = request.decisions[0].clone();
    second.decided_by.who.id = "second".to_owned();
    let external = second.decided_by.link.external_id.as_mut().unwrap();
    external.id = "second".to_owned();
    second.decided_by.link.found = vec![
        PersonLink { key: PersonLink::by_external_id(&issuer, "second"), user_ids: [user_id(&world, "dave")].into() },
        PersonLink {
            key: PersonLink::by_email("bob@example.com"),
            user_ids: [user_id(&world, "bob"), user_id(&world, "carol")].into(),
        },
    ];
    request.decisions.push(second);
    let mut writes = Transaction::new(table.id());
    writes.update(&request).unwrap();
    table.commit(writes).await.unwrap();

    let request = approve(&world, As::Person("carol"), &id).await.expect(StatusCode::OK);
    assert_eq!(request["status"], "pending", "{request}");
}

/// Gives alice's address to somebody else in the Identity Store.
fn move_address(world: &World, to: &str) {
    world.local.aws().change_people(|people| {
        people.iter_mut().find(|user| user.user_name == "alice").unwrap().email = String::new();
        people.iter_mut().find(|user| user.user_name == to).unwrap().email = "alice@example.com".to_owned();
    });
}

#[tokio::test]
async fn nothing_is_given_while_the_identity_store_leads_to_another_user_than_the_directory() {
    let world = World::start().await;
    let id = world.granted("alice", SANDBOX, "PowerUserAccess", 7200).await;
    move_address(&world, "dave");
    world.settle().await;
    let grant = world.grant(&id).await;
    assert_eq!((&grant["status"], &grant["provisioning_status"]), (&json!("active"), &json!("pending")), "{grant}");
    assert!(grant["provisioning_error"].as_str().unwrap().contains("before the next sync"), "{grant}");
    assert_eq!(world.assignments(), Vec::<String>::new());
    world.sync().await;
    world.wait(901).await;
    assert_eq!(world.assignments(), ["dave PowerUserAccess 111111111111"]);
}

#[tokio::test]
async fn who_approved_does_not_receive_it_because_the_requesters_address_became_theirs() {
    let world = World::start().await;
    let id = pending(&world).await;
    let request = approve(&world, As::Person("dave"), &id).await.expect(StatusCode::OK);
    move_address(&world, "dave");
    world.settle().await;
    assert_eq!(world.assignments(), Vec::<String>::new());
    world.sync().await;
    world.wait(60).await;
    let grant = world.grant(request["grant_ids"][0].as_str().unwrap()).await;
    assert_eq!((&grant["status"], &grant["provisioning_status"]), (&json!("revoked"), &json!("failed")), "{grant}");
    assert!(world.local.aws().calls().iter().all(|call| call.operation != "CreateAccountAssignment"));
}

#[tokio::test]
async fn access_is_given_to_the_user_set_on_the_key_when_it_is_given() {
    let world = World::start().await;
    let alice = user_id(&world, "alice");
    let secret = world
        .api_key_with(|key| {
            key.groups = vec!["engineering".to_owned()];
            key.identity_store_user_id = Some(alice);
        })
        .await;
    let body = ask(SANDBOX, "PowerUserAccess", 600);
    world.post(As::ApiKey(&secret), "/v1/requests", body).await.expect(StatusCode::CREATED);
    world.edit_api_key(&secret, |key| key.identity_store_user_id = Some(user_id(&world, "stint-local"))).await;
    world.settle().await;
    assert_eq!(world.assignments(), ["stint-local PowerUserAccess 111111111111"]);
}

#[tokio::test]
async fn what_a_token_says_of_its_owner_is_known_after_a_change_and_not_after_a_look() {
    let world = World::start().await;
    world.request("alice", PRODUCTION, "ReadOnlyAccess", 60).await.expect(StatusCode::CREATED);
    let before = known(&world, "alice").await.unwrap();
    assert_eq!(before.issued_at, Some(world.now()));
    world.request("alice", SANDBOX, "ReadOnlyAccess", 60).await.expect(StatusCode::CREATED);
    assert_eq!(known(&world, "alice").await, Some(before.clone()), "nothing is new");

    let token = world.token_with("alice", |claims| claims["groups"] = json!(["engineering", "night shift"]));
    world.get(As::Token(&token), "/v1/requests").await.expect(StatusCode::OK);
    assert_eq!(known(&world, "alice").await, Some(before), "who looks changes nothing");
    world
        .post(As::Token(&token), "/v1/requests", ask(SANDBOX, "PowerUserAccess", 60))
        .await
        .expect(StatusCode::CREATED);
    let after = known(&world, "alice").await.unwrap();
    assert_eq!((after.groups, after.version), (vec!["engineering".to_owned(), "night shift".to_owned()], 2));

    let ensure = |dry_run| {
        json!({"entitlements": [{"target": format!("AWS::Account::{SANDBOX}"), "role": "ReadOnlyAccess"}],
            "dry_run": dry_run})
    };
    let erin = world.token_with("erin", |claims| claims["groups"] = json!(["engineering"]));
    world.post(As::Token(&erin), "/v1/access/ensure", ensure(true)).await.expect(StatusCode::OK);
    assert_eq!(known(&world, "erin").await, None, "a dry run writes nothing");
    world.post(As::Token(&erin), "/v1/access/ensure", ensure(false)).await.expect(StatusCode::OK);
    assert_eq!(known(&world, "erin").await.unwrap().groups, ["engineering"]);
}

/// A name is shown to who approves.
#[tokio::test]
async fn reasons_are_read_as_they_are_written() {
    let world = World::start().await;
    let with = |reason: &str| {
        let mut body = ask(PRODUCTION, "ReadOnlyAccess", 600);
        body["reason"] = json!(reason);
        body["metadata"] = json!({"tickets": ["OPS-\u{202e}1\u{2069}"]});
        body
    };
    let body = with("read \u{202e}etirw\u{202c} only\u{200b}");
    let request = world.post(As::Person("alice"), "/v1/requests", body).await.expect(StatusCode::CREATED);
    assert_eq!(request["reason"], "read etirw only");
    assert_eq!(request["metadata"]["tickets"], json!(["OPS-1"]));
    let error = world.post(As::Person("alice"), "/v1/requests", with("a\u{8}b")).await.refused(400, "invalid_input");
    assert_eq!(error["details"]["field"], "reason");

    let path = format!("/v1/requests/{}/messages", request["id"].as_str().unwrap());
    let message = world.post(As::Person("bob"), path, json!({"content": "\u{2067}no\u{feff}"})).await;
    assert_eq!(message.expect(StatusCode::CREATED)["content"], "no");
}

/// A token is good until it expires, also after a newer one said something else.
#[tokio::test]
async fn an_older_token_does_not_replace_what_a_newer_one_said() {
    let world = World::start().await;
    let older = world.token_with("alice", |claims| claims["groups"] = json!(["engineering", "sre"]));
    world.pass(2);
    let newer = world.token("alice");
    let ask = |account| ask(account, "ReadOnlyAccess", 600);
    for (token, account) in [(&older, SANDBOX), (&newer, PRODUCTION), (&older, SANDBOX)] {
        world.post(As::Token(token), "/v1/requests", ask(account)).await.expect(StatusCode::CREATED);
    }
    assert_eq!(known(&world, "alice").await.unwrap().groups, ["engineering"]);
}
