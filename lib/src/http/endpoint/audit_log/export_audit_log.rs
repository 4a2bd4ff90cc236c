//! `GET /v1/audit-log/export`, oldest first.

use super::prelude::*;
use axum::http::{HeaderName, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::app::{OperationContext, exported};
use crate::audit::{line, ocsf, stored};
use crate::http::cursor::cursor;
use crate::store::{AuditEntry, HIGHEST_SEQUENCE, Record, StoredEntry, audit_key};

/// The operation's router.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(export_audit_log))
}

/// What to export.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// As they are stored, unless `ocsf` asks for events of the Open Cybersecurity Schema Framework.
    #[serde(default)]
    #[param(inline)]
    format: Format,
    /// Only what was sealed after the entry with this sequence.
    #[serde(default)]
    #[param(minimum = 0, maximum = 999_999_999_999_999_i64, default = 0, example = 0)]
    after_sequence: u64,
    /// The `X-Next-Cursor` of the answer before. It is bound to the tenant, the caller and what is exported.
    #[param(max_length = 1400, example = "rGm0p2q5cR8rFQv1dKq3V1siMDE5YTNmNWUiXQ")]
    cursor: Option<String>,
}

/// The form of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// An entry as it is stored.
    #[default]
    Jsonl,
    /// An event of OCSF 1.3.0.
    Ocsf,
}

impl Wanted {
    fn page(&self) -> PageParams {
        PageParams { limit: None, cursor: self.cursor.clone() }
    }

    /// The key to go on after, by a cursor that was not yet checked.
    fn after(&self) -> Result<String, Error> {
        if self.after_sequence > HIGHEST_SEQUENCE {
            return Err(Error::input("after_sequence", format!("must be at most {HIGHEST_SEQUENCE}")));
        }
        Ok(self.page().position()?.unwrap_or_else(|| audit_key(self.after_sequence)))
    }

    /// Who goes on with an export is who began it.
    fn filters(&self, access: &OperationContext) -> String {
        let who = access.caller().principal().who.to_string();
        format!("exportAuditLog {}", json!([self.format, self.after_sequence, who]))
    }
}

/// Less than Lambda's 6 MB even if every character has to be escaped.
const MOST_BYTES: usize = 2_500_000;
/// JSON Lines. Lambda would send what it does not take for text in Base64; see the test.
const JSON_LINES: &str = "application/jsonl";
const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

/// Export the audit log
///
/// Oldest first, as many entries as fit. Go on with `X-Next-Cursor` until the answer is empty; kept, it is also where the
/// next export goes on. Lines are the entries as they are stored, in canonical JSON (RFC 8785): what
/// `infra/audit/verify.py` takes. That an export was begun is an entry itself, `audit.exported`.
#[utoipa::path(
    get,
    path = "/v1/audit-log/export",
    operation_id = "exportAuditLog",
    tag = "Audit log",
    extensions(("x-table" = json!({"get": true, "query": ["table"], "put": ["EVENT"]}))),
    params(Wanted, TenantHeader),
    responses(
        (
            status = 200,
            description = "Entries, one a line.",
            body = String,
            content_type = "application/jsonl",
            headers(("X-Next-Cursor" = String, description = "What to send as `cursor` to go on."))
        ),
        Failures
    ),
    security(("api_key" = ["audit:read"]), ("bearer" = ["audit:read"]))
)]
async fn export_audit_log(
    call: AuthenticatedCall<scope::AuditRead>,
    wanted: Input<Query<Wanted>>,
) -> Result<Response, Error> {
    let wanted = call.accept(wanted).await?.0;
    let mut last = call.accept(Input(wanted.after())).await?;
    let after = last.clone();
    let (access, found) = call.open(|table| async move { Ok(stored(&table, after).await?) }).await?;
    let filters = wanted.filters(&access);
    wanted.page().check(access.tenant(), &filters)?;
    if wanted.cursor.is_none() {
        access.table().commit(exported(&access, json!(wanted.format), wanted.after_sequence)?).await?;
    }
    let mut lines = String::new();
    for entry in found.records {
        let key = entry.sort_key();
        let line = wanted.format.line(entry)?;
        if !lines.is_empty() && lines.len() + line.len() >= MOST_BYTES {
            break;
        }
        lines.push_str(&line);
        lines.push('\n');
        last = key;
    }
    let next = cursor(&last, access.tenant(), &filters);
    Ok(([(header::CONTENT_TYPE, JSON_LINES.to_owned()), (NEXT_CURSOR, next)], lines).into_response())
}

impl Format {
    fn line(self, entry: StoredEntry) -> Result<String, Error> {
        let content = Value::Object(entry.into_content());
        match self {
            Self::Jsonl => Ok(line(&content)?),
            Self::Ocsf => {
                let entry: AuditEntry = serde_json::from_value(content)
                    .map_err(|error| Error::Internal(format!("an audit entry is corrupt: {error}")))?;
                Ok(line(&ocsf(&entry))?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use lambda_http::Body;

    #[tokio::test]
    async fn lambda_sends_it_as_text() {
        for (kind, as_text) in [(JSON_LINES, true), ("application/x-ndjson", false)] {
            let answer = axum::http::Response::builder().header(header::CONTENT_TYPE, kind);
            let answer = answer.body(axum::body::Body::from("{}\n")).unwrap();
            let answer = lambda_http::IntoResponse::into_response(answer).await;
            assert_eq!(matches!(answer.body(), Body::Text(text) if text == "{}\n"), as_text, "{kind}");
        }
    }
}
