//! Grants.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    AccountId, AssignmentKey, GrantId, Metadata, OnDrift, Principal, PrincipalRef, RequestId, ResourceRef, Seconds,
    TenantId, Urgency,
};

/// Access somebody has for a stint.
///
/// While [`Grant::due_at`] names a time, the grant is its own revocation obligation: it stands in the index of work
/// that falls due, and leaves it only when the access is known to be gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id; also the name of its schedule.
    pub id: GrantId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// The request it came of.
    pub request_id: Option<RequestId>,
    /// Who has it.
    pub grantee: Principal,
    /// Access to what.
    pub resource: ResourceRef,
    /// Which access.
    pub action: String,
    /// The account the access is on.
    pub account_id: AccountId,
    /// The permission set it gives there.
    pub permission_set_arn: String,
    /// Active, or how it ended.
    pub status: GrantStatus,
    /// When it begins: at once, unless the request named a time.
    pub granted_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// How long it was last asked to be.
    pub duration_seconds: Seconds,
    /// INVARIANT 7 (no grant outlives its policies' maximum): it is never extended past this.
    pub latest_end: Timestamp,
    /// When it was last extended.
    pub extended_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who ended it early.
    pub ended_by: Option<PrincipalRef>,
    /// Whether the access is usable yet.
    pub provisioning: Provisioning,
    /// The assignment that carries it out, once that is known.
    pub assignment: Option<AssignmentKey>,
    /// What becomes of it when its access is deleted outside stint.
    pub on_drift: OnDrift,
    /// Whether role credentials may have been issued for it: the access existed while it held it, or may have.
    pub may_have_given_access: bool,
    /// Whether the same access existed before, by an assignment that stint did not create or through a group, and was left
    /// as it is.
    pub access_persists: bool,
    /// Whether the access was found deleted outside stint; it stays so.
    pub externally_modified: bool,
    /// Since when the access is known to be missing because somebody deleted it outside stint.
    pub missing_since: Option<Timestamp>,
    /// How far taking it away has come.
    pub revocation: Revocation,
    /// When a step that has not succeeded is tried again.
    pub next_attempt_at: Timestamp,
    /// The reason it was asked for with, for policy to be asked about its end; none when none was given.
    #[serde(default)]
    pub reason: Option<String>,
    /// The tickets that justified it; they justify its extension too.
    pub tickets: Vec<String>,
    /// Whether its sessions are audited.
    pub audit_enabled: bool,
    /// Whether it came of an emergency.
    #[serde(default)]
    pub break_glass: bool,
    /// What the caller attached.
    pub metadata: Metadata,
    /// What last evaluated it.
    pub evaluation: DecisionBasis,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: u64,
}

/// What a decision was made by, and when: if any of it is no longer so, policy is asked again before access is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionBasis {
    /// The version of the tenant's policies.
    pub policy_version: u64,
    /// The version of the tenant's directory.
    pub directory_version: u64,
    /// When.
    pub at: Timestamp,
}

/// Active, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantStatus {
    /// Decided and not ended.
    Active,
    /// Its time is over.
    Expired,
    /// Ended early.
    Revoked,
}

impl GrantStatus {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// Whether the access is usable yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Provisioning {
    /// Not yet.
    Pending {
        /// How often it was tried.
        attempts: u32,
        /// What went wrong last.
        last_error: Option<String>,
    },
    /// Identity Center reported success.
    Successful {
        /// When it did.
        activated_at: Timestamp,
    },
    /// It cannot succeed.
    Failed {
        /// Why.
        error: String,
        /// The notices of the rules that refused it; empty when something else did.
        #[serde(default)]
        notices: Vec<String>,
    },
}

/// How far taking the access away has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// How far.
    pub status: RevocationStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Until when credentials issued before the end go on working.
    pub credentials_valid_until: Option<Timestamp>,
    /// Whether `grant.revocation_delayed` was announced.
    pub delay_announced: bool,
}

impl Revocation {
    /// Nothing to take away yet.
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

/// How far taking the access away has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevocationStatus {
    /// The grant has not ended.
    None,
    /// It has ended, and the access has not been taken away yet.
    Pending,
    /// INVARIANT 3: the deletion is confirmed, or another live grant holds the assignment, or it stood before.
    Done,
    /// An attempt failed; there will be others until one succeeds.
    Retrying,
}

/// Why a grant's access is missing that [`Grant::missing_since`] says is missing.
pub const DELETED_OUTSIDE: &str = "the access was deleted outside stint, and the policy does not have it made again";

impl Grant {
    /// Whether it gives access at `now`, as far as the decision goes.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.status == GrantStatus::Active && now < self.expires_at
    }

    /// When something must be done about it, if anything: tried again, ended, or taken away.
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

    /// How urgent what is to be done about it is.
    #[must_use]
    pub fn urgency(&self) -> Urgency {
        match (self.status, &self.provisioning) {
            (GrantStatus::Active, Provisioning::Pending { .. }) if self.break_glass => Urgency::BreakGlass,
            (GrantStatus::Active, Provisioning::Pending { .. }) => Urgency::Other,
            (GrantStatus::Active, Provisioning::Successful { .. } | Provisioning::Failed { .. })
            | (GrantStatus::Expired | GrantStatus::Revoked, _) => Urgency::Ending,
        }
    }

    /// When Identity Center reported that the access is there.
    #[must_use]
    pub fn activated_at(&self) -> Option<Timestamp> {
        match self.provisioning {
            Provisioning::Successful { activated_at } => Some(activated_at),
            Provisioning::Pending { .. } | Provisioning::Failed { .. } => None,
        }
    }

    /// Whether its access is usable, as last confirmed.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        matches!(self.provisioning, Provisioning::Successful { .. }) && self.missing_since.is_none()
    }

    /// Ends it; what it gave is still to be taken away.
    pub fn end(&mut self, status: GrantStatus, by: Option<PrincipalRef>, now: Timestamp) {
        self.status = status;
        self.ended_at = Some(now);
        self.ended_by = by;
        self.revocation.status = RevocationStatus::Pending;
        self.next_attempt_at = now;
        self.updated_at = now;
    }
}
