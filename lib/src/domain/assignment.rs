//! An account assignment in Identity Center: who holds it, whose it is, and what was last confirmed of it.
//!
//! Everything here decides and does nothing; `workers/assignment.rs` carries out what [`Assignment::next_step`] says.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AccountId, GrantId, OnDrift, TenantId};

/// What tells one account assignment from another.
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

/// The tenants whose grants may hold assignments of an Identity Center instance.
///
/// The first tenant that gives access with an instance registers it. A second one is added by an administrator of the
/// stack (`stint-bootstrap --share-instance`); until then it gives no access there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceTenants {
    /// The instance.
    pub instance_arn: String,
    /// The tenants that may use it.
    pub tenants: BTreeSet<TenantId>,
    /// Counts the changes.
    pub version: u64,
}

/// A live grant, of any tenant that shares the instance, that needs an assignment to exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The grant's tenant. No other tenant is told of it.
    pub tenant_id: TenantId,
    /// The grant.
    pub grant_id: GrantId,
    /// What its policies say about access that is deleted outside stint.
    pub on_drift: OnDrift,
    /// Whether Identity Center has confirmed the assignment since the grant became a holder.
    pub confirmed: bool,
}

impl Holder {
    fn is(&self, tenant_id: TenantId, grant_id: GrantId) -> bool {
        (self.tenant_id, self.grant_id) == (tenant_id, grant_id)
    }
}

/// Who made the assignment that exists, as far as the record can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// stint recorded that it intends to create it, and has not seen it absent since.
    Ours,
    /// It existed before stint ever created it.
    Standing,
    /// stint had created it once and saw it deleted, and then it existed again: somebody else made it, or the table was
    /// restored from a backup.
    Unowned,
}

/// The record of an assignment.
///
/// Desired state of what is [`Origin::Ours`]: present if and only if somebody holds it. INVARIANT 9 (nothing is deleted
/// that stint did not create): whatever else exists is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Which assignment.
    pub key: AssignmentKey,
    /// The live grants that hold it.
    pub holders: Vec<Holder>,
    /// Whose it is; none while it is not known to exist and no creation was begun.
    pub origin: Option<Origin>,
    /// Whether Identity Center ever took a creation of ours, or may have. It tells [`Origin::Unowned`] from
    /// [`Origin::Standing`], and is never unset.
    pub was_ours: bool,
    /// What Identity Center last confirmed.
    pub presence: Presence,
    /// Whether the person had the same access through a group when that was last looked up.
    pub group_access: bool,
    /// When its presence was last confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// Former and present holders whose access was deleted outside stint, and whose grants do not say so yet.
    pub drifted: Vec<Holder>,
    /// The change that was begun and is not known to be over.
    pub operation: Option<Operation>,
    /// Until when a creation may still be carried out that was begun and never answered.
    pub unresolved_until: Option<Timestamp>,
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

/// What is to be done next about an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Nothing.
    Nothing,
    /// Tell grants that their access was deleted outside stint.
    AnnounceDrift,
    /// See the change through that was begun.
    Follow,
    /// Look whether it exists. Only what was seen to be absent is created.
    Look,
    /// Delete it: it is ours, and nobody holds it.
    Delete,
}

impl Assignment {
    /// An assignment nobody holds and nobody has looked at.
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

    /// What is to be done next. A confirmation from before `since` does not count.
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

    /// The change that `Follow` sees through, as the holders want it now.
    #[must_use]
    pub fn wanted(&self) -> OperationKind {
        if self.holders.is_empty() { OperationKind::Delete } else { OperationKind::Create }
    }

    /// Whether a grant holds it.
    #[must_use]
    pub fn is_held_by(&self, tenant_id: TenantId, grant_id: GrantId) -> bool {
        self.holders.iter().any(|holder| holder.is(tenant_id, grant_id))
    }

    /// Makes a grant a holder, which has it confirmed anew.
    pub fn hold(&mut self, tenant_id: TenantId, grant_id: GrantId, on_drift: OnDrift) {
        self.release(tenant_id, grant_id);
        self.holders.push(Holder { tenant_id, grant_id, on_drift, confirmed: false });
    }

    /// Takes a grant off the holders. Returns whether it was one.
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

    /// Whether the same access goes on when the last holder ends.
    #[must_use]
    pub fn persists(&self) -> bool {
        let is_left = matches!(self.origin, Some(Origin::Standing | Origin::Unowned));
        (is_left && self.presence == Presence::Present) || self.group_access
    }

    /// Identity Center lists it. `seen` are the holders from before it was asked.
    pub fn confirm_present(&mut self, seen: &[Holder], now: Timestamp) {
        self.presence = Presence::Present;
        self.confirmed_at = Some(now);
        self.operation = None;
        if self.origin.is_none() {
            self.origin = Some(if self.was_ours { Origin::Unowned } else { Origin::Standing });
        }
        for holder in &mut self.holders {
            holder.confirmed |= seen.iter().any(|one| one.is(holder.tenant_id, holder.grant_id));
        }
    }

    /// Identity Center does not list it, and it is wanted: records that stint records the intent to create it.
    ///
    /// Holders for whom it was confirmed before have lost it to somebody outside. It is made again for those whose
    /// policies say so, and for who has joined since; the others hold it no more.
    pub fn record_creation(&mut self, now: Timestamp) {
        let drifted: Vec<Holder> = self.holders.iter().filter(|holder| holder.confirmed).cloned().collect();
        self.holders.retain(|holder| !holder.confirmed || holder.on_drift == OnDrift::Restore);
        for holder in &mut self.holders {
            holder.confirmed = false;
        }
        self.drifted.extend(drifted);
        if self.holders.is_empty() {
            // While a creation is in doubt it stays ours: what comes late is deleted.
            if self.unresolved_until.is_none() {
                self.confirm_absent();
            }
            return;
        }
        self.presence = Presence::Unknown;
        self.origin = Some(Origin::Ours);
        self.operation = Some(Operation { kind: OperationKind::Create, request_id: None, started_at: now });
    }

    /// Drops a recorded creation of which Identity Center certainly has taken nothing, as it was when it was recorded: not
    /// there. Whether it still is not has to be looked at before the next try. One that may have been taken stays.
    pub fn drop_refused_creation(&mut self) {
        let is_recorded = self
            .operation
            .as_ref()
            .is_some_and(|operation| operation.kind == OperationKind::Create && operation.request_id.is_none());
        if is_recorded && self.unresolved_until.is_none() {
            self.confirm_absent();
        }
    }

    /// Records that stint records the intent to delete it.
    pub fn record_deletion(&mut self, now: Timestamp) {
        self.presence = Presence::Unknown;
        self.operation = Some(Operation { kind: OperationKind::Delete, request_id: None, started_at: now });
    }

    /// It does not exist, and nothing that was begun can make it exist.
    pub fn confirm_absent(&mut self) {
        self.presence = Presence::Absent;
        self.origin = None;
        self.operation = None;
        self.unresolved_until = None;
    }
}

impl InstanceTenants {
    /// An instance that nobody used before, registered by a tenant.
    #[must_use]
    pub fn registered_by(instance_arn: String, tenant: TenantId) -> Self {
        Self { instance_arn, tenants: BTreeSet::from([tenant]), version: 0 }
    }
}

#[cfg(test)]
mod tests;
