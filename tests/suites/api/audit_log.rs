//! The audit log: reading it, and taking it away.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};
use stint::audit::{ChainPosition, line, ocsf};
use stint::auth::ApiScope;
use stint::domain::EventKind;
use stint::store::{AuditEntry, AuditHead, Transaction};
use stint_tests::{As, PRODUCTION, SANDBOX, World};

/// Some lives of requests and grants, a second apart.
async fn history() -> World {
    let world = World::start().await;
    for (who, account, action) in [
        ("alice", SANDBOX, "PowerUserAccess"),
        ("alice", PRODUCTION, "ReadOnlyAccess"),
        ("bob", SANDBOX, "ReadOnlyAccess"),
        ("alice", PRODUCTION, "AdministratorAccess"),
    ] {
        world.request(who, account, action, 2).await;
        world.wait(1).await;
    }
    world.wait(5).await;
    world
}

async fn list(world: &World, query: &str) -> Value {
    world.get(As::Key, format!("/v1/audit-log?{query}")).await.expect(StatusCode::OK)
}

/// All of a list, by pages of that many.
async fn paged(world: &World, query: &str, limit: usize) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = list(world, &format!("{query}&limit={limit}{cursor}")).await;
        found.extend(page["data"].as_array().unwrap().iter().cloned());
        assert_eq!(page["has_more"], json!(page["next_cursor"].is_string()));
        let Some(next) = page["next_cursor"].as_str() else { return found };
        cursor = format!("&cursor={next}");
    }
}

/// An export from a cursor on: its lines, and where it goes on.
async fn export(world: &World, who: As<'_>, query: &str) -> (Vec<String>, String) {
    let answer = world.get(who, format!("/v1/audit-log/export?{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/jsonl");
    // A single line is JSON to the test's client.
    let text = answer.body.as_str().map_or_else(|| line(&answer.body).unwrap(), str::to_owned);
    (text.lines().map(str::to_owned).collect(), answer.headers["x-next-cursor"].clone())
}

#[tokio::test]
async fn it_has_every_change_newest_first() {
    let world = history().await;
    let all = paged(&world, "", 250).await;
    let actions: Vec<&str> = all.iter().rev().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, world.audit());
    for (sequence, entry) in (1..=all.len()).rev().zip(&all) {
        assert_eq!(entry["sequence"], sequence);
    }
    for limit in [1, 2, 3, all.len() - 1, all.len()] {
        assert_eq!(paged(&world, "", limit).await, all, "{limit}");
    }
}

#[tokio::test]
async fn each_filter_leaves_what_it_says() {
    let world = history().await;
    let all = paged(&world, "", 250).await;
    let request = all.iter().find(|entry| entry["action"] == "request.approved").unwrap()["resource_id"].clone();
    let request = request.as_str().unwrap();
    let filters: Vec<Vec<(&str, &str)>> = vec![
        vec![("actor_id", "alice")],
        vec![("actor_id", "system")],
        vec![("actor_id", "nobody")],
        vec![("resource_type", "request")],
        vec![("resource_type", "grant")],
        vec![("resource_type", "policy")],
        vec![("resource_id", request)],
        vec![("action", "grant.active")],
        vec![("action", "request.denied")],
        vec![("from", "2026-01-05T09:00:02Z")],
        vec![("to", "2026-01-05T09:00:02Z")],
        vec![("from", "2026-01-05T09:00:01Z"), ("to", "2026-01-05T09:00:03Z")],
        vec![("from", "2026-01-05T09:00:03Z"), ("to", "2026-01-05T09:00:01Z")],
        vec![("actor_id", "alice"), ("resource_type", "request"), ("action", "request.pending")],
    ];
    let mut sizes = BTreeSet::new();
    for filter in filters {
        let keeps = |entry: &&Value| {
            filter.iter().all(|(name, value)| match *name {
                "from" => entry["created_at"].as_str().unwrap() >= *value,
                "to" => entry["created_at"].as_str().unwrap() < *value,
                field => entry[field] == *value,
            })
        };
        let left: Vec<Value> = all.iter().filter(keeps).cloned().collect();
        let query: Vec<String> = filter.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for limit in [2, 250] {
            assert_eq!(paged(&world, &query.join("&"), limit).await, left, "{filter:?}");
        }
        sizes.insert(left.len());
    }
    assert!(sizes.len() > 5, "the filters tell things apart: {sizes:?}");
}

#[tokio::test]
async fn an_entry_is_there_once_its_event_is_on_the_bus() {
    let world = history().await;
    for entry in paged(&world, "", 250).await {
        let path = format!("/v1/audit-log/{}", entry["id"].as_str().unwrap());
        assert_eq!(world.get(As::Key, path).await.expect(StatusCode::OK), entry);
    }
}

#[tokio::test]
async fn tenants_do_not_see_each_others() {
    let world = history().await;
    let other = world.second_tenant().await;
    let there = |path: String| {
        world
            .call(As::ApiKey(&other.key), reqwest::Method::GET, path)
            .header("x-tenant-id", other.id.to_string())
            .send()
    };
    for entry in paged(&world, "", 250).await {
        there(format!("/v1/audit-log/{}", entry["id"].as_str().unwrap())).await.refused(404, "not_found");
    }
    assert_eq!(there("/v1/audit-log".to_owned()).await.expect(StatusCode::OK)["data"], json!([]));
    let verified = there("/v1/audit-log/verify".to_owned()).await.expect(StatusCode::OK);
    assert_eq!((&verified["status"], &verified["head"]["sequence"]), (&json!("valid"), &json!(0)));
    let exported = there("/v1/audit-log/export".to_owned()).await;
    assert_eq!(exported.expect(StatusCode::OK), "");
    // What it is good for here: nothing.
    let (_, cursor) = export(&world, As::Key, "").await;
    for path in ["export", "verify"] {
        let error = there(format!("/v1/audit-log/{path}?cursor={cursor}")).await.refused(400, "invalid_input");
        assert_eq!(error["details"]["field"], "cursor");
    }
}

#[tokio::test]
async fn administrators_read_it_and_users_do_not() {
    let world = history().await;
    for path in ["", "/verify", "/export"] {
        let path = format!("/v1/audit-log{path}");
        world.get(As::Person("dave"), path.clone()).await.expect(StatusCode::OK);
        let error = world.get(As::Person("alice"), path).await.refused(403, "insufficient_scope");
        assert_eq!(error["details"]["required"], "audit:read");
    }
}

#[tokio::test]
async fn an_export_is_what_is_stored_and_is_an_entry_itself() {
    let world = history().await;
    let before: Vec<String> = {
        let mut entries = paged(&world, "", 250).await;
        entries.reverse();
        entries.iter().map(|entry| line(entry).unwrap()).collect()
    };
    let (lines, cursor) = export(&world, As::Key, "").await;
    assert_eq!(lines, before);
    world.settle().await;
    // Going on with it is the same export, however often.
    let (more, cursor) = export(&world, As::Key, &format!("cursor={cursor}")).await;
    let record: Value = serde_json::from_str(&more[0]).unwrap();
    assert_eq!(
        (more.len(), &record["action"], &record["actor_type"]),
        (1, &json!("audit.exported"), &json!("api_key"))
    );
    assert_eq!(record["metadata"], json!({"after_sequence": 0, "format": "jsonl"}));
    world.settle().await;
    let (none, cursor) = export(&world, As::Key, &format!("cursor={cursor}")).await;
    assert_eq!(none, Vec::<String>::new());
    // What happens later is where it goes on.
    world.request("bob", PRODUCTION, "ReadOnlyAccess", 60).await.expect(StatusCode::CREATED);
    world.settle().await;
    let (later, _) = export(&world, As::Key, &format!("cursor={cursor}")).await;
    assert!(later.len() == 1 && later[0].contains("request.pending"), "{later:?}");
    // Somebody else begins one of their own.
    let error = world.get(As::Person("dave"), format!("/v1/audit-log/export?cursor={cursor}")).await;
    assert_eq!(error.refused(400, "invalid_input")["details"]["field"], "cursor");
    let (tail, _) = export(&world, As::Person("dave"), &format!("after_sequence={}", before.len())).await;
    assert_eq!(tail, [more, later].concat());
    world.settle().await;
    assert_eq!(paged(&world, "action=audit.exported&actor_id=dave", 50).await.len(), 1);
}

#[tokio::test]
async fn an_export_begins_where_it_is_told_to() {
    let world = history().await;
    let (all, _) = export(&world, As::Key, "").await;
    for after in [0, 1, all.len() - 1, all.len(), 999_999_999_999_999] {
        let expected = all.get(after..).unwrap_or_default();
        let (lines, _) = export(&world, As::Key, &format!("after_sequence={after}")).await;
        assert_eq!(lines, expected, "{after}");
    }
    for after in ["-1", "1000000000000000", "x", ""] {
        let error = world.get(As::Key, format!("/v1/audit-log/export?after_sequence={after}")).await;
        assert_eq!(error.refused(400, "invalid_input")["details"]["field"], "after_sequence", "{after}");
    }
}

/// Seals events for a reason that long, without their having happened; how many entries there are then.
async fn seal(world: &World, events: usize, reason: &str) -> u64 {
    let tenant = world.local.tenant_id();
    let table = world.local.table().tenant(tenant);
    let mut head = table.get::<AuditHead>("AUDITHEAD").await.unwrap().unwrap();
    let ids = stint::app::Ids::new(world.clock.clone());
    for batch in vec![(); events].chunks(30) {
        let mut writes = Transaction::new(tenant);
        let mut last = ChainPosition::from(head.clone());
        for () in batch {
            let mut event = sample().swap_remove(0).event;
            (event.id, event.tenant_id, event.reasoning) = (ids.id(), tenant, Some(reason.to_owned()));
            let entry = AuditEntry::following(&last, event).unwrap();
            writes.create(&entry).unwrap();
            last = ChainPosition { sequence: entry.sequence, hash: entry.hash };
        }
        head = AuditHead { sequence: last.sequence, hash: last.hash, version: head.version + 1 };
        writes.put(&head).unwrap();
        table.commit(writes).await.unwrap();
    }
    head.sequence
}

#[tokio::test]
async fn what_does_not_fit_an_answer_is_in_the_next() {
    let world = World::start().await;
    // Escaped, each character is six; DynamoDB's megabyte is six of JSON.
    let count = seal(&world, 100, &"\u{1}".repeat(12_000)).await;
    let (mut all, mut cursor) = export(&world, As::Key, "").await;
    let mut answers = 1;
    loop {
        let (lines, next) = export(&world, As::Key, &format!("cursor={cursor}")).await;
        if lines.is_empty() {
            break;
        }
        assert!(lines.iter().map(String::len).sum::<usize>() < 2_500_000);
        answers += 1;
        all.extend(lines);
        cursor = next;
    }
    assert!(answers >= 3, "{answers}");
    let sequences: Vec<u64> =
        all.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=count).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_long_chain_is_verified_call_by_call() {
    let world = World::start().await;
    let count = seal(&world, 120, &"x".repeat(100_000)).await;
    let verify =
        async |query: String| world.get(As::Key, format!("/v1/audit-log/verify{query}")).await.expect(StatusCode::OK);
    let first = verify(String::new()).await;
    assert_eq!((&first["status"], &first["has_more"]), (&json!("unfinished"), &json!(true)));
    assert_eq!((&first["verified_from"], &first["head"]["sequence"]), (&json!(1), &json!(count)));
    let to = first["verified_to"].as_u64().unwrap();
    assert!((50..count).contains(&to), "{to}");
    let rest = verify(format!("?cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!((&rest["status"], &rest["has_more"]), (&json!("valid"), &json!(false)));
    assert_eq!((&rest["verified_from"], &rest["verified_to"]), (&json!(to + 1), &json!(count)));
    let cursor = first["next_cursor"].as_str().unwrap();
    for wrong in ["", "A", &format!("{cursor}A"), &cursor.replace(|c: char| c.is_ascii_digit(), "x")] {
        let error = world.get(As::Key, format!("/v1/audit-log/verify?cursor={wrong}")).await;
        assert_eq!(error.refused(400, "invalid_input")["details"]["field"], "cursor", "{wrong}");
    }
}

#[tokio::test]
async fn entries_never_expire() {
    let world = history().await;
    let items = world.items("AUDIT");
    assert!(items.len() > 8 && items.iter().all(|item| item.get("ttl").is_none()));
}

/// A chain with an entry of every kind, and with what JSON can be written in several ways.
fn sample() -> Vec<AuditEntry> {
    let tenant = "2489e9ad-2ee2-8e00-8ec9-32d5f69181c0";
    let metadata = json!({
        "requester_id": "alice", "grantee_id": "alice", "resource": "aws_account:111111111111", "action": "PowerUserAccess",
        "duration_seconds": 3600, "break_glass": false, "request_id": null, "rules": ["a", {"b": [1, -2]}],
        "\u{e9}": "\u{e9} e\u{301} \u{1f6a8}", "\u{ff61}": "after", "\u{1f600}": "before",
        "quoted": "\"\\/\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}\u{2028}",
    });
    let mut last = ChainPosition::beginning();
    let seal = |(number, kind): (usize, &EventKind)| {
        let (subject, _) = kind.as_str().split_once('.').unwrap();
        let (actor_type, actor_id, reasoning) =
            [("oidc", "alice", Some("because")), ("api_key", "ci", Some("")), ("system", "system", None)][number % 3];
        let event = json!({
            "id": format!("019a3f5e-7c1b-7000-8000-{number:012}"), "tenant_id": tenant, "action": kind,
            "actor_type": actor_type, "actor_id": actor_id,
            "resource_type": match subject {
                "audit" => "audit_log",
                "drift" => "grant",
                subject => subject,
            },
            "resource_id": format!("019a3f5e-7c1b-7000-8000-{:012}", 900 + number), "metadata": metadata,
            "reasoning": reasoning, "created_at": format!("2026-01-05T09:00:{number:02}.25Z"),
        });
        let entry = AuditEntry::following(&last, serde_json::from_value(event).unwrap()).unwrap();
        last = ChainPosition { sequence: entry.sequence, hash: entry.hash.clone() };
        entry
    };
    EventKind::ALL.iter().enumerate().map(seal).collect()
}

/// `infra/audit/verify.py` is held to it, so that both compute the same.
#[test]
fn the_sample_of_the_offline_verifier_is_what_is_sealed() {
    let sealed: String = sample().iter().map(|entry| line(entry).unwrap() + "\n").collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/audit/sample.jsonl");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        std::fs::write(path, &sealed).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), sealed, "INSTA_UPDATE=always writes it");
}

/// What OCSF 1.3.0 requires of every event, of Entity Management (3004), and of User Access Management (3005).
const REQUIRED: &[&str] =
    &["activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid", "actor"];

#[test]
fn every_kind_of_event_is_one_of_ocsf() {
    for entry in sample() {
        let event = ocsf(&entry);
        let class = event["class_uid"].as_u64().unwrap();
        let of_class: &[&str] = match class {
            3004 => &["entity"],
            3005 => &["user", "privileges"],
            other => panic!("{other}"),
        };
        for attribute in REQUIRED.iter().chain(of_class) {
            assert!(!event[attribute].is_null(), "{}: {attribute}", event["message"]);
        }
        for object in
            [&event["metadata"]["product"]["name"], &event["metadata"]["version"], &event["actor"]["user"]["uid"]]
        {
            assert!(object.is_string(), "{event}");
        }
        assert_eq!(event["category_uid"], 3);
        assert_eq!(event["type_uid"], class * 100 + event["activity_id"].as_u64().unwrap());
        assert_eq!(event["time"], entry.event.created_at.as_millisecond());
        assert_eq!(event["unmapped"]["metadata"], json!(entry.event.metadata));
        assert_eq!(event["unmapped"]["reasoning"], json!(entry.event.reasoning));
        assert!(class == 3005 || event["comment"] == json!(entry.event.reasoning));
    }
    let table: String = sample()
        .iter()
        .map(|entry| {
            let event = ocsf(entry);
            let said = |name: &str| event[name].as_u64().unwrap();
            let (activity, severity) = (said("type_uid"), said("severity_id"));
            format!("{:<26}{activity}  {severity}  {}\n", event["message"].as_str().unwrap(), event["status"])
        })
        .collect();
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn an_export_can_be_of_ocsf() {
    let world = history().await;
    let (entries, _) = export(&world, As::Key, "").await;
    let (events, _) = export(&world, As::Key, "format=ocsf").await;
    assert_eq!(events.len(), entries.len());
    for (event, entry) in events.iter().zip(&entries) {
        let entry: AuditEntry = serde_json::from_str(entry).unwrap();
        assert_eq!(*event, line(&ocsf(&entry)).unwrap());
    }
    let given: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let given = given.iter().find(|event| event["type_uid"] == 300_501).unwrap();
    let who = (&given["user"]["uid"], &given["privileges"], &given["resource"]["uid"]);
    assert_eq!(who, (&json!("alice"), &json!(["PowerUserAccess"]), &json!(format!("aws_account:{SANDBOX}"))));
}

#[tokio::test]
async fn a_key_with_the_scope_is_enough() {
    let world = history().await;
    let key = world.api_key(&[ApiScope::AuditRead]).await;
    assert!(!export(&world, As::ApiKey(&key), "").await.0.is_empty());
}
