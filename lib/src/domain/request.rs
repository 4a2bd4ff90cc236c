//! Access requests: asked once, decided once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Circumstances, GrantId, MessageId, Metadata, Principal, PrincipalRef, RequestId, ResourceRef, RuleId, Seconds,
    Terms,
};

/// A request for access.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessRequest {
    /// Its id.
    pub id: RequestId,
    /// Who is to have the access.
    pub requester: Principal,
    /// Who asked in the requester's name, when that is somebody else.
    pub submitted_by: Option<Principal>,
    /// Access to what.
    pub resource: ResourceRef,
    /// Which access: the permission set's name, or the verb.
    pub action: String,
    /// Why.
    pub reason: Option<String>,
    /// The tickets that justify it.
    pub tickets: Vec<String>,
    /// For how long.
    pub duration_seconds: Seconds,
    /// Whether this was an emergency.
    pub break_glass: bool,
    /// From when, if not at once.
    pub start_at: Option<Timestamp>,
    /// What the policies that permitted it ask; none when it was denied or an emergency.
    pub terms: Option<Terms>,
    /// Where it stands.
    pub state: RequestState,
    /// Who decided what so far.
    pub decisions: Vec<ApproverDecision>,
    /// When a refused approval was last recorded, by principal: at most one audit entry a minute for each. Entries older
    /// than that are dropped.
    #[serde(default)]
    pub refused_approvals: BTreeMap<String, Timestamp>,
    /// What the caller attached.
    pub metadata: Metadata,
    /// The grants that came of it.
    pub grant_ids: Vec<GrantId>,
    /// How whoever asked called: policy is asked again with it before access is given.
    pub circumstances: Circumstances,
    /// The version of the policies that decided.
    pub policy_version: u64,
    /// The version of the directory they decided by.
    pub directory_version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: u64,
}

/// Where a request stands: pending, or the one outcome it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum RequestState {
    /// Waits for people until it lapses.
    Pending {
        /// When it lapses.
        expires_at: Timestamp,
    },
    /// Approved.
    Approved {
        /// How.
        mode: ApprovedBy,
        /// Why.
        reasoning: Option<String>,
    },
    /// Denied.
    Denied {
        /// The person who did; none when policy did.
        by: Option<PrincipalRef>,
        /// Why.
        reasoning: Option<String>,
    },
    /// Nobody decided in time.
    Expired,
    /// Withdrawn.
    Cancelled,
}

/// How a request came to be approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum ApprovedBy {
    /// By people; the last of them.
    People {
        /// Whose approval completed the quorum.
        last: PrincipalRef,
    },
    /// By policy alone.
    Policy,
    /// By breaking the glass.
    BreakGlass,
}

/// The status of a request, as it is filtered by and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Waits for people.
    Pending,
    /// Approved.
    Approved,
    /// Denied.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// Withdrawn.
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

impl AccessRequest {
    /// Where it stands.
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

    /// When it lapses, while it is pending.
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

    /// Whether `principal` asked for it, for themselves or in another's name.
    #[must_use]
    pub fn was_made_by(&self, principal: &PrincipalRef) -> bool {
        self.requester.who == *principal
            || self.submitted_by.as_ref().is_some_and(|submitter| submitter.who == *principal)
    }

    /// When its access begins if it is given at `now`.
    #[must_use]
    pub fn begins_at(&self, now: Timestamp) -> Timestamp {
        self.start_at.filter(|start| *start > now).unwrap_or(now)
    }

    /// How many approvals it needs.
    #[must_use]
    pub fn required_approvals(&self) -> u32 {
        self.terms.as_ref().map_or(1, |terms| terms.required_approvals)
    }
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApproverDecision {
    /// Who, with the groups they had then.
    pub decided_by: Principal,
    /// How they called.
    pub circumstances: Circumstances,
    /// What.
    pub verdict: Vote,
    /// The rules that authorized it; empty for a tenant administrator.
    pub authorized_by: Vec<RuleId>,
    /// Why.
    pub reasoning: Option<String>,
    /// When.
    pub decided_at: Timestamp,
}

/// Approve or deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Vote {
    /// For it.
    Approve,
    /// Against it.
    Deny,
}

/// Something said about a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestMessage {
    /// Its id.
    pub id: MessageId,
    /// The request it is about.
    pub request_id: RequestId,
    /// In which capacity.
    pub author_type: AuthorType,
    /// Who; `system` for the product itself.
    pub author_id: String,
    /// 1 to 10,000 characters.
    pub content: String,
    /// What the author attached.
    pub metadata: Metadata,
    /// When.
    pub created_at: Timestamp,
}

/// In which capacity a message was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthorType {
    /// The requester.
    User,
    /// Somebody who may decide.
    Approver,
    /// The product.
    System,
    /// An assistant.
    Ai,
}
