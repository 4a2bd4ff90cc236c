//! Whatever is done to a stored entry of the audit log is found.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::StatusCode;
use serde_json::{Value, json};
use stint::audit::{ChainDefect, ChainPosition, ChainStatus, VerifiedRange, verify};
use stint_tests::{As, PRODUCTION, SANDBOX, World};

type Item = HashMap<String, AttributeValue>;

/// A sample log, in the hands of somebody who can write the table.
struct Log {
    world: World,
    table: Client,
    entries: Vec<Item>,
}

impl Log {
    async fn start() -> Self {
        let world = World::start().await;
        let request = world.request("alice", PRODUCTION, "ReadOnlyAccess", 60).await.expect(StatusCode::CREATED);
        let path = format!("/v1/requests/{}/approve", request["id"].as_str().unwrap());
        world.post(As::Person("bob"), path, json!({"reasoning": "go ahead"})).await.expect(StatusCode::OK);
        world.settle().await;
        let policy = world.get(As::Key, "/v1/policies").await.expect(StatusCode::OK)["data"][0]["id"].clone();
        let path = format!("/v1/policies/{}", policy.as_str().unwrap());
        let change = world.call(As::Key, reqwest::Method::PATCH, path).json(&json!({"description": "changed"}));
        change.send().await.expect(StatusCode::OK);
        world.settle().await;
        let table = Client::new(&world.local.aws().sdk_config());
        let mut log = Self { world, table, entries: Vec::new() };
        log.entries = log.read().await;
        assert!((5..=9).contains(&log.entries.len()), "{}", log.entries.len());
        log.expect_valid().await;
        log
    }

    fn partition(&self, kind: &str) -> AttributeValue {
        AttributeValue::S(format!("T#{}#{kind}", self.world.local.tenant_id()))
    }

    async fn read(&self) -> Vec<Item> {
        let query = self.table.query().table_name("stint").key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", self.partition("AUDIT"));
        query.send().await.unwrap().items.unwrap()
    }

    async fn put(&self, item: Item) {
        self.table.put_item().table_name("stint").set_item(Some(item)).send().await.unwrap();
    }

    async fn delete(&self, item: &Item) {
        let delete = self.table.delete_item().table_name("stint");
        delete.key("pk", item["pk"].clone()).key("sk", item["sk"].clone()).send().await.unwrap();
    }

    /// Puts everything back as it was.
    async fn restore(&self) {
        for item in self.read().await {
            if !self.entries.iter().any(|entry| entry["sk"] == item["sk"]) {
                self.delete(&item).await;
            }
        }
        for entry in &self.entries {
            self.put(entry.clone()).await;
        }
    }

    async fn verify(&self) -> Value {
        self.world.get(As::Key, "/v1/audit-log/verify").await.expect(StatusCode::OK)
    }

    async fn expect_valid(&self) {
        let found = self.verify().await;
        let count = self.entries.len();
        assert_eq!((&found["status"], &found["verified_to"]), (&json!("valid"), &json!(count)), "{found}");
    }

    /// Holds that it is found, and where; the reason.
    async fn expect_invalid(&self, sequence: usize, what: &str) -> String {
        let found = self.verify().await;
        assert_eq!(found["status"], "invalid", "{what}: {found}");
        assert_eq!(found["first_invalid"]["sequence"], sequence, "{what}: {found}");
        assert_eq!(found["verified_to"], sequence - 1, "{what}: {found}");
        assert_eq!((&found["next_cursor"], &found["has_more"]), (&Value::Null, &json!(false)));
        found["first_invalid"]["reason"].as_str().unwrap().to_owned()
    }
}

/// A value changed in every way: another of its kind, some of other kinds, each part of it.
fn others(value: &AttributeValue) -> Vec<AttributeValue> {
    let mut others = vec![
        AttributeValue::Null(true),
        AttributeValue::S(String::new()),
        AttributeValue::N("7".to_owned()),
        AttributeValue::B(Blob::new([7])),
        AttributeValue::M(HashMap::new()),
        AttributeValue::Bool(true),
    ];
    if let Ok(text) = value.as_s() {
        others.extend([format!("{text} "), text.to_uppercase(), "alice".to_owned()].map(AttributeValue::S));
        // The same moment in other words.
        others.extend(text.strip_suffix('Z').map(|time| AttributeValue::S(format!("{time}+00:00"))));
    }
    if let Ok(number) = value.as_n() {
        // The last is the same to whoever reads it as a floating-point number.
        let more = ["123456".to_owned(), format!("{number}.0000000000000000000000001")];
        others.extend(more.map(AttributeValue::N));
        others.push(AttributeValue::S(number.clone()));
    }
    if let Ok(value) = value.as_bool() {
        others.push(AttributeValue::Bool(!value));
    }
    for (name, inner) in value.as_m().into_iter().flatten() {
        let fields = value.as_m().unwrap();
        let mut without = fields.clone();
        without.remove(name);
        others.push(AttributeValue::M(without));
        others.extend(self::others(inner).into_iter().map(|other| {
            let mut changed = fields.clone();
            changed.insert(name.clone(), other);
            AttributeValue::M(changed)
        }));
    }
    others.retain(|other| other != value);
    others
}

#[tokio::test]
async fn each_field_of_each_entry_counts() {
    let log = Log::start().await;
    let table = log.world.local.table().tenant(log.world.local.tenant_id());
    let mut tried = 0;
    for (place, entry) in log.entries.iter().enumerate() {
        let mut changed = Vec::new();
        for (name, value) in entry {
            if ["pk", "sk"].contains(&name.as_str()) {
                continue;
            }
            let mut without = entry.clone();
            without.remove(name);
            changed.push(without);
            for other in others(value) {
                // The key of an index takes a text, and not an empty one.
                let is_key = name == "access_pk";
                if !is_key || other.as_s().is_ok_and(|text| !text.is_empty()) {
                    let mut with = entry.clone();
                    with.insert(name.clone(), other);
                    changed.push(with);
                }
            }
        }
        for (name, value) in [("more", "1"), ("ttl", "1"), ("due_pk", "DUE#00")] {
            let mut with = entry.clone();
            with.insert(
                name.to_owned(),
                if name == "ttl" { AttributeValue::N(value.to_owned()) } else { AttributeValue::S(value.to_owned()) },
            );
            changed.push(with);
        }
        for item in changed {
            let what = format!("{item:?}");
            log.put(item).await;
            // What the endpoint does, without the call.
            let first = VerifiedRange::read(&table, &ChainPosition::beginning()).await.unwrap();
            let found = verify(&table, ChainPosition::beginning(), first).await.unwrap();
            let ChainStatus::Invalid(sequence, flaw) = found.verdict else { panic!("{what}") };
            assert_eq!(sequence, place as u64 + 1, "{what}");
            assert!([ChainDefect::Changed, ChainDefect::Misplaced].contains(&flaw), "{flaw:?}: {what}");
            tried += 1;
        }
        log.put(entry.clone()).await;
    }
    log.expect_valid().await;
    assert!(tried > 500, "{tried}");
}

#[tokio::test]
async fn an_entry_that_is_gone_is_missed() {
    let log = Log::start().await;
    for (place, entry) in log.entries.iter().enumerate() {
        log.delete(entry).await;
        assert_eq!(log.expect_invalid(place + 1, "gone").await, "missing");
        // With all after it, too, as the head tells.
        for later in &log.entries[place..] {
            log.delete(later).await;
        }
        assert_eq!(log.expect_invalid(place + 1, "all gone").await, "missing");
        log.restore().await;
    }
    log.expect_valid().await;
}

#[tokio::test]
async fn an_entry_in_anothers_place_is_found() {
    let log = Log::start().await;
    for (place, entry) in log.entries.iter().enumerate() {
        for (other_place, other) in log.entries.iter().enumerate().take(place) {
            let under = |content: &Item, keys: &Item| {
                let mut item = content.clone();
                item.insert("sk".to_owned(), keys["sk"].clone());
                item
            };
            log.put(under(other, entry)).await;
            assert_eq!(log.expect_invalid(place + 1, "a copy").await, "misplaced");
            log.put(under(entry, other)).await;
            assert_eq!(log.expect_invalid(other_place + 1, "swapped").await, "misplaced");
            // Under all the keys it would have there, too.
            let mut item = under(entry, other);
            item.insert("access_pk".to_owned(), other["access_pk"].clone());
            log.put(item).await;
            assert_eq!(log.expect_invalid(other_place + 1, "swapped").await, "misplaced");
            log.restore().await;
        }
    }
    log.expect_valid().await;
}

#[tokio::test]
async fn an_entry_that_was_added_is_found() {
    let log = Log::start().await;
    for (place, entry) in log.entries.iter().enumerate() {
        // Between this one and the next, and before the first.
        for suffix in ["5", "~"] {
            let mut added = entry.clone();
            added.insert("sk".to_owned(), AttributeValue::S(format!("{:015}{suffix}", place + 1)));
            log.put(added).await;
            log.expect_invalid(place + 2, "between").await;
            log.restore().await;
        }
    }
    // After the last one, sealed as it should be: whoever can write can also compute.
    log.put(resealed(&log, log.entries.len() - 1, |content| {
        content["prev_hash"] = content["hash"].clone();
        content["sequence"] = json!(content["sequence"].as_u64().unwrap() + 1);
    }))
    .await;
    assert_eq!(log.expect_invalid(log.entries.len() + 1, "after").await, "beyond_head");
    log.restore().await;
    log.expect_valid().await;
}

/// An entry with something changed about it, and with the hash that what it says now has.
fn resealed(log: &Log, place: usize, edit: impl FnOnce(&mut Value)) -> Item {
    let mut content = stint_tests::plain(&log.world.items("AUDIT")[place]);
    for key in ["pk", "sk", "access_pk"] {
        content.as_object_mut().unwrap().remove(key);
    }
    edit(&mut content);
    content.as_object_mut().unwrap().remove("hash");
    let sequence = content["sequence"].as_u64().unwrap();
    let event = serde_json::from_value(content.clone()).unwrap();
    let hash = stint::store::AuditEntry::hash_of(content["prev_hash"].as_str().unwrap(), sequence, &event).unwrap();
    let mut item = log.entries[place].clone();
    let text = |value: &Value| AttributeValue::S(value.as_str().unwrap().to_owned());
    item.insert("sk".to_owned(), AttributeValue::S(format!("{sequence:015}")));
    item.insert("sequence".to_owned(), AttributeValue::N(sequence.to_string()));
    item.insert("hash".to_owned(), AttributeValue::S(hash));
    for field in ["prev_hash", "actor_id", "tenant_id"] {
        item.insert(field.to_owned(), text(&content[field]));
    }
    item
}

#[tokio::test]
async fn an_entry_that_was_sealed_anew_is_found_by_the_next_or_by_the_head() {
    let log = Log::start().await;
    let count = log.entries.len();
    for place in 0..count {
        log.put(resealed(&log, place, |content| content["actor_id"] = json!("mallory"))).await;
        let (found, reason) = if place + 1 < count { (place + 2, "unlinked") } else { (count, "head_differs") };
        assert_eq!(log.expect_invalid(found, "sealed anew").await, reason);
        log.restore().await;
        log.put(resealed(&log, place, |content| content["tenant_id"] = json!("2489e9ad-2ee2-8e00-8ec9-32d5f69181c0")))
            .await;
        // In the index it would have to stand where this tenant's stand.
        assert_eq!(log.expect_invalid(place + 1, "of another tenant").await, "other_tenant");
        log.restore().await;
    }
    log.expect_valid().await;
}

/// What the chain alone cannot tell, and why heads are noted.
#[tokio::test]
async fn a_chain_cut_with_its_head_differs_from_a_noted_head_only() {
    let log = Log::start().await;
    let noted = log.verify().await["head"].clone();
    let count = log.entries.len();
    assert_eq!(noted["sequence"], count);
    log.delete(&log.entries[count - 1]).await;
    let head = log.world.items("AUDITHEAD").remove(0);
    let last = &log.entries[count - 2];
    let mut rewritten: Item = HashMap::from([("pk".to_owned(), log.partition("AUDITHEAD"))]);
    rewritten.insert("sk".to_owned(), AttributeValue::S("AUDITHEAD".to_owned()));
    rewritten.insert("sequence".to_owned(), last["sequence"].clone());
    rewritten.insert("hash".to_owned(), last["hash"].clone());
    rewritten.insert("version".to_owned(), AttributeValue::N(head["version"]["N"].as_str().unwrap().to_owned()));
    log.put(rewritten).await;
    let found = log.verify().await;
    assert_eq!(found["status"], "valid");
    assert_eq!(found["head"]["sequence"], count - 1);
    assert_ne!(found["head"], noted);
}

#[tokio::test]
async fn a_changed_head_is_found() {
    let log = Log::start().await;
    let head = log.world.items("AUDITHEAD").remove(0);
    let text = |name: &str| AttributeValue::S(head[name]["S"].as_str().unwrap().to_owned());
    let number = |name: &str| AttributeValue::N(head[name]["N"].as_str().unwrap().to_owned());
    let item: Item = HashMap::from([
        ("pk".to_owned(), text("pk")),
        ("sk".to_owned(), text("sk")),
        ("sequence".to_owned(), number("sequence")),
        ("hash".to_owned(), text("hash")),
        ("version".to_owned(), number("version")),
    ]);
    let count = log.entries.len();
    let with = |name: &str, value: AttributeValue| {
        let mut changed = item.clone();
        changed.insert(name.to_owned(), value);
        changed
    };
    log.put(with("hash", AttributeValue::S("f".repeat(64)))).await;
    assert_eq!(log.expect_invalid(count, "another hash").await, "head_differs");
    log.put(with("sequence", AttributeValue::N((count + 1).to_string()))).await;
    assert_eq!(log.expect_invalid(count + 1, "further").await, "missing");
    log.put(with("sequence", AttributeValue::N((count - 1).to_string()))).await;
    assert_eq!(log.expect_invalid(count, "shorter").await, "beyond_head");
    log.delete(&item).await;
    assert_eq!(log.expect_invalid(1, "gone").await, "beyond_head");
    log.put(item).await;
    log.expect_valid().await;
}

/// An entry that cannot be read any more is exported as it is, and said to be corrupt where it would have to be read.
#[tokio::test]
async fn a_changed_entry_is_exported_as_it_is() {
    let log = Log::start().await;
    let mut changed = log.entries[1].clone();
    changed.insert("action".to_owned(), AttributeValue::S("nothing.happened".to_owned()));
    log.put(changed).await;
    let lines = log.world.get(As::Key, "/v1/audit-log/export").await.expect(StatusCode::OK);
    assert!(lines.as_str().unwrap().lines().nth(1).unwrap().contains("nothing.happened"));
    for path in ["/v1/audit-log", "/v1/audit-log/export?format=ocsf"] {
        log.world.get(As::Key, path).await.refused(500, "internal");
    }
    assert_eq!(log.world.assignments().len(), 1, "{SANDBOX} is not touched");
}

/// Entries and head are read one after the other, while others are sealed.
#[tokio::test]
async fn what_is_sealed_meanwhile_is_no_tampering() {
    let log = Log::start().await;
    let ask = async || {
        for _ in 0..15 {
            log.world.request("bob", PRODUCTION, "ReadOnlyAccess", 60).await.expect(StatusCode::CREATED);
            log.world.settle().await;
        }
    };
    let look = async || {
        for _ in 0..40 {
            assert_eq!(log.verify().await["status"], "valid");
        }
    };
    futures_util::future::join(ask(), look()).await;
    let found = log.verify().await;
    assert_eq!(found["verified_to"], log.entries.len() + 15);
}
