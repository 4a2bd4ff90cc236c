//! IAM: what the template grants a function is what the function does, no less and no more.
//!
//! That it is no less is held by every test of every suite, when its world ends. Here every function does everything
//! that it can do.

use std::time::Duration;

use futures_util::future::join;
use reqwest::{Method, StatusCode};
use serde_json::json;
use stint::auth::api_key::ApiKey;
use stint::store::Transaction;
use stint_local::aws::{Account, Fault, FaultKind, Faults, Limits, PermissionSet, Service, User};
use stint_local::seed::Seed;
use stint_tests::permissions::{ByFunction, excess, granted, missing, needed_by_lambda};
use stint_tests::{As, PRODUCTION, SANDBOX, STAGING, World, ask};

use super::operations::{Calls, Ready, every, get, policy, policy_and_rules, post, seed, send, waiting};
use super::unauthenticated::with_header;

/// The three that give and take access.
const WORKERS: [&str; 3] = ["provision_grant", "deprovision_grant", "sweep"];

#[tokio::test]
async fn what_is_granted_is_what_is_done() {
    let mut cold = Cold { world: World::with(seed()).await, calls: 0 };
    every(&mut cold).await;
    on_behalf_of_others(&mut cold).await;
    let mut needed = cold.world.local.aws().needed_permissions();
    for worker in WORKERS {
        add(&mut needed, as_it_should_go(worker).await);
        add(&mut needed, as_it_goes_wrong(worker).await);
        add(&mut needed, for_another_grant(worker).await);
        add(&mut needed, what_another_left(worker).await);
    }
    add(&mut needed, the_directory_is_read().await);
    add(&mut needed, the_stack_is_to_be_deleted().await);
    let aws = cold.world.local.aws().seeded();
    add(&mut needed, needed_by_lambda(aws));
    let granted = granted(aws);
    assert_eq!(missing(&needed, &granted), Vec::<String>::new(), "done, and not granted by the template");
    assert_eq!(excess(&needed, &granted), Vec::<String>::new(), "granted by the template, and never done");
}

/// A directory in which there is something new of every kind.
async fn the_directory_is_read() -> ByFunction {
    let world = World::start().await;
    let aws = world.local.aws();
    aws.change_permission_sets(|sets| {
        let arn = sets[0].arn.replace("/ps-", "/ps-0").split_at(sets[0].arn.len()).0.to_owned();
        sets.push(PermissionSet { arn, ..PermissionSet::named("New") });
    });
    aws.change_organization(|root| root.accounts.push(Account::named("555555555555", "new")));
    aws.change_people(|people| people.push(User::named("erin")));
    world.sync().await;
    let mut needed = aws.needed_permissions();
    needed.retain(|function, _| function == "sync");
    needed
}

/// Nobody hears the answer.
async fn the_stack_is_to_be_deleted() -> ByFunction {
    let world = World::start().await;
    let text = include_str!("../../events/drain_guard.json").replace("Create", "Delete");
    world.local.invoke("drain_guard", serde_json::from_str(&text).unwrap()).await.unwrap_err();
    world.local.aws().needed_permissions()
}

fn add(needed: &mut ByFunction, more: ByFunction) {
    for (function, permissions) in more {
        needed.entry(function).or_default().extend(permissions);
    }
}

/// Calls each operation as a function that was just started, and again with the same `Idempotency-Key`.
struct Cold {
    world: World,
    calls: usize,
}

impl Calls for Cold {
    fn world(&self) -> &World {
        &self.world
    }

    async fn call(&mut self, _: usize, name: &str, ready: impl AsyncFn(&World) -> Ready) {
        let once = ready(&self.world).await;
        let reads = once.method == Method::GET;
        self.cold(name, &once, once.who.clone()).await;
        // What a token says that is news is written with the change.
        if !reads {
            let again = ready(&self.world).await;
            let sub = if let As::Person(sub) = again.who { sub } else { "dave" };
            let news = format!("{sub}, who is called {}", self.calls);
            let token = self.world.token_with(sub, |claims| claims["name"] = json!(news));
            self.cold(name, &again, As::Token(&token)).await;
        }
    }
}

impl Cold {
    async fn cold(&mut self, name: &str, ready: &Ready, who: As<'_>) {
        let Ready { method, path, body, .. } = ready;
        // The policies in memory are of no use any more.
        let tenant = self.world.local.tenant_id();
        let mut writes = Transaction::new(tenant);
        writes.policies_changed();
        self.world.local.table().tenant(tenant).commit(writes).await.unwrap();
        self.calls += 1;
        let times = if *method == Method::GET { 1 } else { 2 };
        for _ in 0..times {
            let mut call = self.world.call(who.clone(), method.clone(), path.clone());
            call = call.header("idempotency-key", format!("call {}", self.calls));
            if let Some(body) = body {
                call = call.json(body);
            }
            let answer = call.send().await;
            assert!(answer.status.as_u16() < 500, "{name}: {}", answer.body);
        }
        // A key that nobody knows is looked up once a minute.
        self.world.pass(60);
        let forged = with_header(&self.world.token("dave"), |header| header["kid"] = json!("unheard-of"));
        let mut call = self.world.call(As::Token(&forged), method.clone(), path.clone());
        if let Some(body) = body {
            call = call.json(body);
        }
        call.send().await;
    }
}

/// A key of a machine that may do what engineers may, and is given access as carol.
async fn machine(world: &World) -> String {
    let edit = |key: &mut ApiKey| {
        key.groups = vec!["engineering".to_owned()];
        key.identity_store_user_id = Some(User::named("carol").user_id);
    };
    world.api_key_with(edit).await
}

/// What somebody does with what is not theirs is asked of the policies; and what else not every call does.
async fn on_behalf_of_others(calls: &mut Cold) {
    let bob = || As::Person("bob");
    let the_request = async |world: &World| format!("/v1/requests/{}", waiting(world).await);
    calls.call(1, "getRequest of another", async |world| get(bob(), the_request(world).await)).await;
    calls
        .call(1, "getAccessRequestStatus of another", async |world| {
            get(bob(), format!("/v1/access/requests/{}", waiting(world).await))
        })
        .await;
    calls
        .call(1, "listRequestMessages of another", async |world| {
            get(bob(), format!("{}/messages", the_request(world).await))
        })
        .await;
    calls
        .call(2, "createRequestMessage of another", async |world| {
            post(bob(), format!("{}/messages", the_request(world).await), json!({"content": "why?"}))
        })
        .await;
    calls
        .call(2, "cancelRequest of another", async |world| {
            post(bob(), format!("{}/cancel", the_request(world).await), json!({}))
        })
        .await;
    let the_grant = async |world: &World| {
        let path = format!("/v1/requests/{}/approve", waiting(world).await);
        let request = world.post(As::Person("carol"), path, json!({})).await.expect(StatusCode::OK);
        format!("/v1/grants/{}", request["grant_ids"][0].as_str().unwrap())
    };
    calls.call(1, "getGrant of another", async |world| get(bob(), the_grant(world).await)).await;
    calls
        .call(2, "revokeGrant of another", async |world| Ready {
            who: bob(),
            method: Method::DELETE,
            path: the_grant(world).await,
            body: None,
        })
        .await;
    calls
        .call(3, "extendGrant, where a rule asks how long it was held", async |world| {
            let rule = "forbid (principal, action, resource is AwsAccount)
                when { context has held_seconds && context.held_seconds > 80000 };";
            let policy = json!({"name": "not all day", "max_duration_seconds": 60, "cedar_policy_set": rule});
            world.post(As::Key, "/v1/policies", policy).await.expect(StatusCode::CREATED);
            let path = format!("/v1/grants/{}/extend", world.granted("alice", SANDBOX, "PowerUserAccess", 60).await);
            post(As::Person("alice"), path, json!({"duration_seconds": 60}))
        })
        .await;
    calls
        .call(2, "approveRequest, under a rule on `held_seconds`", async |world| {
            ask_how_long_it_was_held(world).await;
            post(bob(), format!("{}/approve", the_request(world).await), json!({}))
        })
        .await;
    calls
        .call(1, "ensureAccess, under a rule on `held_seconds`", async |_| {
            let entitlement = json!({"target": format!("AWS::Account::{SANDBOX}"), "role": "ReadOnlyAccess"});
            post(As::Person("alice"), "/v1/access/ensure", json!({"entitlements": [entitlement]}))
        })
        .await;
    calls
        .call(1, "evaluatePolicies, under a rule on `held_seconds`", async |_| {
            let resource = format!("aws_account:{SANDBOX}");
            let asked = json!({"principal": "alice", "resource": resource, "action": "ReadOnlyAccess"});
            post(As::Key, "/v1/policies/evaluate", asked)
        })
        .await;
    calls
        .call(2, "approveRequest, of a machine", async |world| {
            let key = machine(world).await;
            let body = ask(PRODUCTION, "ReadOnlyAccess", 600);
            let request = world.post(As::ApiKey(&key), "/v1/requests", body).await.expect(StatusCode::CREATED);
            post(bob(), format!("/v1/requests/{}/approve", request["id"].as_str().unwrap()), json!({}))
        })
        .await;
    calls
        .call(2, "createRequest, an emergency that is refused", async |_| {
            let mut body = ask(SANDBOX, "PowerUserAccess", 600);
            body["break_glass"] = json!(true);
            post(As::Person("alice"), "/v1/requests", body)
        })
        .await;
    calls
        .call(2, "approveRequest, by a machine", async |world| {
            post(As::Key, format!("{}/approve", the_request(world).await), json!({}))
        })
        .await;
    calls
        .call(2, "extendGrant, by a machine", async |world| {
            let id = granted_to_a_machine(world).await;
            post(As::Key, format!("/v1/grants/{id}/extend"), json!({"duration_seconds": 60}))
        })
        .await;
    calls
        .call(2, "ensureAccess of a machine, about to end", async |world| {
            granted_to_a_machine(world).await;
            world.pass(550);
            let entitlement = json!({"target": format!("AWS::Account::{STAGING}"), "role": "PowerUserAccess",
                "duration_seconds": 600});
            post(As::Key, "/v1/access/ensure", json!({"entitlements": [entitlement]}))
        })
        .await;
    calls.call(1, "listGrants of a status", async |_| get(As::Key, "/v1/grants?status=active")).await;
    let rules = json!({"cedar_policy_set": "permit (principal, action, resource) when { true };"});
    calls
        .call(2, "updatePolicy, its rules", async |world| {
            send(As::Key, Method::PATCH, policy_and_rules(world).await.0, rules.clone())
        })
        .await;
    calls
        .call(2, "reorderPolicies, one of which stays where it is", async |world| {
            let mut ids = Vec::new();
            for priority in [2002, 2001, 2000] {
                let mut policy = policy();
                policy["priority"] = json!(priority);
                let policy = world.post(As::Key, "/v1/policies", policy).await.expect(StatusCode::CREATED);
                ids.push(policy["id"].clone());
            }
            ids.swap(1, 2);
            send(As::Key, Method::PATCH, "/v1/policies/reorder", json!({"ids": ids}))
        })
        .await;
}

/// A grant of the key with every scope, for ten minutes.
async fn granted_to_a_machine(world: &World) -> String {
    let rule = "permit (principal is ServiceAccount, action == Action::\"PowerUserAccess\", resource is AwsAccount);";
    let policy = json!({"name": "machines", "max_duration_seconds": 28_800, "approval_mode": "auto",
        "cedar_policy_set": rule});
    world.post(As::Key, "/v1/policies", policy).await.expect(StatusCode::CREATED);
    let body = ask(STAGING, "PowerUserAccess", 600);
    let request = world.post(As::Key, "/v1/requests", body).await.expect(StatusCode::CREATED);
    world.settle().await;
    request["grant_ids"][0].as_str().unwrap().to_owned()
}

/// A rule that has it read for how long somebody had an access.
async fn ask_how_long_it_was_held(world: &World) {
    let rule =
        "forbid (principal, action == Action::\"ReadOnlyAccess\", resource) when { context.held_seconds > 80000 };";
    let policy = json!({"name": "no renewal without end", "max_duration_seconds": 60, "cedar_policy_set": rule});
    world.post(As::Key, "/v1/policies", policy).await.expect(StatusCode::CREATED);
}

/// A worker is called about a grant; `sweep` finds it by itself, when it is due.
async fn call(world: &World, worker: &str, grant: &str) {
    // Longer than any pause between attempts.
    world.pass(901);
    invoke(world, worker, grant).await;
}

async fn invoke(world: &World, worker: &str, grant: &str) {
    let call = json!({"tenant_id": world.local.tenant_id(), "grant_id": grant});
    // What went wrong is written down, or it is called again.
    let _ = world.local.invoke(worker, call).await;
}

async fn grant(world: &World) -> String {
    world.granted("alice", SANDBOX, "PowerUserAccess", 28_800).await
}

async fn end(world: &World, grant: &str) {
    let path = format!("/v1/grants/{grant}");
    world.call(As::Person("alice"), Method::DELETE, path).send().await.expect(StatusCode::ACCEPTED);
}

/// Given and taken away, by the same worker and by nobody else, if it is one that gives.
async fn as_it_should_go(worker: &str) -> ByFunction {
    let world = World::start().await;
    let grant = grant(&world).await;
    call(&world, "provision_grant", &grant).await;
    end(&world, &grant).await;
    call(&world, worker, &grant).await;
    assert_eq!(world.grant(&grant).await["revocation"]["status"], "done", "{worker}");
    world.local.aws().needed_permissions()
}

/// Identity Center does not take it away; later it does, and the answer is lost.
async fn as_it_goes_wrong(worker: &str) -> ByFunction {
    let world = World::start().await;
    let grant = grant(&world).await;
    call(&world, "provision_grant", &grant).await;
    end(&world, &grant).await;
    let delete = |kind| Fault::new(kind).on(Service::SsoAdmin, "DeleteAccountAssignment");
    world.local.aws().set_faults(Faults { rules: vec![delete(FaultKind::Refuse).times(1000)] });
    call(&world, worker, &grant).await;
    assert_eq!(world.grant(&grant).await["revocation"]["status"], "retrying", "{worker}");
    world.local.aws().set_faults(Faults { rules: vec![delete(FaultKind::LoseAnswer)] });
    call(&world, worker, &grant).await;
    assert_eq!(world.grant(&grant).await["revocation"]["status"], "done", "{worker}");
    world.local.aws().needed_permissions()
}

/// Of two grants of one access neither could be given; when the first ends, the second still wants it.
async fn for_another_grant(worker: &str) -> ByFunction {
    let world = World::start().await;
    let grants = [grant(&world).await, grant(&world).await];
    let create = Fault::new(FaultKind::Refuse).on(Service::SsoAdmin, "CreateAccountAssignment");
    world.local.aws().set_faults(Faults { rules: vec![create.times(1000)] });
    for grant in &grants {
        call(&world, "provision_grant", grant).await;
        assert_eq!(world.grant(grant).await["provisioning_status"], "pending", "{worker}");
    }
    world.local.aws().set_faults(Faults::default());
    end(&world, &grants[0]).await;
    call(&world, worker, &grants[0]).await;
    assert_eq!(world.assignments().len(), 1, "{worker}");
    world.local.aws().needed_permissions()
}

/// In the midst of it another comes, finds no slot at Identity Center, and leaves its grant to who has one.
async fn what_another_left(worker: &str) -> ByFunction {
    let limits = Limits { outstanding_changes: Some(1), requests_per_second: Some(20) };
    let world = World::limited(Seed::example(), limits, Duration::from_secs(5)).await;
    ask_how_long_it_was_held(&world).await;
    let ended = grant(&world).await;
    call(&world, "provision_grant", &ended).await;
    end(&world, &ended).await;
    let left = world.granted("bob", SANDBOX, "ReadOnlyAccess", 28_800).await;
    // Nobody was ever called for this one, so who has the slot asks policy about it, and looks for it in groups.
    let untouched = world.granted("alice", SANDBOX, "ReadOnlyAccess", 28_800).await;
    world.assign_to_group_outside("alice", "ReadOnlyAccess", SANDBOX).await;
    let key = machine(&world).await;
    let ask = ask(SANDBOX, "ReadOnlyAccess", 28_800);
    let of_a_machine = world.post(As::ApiKey(&key), "/v1/requests", ask).await.expect(StatusCode::CREATED);
    let of_a_machine = of_a_machine["grant_ids"][0].as_str().unwrap().to_owned();
    let begun = || world.local.aws().calls().iter().any(|call| call.operation == "DeleteAccountAssignment");
    // Time stands still until the other has found no slot.
    let (part, anothers_part) = (world.clock.take_part(), world.clock.take_part());
    let another = async {
        while !begun() {
            tokio::task::yield_now().await;
        }
        invoke(&world, "provision_grant", &left).await;
        // Policies that nobody has compiled yet.
        ask_how_long_it_was_held(&world).await;
        drop(anothers_part);
    };
    let one = async {
        call(&world, worker, &ended).await;
        drop(part);
    };
    join(one, another).await;
    for grant in [left, untouched, of_a_machine] {
        assert_eq!(world.grant(&grant).await["provisioning_status"], "successful", "{worker}");
    }
    world.local.aws().needed_permissions()
}
