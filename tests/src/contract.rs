//! The operations as the OpenAPI document has them. A new endpoint stands in the tables by itself, and every answer a
//! test gets, of whatever suite, is held against it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use reqwest::Method;
use serde_json::Value;
use stint::auth::ApiScope;

use crate::schema::violations;
use crate::{Answer, As, Call, World};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(stint::http::document()).unwrap());
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(Operation::read_all);

/// An id of nothing.
const NO_ID: &str = "019a3f5e-7c1b-7000-8000-0000000000ff";

/// The document.
#[must_use]
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// What a `$ref` points to.
#[must_use]
pub fn resolve(schema: &Value) -> &Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            let found = DOCUMENT.pointer(reference.trim_start_matches('#'));
            found.unwrap_or_else(|| panic!("{reference} points to nothing"))
        }
        None => schema,
    }
}

/// An operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its `operationId`.
    pub id: String,
    /// Its method.
    pub method: Method,
    /// Its path, with the names of its parameters in braces.
    pub path: String,
    /// The scope it needs; none for those anybody may call.
    pub scope: Option<ApiScope>,
    /// The example of its body, if it takes one.
    pub example: Option<Value>,
    /// Whether it can do without a body.
    pub body_is_optional: bool,
    /// What it may answer: the schema of each status, or null if its body has none.
    pub answers: BTreeMap<u16, Value>,
}

fn answered_schema((status, response): (&String, &Value)) -> (u16, Value) {
    (status.parse().unwrap(), response["content"]["application/json"]["schema"].clone())
}

impl Operation {
    /// All of them.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &OPERATIONS
    }

    fn read_all() -> Vec<Self> {
        let items = DOCUMENT["paths"].as_object().unwrap().iter();
        let operations = items.flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, said)| Self::read(path, method, said))
        });
        operations.collect()
    }

    /// Those that need a credential.
    pub fn authenticated() -> impl Iterator<Item = &'static Self> {
        Self::all().iter().filter(|operation| operation.scope.is_some())
    }

    /// Those that take a body.
    pub fn with_body() -> impl Iterator<Item = &'static Self> {
        Self::authenticated().filter(|operation| operation.example.is_some())
    }

    fn read(path: &str, method: &str, said: &Value) -> Self {
        let body = &said["requestBody"]["content"]["application/json"]["schema"];
        // What may be left out is said as this or null.
        let body = body["oneOf"].as_array().map_or(body, |either| &either[0]);
        let scopes: BTreeSet<&str> = said["security"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|way| way.as_object().unwrap().values())
            .flat_map(|scopes| scopes.as_array().unwrap())
            .map(|scope| scope.as_str().unwrap())
            .collect();
        assert!(scopes.len() <= 1, "{path}: the ways in need different scopes");
        Self {
            id: said["operationId"].as_str().unwrap().to_owned(),
            method: method.to_uppercase().parse().unwrap(),
            path: path.to_owned(),
            scope: scopes.first().map(|scope| scope.parse().unwrap()),
            example: resolve(body).get("example").cloned(),
            body_is_optional: said["requestBody"]["required"] != true,
            answers: said["responses"].as_object().unwrap().iter().map(answered_schema).collect(),
        }
    }

    /// The names of the parameters in its path.
    #[must_use]
    pub fn path_parameters(&self) -> Vec<&str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
    }

    /// Its path, with an id of nothing for each parameter but one.
    #[must_use]
    pub fn uri(&self, but: &str, value: &str) -> String {
        self.path_parameters().iter().fold(self.path.clone(), |path, name| {
            path.replace(&format!("{{{name}}}"), if *name == but { value } else { NO_ID })
        })
    }

    /// A call that is as the document wants it, about things that are not there.
    #[must_use]
    pub fn call<'a>(&self, world: &'a World, who: As<'a>) -> Call<'a> {
        let call = world.call(who, self.method.clone(), self.uri("", ""));
        match &self.example {
            Some(example) => call.json(example),
            None => call,
        }
    }

    /// The operation of a call, if there is one.
    #[must_use]
    pub fn of(method: &Method, path: &str) -> Option<&'static Self> {
        let path = path.split('?').next().unwrap_or_default();
        let same = |(said, given): (&str, &str)| said == given || (said.starts_with('{') && !given.is_empty());
        let matching = |operation: &&Self| {
            let (said, given) = (operation.path.split('/'), path.split('/'));
            operation.method == *method && said.clone().count() == given.clone().count() && said.zip(given).all(same)
        };
        // `/v1/policies/schema` before `/v1/policies/{policyId}`.
        Self::all().iter().filter(matching).min_by_key(|operation| operation.path_parameters().len())
    }

    /// Holds that an answer is one of those that are documented.
    #[track_caller]
    pub fn documents(&self, answer: &Answer) {
        let Answer { status, body, .. } = answer;
        let at = format!("{} answered {status}", self.id);
        let Some(schema) = self.answers.get(&status.as_u16()) else { panic!("{at}, which is not documented: {body}") };
        if !schema.is_null() && answer.headers.get("content-type").is_some_and(|kind| kind == "application/json") {
            assert_eq!(violations(schema, body), Vec::<String>::new(), "{at}, which is not as documented: {body}");
        }
        let request_id = &answer.headers["x-request-id"];
        // What was answered before names the call it was answered to.
        if status.as_u16() >= 400 && !answer.headers.contains_key("idempotent-replayed") {
            assert_eq!(body["details"]["request_id"], request_id.as_str(), "{at}");
        }
    }
}
