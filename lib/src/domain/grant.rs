//! Grants: access that was given, from its begin to its end, with provisioning and revocation.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::stored::required;
use super::{
    AccountId, AssignmentKey, GrantId, GrantStatus, Metadata, OnDrift, Principal, PrincipalRef, RequestId, ResourceRef,
    RevocationStatus, Seconds, TenantId, Urgency,
};

/// Access that a principal has for a limited time.
///
/// While [`Grant::due_at`] names a time, the grant is its own revocation obligation: it is in the due index, and leaves
/// it only when the access is confirmed to be gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// The id of the grant; also the name of its reminder.
    pub id: GrantId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// The request it was given for; `None` if there was none.
    #[serde(deserialize_with = "required")]
    pub request_id: Option<RequestId>,
    /// The principal who has the access.
    pub grantee: Principal,
    /// The resource the access is to.
    pub resource: ResourceRef,
    /// The action: on an account, the name of the permission set.
    pub action: String,
    /// The account that the assignment is on.
    pub account_id: AccountId,
    /// The ARN of the permission set that is assigned.
    pub permission_set_arn: String,
    /// Active, or how it ended.
    pub status: GrantStatus,
    /// When the access begins: at the decision, unless the request named a later time.
    pub granted_at: Timestamp,
    /// When the access ends.
    pub expires_at: Timestamp,
    /// The length that was last asked for, from the begin.
    pub duration_seconds: Seconds,
    /// INVARIANT 7 (no grant outlives its policies' maximum): it is never extended past this.
    pub latest_end: Timestamp,
    /// When it was last extended; `None` if never.
    #[serde(deserialize_with = "required")]
    pub extended_at: Option<Timestamp>,
    /// When it ended; `None` while it is active.
    #[serde(deserialize_with = "required")]
    pub ended_at: Option<Timestamp>,
    /// Who ended it early; `None` if nobody did.
    #[serde(deserialize_with = "required")]
    pub ended_by: Option<PrincipalRef>,
    /// Whether the access is usable yet, and why not.
    pub provisioning: Provisioning,
    /// The assignment that gives the access; `None` before the grant becomes a holder.
    #[serde(deserialize_with = "required")]
    pub assignment: Option<AssignmentKey>,
    /// What happens if the access is deleted outside stint.
    pub on_drift: OnDrift,
    /// Whether role credentials may have been issued: the assignment existed or may have existed while the grant held
    /// it.
    pub may_have_given_access: bool,
    /// Whether the same access existed before, through an assignment that stint did not create or a group, so that it
    /// stays after the grant's end.
    pub access_persists: bool,
    /// Whether the access was found deleted outside stint; once set, it stays set.
    pub externally_modified: bool,
    /// Since when the access is known to be missing because it was deleted outside stint; `None` if it is not.
    #[serde(deserialize_with = "required")]
    pub missing_since: Option<Timestamp>,
    /// The state of taking the access away.
    pub revocation: Revocation,
    /// When an unfinished step is tried again.
    pub next_attempt_at: Timestamp,
    /// The reason of the request, with which policy is evaluated again; `None` if none was given.
    #[serde(deserialize_with = "required")]
    pub reason: Option<String>,
    /// The tickets that justified the request; they also justify an extension.
    pub tickets: Vec<String>,
    /// Whether the sessions of the grant are audited.
    pub audit_enabled: bool,
    /// Whether it is break-glass access.
    pub break_glass: bool,
    /// Free-form data from the caller.
    pub metadata: Metadata,
    /// What the grant was last evaluated by.
    pub evaluation: DecisionBasis,
    /// When the grant was created.
    pub created_at: Timestamp,
    /// When the grant was last changed.
    pub updated_at: Timestamp,
    /// Raised with each change of the record.
    pub version: u64,
}

/// What a decision was made by, and when. If any of it has changed, policy is evaluated again before access is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionBasis {
    /// The version of the tenant's policies.
    pub policy_version: u64,
    /// The version of the tenant's directory.
    pub directory_version: u64,
    /// SHA-256 of the tenant's roles and settings, in hex.
    pub settings_hash: String,
    /// When the decision was made.
    pub at: Timestamp,
}

/// Whether the access is usable yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Provisioning {
    /// It is not usable yet.
    Pending {
        /// The number of failed attempts.
        attempts: u32,
        /// The cause of the last failure; `None` if no attempt failed.
        #[serde(deserialize_with = "required")]
        last_error: Option<String>,
    },
    /// Identity Center confirmed the assignment.
    Successful {
        /// When Identity Center confirmed it.
        activated_at: Timestamp,
    },
    /// It failed permanently.
    Failed {
        /// The cause.
        error: String,
        /// The notices of the rules that refused it; empty if the cause was something else.
        notices: Vec<String>,
    },
}

/// The state of taking the access away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// How far the revocation is.
    pub status: RevocationStatus,
    /// The number of attempts.
    pub attempts: u32,
    /// The cause of the last failure; `None` if no attempt failed.
    #[serde(deserialize_with = "required")]
    pub last_error: Option<String>,
    /// When the last credentials issued before the end expire; `None` if none were issued.
    #[serde(deserialize_with = "required")]
    pub credentials_valid_until: Option<Timestamp>,
    /// Whether `grant.revocation_delayed` was announced.
    pub delay_announced: bool,
}

impl Revocation {
    /// The state before a grant ends.
    #[must_use]
    pub fn none() -> Self {
        Self {
            status: RevocationStatus::None,
            attempts: 0,
            last_error: None,
            credentials_valid_until: None,
            delay_announced: false,
        }
    }
}

/// The explanation for a grant with [`Grant::missing_since`].
pub const DELETED_OUTSIDE: &str = "the access was deleted outside stint, and its policy does not restore it";

impl Grant {
    /// Whether the grant entitles to access at `now`, whether or not that access is provisioned.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.status == GrantStatus::Active && now < self.expires_at
    }

    /// When the grant needs work next: an attempt, its end, or its revocation. `None` if it needs none.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        match (self.status, &self.provisioning, self.revocation.status) {
            (GrantStatus::Active, Provisioning::Pending { .. }, _) => Some(self.next_attempt_at.min(self.expires_at)),
            (GrantStatus::Active, Provisioning::Successful { .. } | Provisioning::Failed { .. }, _) => {
                Some(self.expires_at)
            }
            (GrantStatus::Expired | GrantStatus::Revoked, _, RevocationStatus::Done) => None,
            (GrantStatus::Expired | GrantStatus::Revoked, _, _) => Some(self.next_attempt_at),
        }
    }

    /// The urgency of the work it needs.
    #[must_use]
    pub fn urgency(&self) -> Urgency {
        match (self.status, &self.provisioning) {
            (GrantStatus::Active, Provisioning::Pending { .. }) if self.break_glass => Urgency::BreakGlass,
            (GrantStatus::Active, Provisioning::Pending { .. }) => Urgency::Other,
            (GrantStatus::Active, Provisioning::Successful { .. } | Provisioning::Failed { .. })
            | (GrantStatus::Expired | GrantStatus::Revoked, _) => Urgency::Ending,
        }
    }

    /// When Identity Center confirmed that the access exists; `None` if it has not.
    #[must_use]
    pub fn activated_at(&self) -> Option<Timestamp> {
        match self.provisioning {
            Provisioning::Successful { activated_at } => Some(activated_at),
            Provisioning::Pending { .. } | Provisioning::Failed { .. } => None,
        }
    }

    /// Whether the access is usable, as last confirmed.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        matches!(self.provisioning, Provisioning::Successful { .. }) && self.missing_since.is_none()
    }

    /// Ends the grant; its revocation is then pending.
    pub fn end(&mut self, status: GrantStatus, by: Option<PrincipalRef>, now: Timestamp) {
        self.status = status;
        self.ended_at = Some(now);
        self.ended_by = by;
        self.revocation.status = RevocationStatus::Pending;
        self.next_attempt_at = now;
        self.updated_at = now;
    }
}
