//! Who may see a grant, ending one early, and its settings.

use super::change::{Subject as _, record};
use super::{AccessError, Change, OperationContext, TenantEngine};
use crate::auth::ApiScope;
use crate::domain::{EventKind, Grant, GrantStatus};
use crate::policy::{Approve, Permit, Revoke};

const UNKNOWN: AccessError = AccessError::NotFound("there is no such grant, or you may not see it");

/// The grant, if the caller may see it: their own, one they may end, or any if they may see everything.
///
/// # Errors
///
/// [`AccessError::NotFound`] if it does not exist or may not be seen (INVARIANT 6: the answer is the same).
pub async fn grant_visible(access: &OperationContext, grant: Option<Grant>) -> Result<Grant, AccessError> {
    let grant = grant.ok_or(UNKNOWN)?;
    if is_plainly_visible(access, &grant) {
        return Ok(grant);
    }
    let engine = access.engine().await?;
    if engine.may_end(access, &grant) { Ok(grant) } else { Err(UNKNOWN) }
}

fn is_plainly_visible(access: &OperationContext, grant: &Grant) -> bool {
    access.caller().sees_everything() || is_own(access, grant)
}

fn is_own(access: &OperationContext, grant: &Grant) -> bool {
    grant.grantee.who == access.caller().principal().who
}

impl TenantEngine {
    fn may_end(&self, access: &OperationContext, grant: &Grant) -> bool {
        access.caller().has(ApiScope::GrantsRevoke) && self.revocation(access, grant).is_ok()
    }

    /// Whether the caller may be able to see grants of others; `false` is certain.
    #[must_use]
    pub fn may_show_grants_of_others(&self, access: &OperationContext) -> bool {
        let caller = access.caller();
        let ends = || {
            let principal = caller.principal();
            self.engine.might_authorize::<Revoke>(principal) || self.engine.might_authorize::<Approve>(principal)
        };
        caller.sees_everything() || caller.has(ApiScope::GrantsRevoke) && ends()
    }

    /// Whether the caller may see a grant.
    #[must_use]
    pub fn shows_grant(&self, access: &OperationContext, grant: &Grant) -> bool {
        is_plainly_visible(access, grant) || self.may_end(access, grant)
    }
}

/// Ends a grant early. A grant that has ended stays as it is, since its access is already being taken away.
///
/// # Errors
///
/// [`AccessError`] if the caller may not end it.
pub async fn revoke(access: &OperationContext, grant: Option<Grant>) -> Result<Change<Grant>, AccessError> {
    let grant = grant_visible(access, grant).await?;
    let permit = match access.caller().revokes_own(&grant.grantee.who) {
        Some(permit) => permit,
        None => access.engine().await?.revocation(access, &grant)?,
    };
    end(access, grant, &permit)
}

fn end(access: &OperationContext, mut grant: Grant, permit: &Permit<Revoke>) -> Result<Change<Grant>, AccessError> {
    let mut writes = access.begin();
    if grant.status == GrantStatus::Active {
        let before = grant.clone();
        grant.end(GrantStatus::Revoked, Some(access.caller().principal().who.clone()), access.now());
        writes.update(&grant)?;
        writes.uncount_pending(&before, &grant);
        writes.event(access.event(EventKind::GrantRevoked, grant.about().authorized_by(permit.rules())))?;
    }
    Ok(Change::new(writes, grant))
}

/// Turns the auditing of a grant's sessions on or off.
///
/// # Errors
///
/// [`AccessError`] if the caller may not see the grant.
pub async fn set_audit(
    access: &OperationContext,
    grant: Option<Grant>,
    audit: Option<bool>,
) -> Result<Change<Grant>, AccessError> {
    let mut grant = grant_visible(access, grant).await?;
    let mut writes = access.begin();
    if let Some(audit_enabled) = audit.filter(|audit| *audit != grant.audit_enabled) {
        grant.audit_enabled = audit_enabled;
        grant.updated_at = access.now();
        writes.update(&grant)?;
        record(access, &mut writes, EventKind::GrantUpdated, &grant)?;
    }
    Ok(Change::new(writes, grant))
}
