//! Lists: pages, filters, and who sees what.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};
use stint_local::oidc::DevUser;
use stint_local::seed::Seed;
use stint_tests::contract::{Operation, document};
use stint_tests::{As, PRODUCTION, SANDBOX, World};

/// The example world with an auditor.
async fn start() -> World {
    let mut seed = Seed::example();
    seed.people.push(DevUser {
        sub: "audrey".to_owned(),
        email: "audrey@example.com".to_owned(),
        name: "Audrey".to_owned(),
        groups: vec!["auditors".to_owned()],
    });
    seed.tenant.roles.insert(stint::domain::Role::Auditor, vec!["auditors".to_owned()]);
    World::with(seed).await
}

/// Requests and grants of several people, a second apart, in every state there is; the ids of the requests.
async fn history(world: &World) -> Vec<String> {
    let asked = [
        ("alice", SANDBOX, "ReadOnlyAccess"),
        ("alice", PRODUCTION, "ReadOnlyAccess"),
        ("bob", SANDBOX, "PowerUserAccess"),
        ("alice", PRODUCTION, "AdministratorAccess"),
        ("bob", PRODUCTION, "ReadOnlyAccess"),
        ("alice", SANDBOX, "PowerUserAccess"),
        ("alice", PRODUCTION, "ReadOnlyAccess"),
    ];
    let mut ids = Vec::new();
    for (who, account, action) in asked {
        let body = world.request(who, account, action, 600).await.body;
        let id = body.get("id").unwrap_or(&body["details"]["request_id"]);
        ids.push(id.as_str().unwrap().to_owned());
        world.wait(1).await;
    }
    let decide =
        |n: usize, verb: &str| world.post(As::Person("carol"), format!("/v1/requests/{}/{verb}", ids[n]), json!({}));
    decide(1, "approve").await.expect(StatusCode::OK);
    decide(4, "deny").await.expect(StatusCode::OK);
    let request = world.get(As::Key, format!("/v1/requests/{}", ids[5])).await.expect(StatusCode::OK);
    let grant = format!("/v1/grants/{}", request["grant_ids"][0].as_str().unwrap());
    world.call(As::Person("alice"), reqwest::Method::DELETE, grant).send().await.expect(StatusCode::ACCEPTED);
    world.settle().await;
    ids
}

/// The path of a list with these parameters.
fn with(path: &str, query: &[(&str, &str)]) -> String {
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

async fn page(world: &World, who: &As<'_>, path: &str, query: &[(&str, &str)]) -> Value {
    world.get(who.clone(), with(path, query)).await.expect(StatusCode::OK)
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// Everything in a list, by pages of `limit`, each of which must be full but the last.
async fn paged(world: &World, who: &As<'_>, path: &str, query: &[(&str, &str)], limit: usize) -> Vec<String> {
    let size = limit.to_string();
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = [query, &[("limit", size.as_str())]].concat();
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = page(world, who, path, &query).await;
        let there = ids(&page);
        found.extend(there.iter().cloned());
        assert_eq!(page["has_more"], json!(page["next_cursor"].is_string()), "{path}");
        let Some(next) = page["next_cursor"].as_str() else { return found };
        assert_eq!(there.len(), limit, "{path}: a page that is not the last is full");
        cursor = Some(next.to_owned());
    }
}

#[tokio::test]
async fn pages_have_no_gap_and_nothing_twice() {
    let world = start().await;
    let requests = history(&world).await;
    let newest_first: Vec<String> = requests.iter().rev().cloned().collect();
    for limit in [1, 2, 6, 7, 8] {
        assert_eq!(paged(&world, &As::Key, "/v1/requests", &[], limit).await, newest_first, "{limit}");
    }
    for path in ["/v1/grants", "/v1/policies"] {
        let all = ids(&page(&world, &As::Key, path, &[]).await);
        assert!(all.len() >= 3);
        for limit in 1..=all.len() {
            assert_eq!(paged(&world, &As::Key, path, &[], limit).await, all, "{path}: {limit}");
        }
    }
}

#[tokio::test]
async fn what_is_added_meanwhile_moves_nothing() {
    let world = start().await;
    let requests = history(&world).await;
    let first = page(&world, &As::Key, "/v1/requests", &[("limit", "3")]).await;
    world.request("alice", SANDBOX, "ReadOnlyAccess", 60).await.expect(StatusCode::CREATED);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = page(&world, &As::Key, "/v1/requests", &[("cursor", cursor)]).await;
    assert_eq!(ids(&rest), requests.iter().rev().skip(3).cloned().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_is_of_fifty_unless_said_otherwise_and_of_two_hundred_and_fifty_at_most() {
    let world = start().await;
    for _ in 0..51 {
        world.request("alice", SANDBOX, "NoSuchSet", 60).await.refused(403, "policy_denied");
    }
    let page = |query: &'static [(&str, &str)]| page(&world, &As::Key, "/v1/requests", query);
    let default = page(&[]).await;
    assert_eq!((ids(&default).len(), &default["has_more"]), (50, &json!(true)));
    let most = page(&[("limit", "250")]).await;
    assert_eq!((ids(&most).len(), &most["has_more"], &most["next_cursor"]), (51, &json!(false), &Value::Null));
}

/// What a filter should leave: the newest first, of those for which every named field is what is asked.
fn left(all: &Value, query: &[(&str, &str)], person: &str) -> Vec<String> {
    let keeps = |item: &Value| {
        query.iter().all(|(name, value)| match *name {
            "requester_id" | "grantee_id" => item[person] == *value,
            "resource_type" => item["resource"]["type"] == *value,
            "resource_id" => item["resource"]["id"] == *value,
            "created_after" => item["created_at"].as_str().unwrap() > *value,
            "created_before" => item["created_at"].as_str().unwrap() < *value,
            field => item[field] == *value,
        })
    };
    let kept = all["data"].as_array().unwrap().iter().filter(|item| keeps(item));
    kept.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_filter_of_requests_leaves_what_it_says() {
    let world = start().await;
    history(&world).await;
    let all = page(&world, &As::Key, "/v1/requests", &[]).await;
    let filters: &[&[(&str, &str)]] = &[
        &[("status", "pending")],
        &[("status", "approved")],
        &[("status", "denied")],
        &[("status", "cancelled")],
        &[("status", "expired")],
        &[("requester_id", "alice")],
        &[("requester_id", "nobody")],
        &[("resource_type", "aws_account")],
        &[("resource_type", "aws_s3_bucket")],
        &[("resource_id", PRODUCTION)],
        &[("created_after", "2026-01-05T09:00:02Z")],
        &[("created_before", "2026-01-05T09:00:02Z")],
        &[("created_after", "2026-01-05T09:00:01Z"), ("created_before", "2026-01-05T09:00:05Z")],
        &[("requester_id", "alice"), ("status", "denied"), ("resource_id", PRODUCTION)],
        &[("requester_id", "bob"), ("status", "approved")],
    ];
    let mut seen = BTreeSet::new();
    for filter in filters {
        let expected = left(&all, filter, "requester_id");
        assert_eq!(paged(&world, &As::Key, "/v1/requests", filter, 2).await, expected, "{filter:?}");
        let administrator = As::Person("dave");
        assert_eq!(paged(&world, &administrator, "/v1/requests", filter, 50).await, expected, "{filter:?}");
        seen.insert(expected.len());
    }
    assert!(seen.len() > 4, "the filters tell things apart: {seen:?}");
}

#[tokio::test]
async fn each_filter_of_grants_leaves_what_it_says() {
    let world = start().await;
    history(&world).await;
    world.wait(595).await;
    world.local.sweep().await.unwrap();
    world.settle().await;
    let all = page(&world, &As::Key, "/v1/grants", &[]).await;
    let filters: &[&[(&str, &str)]] = &[
        &[("status", "active")],
        &[("status", "revoked")],
        &[("status", "expired")],
        &[("grantee_id", "alice")],
        &[("grantee_id", "nobody")],
        &[("resource_type", "aws_account")],
        &[("resource_type", "aws_permission_set")],
        &[("resource_id", SANDBOX)],
        &[("grantee_id", "alice"), ("status", "revoked")],
    ];
    for filter in filters {
        let expected = left(&all, filter, "grantee_id");
        assert!(expected.len() < 4 || filter.len() == 1);
        assert_eq!(paged(&world, &As::Key, "/v1/grants", filter, 1).await, expected, "{filter:?}");
    }
    for status in ["active", "revoked", "expired"] {
        assert!(!left(&all, &[("status", status)], "grantee_id").is_empty(), "there is none that is {status}");
    }
}

#[tokio::test]
async fn everybody_sees_what_is_theirs_to_see() {
    let world = start().await;
    let requests = history(&world).await;
    // By their place in the history, newest first.
    let views: [(As<'_>, &[usize], usize); 6] = [
        (As::Person("alice"), &[6, 5, 3, 1, 0], 3),
        // SRE decides on production; bob does not decide what he asked for, and sees it all the same.
        (As::Person("bob"), &[6, 4, 3, 2, 1], 2),
        (As::Person("carol"), &[6, 4, 3, 1], 1),
        (As::Person("dave"), &[6, 5, 4, 3, 2, 1, 0], 4),
        (As::Person("audrey"), &[6, 5, 4, 3, 2, 1, 0], 4),
        (As::Key, &[6, 5, 4, 3, 2, 1, 0], 4),
    ];
    for (who, places, grants) in &views {
        let expected: Vec<String> = places.iter().map(|place| requests[*place].clone()).collect();
        assert_eq!(paged(&world, who, "/v1/requests", &[], 2).await, expected, "{who:?}");
        assert_eq!(paged(&world, who, "/v1/grants", &[], 1).await.len(), *grants, "{who:?}");
        // What is listed is what can be read, and nothing else can.
        for id in &requests {
            let status = world.get(who.clone(), format!("/v1/requests/{id}")).await.status;
            assert_eq!(status == StatusCode::OK, expected.contains(id), "{who:?}: {status}");
        }
        // Asking for what is another's shows no more.
        let alices = paged(&world, who, "/v1/requests", &[("requester_id", "alice")], 50).await;
        assert!(alices.iter().all(|id| expected.contains(id)), "{who:?}");
    }
    let machine = world.api_key(&[stint::auth::ApiScope::RequestsRead]).await;
    assert_eq!(paged(&world, &As::ApiKey(&machine), "/v1/requests", &[], 50).await.len(), 7);
    let other = world.second_tenant().await;
    let call = world.call(As::ApiKey(&other.key), reqwest::Method::GET, "/v1/requests");
    let listed = call.header("x-tenant-id", other.id.to_string()).send().await.expect(StatusCode::OK);
    assert_eq!(listed["data"], json!([]));
}

#[tokio::test]
async fn a_cursor_is_good_where_it_came_from() {
    let world = start().await;
    let requests = history(&world).await;
    let other = world.second_tenant().await;
    for (list, elsewhere, narrower) in [
        ("/v1/requests", "/v1/grants", "status=approved"),
        ("/v1/grants", "/v1/requests", "grantee_id=alice"),
        ("/v1/policies", "/v1/requests", ""),
        ("/v1/audit-log", "/v1/grants", "actor_id=alice"),
    ] {
        let first = page(&world, &As::Key, list, &[("limit", "1")]).await;
        let cursor = first["next_cursor"].as_str().unwrap();
        let refused = async |path: String| {
            let error = world.get(As::Key, path).await.refused(400, "invalid_input");
            assert_eq!(error["details"]["field"], "cursor");
        };
        refused(format!("{elsewhere}?cursor={cursor}")).await;
        refused(format!("/v1/requests/{}/messages?cursor={cursor}", requests[0])).await;
        if !narrower.is_empty() {
            refused(format!("{list}?{narrower}&cursor={cursor}")).await;
        }
        // A character of it changed, wherever it stands, or one less.
        for place in (0..cursor.len()).step_by(5).chain([cursor.len() - 1]) {
            let mut characters: Vec<char> = cursor.chars().collect();
            characters[place] = if characters[place] == 'A' { 'B' } else { 'A' };
            refused(format!("{list}?cursor={}", characters.iter().collect::<String>())).await;
        }
        let (beheaded, curtailed) = (cursor.split_at(1).1, cursor.split_at(cursor.len() - 1).0);
        // Longer than any key: a tag, and a position of 1,025 bytes.
        let long = "A".repeat((16 + 1025_usize).div_ceil(3) * 4);
        for text in ["", "A", "!", beheaded, curtailed, &format!("{cursor}A"), &long] {
            refused(format!("{list}?cursor={text}")).await;
        }
        let call = world.call(As::ApiKey(&other.key), reqwest::Method::GET, format!("{list}?cursor={cursor}"));
        let there = call.header("x-tenant-id", other.id.to_string()).send().await.refused(400, "invalid_input");
        assert_eq!(there["details"]["field"], "cursor");
        // Another limit is no other list.
        page(&world, &As::Key, list, &[("limit", "7"), ("cursor", cursor)]).await;
    }
}

/// The operations with query parameters, each at a path where there is something to list.
async fn with_query(world: &World) -> Vec<(&'static Operation, String)> {
    let request = world.request("alice", SANDBOX, "ReadOnlyAccess", 60).await.expect(StatusCode::CREATED);
    let policies = world.get(As::Key, "/v1/policies").await.expect(StatusCode::OK);
    let all = Operation::authenticated().filter(|operation| {
        let said = &document()["paths"][&operation.path][operation.method.as_str().to_lowercase()]["parameters"];
        said.as_array().unwrap().iter().any(|parameter| parameter["in"] == "query")
    });
    let at = |operation: &'static Operation| {
        let path = operation.path.replace("{id}", request["id"].as_str().unwrap());
        (operation, path.replace("{policyId}", policies["data"][0]["id"].as_str().unwrap()))
    };
    all.map(at).collect()
}

#[tokio::test]
async fn a_parameter_nobody_knows_is_named() {
    let world = start().await;
    let all = with_query(&world).await;
    assert!(all.len() >= 6);
    for (operation, path) in all {
        world.get(As::Key, path.clone()).await.expect(StatusCode::OK);
        let error = world.get(As::Key, format!("{path}?surprise=1")).await.refused(400, "invalid_input");
        assert_eq!(error["details"]["field"], "surprise", "{}", operation.id);
        let named = |parameter: &str| {
            let said = &document()["paths"][&operation.path]["get"]["parameters"];
            said.as_array().unwrap().iter().any(|said| said["name"] == parameter)
        };
        if named("limit") {
            for limit in ["0", "251", "-1", "1.5", "ten", "", "99999999999"] {
                let error = world.get(As::Key, format!("{path}?limit={limit}")).await.refused(400, "invalid_input");
                assert_eq!(error["details"]["field"], "limit", "{}: {limit}: {error}", operation.id);
            }
            let error = world.get(As::Key, format!("{path}?limit=1&limit=2")).await.refused(400, "invalid_input");
            assert_eq!(error["details"]["field"], "limit", "{}: {error}", operation.id);
        }
        for parameter in
            ["status", "resource_type", "action", "from", "to", "created_after", "created_before", "format"]
        {
            if named(parameter) {
                let error =
                    world.get(As::Key, format!("{path}?{parameter}=nonsense")).await.refused(400, "invalid_input");
                assert_eq!(error["details"]["field"], parameter, "{}: {error}", operation.id);
            }
        }
    }
}
