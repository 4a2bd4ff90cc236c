//! The operations as the OpenAPI document has them: a new endpoint stands in every table of this suite by itself.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;
use stint::auth::Scope;
use stint_tests::{Answer, As, Call, World};

/// An id of nothing.
const NO_ID: &str = "019a3f5e-7c1b-7000-8000-0000000000ff";

/// The document.
pub(crate) fn document() -> Value {
    serde_json::to_value(stint::http::document()).unwrap()
}

/// What a `$ref` points to.
pub(crate) fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            let found = document.pointer(reference.trim_start_matches('#'));
            found.unwrap_or_else(|| panic!("{reference} points to nothing"))
        }
        None => schema,
    }
}

/// An operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    /// Its `operationId`.
    pub(crate) id: String,
    pub(crate) method: Method,
    /// Its path, with the names of its parameters in braces.
    pub(crate) path: String,
    /// The scope it needs; none for those anybody may call.
    pub(crate) scope: Option<Scope>,
    /// The example of its body, if it takes one.
    pub(crate) example: Option<Value>,
    /// Whether it can do without a body.
    pub(crate) body_is_optional: bool,
    /// The statuses it may answer.
    pub(crate) statuses: BTreeSet<u16>,
}

impl Operation {
    /// All of them.
    pub(crate) fn all() -> Vec<Self> {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, item)| {
            let document = &document;
            item.as_object().unwrap().iter().map(move |(method, said)| Self::read(document, path, method, said))
        });
        operations.collect()
    }

    /// Those that need a credential.
    pub(crate) fn authenticated() -> Vec<Self> {
        Self::all().into_iter().filter(|operation| operation.scope.is_some()).collect()
    }

    /// Those that take a body.
    pub(crate) fn with_body() -> Vec<Self> {
        Self::authenticated().into_iter().filter(|operation| operation.example.is_some()).collect()
    }

    fn read(document: &Value, path: &str, method: &str, said: &Value) -> Self {
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
            example: resolve(document, body).get("example").cloned(),
            body_is_optional: said["requestBody"]["required"] != true,
            statuses: said["responses"].as_object().unwrap().keys().map(|status| status.parse().unwrap()).collect(),
        }
    }

    /// The names of the parameters in its path.
    pub(crate) fn path_parameters(&self) -> Vec<&str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
    }

    /// Its path, with an id of nothing for each parameter but one.
    pub(crate) fn uri(&self, but: &str, value: &str) -> String {
        self.path_parameters().iter().fold(self.path.clone(), |path, name| {
            path.replace(&format!("{{{name}}}"), if *name == but { value } else { NO_ID })
        })
    }

    /// A call that is as the document wants it, about things that are not there.
    pub(crate) fn call<'a>(&self, world: &'a World, who: As<'a>) -> Call<'a> {
        let call = world.call(who, self.method.clone(), self.uri("", ""));
        match &self.example {
            Some(example) => call.json(example),
            None => call,
        }
    }

    /// What is true of every answer: it says by which id the call is known, and its status is documented.
    #[track_caller]
    pub(crate) fn answered(&self, answer: &Answer) {
        let (id, status) = (&self.id, answer.status.as_u16());
        assert!(self.statuses.contains(&status), "{id} answered {status}, which is not documented: {}", answer.body);
        let request_id = answer.headers.get("x-request-id").unwrap();
        if status >= 400 {
            assert_eq!(answer.body["details"]["request_id"], request_id.as_str(), "{id}");
            assert_eq!(answer.headers["content-type"], "application/json", "{id}");
        }
    }
}
