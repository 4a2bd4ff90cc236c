//! Requests in, answers out: which service and operation a request is for, and how each protocol says no.

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::service::Service;

/// The content type of the AWS query protocol, which only STS has here.
pub(super) const XML: &str = "text/xml";

/// One request, read.
pub(super) struct Request {
    pub(super) service: Service,
    pub(super) operation: String,
    pub(super) input: Value,
}

impl Request {
    /// By the names AWS gives to what only reads.
    pub(super) fn mutates(&self) -> bool {
        let reads = ["Get", "List", "Describe", "Query", "Scan", "BatchGet", "TransactGet", "AssumeRole"];
        !reads.iter().any(|prefix| self.operation.starts_with(prefix))
    }
}

/// What an operation answers: a JSON document, or for STS the members of its result element.
pub(super) type Answer = Result<Value, Failure>;

/// A modeled error.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Further members of the error document.
    more: Map<String, Value>,
}

impl Failure {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        let status = match code {
            "InternalServerError"
            | "InternalServerException"
            | "ServiceException"
            | "InternalException"
            | "InternalFailure" => StatusCode::INTERNAL_SERVER_ERROR,
            "AccessDenied" => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, code, message: message.into(), more: Map::new() }
    }

    pub(super) fn with(mut self, member: &str, value: Value) -> Self {
        self.more.insert(member.to_owned(), value);
        self
    }

    /// Some services have another name for the same error.
    pub(super) fn renamed(mut self, from: &str, to: &'static str) -> Self {
        if self.code == from {
            self.code = to;
        }
        self
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new("ConflictException", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", message)
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new("InternalServerException", message)
    }

    pub(super) fn unknown_operation(operation: &str) -> Self {
        Self::new("UnknownOperationException", format!("the operation `{operation}` is not known"))
    }
}

/// Reads a request's members.
pub(super) fn read<T: DeserializeOwned>(input: &Value) -> Result<T, Failure> {
    T::deserialize(input).map_err(|error| Failure::validation(error.to_string()))
}

/// Which service and operation a request is for; `None` is answered 404.
pub(super) fn classify(parts: &Parts, body: &Bytes) -> Option<Request> {
    if let Some(target) = parts.headers.get("x-amz-target") {
        let (prefix, operation) = target.to_str().ok()?.split_once('.')?;
        return Some(Request {
            service: Service::of_target(prefix)?,
            operation: operation.to_owned(),
            input: json_body(body),
        });
    }
    let path = parts.uri.path();
    if path.starts_with("/schedule") || path.starts_with("/tags/") {
        return Some(scheduler_request(parts, body));
    }
    (path == "/" && parts.method == Method::POST).then(|| sts_request(body))
}

/// A body that is not JSON reads as no members: each operation then says what it misses.
fn json_body(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}

/// Scheduler is REST: the name is in the path, some members are in the query.
fn scheduler_request(parts: &Parts, body: &Bytes) -> Request {
    let mut input = match json_body(body) {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    for (name, value) in form(parts.uri.query().unwrap_or_default().as_bytes()) {
        let name = match name.as_str() {
            "groupName" | "ScheduleGroup" => "GroupName".to_owned(),
            "clientToken" => "ClientToken".to_owned(),
            _ => name,
        };
        let value = match (name.as_str(), value.parse::<u64>()) {
            ("MaxResults", Ok(number)) => json!(number),
            _ => Value::String(value),
        };
        input.insert(name, value);
    }
    let path = parts.uri.path().trim_start_matches('/');
    let (collection, name) = path.split_once('/').unwrap_or((path, ""));
    if !name.is_empty() {
        input.insert("Name".to_owned(), Value::String(unescape(name)));
    }
    let verb = match (parts.method.as_str(), name.is_empty()) {
        ("POST", false) => "Create",
        ("GET", false) => "Get",
        ("PUT", false) => "Update",
        ("DELETE", false) => "Delete",
        ("GET", true) => "List",
        _ => "",
    };
    let operation = match (verb, collection) {
        ("", _) => "",
        ("List", "schedules") => "ListSchedules",
        ("List", "schedule-groups") => "ListScheduleGroups",
        (_, "schedules") => "Schedule",
        (_, "schedule-groups") => "ScheduleGroup",
        _ => "",
    };
    let operation = match operation {
        "" => format!("{} {}", parts.method, parts.uri.path()),
        "Schedule" | "ScheduleGroup" => format!("{verb}{operation}"),
        list => list.to_owned(),
    };
    Request { service: Service::Scheduler, operation, input: Value::Object(input) }
}

fn sts_request(body: &Bytes) -> Request {
    let members: Map<String, Value> =
        form(body).into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    let operation = members.get("Action").and_then(Value::as_str);
    Request {
        service: Service::Sts,
        operation: operation.unwrap_or_default().to_owned(),
        input: Value::Object(members),
    }
}

/// The pairs of a form body or a query.
fn form(encoded: &[u8]) -> Vec<(String, String)> {
    String::from_utf8_lossy(encoded)
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(&name.replace('+', " ")), unescape(&value.replace('+', " ")))
        })
        .collect()
}

/// Percent-decodes; what is no escape stays as it is.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let decoded =
            escaped.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = match decoded {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One page of `items`, at most `largest` long, as `{<name>: […], NextToken}`; the token is the place of the next item.
pub(super) fn page(name: &str, items: Vec<Value>, input: &Value, largest: usize) -> Answer {
    let max = match input.get("MaxResults").and_then(Value::as_u64) {
        None => largest,
        Some(max) => usize::try_from(max)
            .ok()
            .filter(|max| (1..=largest).contains(max))
            .ok_or_else(|| Failure::validation(format!("maxResults must be between 1 and {largest}")))?,
    };
    let from = match input.get("NextToken").and_then(Value::as_str) {
        None => 0,
        Some(token) => token.parse::<usize>().map_err(|_| Failure::validation("the nextToken is not one of ours"))?,
    };
    let total = items.len();
    let items: Vec<Value> = items.into_iter().skip(from).take(max).collect();
    let next = from + items.len();
    let mut answer = Map::new();
    answer.insert(name.to_owned(), Value::Array(items));
    if next < total {
        answer.insert("NextToken".to_owned(), Value::String(next.to_string()));
    }
    Ok(Value::Object(answer))
}

/// Puts an answer on the wire as the service's protocol does.
pub(super) fn respond(request: &Request, answer: Answer, request_id: &str) -> Response<Body> {
    let stand_in = request.service.stand_in();
    if stand_in.content_type == XML {
        return respond_xml(&request.operation, answer, request_id);
    }
    let (status, code, document) = match answer {
        Ok(document) => (StatusCode::OK, None, document),
        Err(failure) => {
            let mut document = failure.more;
            document.insert("__type".to_owned(), json!(failure.code));
            // Some shapes say `message`, some `Message`; clients take either.
            document.insert("message".to_owned(), json!(failure.message));
            let own = stand_in.statuses.iter().find(|(code, _)| *code == failure.code);
            let status = own.map_or(failure.status, |(_, status)| *status);
            (status, Some(failure.code), Value::Object(document))
        }
    };
    let mut response = Response::new(Body::from(document.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(stand_in.content_type));
    if let Some(code) = code {
        headers.insert("x-amzn-errortype", HeaderValue::from_static(code));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

fn respond_xml(operation: &str, answer: Answer, request_id: &str) -> Response<Body> {
    let namespace = "https://sts.amazonaws.com/doc/2011-06-15/";
    let (status, document) = match answer {
        Ok(result) => {
            let result = xml(&json!({ format!("{operation}Result"): result }));
            let document = format!(
                "<{operation}Response xmlns=\"{namespace}\">{result}<ResponseMetadata><RequestId>{request_id}\
                 </RequestId></ResponseMetadata></{operation}Response>"
            );
            (StatusCode::OK, document)
        }
        Err(failure) => {
            let error = json!({ "Error": {
                "Type": if failure.status.is_server_error() { "Receiver" } else { "Sender" },
                "Code": failure.code,
                "Message": failure.message,
            }});
            let document = format!(
                "<ErrorResponse xmlns=\"{namespace}\">{}<RequestId>{request_id}</RequestId></ErrorResponse>",
                xml(&error)
            );
            (failure.status, document)
        }
    };
    let mut response = Response::new(Body::from(document));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(XML));
    response
}

fn xml(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            members.iter().map(|(name, member)| format!("<{name}>{}</{name}>", xml(member))).collect()
        }
        Value::String(text) => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
    }
}

/// The connection breaks instead of an answer.
pub(super) fn lost_answer() -> Response<Body> {
    let broken = futures_util::stream::once(async {
        Err::<Bytes, _>(std::io::Error::other("the answer is lost, as a fault asks for"))
    });
    Response::new(Body::from_stream(broken))
}
