//! Grants, and the assignments that carry them out.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    AccountId, GrantId, Metadata, Principal, PrincipalRef, RequestId, ResourceRef, Seconds, TenantId, Urgency,
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
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: u64,
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
    /// INVARIANT 3: the deletion is confirmed, or another live grant holds the assignment.
    Done,
    /// An attempt failed; there will be others until one succeeds.
    Retrying,
}

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

/// An account assignment in Identity Center, shared by all grants that need it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AssignmentKey {
    /// The Identity Center instance.
    pub instance_arn: String,
    /// The Identity Store user.
    pub principal_id: String,
    /// The account.
    pub account_id: AccountId,
    /// The permission set.
    pub permission_set_arn: String,
}

/// What is known of an assignment: who holds it, and what was last seen.
///
/// Desired state: present if and only if `holders` is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Which assignment.
    pub key: AssignmentKey,
    /// The live grants that hold it.
    pub holders: BTreeSet<GrantId>,
    /// What Identity Center last confirmed.
    pub presence: Presence,
    /// The change that was begun and is not known to be over.
    pub operation: Option<Operation>,
    /// Until when a creation may still be carried out that was begun and never answered.
    pub in_doubt_until: Option<Timestamp>,
    /// Who is reconciling it, and until when nobody else does.
    pub lease: Option<Lease>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: u64,
}

/// What Identity Center last confirmed of an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Nothing yet, or a change was begun since.
    Unknown,
    /// It exists.
    Present,
    /// It does not exist.
    Absent,
}

/// A change of an assignment, asynchronous in Identity Center.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Which change.
    pub kind: OperationKind,
    /// Identity Center's id of it; none when the answer was lost.
    pub request_id: Option<String>,
    /// When it was begun.
    pub started_at: Timestamp,
}

/// Create or delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Giving.
    Create,
    /// Taking away.
    Delete,
}

/// The right to change an assignment in Identity Center, for a short time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Who has it.
    pub owner: uuid::Uuid,
    /// Until when.
    pub until: Timestamp,
}

impl Assignment {
    /// An assignment nobody holds and nobody has looked at.
    #[must_use]
    pub fn new(key: AssignmentKey, now: Timestamp) -> Self {
        Self {
            key,
            holders: BTreeSet::new(),
            presence: Presence::Unknown,
            operation: None,
            in_doubt_until: None,
            lease: None,
            updated_at: now,
            version: 0,
        }
    }

    /// What Identity Center should say.
    #[must_use]
    pub fn desired(&self) -> Presence {
        if self.holders.is_empty() { Presence::Absent } else { Presence::Present }
    }
}
