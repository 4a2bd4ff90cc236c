//! Extending a grant.

use jiff::Timestamp;

use super::change::record;
use super::held::held_seconds;
use super::submit::unmatched_ticket_pattern;
use super::{AccessError, Change, OperationContext, TenantEngine, grant_visible, recent_grants};
use crate::domain::{ApprovalMode, EventKind, Grant, Seconds};
use crate::policy::{AccessQuestion, PolicyOutcome};

/// Extends a grant by `by` seconds, if policy still permits what it gives.
///
/// # Errors
///
/// [`AccessError`] when it is not the caller's, has ended, or policy does not permit it.
pub async fn extend(
    access: &OperationContext,
    grant: Option<Grant>,
    by: Seconds,
    reason: Option<&str>,
) -> Result<Change<Grant>, AccessError> {
    let grant = grant_visible(access, grant).await?;
    if grant.grantee.who != access.caller().principal().who {
        return Err(AccessError::PolicyDenied {
            reason: "only who holds a grant extends it".to_owned(),
            notices: Vec::new(),
        });
    }
    if !grant.is_live(access.now()) {
        let status = if grant.status == crate::domain::GrantStatus::Active { "expired" } else { grant.status.as_str() };
        return Err(AccessError::Conflict { status, reason: format!("the grant is {status}; ask anew") });
    }
    if grant.missing_since.is_some() {
        return Err(AccessError::Conflict {
            status: grant.status.as_str(),
            reason: "its access was deleted outside stint; ask anew".to_owned(),
        });
    }
    let engine = access.engine().await?;
    let until = grant.expires_at + by.span();
    let recent = if engine.engine.asks_held_seconds() {
        let Grant { grantee, resource, action, .. } = &grant;
        recent_grants(access.table(), &grantee.who, resource, action, access.now()).await?
    } else {
        Vec::new()
    };
    let extension = Extension { access, engine: &engine, grant: &grant, reason, tickets: &[], recent: &recent };
    let latest_end = extension.latest_end(until)?;
    if until > latest_end {
        let left = latest_end.duration_since(grant.expires_at).as_secs();
        return match Seconds::new(left) {
            Ok(maximum) => Err(AccessError::DurationExceedsMaximum { field: "duration_seconds", maximum }),
            Err(_) => Err(AccessError::Conflict {
                status: grant.status.as_str(),
                reason: "the grant already lasts as long as its policies allow; ask anew when it has ended".to_owned(),
            }),
        };
    }
    prolong(access, &engine, grant, until, by)
}

/// A grant that is to last longer, and what it is judged by.
pub(super) struct Extension<'a> {
    pub(super) access: &'a OperationContext,
    pub(super) engine: &'a TenantEngine,
    pub(super) grant: &'a Grant,
    pub(super) reason: Option<&'a str>,
    pub(super) tickets: &'a [String],
    /// The grantee's grants of this same access, as [`recent_grants`] reads them.
    pub(super) recent: &'a [Grant],
}

impl Extension<'_> {
    /// INVARIANT 7 (no grant outlives its policies' maximum, counted from `granted_at`): the latest end policy allows
    /// now, which is never later than the one it was granted with. Policy is asked about the whole of the grant, were it
    /// to end at `until`.
    pub(super) fn latest_end(&self, until: Timestamp) -> Result<Timestamp, AccessError> {
        let Self { access, engine, grant, reason, .. } = *self;
        let tickets = [self.tickets, &grant.tickets].concat();
        let length = until.duration_since(grant.granted_at).as_secs();
        let decision = engine.decide(&AccessQuestion {
            // The groups the caller has now, not those of the time of the grant.
            principal: access.caller().principal(),
            resource: &grant.resource,
            action: &grant.action,
            reason,
            tickets: &tickets,
            // Longer than can be asked for is longer than any policy's maximum, too.
            duration: Seconds::new(length).unwrap_or(Seconds::MAX),
            start_at: grant.granted_at,
            now: access.now(),
            circumstances: access.caller().circumstances(),
            held_seconds: held_seconds(self.recent, access.now()),
        })?;
        let PolicyOutcome::Permitted(terms) = &decision.outcome else { return Err(engine.denied(&decision)) };
        if terms.approval_mode == ApprovalMode::Require {
            return Err(AccessError::PolicyDenied {
                reason:
                    "policy asks people first: make a new request, and the access goes on without a gap once it is \
                         approved"
                        .to_owned(),
                notices: decision.notices,
            });
        }
        if terms.require_reason && reason.is_none_or(|reason| reason.trim().is_empty()) {
            return Err(AccessError::input("reason", "is required by the policy that permits this"));
        }
        if let Some(pattern) = unmatched_ticket_pattern(&terms.ticket_patterns, &tickets) {
            let reason = format!(
                "a ticket matching `{pattern}` is required by the policy that permits this: make a new request"
            );
            return Err(AccessError::input("tickets", reason));
        }
        Ok(grant.latest_end.min(grant.granted_at + terms.max_duration_seconds.span()))
    }
}

/// The change that makes a grant last until `until`, if what it was evaluated by is still in force when it is committed.
pub(super) fn prolong(
    access: &OperationContext,
    engine: &TenantEngine,
    mut grant: Grant,
    until: Timestamp,
    duration: Seconds,
) -> Result<Change<Grant>, AccessError> {
    grant.expires_at = until;
    grant.duration_seconds = duration;
    grant.extended_at = Some(access.now());
    grant.updated_at = access.now();
    let mut writes = access.begin();
    writes.update(&grant)?;
    engine.check_in_force(access.tenant(), &mut writes)?;
    record(access, &mut writes, EventKind::GrantExtended, &grant)?;
    Ok(Change::new(writes, grant))
}
