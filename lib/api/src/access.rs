//! Wire types of access: ensure, and the status of a request in short.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{GrantId, GrantStatus, ProvisioningStatus, RequestId, RequestStatus, Seconds};

/// The access a caller needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "entitlements": [{"target": "AWS::Account::111111111111", "role": "PowerUserAccess", "duration_seconds": 3600}],
    "justification": {"reason": "roll out the new queue", "attachments": []},
    "dry_run": false
}))]
pub struct EnsureAccess {
    /// 1 to 20 of them; each is decided by itself.
    #[schema(min_items = 1, max_items = 20)]
    pub entitlements: Vec<Entitlement>,
    /// The reason and tickets.
    pub justification: Option<Justification>,
    /// Write nothing; answer what would happen.
    #[serde(default)]
    #[schema(default = false, example = false)]
    pub dry_run: bool,
}

/// One access.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "target": "AWS::Account::111111111111", "role": "PowerUserAccess", "duration_seconds": 3600
}))]
pub struct Entitlement {
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "roll out the new queue", "attachments": ["OPS-123"]}))]
pub struct Justification {
    /// The reason, at most 2,000 characters. Without one, what was denied or has ended is not asked for again.
    #[schema(max_length = 2000, example = "roll out the new queue")]
    pub reason: Option<String>,
    /// Tickets, at most 20 of at most 255 characters each.
    #[schema(max_items = 20, example = json!(["OPS-123"]))]
    pub attachments: Option<Vec<String>>,
}

/// Where the access stands: one entry for each entitlement, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
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
pub struct EnsureAccessResult {
    /// One for each entitlement, in their order.
    pub grants: Vec<EnsuredGrant>,
    /// What the policies require of any of them.
    pub validation: Validation,
    /// The diagnostics of all of them.
    pub diagnostics: Vec<Diagnostic>,
}

/// One access and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
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
pub struct EnsuredGrant {
    /// The grant's id, or its request's; while there is neither, an id of the access.
    #[schema(format = "uuid")]
    pub id: String,
    /// The display name.
    pub name: String,
    /// Where it stands.
    pub status: EnsureStatus,
    /// What this call changed; on a dry run, what it would have.
    pub change: EnsureChange,
    /// Whether there is an approved, live grant.
    pub approved: bool,
    /// The duration in seconds.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"has_reason": true, "has_ticket_attachment": false, "has_jira_ticket": false}))]
pub struct Validation {
    /// Whether policies require a reason.
    pub has_reason: bool,
    /// Whether policies require a ticket.
    pub has_ticket_attachment: bool,
    /// A ticket, as Granted spells it.
    pub has_jira_ticket: bool,
}

/// Where a request and its grants stand, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "019a3f5e-7c1b-7000-8000-000000000001",
    "status": "approved",
    "grants": [{
        "id": "019a3f5e-7c1b-7000-8000-000000000002",
        "name": "PowerUserAccess on 111111111111",
        "status": "active",
        "approved": true,
        "expires_at": "2026-11-21T10:00:00Z",
        "activated_at": "2026-11-21T09:00:02Z",
        "provisioning_status": "successful"
    }]
}))]
pub struct AccessRequestStatus {
    /// The request.
    pub id: RequestId,
    /// Where it stands.
    pub status: RequestStatus,
    /// Its grants.
    pub grants: Vec<GrantSummary>,
}

/// A grant in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "019a3f5e-7c1b-7000-8000-000000000002",
    "name": "PowerUserAccess on 111111111111",
    "status": "active",
    "approved": true,
    "expires_at": "2026-11-21T10:00:00Z",
    "activated_at": "2026-11-21T09:00:02Z",
    "provisioning_status": "successful"
}))]
pub struct GrantSummary {
    /// The grant.
    pub id: GrantId,
    /// The display name.
    pub name: String,
    /// Active, or how it ended.
    pub status: GrantStatus,
    /// Whether it was approved: a grant always was.
    pub approved: bool,
    /// When it ends.
    #[schema(value_type = String, format = "date-time")]
    pub expires_at: Timestamp,
    /// When it became usable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub activated_at: Option<Timestamp>,
    /// Whether it is usable yet.
    pub provisioning_status: ProvisioningStatus,
}

/// The state of an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnsureStatus {
    /// It is usable.
    Active,
    /// It waits for approval by people.
    Pending,
    /// It was granted and is not usable yet.
    Provisioning,
    /// It ended, or its request expired without a decision.
    Expired,
    /// It was denied, refused or ended early.
    Revoked,
}

/// What a call changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnsureChange {
    /// Nothing.
    None,
    /// The access was granted.
    Activated,
    /// The access was requested.
    Requested,
    /// The grant was extended.
    Extended,
}

/// A message for the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diagnostic {
    /// How much it matters.
    pub level: Level,
    /// The text.
    #[schema(example = "a reason is required by the policy that permits this")]
    pub message: String,
}

/// How much a diagnostic matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Why there is no access.
    Error,
    /// A problem to expect.
    Warning,
    /// Information.
    Info,
}
