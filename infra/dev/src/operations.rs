//! The operations, as the routers describe them.

use serde::Deserialize as _;
use serde_json::Value;

use crate::GenerateError;
use crate::table::TableAccess;

/// One operation of the API.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    /// Its id, such as `createRequest`.
    pub(crate) id: String,
    /// The name of its binary, such as `create_request`.
    pub(crate) name: String,
    /// In upper case.
    pub(crate) method: String,
    /// As the router has it: `/v1/requests/{id}`.
    pub(crate) path: String,
    /// Its area, which its tag names: `Audit log`.
    pub(crate) area: String,
    /// The scope that is required, if a credential is.
    pub(crate) scope: Option<String>,
    /// The first line of its description.
    pub(crate) summary: String,
    /// What it does to the table.
    pub(crate) table: TableAccess,
    /// An example of its body, if it has one.
    pub(crate) body: Option<Value>,
}

/// The operations, by area and name.
///
/// # Errors
///
/// [`GenerateError::Operation`] when one lacks something.
pub(crate) fn all() -> Result<Vec<Operation>, GenerateError> {
    let document = serde_json::to_value(stint::http::annotated_document()).unwrap_or_default();
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let each = paths.flat_map(|(path, item)| {
        item.as_object().into_iter().flatten().map(move |(method, operation)| (path, method, operation))
    });
    let mut operations = each
        .map(|(path, method, operation)| read(&document, path, method, operation))
        .collect::<Result<Vec<_>, _>>()?;
    operations.sort_by(|one, other| (&one.area, &one.name).cmp(&(&other.area, &other.name)));
    Ok(operations)
}

fn read(document: &Value, path: &str, method: &str, operation: &Value) -> Result<Operation, GenerateError> {
    let text = |place: &str| operation.pointer(place).and_then(Value::as_str).map(str::to_owned);
    let id = text("/operationId").unwrap_or_else(|| format!("{method} {path}"));
    let wrong = |problem: String| GenerateError::Operation { operation: id.clone(), problem };
    let lacks = |what: &str| wrong(format!("it has no {what}"));
    let declared = operation.get(stint::http::TABLE_EXTENSION);
    let declared = declared.ok_or_else(|| lacks(&format!("`{}`", stint::http::TABLE_EXTENSION)))?;
    let mut table = TableAccess::deserialize(declared).map_err(|error| wrong(error.to_string()))?;
    let scope = text("/security/0/api_key/0");
    if scope.is_some() {
        // Checking a token may count a lookup of its key.
        table.update.push("KEYLOOKUP".to_owned());
    }
    Ok(Operation {
        name: snake(&id),
        method: method.to_uppercase(),
        path: path.to_owned(),
        area: text("/tags/0").ok_or_else(|| lacks("tag"))?,
        scope,
        summary: text("/summary").ok_or_else(|| lacks("summary"))?,
        table,
        body: example_of_body(document, operation),
        id,
    })
}

fn example_of_body(document: &Value, operation: &Value) -> Option<Value> {
    let schema = operation.pointer("/requestBody/content/application~1json/schema")?;
    // Where the body is optional, the schema is one of two.
    let referred =
        schema.get("$ref").or_else(|| schema.get("oneOf")?.as_array()?.iter().find_map(|one| one.get("$ref")));
    let schema = match referred.and_then(Value::as_str) {
        Some(place) => document.pointer(place.trim_start_matches('#'))?,
        None => schema,
    };
    schema.get("example").cloned()
}

/// `createRequest` as `create_request`.
fn snake(id: &str) -> String {
    let letter =
        |letter: char| if letter.is_uppercase() { format!("_{}", letter.to_lowercase()) } else { letter.into() };
    id.chars().map(letter).collect()
}

/// `create_request` or `Audit log` as `CreateRequest` or `AuditLog`.
pub(crate) fn pascal(name: &str) -> String {
    let capital =
        |word: &str| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect::<String>();
    name.split(['_', ' ']).map(capital).collect()
}

/// `create_request` or `Audit log` as `create-request` or `audit-log`.
pub(crate) fn kebab(name: &str) -> String {
    name.replace(['_', ' '], "-").to_lowercase()
}
