//! How often an operation goes to AWS, and how often it waits for it: what a call takes is mostly that.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_local::aws::Call;
use stint_tests::contract::Operation;
use stint_tests::{As, PRODUCTION, SANDBOX, World, ask};

/// A call, all but made.
struct Ready {
    who: As<'static>,
    method: Method,
    path: String,
    body: Option<Value>,
}

fn get(who: As<'static>, path: impl Into<String>) -> Ready {
    Ready { who, method: Method::GET, path: path.into(), body: None }
}

fn send(who: As<'static>, method: Method, path: impl Into<String>, body: Value) -> Ready {
    Ready { who, method, path: path.into(), body: Some(body) }
}

fn post(who: As<'static>, path: impl Into<String>, body: Value) -> Ready {
    send(who, Method::POST, path, body)
}

/// The length of the longest chain of calls of which each began after the one before had been answered.
fn depth(calls: &[Call]) -> usize {
    let mut chains: Vec<usize> = Vec::new();
    for call in calls {
        let before = calls.iter().zip(&chains).filter(|(other, _)| other.finished.unwrap() < call.started);
        let longest = before.map(|(_, chain)| *chain).max().unwrap_or_default();
        chains.push(longest + 1);
    }
    chains.into_iter().max().unwrap_or_default()
}

/// Calls that are made together are sometimes answered one by one, never the other way round: the least depth seen is
/// the one that is needed.
const TIMES: usize = 2;

/// The table as it grows.
struct Table {
    world: World,
    rows: Vec<String>,
    over_budget: Vec<String>,
    measured: BTreeSet<String>,
}

impl Table {
    /// Measures a call, which is made ready anew each time.
    async fn row(&mut self, budget: usize, name: &str, ready: impl AsyncFn(&World) -> Ready) {
        let world = &self.world;
        let mut seen: Vec<(usize, Vec<Call>)> = Vec::new();
        for _ in 0..TIMES {
            let Ready { who, method, path, body } = ready(world).await;
            // Whatever was changed, the policies are compiled and the issuer's keys are known.
            world.get(As::Person("dave"), "/v1/policies").await.expect(StatusCode::OK);
            let operation = Operation::of(&method, &path).unwrap();
            self.measured.insert(operation.id.clone());
            let call = world.call(who, method, path);
            world.local.aws().clear_calls();
            let answer = match &body {
                Some(body) => call.json(body).send().await,
                None => call.send().await,
            };
            let calls = world.local.aws().calls();
            assert!(answer.status.is_success(), "{name}: {}", answer.body);
            seen.push((depth(&calls), calls));
        }
        let (depth, calls) = seen.into_iter().min_by_key(|(depth, calls)| (*depth, calls.len())).unwrap();
        let mut operations: BTreeMap<&str, usize> = BTreeMap::new();
        for call in &calls {
            *operations.entry(&call.operation).or_default() += 1;
        }
        let operations: Vec<String> = operations.iter().map(|(name, times)| format!("{times} {name}")).collect();
        self.rows.push(format!("{name:<42}{depth:>5}{budget:>8}  {}", operations.join(", ")).trim_end().to_owned());
        if depth > budget {
            self.over_budget.push(format!("{name}: {depth}"));
        }
    }
}

async fn waiting(world: &World) -> String {
    let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 600).await.expect(StatusCode::CREATED);
    request["id"].as_str().unwrap().to_owned()
}

async fn granted(world: &World) -> String {
    world.granted("alice", SANDBOX, "PowerUserAccess", 600).await
}

fn policy() -> Value {
    json!({
        "name": "a policy", "enabled": false, "max_duration_seconds": 60,
        "cedar_policy_set": "permit (principal, action, resource); forbid (principal, action, resource);"
    })
}

async fn policy_and_rules(world: &World) -> (String, Vec<String>) {
    let policy = world.post(As::Key, "/v1/policies", policy()).await.expect(StatusCode::CREATED);
    let rules = policy["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap().to_owned());
    (format!("/v1/policies/{}", policy["id"].as_str().unwrap()), rules.collect())
}

fn needs(role: &str) -> Value {
    json!({"entitlements": [{"target": format!("AWS::Account::{SANDBOX}"), "role": role}]})
}

/// What people wait for.
async fn access(table: &mut Table) {
    let alice = || As::Person("alice");
    let ensure = "/v1/access/ensure";
    table
        .row(1, "ensureAccess, a live grant", async |world| {
            world.post(alice(), ensure, needs("PowerUserAccess")).await.expect(StatusCode::OK);
            world.settle().await;
            post(alice(), ensure, needs("PowerUserAccess"))
        })
        .await;
    table
        .row(1, "ensureAccess, a live grant, by a key", async |world| {
            let policy = json!({"name": "machines", "max_duration_seconds": 3600, "approval_mode": "auto",
                "cedar_policy_set": "permit (principal is ServiceAccount, action, resource);"});
            world.post(As::Key, "/v1/policies", policy).await.expect(StatusCode::CREATED);
            world.post(As::Key, ensure, needs("PowerUserAccess")).await.expect(StatusCode::OK);
            post(As::Key, ensure, needs("PowerUserAccess"))
        })
        .await;
    table
        .row(2, "ensureAccess, a new grant", async |world| {
            world.post(As::Person("bob"), ensure, needs("ReadOnlyAccess")).await.expect(StatusCode::OK);
            world.wait(8 * 3600).await;
            world.local.sweep().await.unwrap();
            world.settle().await;
            let mut body = needs("ReadOnlyAccess");
            body["justification"] = json!({"reason": "again"});
            post(As::Person("bob"), ensure, body)
        })
        .await;
    table
        .row(1, "ensureAccess, a dry run", async |_| {
            let mut body = needs("ReadOnlyAccess");
            body["dry_run"] = json!(true);
            post(alice(), ensure, body)
        })
        .await;
    table
        .row(1, "getAccessRequestStatus, pending", async |world| {
            get(alice(), format!("/v1/access/requests/{}", waiting(world).await))
        })
        .await;
    table
        .row(2, "getAccessRequestStatus, granted", async |world| {
            let body = ask(SANDBOX, "ReadOnlyAccess", 60);
            let request = world.post(alice(), "/v1/requests", body).await.expect(StatusCode::CREATED);
            get(alice(), format!("/v1/access/requests/{}", request["id"].as_str().unwrap()))
        })
        .await;
}

/// Listings, while what there is fits a page: somebody who may see little of much is shown a page made of several.
async fn listings(table: &mut Table) {
    waiting(&table.world).await;
    granted(&table.world).await;
    for (who, name) in [("alice", "a user's view"), ("bob", "an approver's view"), ("dave", "an administrator's view")]
    {
        table.row(1, &format!("listRequests, {name}"), async |_| get(As::Person(who), "/v1/requests")).await;
    }
    table.row(1, "listRequests, of a status", async |_| get(As::Key, "/v1/requests?status=pending")).await;
    for (who, name) in [("alice", "a user's view"), ("dave", "an administrator's view")] {
        table.row(1, &format!("listGrants, {name}"), async |_| get(As::Person(who), "/v1/grants")).await;
    }
}

async fn requests(table: &mut Table) {
    let alice = || As::Person("alice");
    table.row(1, "getRequest", async |world| get(alice(), format!("/v1/requests/{}", waiting(world).await))).await;
    for (name, account, action) in [
        ("createRequest, granted at once", SANDBOX, "ReadOnlyAccess"),
        ("createRequest, to be approved", PRODUCTION, "ReadOnlyAccess"),
    ] {
        table.row(2, name, async |_| post(alice(), "/v1/requests", ask(account, action, 60))).await;
    }
    for (verb, who) in [("approve", "bob"), ("deny", "bob"), ("cancel", "alice")] {
        table
            .row(2, &format!("{verb}Request"), async |world| {
                post(As::Person(who), format!("/v1/requests/{}/{verb}", waiting(world).await), json!({}))
            })
            .await;
    }
    table
        .row(2, "createRequestMessage", async |world| {
            post(alice(), format!("/v1/requests/{}/messages", waiting(world).await), json!({"content": "why?"}))
        })
        .await;
    table
        .row(1, "listRequestMessages", async |world| {
            get(alice(), format!("/v1/requests/{}/messages", waiting(world).await))
        })
        .await;
}

async fn grants(table: &mut Table) {
    let alice = || As::Person("alice");
    table.row(1, "getGrant", async |world| get(alice(), format!("/v1/grants/{}", granted(world).await))).await;
    table
        .row(2, "updateGrant", async |world| {
            let path = format!("/v1/grants/{}", granted(world).await);
            send(As::Key, Method::PATCH, path, json!({"audit_enabled": false}))
        })
        .await;
    table
        .row(2, "extendGrant", async |world| {
            post(alice(), format!("/v1/grants/{}/extend", granted(world).await), json!({"duration_seconds": 60}))
        })
        .await;
    table
        .row(2, "revokeGrant", async |world| {
            let path = format!("/v1/grants/{}", granted(world).await);
            Ready { who: alice(), method: Method::DELETE, path, body: None }
        })
        .await;
}

async fn audit_log(table: &mut Table) {
    let path = "/v1/audit-log";
    table.row(1, "listAuditLog", async |_| get(As::Key, path)).await;
    table.row(1, "listAuditLog, filtered", async |_| get(As::Key, format!("{path}?actor_id=alice"))).await;
    table
        .row(1, "getAuditLogEntry", async |world| {
            let page = world.get(As::Key, path).await.expect(StatusCode::OK);
            get(As::Key, format!("{path}/{}", page["data"][0]["id"].as_str().unwrap()))
        })
        .await;
    // The log ends while it is read, so that this is all.
    table
        .row(1, "verifyAuditLog", async |world| {
            world.settle().await;
            get(As::Key, format!("{path}/verify"))
        })
        .await;
    table.row(2, "exportAuditLog, begun", async |_| get(As::Key, format!("{path}/export"))).await;
    table
        .row(1, "exportAuditLog, gone on with", async |world| {
            let begun = world.get(As::Key, format!("{path}/export")).await;
            get(As::Key, format!("{path}/export?cursor={}", begun.headers["x-next-cursor"]))
        })
        .await;
}

async fn policies(table: &mut Table) {
    let key = || As::Key;
    let question = json!({"principal": "alice", "resource": "aws_account:111111111111", "action": "ReadOnlyAccess"});
    table.row(1, "evaluatePolicies", async |_| post(key(), "/v1/policies/evaluate", question.clone())).await;
    let text = json!({"cedar_policy_set": "permit (principal, action, resource);"});
    table.row(1, "validatePolicies", async |_| post(key(), "/v1/policies/validate", text.clone())).await;
    table.row(1, "getPolicySchema", async |_| get(key(), "/v1/policies/schema")).await;
    table.row(1, "listPolicies", async |_| get(key(), "/v1/policies")).await;
    table.row(1, "getPolicy", async |world| get(key(), policy_and_rules(world).await.0)).await;
    table.row(2, "createPolicy", async |_| post(key(), "/v1/policies", policy())).await;
    table
        .row(2, "updatePolicy", async |world| {
            send(key(), Method::PATCH, policy_and_rules(world).await.0, json!({"priority": 1}))
        })
        .await;
    table
        .row(2, "reorderPolicies", async |world| {
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
    table
        .row(2, "deletePolicy", async |world| {
            let path = policy_and_rules(world).await.0;
            Ready { who: key(), method: Method::DELETE, path, body: None }
        })
        .await;
    table
        .row(1, "listPolicyRules", async |world| get(key(), format!("{}/rules", policy_and_rules(world).await.0)))
        .await;
    table
        .row(1, "getPolicyRule", async |world| {
            let (policy, rules) = policy_and_rules(world).await;
            get(key(), format!("{policy}/rules/{}", rules[0]))
        })
        .await;
    let rule = json!({"policy_text": "permit (principal is User, action, resource);"});
    table
        .row(2, "createPolicyRule", async |world| {
            post(key(), format!("{}/rules", policy_and_rules(world).await.0), rule.clone())
        })
        .await;
    table
        .row(2, "updatePolicyRule", async |world| {
            let (policy, rules) = policy_and_rules(world).await;
            send(key(), Method::PATCH, format!("{policy}/rules/{}", rules[0]), rule.clone())
        })
        .await;
    table
        .row(2, "reorderPolicyRules", async |world| {
            let (policy, rules) = policy_and_rules(world).await;
            let ids = [&rules[1], &rules[0]];
            send(key(), Method::PATCH, format!("{policy}/rules/reorder"), json!({"ids": ids}))
        })
        .await;
    table
        .row(2, "deletePolicyRule", async |world| {
            let (policy, rules) = policy_and_rules(world).await;
            let path = format!("{policy}/rules/{}", rules[0]);
            Ready { who: key(), method: Method::DELETE, path, body: None }
        })
        .await;
}

#[tokio::test]
async fn no_operation_waits_for_aws_more_often_than_its_budget_allows() {
    let world = World::start().await;
    let mut table =
        Table { world, rows: Vec::new(), over_budget: Vec::new(), measured: BTreeSet::from(["getOpenApi".to_owned()]) };
    table.row(1, "getHealth", async |_| get(As::Nobody, "/healthz")).await;
    listings(&mut table).await;
    access(&mut table).await;
    requests(&mut table).await;
    grants(&mut table).await;
    policies(&mut table).await;
    audit_log(&mut table).await;
    let head = format!("{:<42}{:>5}{:>8}  calls, together or one after another", "", "depth", "budget");
    insta::assert_snapshot!("round_trips", format!("{head}\n{}\n", table.rows.join("\n")));
    assert_eq!(table.over_budget, Vec::<String>::new());
    let all: BTreeSet<String> = Operation::all().iter().map(|operation| operation.id.clone()).collect();
    assert_eq!(table.measured, all, "an operation is not measured");
}
