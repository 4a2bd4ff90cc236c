//! Conversions of requests and messages.

use stint_api::{AccessRequest, CreateRequest, Decision, Metadata, RequestApprovalMode, RequestMessage};

use super::text::{free_text, metadata, reason};
use crate::app::NewRequest;
use crate::domain::{self, ApprovedBy, RequestState, ResourceError};
use crate::http::error::Error;

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
            reason: reason("reason", request.reason)?,
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
            Some(RequestApprovalMode::BreakGlass)
        } else {
            request.terms.as_ref().map(|terms| match terms.approval_mode {
                domain::ApprovalMode::Auto => RequestApprovalMode::Auto,
                domain::ApprovalMode::Require => RequestApprovalMode::Require,
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
            resource: request.resource.into(),
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
                .map(|decision| Decision {
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

impl From<domain::RequestMessage> for RequestMessage {
    fn from(message: domain::RequestMessage) -> Self {
        Self {
            id: message.id,
            request_id: message.request_id,
            author_type: message.author_type,
            author_id: message.author_id,
            content: message.content,
            metadata: message.metadata,
            created_at: message.created_at,
        }
    }
}
