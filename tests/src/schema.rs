//! Values against the schemas of the OpenAPI document, which is JSON Schema 2020-12.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::contract::document;

/// The schemas of the document, each allowing what it documents and nothing else.
static CLOSED: LazyLock<Value> = LazyLock::new(|| {
    let mut parts = BTreeSet::new();
    collect_parts(document(), &mut parts);
    let mut schemas = document()["components"]["schemas"].clone();
    for (name, schema) in schemas.as_object_mut().unwrap() {
        close(schema, parts.contains(name));
    }
    schemas
});

static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// What is wrong with a value by a schema, each with the path to it.
#[must_use]
pub fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let validator = validator(schema);
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn validator(schema: &Value) -> Arc<Validator> {
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = validators.entry(schema.to_string()).or_insert_with(|| {
        let mut root = schema.clone();
        close(&mut root, false);
        root["components"] = json!({"schemas": *CLOSED});
        Arc::new(jsonschema::draft202012::options().should_validate_formats(true).build(&root).unwrap())
    });
    Arc::clone(validator)
}

/// The names of the schemas that are parts of others: what they do not document, the whole may.
fn collect_parts(value: &Value, parts: &mut BTreeSet<String>) {
    if let Some(all) = value["allOf"].as_array() {
        let references = all.iter().filter_map(|part| part["$ref"].as_str());
        parts.extend(references.filter_map(|reference| reference.rsplit('/').next()).map(str::to_owned));
    }
    for inner in children(value) {
        collect_parts(inner, parts);
    }
}

/// Makes a schema refuse fields it does not document, at every depth.
fn close(schema: &mut Value, is_part: bool) {
    let is_object = schema.get("properties").is_some() || schema.get("allOf").is_some();
    if let Some(keywords) = schema.as_object_mut() {
        if is_object && !is_part {
            keywords.insert("unevaluatedProperties".to_owned(), false.into());
        }
        for (keyword, inner) in keywords {
            match (keyword.as_str(), inner) {
                ("allOf", Value::Array(parts)) => parts.iter_mut().for_each(|part| close(part, true)),
                ("oneOf", Value::Array(choices)) => choices.iter_mut().for_each(|choice| close(choice, false)),
                ("properties", Value::Object(properties)) => {
                    properties.values_mut().for_each(|property| close(property, false));
                }
                ("items", items) => close(items, false),
                _ => {}
            }
        }
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Box::new(std::iter::empty()),
    }
}
