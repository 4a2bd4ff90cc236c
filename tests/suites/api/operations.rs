//! Each operation, called so that it does what it is for: for whoever wants to know what a call does to AWS.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_local::seed::Seed;
use stint_tests::{As, PRODUCTION, SANDBOX, World, ask};

/// Who makes the calls, and looks.
pub(super) trait Calls {
    /// Where.
    fn world(&self) -> &World;

    /// Makes a call, which is made ready anew each time it is made. It may wait for AWS so many times.
    async fn call(&mut self, budget: usize, name: &str, ready: impl AsyncFn(&World) -> Ready);
}

/// A call, all but made.
pub(super) struct Ready {
    pub(super) who: As<'static>,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

pub(super) fn get(who: As<'static>, path: impl Into<String>) -> Ready {
    Ready { who, method: Method::GET, path: path.into(), body: None }
}

pub(super) fn send(who: As<'static>, method: Method, path: impl Into<String>, body: Value) -> Ready {
    Ready { who, method, path: path.into(), body: Some(body) }
}

pub(super) fn post(who: As<'static>, path: impl Into<String>, body: Value) -> Ready {
    send(who, Method::POST, path, body)
}

/// Every operation but the one that never goes to AWS.
pub(super) async fn every(calls: &mut impl Calls) {
    calls.call(1, "getHealth", async |_| get(As::Nobody, "/healthz")).await;
    listings(calls).await;
    access(calls).await;
    requests(calls).await;
    grants(calls).await;
    policies(calls).await;
    audit_log(calls).await;
}

/// The example world, where what is asked for over and over need not be given in between.
pub(super) fn seed() -> Seed {
    let mut seed = Seed::example();
    seed.tenant.max_pending_grants = 1000;
    seed
}

pub(super) async fn waiting(world: &World) -> String {
    let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED);
    request["id"].as_str().unwrap().to_owned()
}

pub(super) async fn granted(world: &World) -> String {
    world.granted("alice", SANDBOX, "PowerUserAccess", 600).await
}

pub(super) fn policy() -> Value {
    json!({
        "name": "a policy", "enabled": false, "max_duration_seconds": 60,
        "cedar_policy_set": "permit (principal, action, resource); forbid (principal, action, resource);"
    })
}

pub(super) async fn policy_and_rules(world: &World) -> (String, Vec<String>) {
    let policy = world.post(As::Key, "/v1/policies", policy()).await.expect(StatusCode::CREATED);
    let rules = policy["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap().to_owned());
    (format!("/v1/policies/{}", policy["id"].as_str().unwrap()), rules.collect())
}

fn needs(role: &str) -> Value {
    json!({"entitlements": [{"target": format!("AWS::Account::{SANDBOX}"), "role": role}]})
}

/// What people wait for.
async fn access(calls: &mut impl Calls) {
    let alice = || As::Person("alice");
    let ensure = "/v1/access/ensure";
    calls
        .call(1, "ensureAccess, a live grant", async |world| {
            world.post(alice(), ensure, needs("PowerUserAccess")).await.expect(StatusCode::OK);
            world.settle().await;
            post(alice(), ensure, needs("PowerUserAccess"))
        })
        .await;
    calls
        .call(1, "ensureAccess, a live grant, by a key", async |world| {
            let policy = json!({"name": "machines", "max_duration_seconds": 3600, "approval_mode": "auto",
                "cedar_policy_set": "permit (principal is ServiceAccount, action, resource);"});
            world.post(As::Key, "/v1/policies", policy).await.expect(StatusCode::CREATED);
            world.post(As::Key, ensure, needs("PowerUserAccess")).await.expect(StatusCode::OK);
            post(As::Key, ensure, needs("PowerUserAccess"))
        })
        .await;
    calls
        // What a token that is new says of its owner is a commit of its own: each access is committed by itself.
        .call(3, "ensureAccess, a new grant", async |world| {
            world.post(As::Person("bob"), ensure, needs("ReadOnlyAccess")).await.expect(StatusCode::OK);
            world.wait(8 * 3600).await;
            world.local.sweep().await.unwrap();
            world.settle().await;
            let mut body = needs("ReadOnlyAccess");
            body["justification"] = json!({"reason": "again"});
            post(As::Person("bob"), ensure, body)
        })
        .await;
    calls
        // What a token that is new says of its owner is a commit of its own: each access is committed by itself.
        .call(3, "ensureAccess, a grant about to end", async |world| {
            let mut body = needs("PowerUserAccess");
            body["entitlements"][0]["duration_seconds"] = json!(600);
            world.post(As::Person("bob"), ensure, body.clone()).await.expect(StatusCode::OK);
            world.settle().await;
            world.wait(500).await;
            post(As::Person("bob"), ensure, body)
        })
        .await;
    calls
        .call(1, "ensureAccess, a dry run", async |_| {
            let mut body = needs("ReadOnlyAccess");
            body["dry_run"] = json!(true);
            post(alice(), ensure, body)
        })
        .await;
    calls
        .call(1, "getAccessRequestStatus, pending", async |world| {
            get(alice(), format!("/v1/access/requests/{}", waiting(world).await))
        })
        .await;
    calls
        .call(2, "getAccessRequestStatus, granted", async |world| {
            let body = ask(SANDBOX, "ReadOnlyAccess", 60);
            let request = world.post(alice(), "/v1/requests", body).await.expect(StatusCode::CREATED);
            get(alice(), format!("/v1/access/requests/{}", request["id"].as_str().unwrap()))
        })
        .await;
}

/// Listings, while what there is fits a page: somebody who may see little of much is shown a page made of several.
async fn listings(calls: &mut impl Calls) {
    waiting(calls.world()).await;
    granted(calls.world()).await;
    for (who, name) in [("alice", "a user's view"), ("bob", "an approver's view"), ("dave", "an administrator's view")]
    {
        calls.call(1, &format!("listRequests, {name}"), async |_| get(As::Person(who), "/v1/requests")).await;
    }
    calls.call(1, "listRequests, of a status", async |_| get(As::Key, "/v1/requests?status=pending")).await;
    for (who, name) in [("alice", "a user's view"), ("dave", "an administrator's view")] {
        calls.call(1, &format!("listGrants, {name}"), async |_| get(As::Person(who), "/v1/grants")).await;
    }
}

async fn requests(calls: &mut impl Calls) {
    let alice = || As::Person("alice");
    calls.call(1, "getRequest", async |world| get(alice(), format!("/v1/requests/{}", waiting(world).await))).await;
    for (name, account, action) in [
        ("createRequest, granted at once", SANDBOX, "ReadOnlyAccess"),
        ("createRequest, to be approved", PRODUCTION, "ReadOnlyAccess"),
    ] {
        calls.call(2, name, async |_| post(alice(), "/v1/requests", ask(account, action, 60))).await;
    }
    for (verb, who) in [("approve", "bob"), ("deny", "bob"), ("cancel", "alice")] {
        calls
            .call(2, &format!("{verb}Request"), async |world| {
                post(As::Person(who), format!("/v1/requests/{}/{verb}", waiting(world).await), json!({}))
            })
            .await;
    }
    calls
        .call(2, "createRequestMessage", async |world| {
            post(alice(), format!("/v1/requests/{}/messages", waiting(world).await), json!({"content": "why?"}))
        })
        .await;
    calls
        .call(1, "listRequestMessages", async |world| {
            get(alice(), format!("/v1/requests/{}/messages", waiting(world).await))
        })
        .await;
}

async fn grants(calls: &mut impl Calls) {
    let alice = || As::Person("alice");
    calls.call(1, "getGrant", async |world| get(alice(), format!("/v1/grants/{}", granted(world).await))).await;
    calls
        .call(2, "updateGrant", async |world| {
            let path = format!("/v1/grants/{}", granted(world).await);
            send(As::Key, Method::PATCH, path, json!({"audit_enabled": false}))
        })
        .await;
    calls
        .call(2, "extendGrant", async |world| {
            post(alice(), format!("/v1/grants/{}/extend", granted(world).await), json!({"duration_seconds": 60}))
        })
        .await;
    calls
        .call(2, "revokeGrant", async |world| {
            let path = format!("/v1/grants/{}", granted(world).await);
            Ready { who: alice(), method: Method::DELETE, path, body: None }
        })
        .await;
}

async fn audit_log(calls: &mut impl Calls) {
    let path = "/v1/audit-log";
    calls.call(1, "listAuditLog", async |_| get(As::Key, path)).await;
    calls.call(1, "listAuditLog, filtered", async |_| get(As::Key, format!("{path}?actor_id=alice"))).await;
    calls
        .call(1, "getAuditLogEntry", async |world| {
            let page = world.get(As::Key, path).await.expect(StatusCode::OK);
            get(As::Key, format!("{path}/{}", page["data"][0]["id"].as_str().unwrap()))
        })
        .await;
    // The log ends while it is read, so that this is all.
    calls
        .call(1, "verifyAuditLog", async |world| {
            world.settle().await;
            get(As::Key, format!("{path}/verify"))
        })
        .await;
    calls.call(2, "exportAuditLog, begun", async |_| get(As::Key, format!("{path}/export"))).await;
    calls
        .call(1, "exportAuditLog, gone on with", async |world| {
            let begun = world.get(As::Key, format!("{path}/export")).await;
            get(As::Key, format!("{path}/export?cursor={}", begun.headers["x-next-cursor"]))
        })
        .await;
}

async fn policies(calls: &mut impl Calls) {
    let key = || As::Key;
    let question = json!({"principal": "alice", "resource": "aws_account:111111111111", "action": "ReadOnlyAccess"});
    calls.call(1, "evaluatePolicies", async |_| post(key(), "/v1/policies/evaluate", question.clone())).await;
    let text = json!({"cedar_policy_set": "permit (principal, action, resource);"});
    calls.call(1, "validatePolicies", async |_| post(key(), "/v1/policies/validate", text.clone())).await;
    calls.call(1, "getPolicySchema", async |_| get(key(), "/v1/policies/schema")).await;
    calls.call(1, "listPolicies", async |_| get(key(), "/v1/policies")).await;
    calls.call(1, "getPolicy", async |world| get(key(), policy_and_rules(world).await.0)).await;
    calls.call(2, "createPolicy", async |_| post(key(), "/v1/policies", policy())).await;
    calls
        .call(2, "updatePolicy", async |world| {
            send(key(), Method::PATCH, policy_and_rules(world).await.0, json!({"priority": 1}))
        })
        .await;
    calls
        .call(2, "reorderPolicies", async |world| {
            let so_far = world.items("POLICY").len();
            let mut ids = Vec::new();
            for priority in [1000 + so_far, 1001 + so_far] {
                let mut policy = policy();
                policy["priority"] = json!(priority);
                let policy = world.post(As::Key, "/v1/policies", policy).await.expect(StatusCode::CREATED);
                ids.push(policy["id"].clone());
            }
            send(key(), Method::PATCH, "/v1/policies/reorder", json!({"ids": ids}))
        })
        .await;
    calls
        .call(2, "deletePolicy", async |world| {
            let path = policy_and_rules(world).await.0;
            Ready { who: key(), method: Method::DELETE, path, body: None }
        })
        .await;
    calls
        .call(1, "listPolicyRules", async |world| get(key(), format!("{}/rules", policy_and_rules(world).await.0)))
        .await;
    calls
        .call(1, "getPolicyRule", async |world| {
            let (policy, rules) = policy_and_rules(world).await;
            get(key(), format!("{policy}/rules/{}", rules[0]))
        })
        .await;
    let rule = json!({"policy_text": "permit (principal is User, action, resource);"});
    calls
        .call(2, "createPolicyRule", async |world| {
            post(key(), format!("{}/rules", policy_and_rules(world).await.0), rule.clone())
        })
        .await;
    calls
        .call(2, "updatePolicyRule", async |world| {
            let (policy, rules) = policy_and_rules(world).await;
            send(key(), Method::PATCH, format!("{policy}/rules/{}", rules[0]), rule.clone())
        })
        .await;
    calls
        .call(2, "reorderPolicyRules", async |world| {
            let (policy, rules) = policy_and_rules(world).await;
            let ids = [&rules[1], &rules[0]];
            send(key(), Method::PATCH, format!("{policy}/rules/reorder"), json!({"ids": ids}))
        })
        .await;
    calls
        .call(2, "deletePolicyRule", async |world| {
            let (policy, rules) = policy_and_rules(world).await;
            let path = format!("{policy}/rules/{}", rules[0]);
            Ready { who: key(), method: Method::DELETE, path, body: None }
        })
        .await;
}
