//! Ensure on the wire.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::grant::ProvisioningStatus;
use super::{MAX_REASON, bounded, free_text};
use crate::app::ensure::{Diagnostic, EnsureChange, EnsureStatus, Ensured, Entitlement, Justification};
use crate::domain::{AccountId, RequestId, ResourceRef, Seconds};
use crate::http::error::Error;

/// The access a caller needs.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "entitlements": [{"target": "AWS::Account::111111111111", "role": "PowerUserAccess", "duration_seconds": 3600}],
    "justification": {"reason": "roll out the new queue", "attachments": []},
    "dry_run": false
}))]
pub struct EnsureAccess {
    /// 1 to 20 of them; each is decided by itself.
    #[schema(min_items = 1, max_items = 20)]
    pub entitlements: Vec<EntitlementView>,
    /// Why.
    pub justification: Option<JustificationView>,
    /// Write nothing; answer what would happen.
    #[serde(default)]
    #[schema(default = false, example = false)]
    pub dry_run: bool,
}

/// One access.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Entitlement, example = json!({
    "target": "AWS::Account::111111111111", "role": "PowerUserAccess", "duration_seconds": 3600
}))]
pub struct EntitlementView {
    /// Entitlement target in format `AWS::Account::{account_id}`.
    #[schema(pattern = "^AWS::Account::[0-9]{12}$", example = "AWS::Account::111111111111")]
    pub target: String,
    /// Permission set / role name.
    #[schema(min_length = 1, max_length = 128, example = "PowerUserAccess")]
    pub role: String,
    /// For how long, in seconds.
    pub duration_seconds: Option<Seconds>,
    /// For how long, as a Go duration; `duration_seconds` wins.
    #[schema(example = "1h0m0s")]
    pub duration: Option<String>,
}

/// Why the access is needed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Justification, example = json!({"reason": "roll out the new queue", "attachments": ["OPS-123"]}))]
pub struct JustificationView {
    /// The reason, at most 2,000 characters. Without one, what was denied or has ended is not asked for again.
    #[schema(max_length = 2000, example = "roll out the new queue")]
    pub reason: Option<String>,
    /// Tickets, at most 20 of at most 255 characters each.
    #[schema(max_items = 20, example = json!(["OPS-123"]))]
    pub attachments: Option<Vec<String>>,
}

const MAX_ENTITLEMENTS: usize = 20;

impl EnsureAccess {
    pub(in crate::http) fn parse(&self) -> Result<(Vec<Entitlement>, Justification), Error> {
        if !(1..=MAX_ENTITLEMENTS).contains(&self.entitlements.len()) {
            return Err(Error::input("entitlements", format!("must be 1 to {MAX_ENTITLEMENTS}")));
        }
        let entitlements = self
            .entitlements
            .iter()
            .enumerate()
            .map(|(n, view)| {
                view.parse().map_err(|(field, why)| Error::input(format!("entitlements[{n}].{field}"), why))
            })
            .collect::<Result<_, _>>()?;
        let given = self.justification.clone().unwrap_or_default();
        let attachments = given.attachments.unwrap_or_default();
        super::request::check_tickets("justification.attachments", &attachments)?;
        let attachments =
            attachments.iter().map(|text| free_text("justification.attachments", text)).collect::<Result<_, _>>()?;
        let reason = bounded("justification.reason", given.reason, MAX_REASON)?;
        Ok((entitlements, Justification { reason, attachments }))
    }
}

impl EntitlementView {
    fn parse(&self) -> Result<Entitlement, (&'static str, String)> {
        let account = self
            .target
            .strip_prefix("AWS::Account::")
            .and_then(|account| AccountId::parse(account).ok())
            .ok_or_else(|| ("target", "must be `AWS::Account::` and the account's 12 digits".to_owned()))?;
        let role = super::request::action("role", self.role.clone())
            .map_err(|_| ("role", "must be 1 to 128 characters".to_owned()))?;
        let duration = match (self.duration_seconds, self.duration.as_deref()) {
            (Some(seconds), _) => Some(seconds),
            (None, Some(text)) if !text.is_empty() => parse_go_duration(text).map_err(|why| ("duration", why))?,
            (None, _) => None,
        };
        Ok(Entitlement { resource: ResourceRef::account(&account), role, duration })
    }
}

/// A Go duration such as `1h0m0s`; zero is Go's way of saying none.
fn parse_go_duration(text: &str) -> Result<Option<Seconds>, String> {
    let expected = || "must be a Go duration such as `1h0m0s`, of whole seconds".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| expected())?;
    if duration.is_zero() {
        return Ok(None);
    }
    if duration.subsec_nanos() != 0 {
        return Err(expected());
    }
    Seconds::new(duration.as_secs()).map(Some).map_err(|error| error.to_string())
}

/// Seconds as a Go duration.
fn go_duration(seconds: Seconds) -> String {
    let total = seconds.get();
    let (hours, minutes, seconds) = (total / 3600, total / 60 % 60, total % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        (_, _) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// Where the access stands: one entry for each entitlement, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = EnsureAccessResult, example = json!({
    "grants": [{
        "id": "019a3f5e-7c1b-7000-8000-000000000002",
        "name": "PowerUserAccess on sandbox (111111111111)",
        "status": "active",
        "change": "none",
        "approved": true,
        "duration_seconds": 3600,
        "duration": "1h0m0s",
        "expires_at": "2026-11-21T10:00:00Z",
        "activated_at": "2026-11-21T09:00:02Z",
        "access_request_id": "019a3f5e-7c1b-7000-8000-000000000001",
        "provisioning_status": "successful",
        "validation": {"has_reason": false, "has_ticket_attachment": false, "has_jira_ticket": false},
        "diagnostics": []
    }],
    "validation": {"has_reason": false, "has_ticket_attachment": false, "has_jira_ticket": false},
    "diagnostics": []
}))]
pub struct EnsureAccessAnswer {
    /// One for each entitlement, in their order.
    pub grants: Vec<EnsuredView>,
    /// What the policies require of any of them.
    pub validation: Validation,
    /// The diagnostics of all of them.
    pub diagnostics: Vec<Diagnostic>,
}

/// One access and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = EnsuredGrant, example = json!({
    "id": "019a3f5e-7c1b-7000-8000-000000000002",
    "name": "PowerUserAccess on sandbox (111111111111)",
    "status": "active",
    "change": "none",
    "approved": true,
    "duration_seconds": 3600,
    "duration": "1h0m0s",
    "expires_at": "2026-11-21T10:00:00Z",
    "activated_at": "2026-11-21T09:00:02Z",
    "access_request_id": "019a3f5e-7c1b-7000-8000-000000000001",
    "provisioning_status": "successful",
    "validation": {"has_reason": false, "has_ticket_attachment": false, "has_jira_ticket": false},
    "diagnostics": []
}))]
pub struct EnsuredView {
    /// The grant's id, or its request's; while there is neither, an id of the access.
    #[schema(format = "uuid")]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where it stands.
    pub status: EnsureStatus,
    /// What this call changed; on a dry run, what it would have.
    pub change: EnsureChange,
    /// Whether there is an approved, live grant.
    pub approved: bool,
    /// For how long.
    pub duration_seconds: Seconds,
    /// The same as a Go duration.
    #[schema(example = "1h0m0s")]
    pub duration: String,
    /// When it ends.
    #[schema(required = true, value_type = Option<String>, format = "date-time")]
    pub expires_at: Option<Timestamp>,
    /// When it became usable; null once it has ended.
    #[schema(required = true, value_type = Option<String>, format = "date-time")]
    pub activated_at: Option<Timestamp>,
    /// The request, to poll.
    #[schema(required = true)]
    pub access_request_id: Option<RequestId>,
    /// Whether it is usable yet.
    pub provisioning_status: ProvisioningStatus,
    /// What the policies require of it.
    pub validation: Validation,
    /// What the caller should read.
    pub diagnostics: Vec<Diagnostic>,
}

/// What the policies require.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"has_reason": true, "has_ticket_attachment": false, "has_jira_ticket": false}))]
pub struct Validation {
    /// A reason.
    pub has_reason: bool,
    /// A ticket.
    pub has_ticket_attachment: bool,
    /// A ticket, as Granted spells it.
    pub has_jira_ticket: bool,
}

impl EnsureAccessAnswer {
    pub(in crate::http) fn new(ensured: Vec<Ensured>) -> Self {
        let grants: Vec<EnsuredView> = ensured.into_iter().map(EnsuredView::from).collect();
        let any = |requires: fn(&Validation) -> bool| grants.iter().any(|grant| requires(&grant.validation));
        let validation = Validation::new(any(|v| v.has_reason), any(|v| v.has_ticket_attachment));
        let diagnostics = grants.iter().flat_map(|grant| grant.diagnostics.iter().cloned()).collect();
        Self { grants, validation, diagnostics }
    }
}

impl Validation {
    fn new(reason: bool, ticket: bool) -> Self {
        Self { has_reason: reason, has_ticket_attachment: ticket, has_jira_ticket: ticket }
    }
}

impl From<Ensured> for EnsuredView {
    fn from(ensured: Ensured) -> Self {
        let lives = matches!(ensured.status, EnsureStatus::Active | EnsureStatus::Provisioning);
        let (grant, request) = (ensured.grant.as_ref(), ensured.request.as_ref());
        let id = match (grant, request) {
            (Some(grant), _) => grant.id.to_string(),
            (None, Some(request)) => request.id.to_string(),
            (None, None) => ensured.id.to_string(),
        };
        Self {
            id,
            name: ensured.name,
            status: ensured.status,
            change: ensured.change,
            approved: lives,
            duration_seconds: ensured.duration,
            duration: go_duration(ensured.duration),
            expires_at: grant.map(|grant| grant.expires_at),
            activated_at: grant.filter(|_| lives).and_then(crate::domain::Grant::activated_at),
            // A grant names its request, even if it was read a moment before that.
            access_request_id: request.map(|request| request.id).or(grant.and_then(|grant| grant.request_id)),
            provisioning_status: grant.map_or(ProvisioningStatus::Pending, Into::into),
            validation: Validation::new(ensured.needs_reason, ensured.needs_ticket),
            diagnostics: ensured.diagnostics,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn go_durations_are_read_and_written() {
        let seconds = |text| parse_go_duration(text).map(|seconds| seconds.map(Seconds::get));
        for (text, expected) in [("1h0m0s", 3600), ("90m", 5400), ("1h30m0s", 5400), ("45s", 45), ("36h0m0s", 129_600)]
        {
            assert_eq!(seconds(text), Ok(Some(expected)), "{text}");
        }
        assert_eq!(seconds("0s"), Ok(None));
        for text in ["1", "soon", "-1h", "1.5s", "100ms", "9000h"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        for (seconds, text) in [(45, "45s"), (90, "1m30s"), (3600, "1h0m0s"), (5400, "1h30m0s")] {
            assert_eq!(go_duration(Seconds::new(seconds).unwrap()), text);
        }
    }
}
