//! The record of an account assignment in Identity Center: which grants hold it, who created it, and what was last
//! confirmed of it.
//!
//! Nothing here does I/O: `provision/reconcile.rs` carries out what [`Assignment::next_step`] returns.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::stored::required;
use super::{AccountId, GrantId, OnDrift, TenantId};

/// What identifies an account assignment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AssignmentKey {
    /// The ARN of the Identity Center instance.
    pub instance_arn: String,
    /// The id of the Identity Store user.
    pub principal_id: String,
    /// The account the assignment is on.
    pub account_id: AccountId,
    /// The ARN of the permission set.
    pub permission_set_arn: String,
}

/// The tenants that may use an Identity Center instance: their grants may hold its assignments, and a sync writes what
/// it reads of the instance and its organization into their directories. Other tenants get nothing from it.
///
/// An operator registers an instance for a tenant (`stint-bootstrap --sync`). Only that tenant can share it
/// (`stint-bootstrap --share-instance-with`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceTenants {
    /// The ARN of the instance.
    pub instance_arn: String,
    /// The tenant that registered the instance.
    pub owner: TenantId,
    /// The tenants that the owner shares the instance with.
    pub shared_with: BTreeSet<TenantId>,
    /// Raised with each change of the record.
    pub version: u64,
}

/// A live grant that needs an assignment to be present. It may be of any tenant that shares the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The grant's tenant. Other tenants do not learn of the grant.
    pub tenant_id: TenantId,
    /// The id of the grant.
    pub grant_id: GrantId,
    /// What the grant's policies say about access that is deleted outside stint.
    pub on_drift: OnDrift,
    /// Whether Identity Center has confirmed the assignment since the grant became a holder.
    pub confirmed: bool,
}

impl Holder {
    fn is(&self, tenant_id: TenantId, grant_id: GrantId) -> bool {
        (self.tenant_id, self.grant_id) == (tenant_id, grant_id)
    }
}

/// Who created the assignment that exists, as far as the record can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// stint recorded its intent to create it, and has not seen it absent since.
    Ours,
    /// It existed before stint first created it.
    Standing,
    /// stint once created it and then saw it absent, and now it exists again: somebody else created it, or the table
    /// was restored from a backup.
    Unowned,
}

/// The record of an assignment.
///
/// An assignment of [`Origin::Ours`] has to be present if and only if it has a holder. INVARIANT 9 (nothing is deleted
/// that stint did not create): any other assignment is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// What identifies the assignment.
    pub key: AssignmentKey,
    /// The live grants that hold it.
    pub holders: Vec<Holder>,
    /// Who created it; `None` while it is not known to exist and stint has not begun to create it.
    #[serde(deserialize_with = "required")]
    pub origin: Option<Origin>,
    /// Whether Identity Center accepted a creation of stint's, or may have. This distinguishes [`Origin::Unowned`] from
    /// [`Origin::Standing`]; once set, it stays set.
    pub was_ours: bool,
    /// Whether it exists, as last confirmed by Identity Center.
    pub presence: Presence,
    /// Whether the person had the same access through a group when that was last looked up.
    pub group_access: bool,
    /// It existed at this time or later, as Identity Center confirmed; `None` if it never did.
    #[serde(deserialize_with = "required")]
    pub confirmed_at: Option<Timestamp>,
    /// Former and present holders whose access was deleted outside stint, and whose grants do not show it yet.
    pub drifted: Vec<Holder>,
    /// The recorded change that may not have ended; `None` if there is none.
    #[serde(deserialize_with = "required")]
    pub operation: Option<Operation>,
    /// Until when an unresolved creation may still be carried out; `None` if none is unresolved.
    #[serde(deserialize_with = "required")]
    pub unresolved_until: Option<Timestamp>,
    /// The lease of the worker that reconciles it; `None` if no worker does.
    #[serde(deserialize_with = "required")]
    pub lease: Option<Lease>,
    /// When the record was last changed.
    pub updated_at: Timestamp,
    /// Raised with each change of the record.
    pub version: u64,
}

/// Whether an assignment exists, as last confirmed by Identity Center.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Not confirmed yet, or a change was begun since.
    Unknown,
    /// It exists.
    Present,
    /// It does not exist.
    Absent,
}

/// A change of an assignment, which Identity Center carries out asynchronously.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Creation or deletion.
    pub kind: OperationKind,
    /// Identity Center's id of the change; `None` before it was sent, and when the answer was lost.
    #[serde(deserialize_with = "required")]
    pub request_id: Option<String>,
    /// When the intent was recorded.
    pub started_at: Timestamp,
}

/// What a change does to an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Give access.
    Create,
    /// Take access away.
    Delete,
}

/// The right to change an assignment in Identity Center, for a short time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// A random id of the worker that holds the lease.
    pub owner: uuid::Uuid,
    /// When the lease expires.
    pub until: Timestamp,
}

/// The next step to reconcile an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Nothing is left to do.
    Nothing,
    /// Announce to grants that their access was deleted outside stint.
    AnnounceDrift,
    /// Carry the recorded change through to its end.
    Follow,
    /// Ask Identity Center whether it exists. Only an assignment that was seen to be absent is created.
    Look,
    /// Delete it: stint created it, and it has no holder.
    Delete,
}

impl Assignment {
    /// An assignment without holders whose presence is unknown.
    #[must_use]
    pub fn new(key: AssignmentKey, now: Timestamp) -> Self {
        Self {
            key,
            holders: Vec::new(),
            origin: None,
            was_ours: false,
            presence: Presence::Unknown,
            group_access: false,
            confirmed_at: None,
            drifted: Vec::new(),
            operation: None,
            unresolved_until: None,
            lease: None,
            updated_at: now,
            version: 0,
        }
    }

    /// The next step. A confirmation from before `since` does not count.
    #[must_use]
    pub fn next_step(&self, since: Option<Timestamp>) -> NextStep {
        if !self.drifted.is_empty() {
            return NextStep::AnnounceDrift;
        }
        if self.operation.is_some() {
            return NextStep::Follow;
        }
        if self.holders.is_empty() {
            let is_to_go = self.origin == Some(Origin::Ours) && self.presence != Presence::Absent;
            return if is_to_go { NextStep::Delete } else { NextStep::Nothing };
        }
        let is_confirmed = self.presence == Presence::Present
            && self.holders.iter().all(|holder| holder.confirmed)
            && since.is_none_or(|since| self.confirmed_at.is_some_and(|at| since <= at));
        if is_confirmed { NextStep::Nothing } else { NextStep::Look }
    }

    /// The change that the holders want now, for [`NextStep::Follow`].
    #[must_use]
    pub fn wanted(&self) -> OperationKind {
        if self.holders.is_empty() { OperationKind::Delete } else { OperationKind::Create }
    }

    /// Whether a grant is one of the holders.
    #[must_use]
    pub fn is_held_by(&self, tenant_id: TenantId, grant_id: GrantId) -> bool {
        self.holders.iter().any(|holder| holder.is(tenant_id, grant_id))
    }

    /// Adds a grant to the holders, which requires a new confirmation of presence.
    pub fn hold(&mut self, tenant_id: TenantId, grant_id: GrantId, on_drift: OnDrift) {
        self.release(tenant_id, grant_id);
        self.holders.push(Holder { tenant_id, grant_id, on_drift, confirmed: false });
    }

    /// Removes a grant from the holders. Returns whether it was one.
    pub fn release(&mut self, tenant_id: TenantId, grant_id: GrantId) -> bool {
        let before = self.holders.len();
        self.holders.retain(|holder| !holder.is(tenant_id, grant_id));
        self.holders.len() < before
    }

    /// Whether access exists or may exist, so that role credentials may have been issued for it.
    #[must_use]
    pub fn may_give_access(&self) -> bool {
        self.presence == Presence::Present || self.origin.is_some()
    }

    /// Whether the person keeps the same access when the last holder ends.
    #[must_use]
    pub fn persists(&self) -> bool {
        let is_left = matches!(self.origin, Some(Origin::Standing | Origin::Unowned));
        (is_left && self.presence == Presence::Present) || self.group_access
    }

    /// Records that the assignment existed at the time `since` or later: Identity Center was asked then, or a creation
    /// that succeeded was begun then. `seen` are the holders from before Identity Center was asked.
    pub fn confirm_present(&mut self, seen: &[Holder], since: Timestamp) {
        self.presence = Presence::Present;
        self.confirmed_at = Some(since);
        self.operation = None;
        if self.origin.is_none() {
            self.origin = Some(if self.was_ours { Origin::Unowned } else { Origin::Standing });
        }
        for holder in &mut self.holders {
            holder.confirmed |= seen.iter().any(|one| one.is(holder.tenant_id, holder.grant_id));
        }
    }

    /// Records the intent to create the assignment: Identity Center does not list it, and a holder wants it.
    ///
    /// Holders for whom it was confirmed before have lost it to a change outside stint. It is created again for holders
    /// whose policies say so, and for new holders; the others stop being holders.
    pub fn record_creation(&mut self, now: Timestamp) {
        let drifted: Vec<Holder> = self.holders.iter().filter(|holder| holder.confirmed).cloned().collect();
        self.holders.retain(|holder| !holder.confirmed || holder.on_drift == OnDrift::Restore);
        for holder in &mut self.holders {
            holder.confirmed = false;
        }
        self.drifted.extend(drifted);
        if self.holders.is_empty() {
            // While a creation is unresolved the origin stays `ours`, so that a late creation is deleted.
            if self.unresolved_until.is_none() {
                self.confirm_absent();
            }
            return;
        }
        self.presence = Presence::Unknown;
        self.origin = Some(Origin::Ours);
        self.operation = Some(Operation { kind: OperationKind::Create, request_id: None, started_at: now });
    }

    /// Drops a recorded creation that Identity Center certainly did not accept. The next attempt must ask again whether
    /// the assignment exists. A creation that may have been accepted stays.
    pub fn drop_refused_creation(&mut self) {
        let is_recorded = self
            .operation
            .as_ref()
            .is_some_and(|operation| operation.kind == OperationKind::Create && operation.request_id.is_none());
        if is_recorded && self.unresolved_until.is_none() {
            self.confirm_absent();
        }
    }

    /// Records the intent to delete the assignment.
    pub fn record_deletion(&mut self, now: Timestamp) {
        self.presence = Presence::Unknown;
        self.operation = Some(Operation { kind: OperationKind::Delete, request_id: None, started_at: now });
    }

    /// Records that the assignment is absent, and that no change that was begun can create it.
    pub fn confirm_absent(&mut self) {
        self.presence = Presence::Absent;
        self.origin = None;
        self.operation = None;
        self.unresolved_until = None;
    }
}

impl InstanceTenants {
    /// An instance that a tenant registers first, shared with no other tenant.
    #[must_use]
    pub fn registered_by(instance_arn: String, owner: TenantId) -> Self {
        Self { instance_arn, owner, shared_with: BTreeSet::new(), version: 0 }
    }

    /// Whether a tenant may use the instance.
    #[must_use]
    pub fn may_be_used_by(&self, tenant: TenantId) -> bool {
        self.owner == tenant || self.shared_with.contains(&tenant)
    }
}

#[cfg(test)]
mod tests;
