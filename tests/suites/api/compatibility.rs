//! What the last release promised is still there.
//!
//! The OpenAPI document is taken apart into facts, one a line: an operation, a parameter, a status, a field, an enum value.
//! `tests/baseline/contract.txt` has those of the last release. A fact that is gone breaks somebody's client; new ones do not,
//! unless a call has to send more than before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use stint_tests::contract::document;

const BASELINE: &str = include_str!("../../baseline/contract.txt");
const HEADING: &str =
    "# The contract of the last release: `make openapi-baseline` writes it, and only a release does that.\n";
const REQUIRES: &str = " requires ";

/// What callers can rely on.
#[derive(Default)]
struct Contract {
    /// Facts that have to stay.
    promises: BTreeSet<String>,
    /// What a caller has to send, by where. It may become less.
    requires: BTreeMap<String, BTreeSet<String>>,
}

impl Contract {
    fn of(document: &Value) -> Self {
        let mut contract = Self::default();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                contract.operation(&format!("{} {path}", method.to_uppercase()), operation);
            }
        }
        let (sent, answered) = directions(document);
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            contract.schema(name, schema, sent.contains(name), answered.contains(name));
        }
        contract
    }

    fn operation(&mut self, at: &str, operation: &Value) {
        self.promise(format!("{at}: {}", operation["operationId"].as_str().unwrap()));
        for (way, scopes) in operation["security"].as_array().unwrap().iter().flat_map(|way| way.as_object().unwrap()) {
            self.promise(format!("{at}: takes {way} with {scopes}"));
        }
        let mut required = BTreeSet::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = format!("{} {}", parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap());
            if parameter["required"] == true {
                required.insert(name.clone());
            }
            self.schema(&format!("{at}: {name}"), &parameter["schema"], true, false);
        }
        if operation["requestBody"]["required"] == true {
            required.insert("body".to_owned());
        }
        self.requires.insert(at.to_owned(), required);
        self.content(&format!("{at}: body"), &operation["requestBody"], true);
        for (status, response) in operation["responses"].as_object().unwrap() {
            let at = format!("{at}: answers {status}");
            self.promise(at.clone());
            self.content(&at, response, false);
            for (header, said) in response["headers"].as_object().into_iter().flatten() {
                self.schema(&format!("{at} header {header}"), &said["schema"], false, true);
            }
        }
    }

    fn content(&mut self, at: &str, body: &Value, sent: bool) {
        for (media_type, content) in body["content"].as_object().into_iter().flatten() {
            self.schema(&format!("{at} {media_type}"), &content["schema"], sent, !sent);
        }
    }

    /// The facts of a value. Alternatives and parts of a schema all stand at the same place.
    fn schema(&mut self, at: &str, schema: &Value, sent: bool, answered: bool) {
        if let Some(reference) = schema["$ref"].as_str() {
            self.promise(format!("{at}: {}", name_of(reference)));
        }
        for part in ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|kind| schema[kind].as_array()).flatten() {
            self.schema(at, part, sent, answered);
        }
        let types = schema["type"].as_array().map_or(std::slice::from_ref(&schema["type"]), Vec::as_slice);
        for name in types.iter().filter_map(Value::as_str) {
            let format = schema["format"].as_str().filter(|_| name != "null").unwrap_or_default();
            self.promise(format!("{at}: {name} {format}").trim_end().to_owned());
        }
        for value in schema["enum"].as_array().into_iter().flatten().chain(schema.get("const")) {
            self.promise(format!("{at} = {value}"));
        }
        if let Some(fields) = schema["properties"].as_object() {
            let required: BTreeSet<String> = strings(&schema["required"]).map(str::to_owned).collect();
            if answered {
                required.iter().for_each(|field| self.promise(format!("{at}.{field} is always there")));
            }
            if sent {
                self.requires.entry(at.to_owned()).or_default().extend(required);
            }
            for (field, schema) in fields {
                self.schema(&format!("{at}.{field}"), schema, sent, answered);
            }
        }
        if schema["items"].is_object() {
            self.schema(&format!("{at}[]"), &schema["items"], sent, answered);
        }
        if schema["additionalProperties"].is_object() {
            self.schema(&format!("{at}.*"), &schema["additionalProperties"], sent, answered);
        }
    }

    fn promise(&mut self, fact: String) {
        self.promises.insert(fact);
    }

    fn read(text: &str) -> Self {
        let mut contract = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            match line.split_once(REQUIRES) {
                Some((at, names)) => {
                    let names = names.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
                    contract.requires.insert(at.to_owned(), names);
                }
                None => contract.promise(line.to_owned()),
            }
        }
        contract
    }

    fn write(&self) -> String {
        let requires = self.requires.iter().map(|(at, names)| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("{at}{REQUIRES}{}", names.join(", "))
        });
        let mut lines: Vec<String> = self.promises.iter().cloned().chain(requires).collect();
        lines.sort_unstable();
        format!("{HEADING}{}\n", lines.join("\n"))
    }

    /// What callers of `self` would miss in `newer`.
    fn broken_by(&self, newer: &Self) -> Vec<String> {
        let gone = self.promises.difference(&newer.promises).map(|fact| format!("gone: {fact}"));
        let more = self.requires.iter().flat_map(|(at, before)| {
            let now = newer.requires.get(at).into_iter().flatten();
            now.filter(|name| !before.contains(*name)).map(move |name| format!("newly required: {at}: {name}"))
        });
        gone.chain(more).collect()
    }
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn name_of(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

/// The names of the schemas that callers send, and of those that they are answered.
fn directions(document: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let operations: Vec<&Value> =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values()).collect();
    let of = |fields: &[&str]| {
        let mut found = BTreeSet::new();
        for operation in &operations {
            fields.iter().for_each(|field| reach(document, &operation[*field], &mut found));
        }
        found
    };
    (of(&["requestBody", "parameters"]), of(&["responses"]))
}

fn reach(document: &Value, value: &Value, found: &mut BTreeSet<String>) {
    if let Some(reference) = value["$ref"].as_str()
        && found.insert(name_of(reference).to_owned())
    {
        reach(document, document.pointer(reference.trim_start_matches('#')).unwrap(), found);
    }
    match value {
        Value::Object(fields) => fields.values().for_each(|value| reach(document, value, found)),
        Value::Array(items) => items.iter().for_each(|value| reach(document, value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn nothing_the_last_release_promised_is_gone() {
    let broken = Contract::read(BASELINE).broken_by(&Contract::of(document()));
    assert!(broken.is_empty(), "this breaks clients of the last release:\n{}", broken.join("\n"));
}

#[test]
fn a_contract_is_read_as_it_was_written() {
    let contract = Contract::of(document());
    assert_eq!(Contract::read(&contract.write()).write(), contract.write());
}

#[test]
#[ignore = "writes the baseline: make openapi-baseline"]
fn write_the_baseline() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline/contract.txt");
    std::fs::write(file, Contract::of(document()).write()).unwrap();
}

/// A small document, in which each test changes one thing.
fn small() -> Value {
    json!({
        "paths": {"/things/{id}": {"patch": {
            "operationId": "updateThing",
            "security": [{"api_key": ["things:write"]}],
            "parameters": [
                {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
                {"name": "kind", "in": "query", "required": false, "schema": {"type": "string", "enum": ["a", "b"]}}
            ],
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/UpdateThing"}}}},
            "responses": {
                "200": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    "headers": {"ETag": {"schema": {"type": "string"}}}
                },
                "404": {}
            }
        }}},
        "components": {"schemas": {
            "UpdateThing": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "note": {"type": ["string", "null"]}
            }},
            "Thing": {"type": "object", "required": ["id", "state"], "properties": {
                "id": {"type": "string", "format": "uuid"},
                "state": {"oneOf": [{"type": "string", "enum": ["on", "off"]}, {"type": "null"}]},
                "parts": {"type": "array", "items": {"type": "object", "properties": {"weight": {"type": "integer"}}}}
            }}
        }}
    })
}

/// What breaks when the value at `pointer` becomes another one; null takes it away.
fn broken_when(pointer: &str, value: Value) -> Vec<String> {
    let mut newer = small();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = newer.pointer_mut(parent).unwrap();
    let name = name.replace("~1", "/");
    match (parent, value) {
        (Value::Object(fields), Value::Null) => assert!(fields.remove(&name).is_some(), "{pointer}"),
        (Value::Object(fields), value) => _ = fields.insert(name, value),
        (Value::Array(items), Value::Null) => _ = items.remove(name.parse().unwrap()),
        (Value::Array(items), value) => items.push(value),
        (other, _) => panic!("{pointer}: {other}"),
    }
    Contract::of(&small()).broken_by(&Contract::of(&newer))
}

const OPERATION: &str = "/paths/~1things~1{id}/patch";
const SCHEMAS: &str = "/components/schemas";

#[test]
fn what_is_taken_away_breaks() {
    let operation = |below: &str| format!("{OPERATION}/{below}");
    let schema = |below: &str| format!("{SCHEMAS}/{below}");
    let of_operation = "PATCH /things/{id}";
    for (pointer, value, expected) in [
        ("/paths/~1things~1{id}".to_owned(), Value::Null, format!("gone: {of_operation}: updateThing")),
        (operation("operationId"), json!("changeThing"), format!("gone: {of_operation}: updateThing")),
        (operation("responses/404"), Value::Null, format!("gone: {of_operation}: answers 404")),
        (
            operation("responses/200/content"),
            Value::Null,
            format!("gone: {of_operation}: answers 200 application/json: Thing"),
        ),
        (
            operation("responses/200/headers"),
            Value::Null,
            format!("gone: {of_operation}: answers 200 header ETag: string"),
        ),
        (operation("parameters/1"), Value::Null, format!("gone: {of_operation}: query kind: string")),
        (operation("parameters/1/schema/enum/1"), Value::Null, format!("gone: {of_operation}: query kind = \"b\"")),
        (operation("parameters/1/required"), json!(true), format!("newly required: {of_operation}: query kind")),
        (operation("requestBody/required"), json!(true), format!("newly required: {of_operation}: body")),
        (
            operation("security/0/api_key"),
            json!(["admin"]),
            format!("gone: {of_operation}: takes api_key with [\"things:write\"]"),
        ),
        (schema("Thing/properties/parts"), Value::Null, "gone: Thing.parts: array".to_owned()),
        (
            schema("Thing/properties/parts/items/properties/weight"),
            Value::Null,
            "gone: Thing.parts[].weight: integer".to_owned(),
        ),
        (schema("Thing/properties/id/format"), json!("uri"), "gone: Thing.id: string uuid".to_owned()),
        (schema("Thing/properties/state/oneOf/0/enum/1"), Value::Null, "gone: Thing.state = \"off\"".to_owned()),
        (schema("Thing/required/1"), Value::Null, "gone: Thing.state is always there".to_owned()),
        (schema("UpdateThing/properties/note"), Value::Null, "gone: UpdateThing.note: string".to_owned()),
        (schema("UpdateThing/properties/note/type/1"), Value::Null, "gone: UpdateThing.note: null".to_owned()),
        (schema("UpdateThing/required/1"), json!("note"), "newly required: UpdateThing: note".to_owned()),
    ] {
        let broken = broken_when(&pointer, value);
        assert!(broken.contains(&expected), "{pointer}: {broken:#?}");
    }
}

#[test]
fn what_is_added_breaks_nothing() {
    for (pointer, value) in [
        ("/paths/~1others", json!({"get": {"operationId": "listOthers", "security": [], "responses": {"200": {}}}})),
        (&format!("{OPERATION}/responses/409"), json!({})),
        (&format!("{OPERATION}/parameters/2"), json!({"name": "new", "in": "query", "schema": {"type": "string"}})),
        (&format!("{OPERATION}/security/1"), json!({"bearer": ["things:write"]})),
        (&format!("{SCHEMAS}/Thing/properties/new"), json!({"type": "string"})),
        (&format!("{SCHEMAS}/Thing/properties/state/oneOf/0/enum/2"), json!("new")),
        (&format!("{SCHEMAS}/Thing/required/2"), json!("parts")),
        (&format!("{SCHEMAS}/UpdateThing/properties/new"), json!({"type": "string"})),
        // A call has to send less.
        (&format!("{SCHEMAS}/UpdateThing/required/0"), Value::Null),
    ] {
        assert_eq!(broken_when(pointer, value), Vec::<String>::new(), "{pointer}");
    }
}
