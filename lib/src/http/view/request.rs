//! Access requests on the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MAX_REASON, bounded, free_text, metadata};
use crate::app::NewRequest;
use crate::domain::{
    self, ApprovedBy, GrantId, GrantStatus, Metadata, RequestId, RequestState, RequestStatus, ResourceError,
    ResourceRef, RuleId, Seconds, UncheckedResourceRef, Vote,
};
use crate::http::error::Error;

/// A request for access.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "resource": {"type": "aws_account", "id": "111111111111"},
    "action": "PowerUserAccess",
    "reason": "roll out the new queue",
    "duration_seconds": 3600
}))]
pub struct CreateRequest {
    /// The resource the access is to.
    #[schema(value_type = ResourceRef)]
    pub resource: UncheckedResourceRef,
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

const MAX_ACTION: usize = 128;
/// How many tickets a request may name, and how long each may be, in characters.
const MAX_TICKETS: usize = 20;
const MAX_TICKET: usize = 255;
const MAX_SUBJECT: usize = 255;

impl TryFrom<CreateRequest> for NewRequest {
    type Error = Error;

    fn try_from(request: CreateRequest) -> Result<Self, Error> {
        let metadata = metadata(request.metadata)?;
        Ok(Self {
            tickets: tickets(&metadata)?,
            resource: request
                .resource
                .try_into()
                .map_err(|error: ResourceError| Error::input("resource.id", error.to_string()))?,
            action: action("action", request.action)?,
            reason: bounded("reason", request.reason, MAX_REASON)?,
            duration: request.duration_seconds,
            break_glass: request.break_glass,
            start_at: request.start_at,
            on_behalf_of: request.on_behalf_of.map(subject).transpose()?,
            metadata,
        })
    }
}

/// An action of at most 128 characters.
pub(super) fn action(field: &'static str, text: String) -> Result<String, Error> {
    match text.chars().count() {
        1..=MAX_ACTION => Ok(text),
        _ => Err(Error::input(field, format!("must be 1 to {MAX_ACTION} characters"))),
    }
}

/// A subject of a token, as `auth` takes it.
fn subject(text: String) -> Result<String, Error> {
    match text.chars().count() {
        1..=MAX_SUBJECT => Ok(text),
        _ => Err(Error::input("on_behalf_of", format!("must be 1 to {MAX_SUBJECT} characters"))),
    }
}

fn tickets(metadata: &Metadata) -> Result<Vec<String>, Error> {
    let refused = || Error::input("metadata.tickets", format!("must be a list of at most {MAX_TICKETS} texts"));
    let Some(value) = metadata.get("tickets") else { return Ok(Vec::new()) };
    let tickets = value.as_array().ok_or_else(refused)?;
    let tickets: Vec<String> = tickets
        .iter()
        .map(|ticket| free_text("metadata.tickets", ticket.as_str().ok_or_else(refused)?))
        .collect::<Result<_, _>>()?;
    check_tickets("metadata.tickets", &tickets)?;
    Ok(tickets)
}

/// Tickets are at most 20 texts of at most 255 characters.
pub(super) fn check_tickets(field: &'static str, tickets: &[String]) -> Result<(), Error> {
    if tickets.len() > MAX_TICKETS {
        return Err(Error::input(
            field,
            format!("must be a list of at most {MAX_TICKETS} texts; leave the others out"),
        ));
    }
    match tickets.iter().position(|ticket| ticket.chars().count() > MAX_TICKET) {
        Some(n) => Err(Error::input(
            format!("{field}[{n}]"),
            format!("must be at most {MAX_TICKET} characters; give the ticket's id or address"),
        )),
        None => Ok(()),
    }
}

/// A decision on a request.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reasoning": "agreed in the stand-up"}))]
pub struct Decide {
    /// Why, at most 2,000 characters.
    #[schema(max_length = 2000, example = "agreed in the stand-up")]
    pub reasoning: Option<String>,
}

impl Decide {
    pub(in crate::http) fn reasoning(self) -> Result<Option<String>, Error> {
        bounded("reasoning", self.reasoning, MAX_REASON)
    }
}

/// A request for access, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
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
    pub approval_mode: Option<ApprovalModeView>,
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
    pub decisions: Vec<DecisionView>,
    /// How many approvals it needs.
    pub required_approvals: u32,
}

/// How a request is approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RequestApprovalMode)]
pub enum ApprovalModeView {
    /// By people.
    Require,
    /// By policy.
    Auto,
    /// By breaking the glass.
    BreakGlass,
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Decision, example = json!({
    "decided_by": "bob", "decision": "approve", "reasoning": null, "decided_at": "2026-11-21T09:05:00Z",
    "authorized_by": ["019a3f5e-7c1b-7000-8000-000000000003"]
}))]
pub struct DecisionView {
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

impl From<domain::AccessRequest> for AccessRequest {
    fn from(request: domain::AccessRequest) -> Self {
        let (decided_by, decision_reasoning) = match &request.state {
            RequestState::Approved { mode: ApprovedBy::People { last }, reasoning } => {
                (Some(last.id.clone()), reasoning.clone())
            }
            RequestState::Approved { mode: ApprovedBy::Policy | ApprovedBy::BreakGlass, reasoning } => {
                (None, reasoning.clone())
            }
            RequestState::Denied { by, reasoning } => (by.as_ref().map(|by| by.id.clone()), reasoning.clone()),
            RequestState::Expired => (None, Some("nobody decided in time".to_owned())),
            RequestState::Pending { .. } | RequestState::Cancelled => (None, None),
        };
        let approval_mode = if request.break_glass {
            Some(ApprovalModeView::BreakGlass)
        } else {
            request.terms.as_ref().map(|terms| match terms.approval_mode {
                domain::ApprovalMode::Auto => ApprovalModeView::Auto,
                domain::ApprovalMode::Require => ApprovalModeView::Require,
            })
        };
        Self {
            id: request.id,
            status: request.status(),
            expires_at: request.lapses_at(),
            required_approvals: request.required_approvals(),
            decision_reasoning,
            decided_by,
            approval_mode,
            requester_id: request.requester.who.id,
            resource: request.resource,
            action: request.action,
            reason: request.reason,
            break_glass: request.break_glass,
            duration_seconds: Some(request.duration_seconds),
            metadata: request.metadata,
            created_at: request.created_at,
            updated_at: request.updated_at,
            start_at: request.start_at,
            grant_ids: request.grant_ids,
            policy_version: request.policy_version,
            decisions: request
                .decisions
                .into_iter()
                .map(|decision| DecisionView {
                    decided_by: decision.decided_by.who.id,
                    decision: decision.verdict,
                    reasoning: decision.reasoning,
                    decided_at: decision.decided_at,
                    authorized_by: decision.authorized_by,
                })
                .collect(),
        }
    }
}

/// Where a request and its grants stand, in short.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
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
    /// What people call it.
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
    pub provisioning_status: super::grant::ProvisioningStatus,
}

impl AccessRequestStatus {
    pub(in crate::http) fn new(request: &domain::AccessRequest, grants: Vec<domain::Grant>) -> Self {
        Self {
            id: request.id,
            status: request.status(),
            grants: grants
                .into_iter()
                .map(|grant| GrantSummary {
                    id: grant.id,
                    name: format!("{} on {}", grant.action, grant.account_id),
                    status: grant.status,
                    approved: true,
                    expires_at: grant.expires_at,
                    activated_at: grant.activated_at(),
                    provisioning_status: (&grant).into(),
                })
                .collect(),
        }
    }
}
