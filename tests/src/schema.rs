//! As much of JSON Schema as the document uses. A keyword it does not know is a failure, so that none is passed over.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "a test fails by panicking")]

use serde_json::{Map, Value};

use crate::contract::resolve;

/// Keywords that say something to people only.
const SILENT: &[&str] = &["description", "example", "default", "format", "contentMediaType"];

/// What is wrong with a value by a schema, each with the path to it.
#[must_use]
pub fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut check = Check::default();
    check.value(schema, value, "$");
    check.closed(schema, value, "$");
    check.found
}

#[derive(Default)]
struct Check {
    found: Vec<String>,
}

impl Check {
    fn holds(&mut self, holds: bool, at: &str, what: &str, value: &Value) {
        if !holds {
            self.found.push(format!("{at}: {what}: {value}"));
        }
    }

    fn value(&mut self, schema: &Value, value: &Value, at: &str) {
        let fits = |schema: &Value| violations(schema, value).is_empty();
        for (keyword, said) in schema.as_object().unwrap() {
            let number = || (value.as_f64(), said.as_f64().unwrap());
            let length = || value.as_str().map(|text| text.chars().count() as u64);
            let holds = match keyword.as_str() {
                "$ref" => {
                    self.value(resolve(schema), value, at);
                    true
                }
                "allOf" => {
                    said.as_array().unwrap().iter().for_each(|schema| self.value(schema, value, at));
                    true
                }
                "oneOf" => said.as_array().unwrap().iter().filter(|schema| fits(schema)).count() == 1,
                "type" => match said {
                    Value::Array(types) => types.iter().any(|kind| is(kind, value)),
                    kind => is(kind, value),
                },
                "enum" => said.as_array().unwrap().contains(value),
                "minimum" => number().0.is_none_or(|value| value >= number().1),
                "maximum" => number().0.is_none_or(|value| value <= number().1),
                "minLength" => length().is_none_or(|length| length >= said.as_u64().unwrap()),
                "maxLength" => length().is_none_or(|length| length <= said.as_u64().unwrap()),
                "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= said.as_u64().unwrap()),
                "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= said.as_u64().unwrap()),
                "required" => value.as_object().is_none_or(|fields| {
                    said.as_array().unwrap().iter().all(|name| fields.contains_key(name.as_str().unwrap()))
                }),
                "items" => {
                    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.value(said, item, &format!("{at}[{n}]"));
                        self.closed(said, item, &format!("{at}[{n}]"));
                    }
                    true
                }
                "properties" => {
                    for (name, schema) in said.as_object().unwrap() {
                        if let Some(value) = value.get(name) {
                            self.value(schema, value, &format!("{at}.{name}"));
                            self.closed(schema, value, &format!("{at}.{name}"));
                        }
                    }
                    true
                }
                // Every object that says what is in it has nothing else in it, see `closed`.
                "additionalProperties" => true,
                // The one there is: the target of an entitlement and an account's digits have tests of their own.
                "pattern" => true,
                keyword => SILENT.contains(&keyword),
            };
            self.holds(holds, at, keyword, value);
        }
    }

    /// An object has no field that is not documented.
    fn closed(&mut self, schema: &Value, value: &Value, at: &str) {
        let (Some(known), Some(fields)) = (properties(schema), value.as_object()) else { return };
        for name in fields.keys() {
            self.holds(known.contains_key(name), at, "an undocumented field", &Value::from(name.as_str()));
        }
    }
}

/// The properties an object has by its schema; none if it may have any, or is no object.
fn properties(schema: &Value) -> Option<Map<String, Value>> {
    let schema = resolve(schema);
    if let Some(properties) = schema["properties"].as_object() {
        return Some(properties.clone());
    }
    let parts = schema["allOf"].as_array()?.iter().map(|part| properties(part));
    Some(parts.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("`{other}` is no type"),
    }
}
