//! Who may do what, by the policies and roles of the example world: for a security officer to read.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_local::oidc::DevUser;
use stint_local::seed::Seed;
use stint_tests::{Answer, As, PRODUCTION, SANDBOX, STAGING, World, ask};

/// Columns of the table, narrow enough for a screen.
const COLUMNS: &[&str] = &["alice", "bob", "carol", "dave", "audrey", "nora", "key"];

/// What they are, over the table.
const PEOPLE: &str = "\
alice   engineering
bob     engineering, sre (approver)
carol   sre (approver), break-glass
dave    admins (admin)
audrey  auditors (auditor)
nora    in no group
key     an API key with every scope, in no group
";

/// The example's people, an auditor, and somebody who is in no group.
fn seed() -> Seed {
    let mut seed = Seed::example();
    let person = |sub: &str, groups: &[&str]| DevUser {
        sub: sub.to_owned(),
        email: format!("{sub}@example.com"),
        name: sub.to_owned(),
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
    };
    seed.people.extend([person("audrey", &["auditors"]), person("nora", &[])]);
    // What is asked for here is not given in between.
    seed.tenant.max_pending_grants = 1000;
    seed.tenant.roles.insert(stint::domain::Role::Auditor, vec!["auditors".to_owned()]);
    seed
}

fn caller(name: &str) -> As<'_> {
    if name == "key" { As::Key } else { As::Person(name) }
}

/// An answer in a word.
fn outcome(answer: &Answer) -> String {
    let code = answer.body["code"].as_str().unwrap_or_default();
    match (answer.status.as_u16(), code) {
        (201, "") => match (answer.body["status"].as_str(), answer.body["approval_mode"].as_str()) {
            (Some("approved"), Some("break_glass")) => "emergency".to_owned(),
            (Some("approved"), Some("auto")) => "auto".to_owned(),
            (Some("pending"), Some("require")) => "waits".to_owned(),
            (None, _) | (Some(_), _) => "created".to_owned(),
        },
        (200..300, "") => "yes".to_owned(),
        (403, "policy_denied") if answer.body["notices"].is_array() => "forbidden".to_owned(),
        (403, "policy_denied") => "denied".to_owned(),
        (403, "insufficient_scope") => "no scope".to_owned(),
        (403, "self_approval") => "own".to_owned(),
        (403, "not_a_person") => "no person".to_owned(),
        (403, "break_glass_not_permitted") => "no glass".to_owned(),
        (404, "not_found") => "unseen".to_owned(),
        (status, code) => format!("{status} {code}"),
    }
}

/// A row: what is tried, and what comes of it when each tries.
async fn row(world: &World, name: &str, attempt: impl AsyncFn(&World, &str) -> Answer) -> String {
    let mut row = format!("{name:<34}");
    for who in COLUMNS {
        row.push_str(&format!("{:<11}", outcome(&attempt(world, who).await)));
    }
    format!("{}\n", row.trim_end())
}

async fn asks(world: &World, who: &str, body: Value) -> Answer {
    world.post(caller(who), "/v1/requests", body).await
}

/// A request that waits for approval, made by `requester`.
async fn waiting(world: &World, requester: &str) -> String {
    let request = world.request(requester, PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED);
    request["id"].as_str().unwrap().to_owned()
}

/// A grant of alice's, on an account.
async fn alices_grant(world: &World, account: &str) -> String {
    if account == SANDBOX {
        return world.granted("alice", SANDBOX, "ReadOnlyAccess", 600).await;
    }
    let id = waiting(world, "alice").await;
    let path = format!("/v1/requests/{id}/approve");
    let request = world.post(As::Person("carol"), path, json!({})).await.expect(StatusCode::OK);
    request["grant_ids"][0].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_may_do_what() {
    let world = World::with(seed()).await;
    let world = &world;
    let heads: String = COLUMNS.iter().map(|name| format!("{name:<11}")).collect();
    let mut table = format!("{PEOPLE}\n{:<34}{}\n", "", heads.trim_end());

    table.push_str("\nask for\n");
    for (account, name) in [(SANDBOX, "sandbox"), (STAGING, "staging"), (PRODUCTION, "production")] {
        for action in ["ReadOnlyAccess", "PowerUserAccess", "AdministratorAccess"] {
            let attempt = async |world: &World, who: &str| asks(world, who, ask(account, action, 600)).await;
            table.push_str(&row(world, &format!("  {action}, {name}"), attempt).await);
        }
    }
    let emergency = async |world: &World, who: &str| {
        let mut body = ask(PRODUCTION, "AdministratorAccess", 600);
        body["break_glass"] = json!(true);
        asks(world, who, body).await
    };
    table.push_str(&row(world, "  break glass, production", emergency).await);
    let in_anothers_name = async |world: &World, who: &str| {
        let mut body = ask(SANDBOX, "ReadOnlyAccess", 600);
        body["on_behalf_of"] = json!("bob");
        asks(world, who, body).await
    };
    table.push_str(&row(world, "  in bob's name, sandbox", in_anothers_name).await);

    table.push_str("\na request, production\n");
    for requester in ["alice", "bob"] {
        for verb in ["approve", "deny", "cancel"] {
            let attempt = async |world: &World, who: &str| {
                let id = waiting(world, requester).await;
                world.post(caller(who), format!("/v1/requests/{id}/{verb}"), json!({})).await
            };
            table.push_str(&row(world, &format!("  {verb} {requester}'s"), attempt).await);
        }
    }
    for (name, below) in [("read alice's", ""), ("read its messages", "/messages")] {
        let attempt = async |world: &World, who: &str| {
            let id = waiting(world, "alice").await;
            world.get(caller(who), format!("/v1/requests/{id}{below}")).await
        };
        table.push_str(&row(world, &format!("  {name}"), attempt).await);
    }
    let polls = async |world: &World, who: &str| {
        let id = waiting(world, "alice").await;
        world.get(caller(who), format!("/v1/access/requests/{id}")).await
    };
    table.push_str(&row(world, "  poll alice's", polls).await);

    for (account, name) in [(SANDBOX, "sandbox"), (PRODUCTION, "production")] {
        table.push_str(&format!("\na grant of alice's, {name}\n"));
        let with = |method: Method, below: &'static str, body: Option<Value>| {
            async move |world: &World, who: &str| {
                let id = alices_grant(world, account).await;
                let call = world.call(caller(who), method.clone(), format!("/v1/grants/{id}{below}"));
                match &body {
                    Some(body) => call.json(body).send().await,
                    None => call.send().await,
                }
            }
        };
        table.push_str(&row(world, "  read", with(Method::GET, "", None)).await);
        let extend = with(Method::POST, "/extend", Some(json!({"duration_seconds": 60})));
        table.push_str(&row(world, "  extend", extend).await);
        let audit = with(Method::PATCH, "", Some(json!({"audit_enabled": true})));
        table.push_str(&row(world, "  switch auditing", audit).await);
        table.push_str(&row(world, "  revoke", with(Method::DELETE, "", None)).await);
    }

    table.push_str("\npolicies\n");
    let reads = async |world: &World, who: &str| world.get(caller(who), "/v1/policies").await;
    table.push_str(&row(world, "  read", reads).await);
    let evaluates = async |world: &World, who: &str| {
        let body = json!({"principal": "alice", "resource": "aws_account:111111111111", "action": "ReadOnlyAccess"});
        world.post(caller(who), "/v1/policies/evaluate", body).await
    };
    table.push_str(&row(world, "  evaluate", evaluates).await);
    let writes = async |world: &World, who: &str| {
        world.post(caller(who), "/v1/policies", json!({"name": "empty", "max_duration_seconds": 60})).await
    };
    table.push_str(&row(world, "  write", writes).await);

    insta::assert_snapshot!("policy_matrix", table);
}
