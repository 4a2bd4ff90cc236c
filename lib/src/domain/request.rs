//! Access requests: created once, and each ends in one outcome.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::stored::required;
use super::{
    AuthorType, Circumstances, GrantId, MessageId, Metadata, Principal, PrincipalRef, RequestId, RequestStatus,
    ResourceRef, RuleId, Seconds, Terms, Vote,
};

/// A request for access.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessRequest {
    /// The id of the request.
    pub id: RequestId,
    /// The principal the access is for.
    pub requester: Principal,
    /// The caller who made the request for the requester; `None` if the requester made it.
    #[serde(deserialize_with = "required")]
    pub submitted_by: Option<Principal>,
    /// The resource the access is to.
    pub resource: ResourceRef,
    /// The action: on an account, the name of the permission set.
    pub action: String,
    /// The reason that was given; `None` if there was none.
    #[serde(deserialize_with = "required")]
    pub reason: Option<String>,
    /// The tickets that justify it.
    pub tickets: Vec<String>,
    /// How long the access lasts.
    pub duration_seconds: Seconds,
    /// Whether it is a break-glass request.
    pub break_glass: bool,
    /// When the access begins; `None` if at the decision.
    #[serde(deserialize_with = "required")]
    pub start_at: Option<Timestamp>,
    /// What the policies that permitted it demand; `None` if it was denied by policy or is break-glass access.
    #[serde(deserialize_with = "required")]
    pub terms: Option<Terms>,
    /// Pending, or the outcome.
    pub state: RequestState,
    /// The decisions of approvers so far.
    pub decisions: Vec<ApproverDecision>,
    /// When a refused approval was last recorded, by principal: at most one audit entry per minute for each. Older
    /// entries are dropped.
    pub refused_approvals: BTreeMap<String, Timestamp>,
    /// Free-form data from the caller.
    pub metadata: Metadata,
    /// The ids of the grants it led to.
    pub grant_ids: Vec<GrantId>,
    /// How the submitter authenticated: policy is evaluated with it again before access is given.
    pub circumstances: Circumstances,
    /// The version of the policies it was evaluated by.
    pub policy_version: u64,
    /// The version of the directory it was evaluated by.
    pub directory_version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Raised with each change of the record.
    pub version: u64,
}

/// The state of a request: pending, or its one outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum RequestState {
    /// It waits for approval by people until it expires.
    Pending {
        /// When it expires.
        expires_at: Timestamp,
    },
    /// Approved.
    Approved {
        /// How it came to be approved.
        mode: ApprovedBy,
        /// The explanation; `None` if none was given.
        #[serde(deserialize_with = "required")]
        reasoning: Option<String>,
    },
    /// Denied.
    Denied {
        /// Who denied it; `None` if policy did.
        #[serde(deserialize_with = "required")]
        by: Option<PrincipalRef>,
        /// The explanation; `None` if none was given.
        #[serde(deserialize_with = "required")]
        reasoning: Option<String>,
    },
    /// It expired without a decision.
    Expired,
    /// It was cancelled.
    Cancelled,
}

/// How a request came to be approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum ApprovedBy {
    /// By the required number of people.
    People {
        /// The principal whose approval was the last one needed.
        last: PrincipalRef,
    },
    /// By policy alone.
    Policy,
    /// As break-glass access.
    BreakGlass,
}

impl AccessRequest {
    /// The status.
    #[must_use]
    pub fn status(&self) -> RequestStatus {
        match self.state {
            RequestState::Pending { .. } => RequestStatus::Pending,
            RequestState::Approved { .. } => RequestStatus::Approved,
            RequestState::Denied { .. } => RequestStatus::Denied,
            RequestState::Expired => RequestStatus::Expired,
            RequestState::Cancelled => RequestStatus::Cancelled,
        }
    }

    /// When it expires; `None` if it is not pending.
    #[must_use]
    pub fn lapses_at(&self) -> Option<Timestamp> {
        match self.state {
            RequestState::Pending { expires_at } => Some(expires_at),
            RequestState::Approved { .. }
            | RequestState::Denied { .. }
            | RequestState::Expired
            | RequestState::Cancelled => None,
        }
    }

    /// Whether `principal` is its requester or its submitter.
    #[must_use]
    pub fn was_made_by(&self, principal: &PrincipalRef) -> bool {
        self.requester.who == *principal
            || self.submitted_by.as_ref().is_some_and(|submitter| submitter.who == *principal)
    }

    /// When its access begins if it is approved at `now`.
    #[must_use]
    pub fn begins_at(&self, now: Timestamp) -> Timestamp {
        self.start_at.filter(|start| *start > now).unwrap_or(now)
    }

    /// The number of approvals it needs.
    #[must_use]
    pub fn required_approvals(&self) -> u32 {
        self.terms.as_ref().map_or(1, |terms| terms.required_approvals)
    }
}

/// The decision of one approver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApproverDecision {
    /// The approver, with the groups they had at the decision.
    pub decided_by: Principal,
    /// How they authenticated.
    pub circumstances: Circumstances,
    /// Whether they approved or denied.
    pub verdict: Vote,
    /// The rules that authorized the decision; empty for a tenant administrator.
    pub authorized_by: Vec<RuleId>,
    /// The explanation; `None` if none was given.
    #[serde(deserialize_with = "required")]
    pub reasoning: Option<String>,
    /// When they decided.
    pub decided_at: Timestamp,
}

/// A message on a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestMessage {
    /// The id of the message.
    pub id: MessageId,
    /// The id of its request.
    pub request_id: RequestId,
    /// The role of its author.
    pub author_type: AuthorType,
    /// The id of its author; `system` for stint itself.
    pub author_id: String,
    /// 1 to 10,000 characters.
    pub content: String,
    /// Free-form data from the author.
    pub metadata: Metadata,
    /// When it was written.
    pub created_at: Timestamp,
}
