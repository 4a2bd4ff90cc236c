//! Wire types of requests: requests for access, decisions on them, and messages about them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{GrantId, MessageId, Metadata, RequestId, ResourceRef, RuleId, Seconds};

/// A request for access.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "resource": {"type": "aws_account", "id": "111111111111"},
    "action": "PowerUserAccess",
    "reason": "roll out the new queue",
    "duration_seconds": 3600
}))]
pub struct CreateRequest {
    /// The resource the access is to.
    pub resource: ResourceRef,
    /// Which access: the permission set's name for `aws_account`, `assume` for `aws_permission_set`.
    #[schema(min_length = 1, max_length = 128, example = "PowerUserAccess")]
    pub action: String,
    /// Why, at most 2,000 characters.
    #[schema(max_length = 2000, example = "roll out the new queue")]
    pub reason: Option<String>,
    /// For how long, in seconds. Null or omitted means the default of the policies, or else of the tenant.
    pub duration_seconds: Option<Seconds>,
    /// Emergency: skips policy evaluation and is approved at once, for members of the tenant's break-glass groups, with a
    /// reason, and always announced.
    #[serde(default)]
    #[schema(default = false)]
    pub break_glass: bool,
    /// Anything, at most 16 KiB; `tickets` in it, a list of texts, is what ticket patterns of policies look at.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Metadata>,
    /// From when, if not at once; at most 90 days ahead. Policy is asked again then. Not with `break_glass`.
    #[schema(value_type = Option<String>, format = "date-time", example = json!(null))]
    pub start_at: Option<Timestamp>,
    /// The subject of the person who is to have the access; needs the scope `access:impersonate`.
    #[schema(max_length = 255, example = json!(null))]
    pub on_behalf_of: Option<String>,
}

/// A decision on a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reasoning": "agreed in the stand-up"}))]
pub struct Decide {
    /// Why, at most 2,000 characters.
    #[schema(max_length = 2000, example = "agreed in the stand-up")]
    pub reasoning: Option<String>,
}

/// A request for access, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "019a3f5e-7c1b-7000-8000-000000000001",
    "requester_id": "alice",
    "resource": {"type": "aws_account", "id": "111111111111"},
    "action": "PowerUserAccess",
    "reason": "roll out the new queue",
    "status": "approved",
    "decision_reasoning": "permitted by policy `engineering in sandbox`",
    "decided_by": null,
    "approval_mode": "auto",
    "break_glass": false,
    "duration_seconds": 3600,
    "metadata": {},
    "created_at": "2026-11-21T09:00:00Z",
    "updated_at": "2026-11-21T09:00:00Z",
    "expires_at": null,
    "start_at": null,
    "grant_ids": ["019a3f5e-7c1b-7000-8000-000000000002"],
    "policy_version": 7,
    "decisions": [],
    "required_approvals": 1
}))]
pub struct AccessRequest {
    /// Its id.
    pub id: RequestId,
    /// Identity of the user requesting access (subject claim from JWT), or the id of the API key.
    pub requester_id: String,
    /// The resource the access is to.
    pub resource: ResourceRef,
    /// Which access.
    pub action: String,
    /// User-provided justification for the request.
    #[schema(required = true)]
    pub reason: Option<String>,
    /// Where it stands.
    pub status: RequestStatus,
    /// Approver or system-provided explanation of the decision.
    #[schema(required = true)]
    pub decision_reasoning: Option<String>,
    /// Identity of the user who approved or denied the request; null when policy did.
    #[schema(required = true)]
    pub decided_by: Option<String>,
    /// How the request was, or is to be, approved; null when policy denied it.
    #[schema(required = true)]
    pub approval_mode: Option<RequestApprovalMode>,
    /// Whether this was an emergency break-glass request.
    pub break_glass: bool,
    /// For how long, in seconds.
    #[schema(required = true)]
    pub duration_seconds: Option<Seconds>,
    /// What the caller attached.
    #[schema(value_type = Object)]
    pub metadata: Metadata,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = "date-time")]
    pub updated_at: Timestamp,
    /// When it lapses, while it is pending.
    #[schema(required = true, value_type = Option<String>, format = "date-time")]
    pub expires_at: Option<Timestamp>,
    /// From when the access was asked for, if not at once.
    #[schema(required = true, value_type = Option<String>, format = "date-time")]
    pub start_at: Option<Timestamp>,
    /// The grants that came of it.
    pub grant_ids: Vec<GrantId>,
    /// The version of the policies that decided.
    pub policy_version: u64,
    /// Who decided what.
    pub decisions: Vec<Decision>,
    /// How many approvals it needs.
    pub required_approvals: u32,
}

/// How a request is approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestApprovalMode {
    /// By people.
    Require,
    /// By policy.
    Auto,
    /// By breaking the glass.
    BreakGlass,
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "decided_by": "bob", "decision": "approve", "reasoning": null, "decided_at": "2026-11-21T09:05:00Z",
    "authorized_by": ["019a3f5e-7c1b-7000-8000-000000000003"]
}))]
pub struct Decision {
    /// Who.
    pub decided_by: String,
    /// What.
    pub decision: Vote,
    /// Why.
    #[schema(required = true)]
    pub reasoning: Option<String>,
    /// When.
    #[schema(value_type = String, format = "date-time")]
    pub decided_at: Timestamp,
    /// The rules that permitted it; empty for a tenant administrator.
    pub authorized_by: Vec<RuleId>,
}

/// Something to say about a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"content": "which queue is this about?"}))]
pub struct CreateRequestMessage {
    /// 1 to 10,000 characters.
    #[schema(min_length = 1, max_length = 10_000, example = "which queue is this about?")]
    pub content: String,
    /// Anything, at most 16 KiB.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Metadata>,
}

/// Something said about a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "019a3f5e-7c1b-7000-8000-000000000003",
    "request_id": "019a3f5e-7c1b-7000-8000-000000000001",
    "author_type": "approver",
    "author_id": "bob",
    "content": "which queue is this about?",
    "metadata": {},
    "created_at": "2026-11-21T09:01:00Z"
}))]
pub struct RequestMessage {
    /// Its id.
    pub id: MessageId,
    /// The request it is about.
    pub request_id: RequestId,
    /// In which capacity it was written.
    pub author_type: AuthorType,
    /// Who wrote it.
    pub author_id: String,
    /// What it says.
    pub content: String,
    /// What the author attached.
    #[schema(value_type = Object)]
    pub metadata: Metadata,
    /// When it was written.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
}

/// The status of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// It waits for approval by people.
    Pending,
    /// Approved.
    Approved,
    /// Denied.
    Denied,
    /// It expired without a decision.
    Expired,
    /// It was cancelled.
    Cancelled,
}

impl RequestStatus {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Whether an approver approves or denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Verdict)]
pub enum Vote {
    /// Approves.
    Approve,
    /// Denies.
    Deny,
}

/// The role of a message's author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthorType {
    /// The requester.
    User,
    /// Somebody who may decide the request.
    Approver,
    /// stint itself.
    System,
    /// An AI assistant.
    Ai,
}
