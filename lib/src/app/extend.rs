//! Extending a grant.

use jiff::Timestamp;

use super::change::Subject as _;
use super::submit::unmatched_ticket_pattern;
use super::{AccessError, Change, OperationContext, TenantEngine, grant_visible, people};
use crate::domain::text::is_blank;
use crate::domain::{ApprovalMode, EventKind, Grant, RuleId, Seconds};
use crate::policy::{AccessQuestion, PolicyOutcome};

/// Extends a grant by `by` seconds if policy still permits the access.
///
/// # Errors
///
/// [`AccessError`] if it is not the caller's, has ended, or policy does not permit it.
pub async fn extend(
    access: &OperationContext,
    grant: Option<Grant>,
    by: Seconds,
    reason: Option<&str>,
) -> Result<Change<Grant>, AccessError> {
    let grant = grant_visible(access, grant).await?;
    if grant.grantee.who != access.caller().principal().who {
        return Err(AccessError::PolicyDenied {
            reason: "only the grantee can extend a grant".to_owned(),
            notices: Vec::new(),
        });
    }
    if !grant.is_live(access.now()) {
        let status = if grant.status == crate::domain::GrantStatus::Active { "expired" } else { grant.status.as_str() };
        return Err(AccessError::Conflict { status, reason: format!("the grant is {status}; make a new request") });
    }
    if grant.missing_since.is_some() {
        return Err(AccessError::Conflict {
            status: grant.status.as_str(),
            reason: "its access was deleted outside stint; make a new request".to_owned(),
        });
    }
    let engine = access.engine().await?;
    let until = grant.expires_at + by.span();
    let given = Some((grant.account_id.clone(), grant.permission_set_arn.clone()));
    let caller = access.caller().principal();
    let held_seconds = engine.held_seconds(access.table(), caller, given, None, access.now()).await?;
    let extension = Extension { access, engine: &engine, grant: &grant, reason, tickets: &[], held_seconds };
    let permit = extension.permit(until)?;
    if until > permit.latest_end() {
        let left = permit.latest_end().duration_since(grant.expires_at).as_secs();
        return match Seconds::new(left) {
            Ok(maximum) => Err(AccessError::DurationExceedsMaximum { field: "duration_seconds", maximum }),
            Err(_) => Err(AccessError::Conflict {
                status: grant.status.as_str(),
                reason: "the grant already lasts as long as its policies allow; make a new request when it has ended"
                    .to_owned(),
            }),
        };
    }
    prolong(access, &engine, grant, until, by, &permit)
}

/// An extension of a grant, and what it is evaluated by.
pub(super) struct Extension<'a> {
    pub(super) access: &'a OperationContext,
    pub(super) engine: &'a TenantEngine,
    pub(super) grant: &'a Grant,
    pub(super) reason: Option<&'a str>,
    pub(super) tickets: &'a [String],
    /// How many seconds of the last 24 hours the grantee had this access.
    pub(super) held_seconds: i64,
}

/// Policy permits a grant to be extended. Only [`Extension::permit`] makes one.
pub(super) struct ExtensionPermit {
    latest_end: Timestamp,
    rules: Vec<RuleId>,
}

impl ExtensionPermit {
    /// The latest end that is permitted.
    pub(super) fn latest_end(&self) -> Timestamp {
        self.latest_end
    }
}

impl Extension<'_> {
    /// INVARIANT 7 (no grant outlives its policies' maximum, counted from `granted_at`): the latest end that policy
    /// allows now is never later than the one the grant was given with. Policy is evaluated for the whole length of the
    /// grant, as if it ended at `until`.
    pub(super) fn permit(&self, until: Timestamp) -> Result<ExtensionPermit, AccessError> {
        let Self { access, engine, grant, reason, .. } = *self;
        // The access belongs to another Identity Store user than the caller is linked to now.
        let holder = grant.assignment.as_ref().map(|key| key.principal_id.as_str());
        let caller = access.caller().principal().user_id();
        if holder.is_some_and(|holder| caller.is_some_and(|caller| caller != holder)) {
            return Err(AccessError::PolicyDenied {
                reason:
                    "only the grantee can extend a grant, and your account is linked to another Identity Store user \
                         now: make a new request"
                        .to_owned(),
                notices: Vec::new(),
            });
        }
        let tickets = [self.tickets, &grant.tickets].concat();
        let length = until.duration_since(grant.granted_at).as_secs();
        let decision = engine.decide(&AccessQuestion {
            // The caller's present groups, not those at the time of the grant.
            principal: access.caller().principal(),
            resource: &grant.resource,
            action: &grant.action,
            reason,
            tickets: &tickets,
            // A duration that does not fit is also longer than any policy's maximum.
            duration: Seconds::new(length).unwrap_or(Seconds::MAX),
            start_at: grant.granted_at,
            now: access.now(),
            circumstances: access.caller().circumstances(),
            held_seconds: self.held_seconds,
        })?;
        let PolicyOutcome::Permitted(terms) = &decision.outcome else { return Err(engine.denied(&decision)) };
        if terms.approval_mode == ApprovalMode::Require {
            return Err(AccessError::PolicyDenied {
                reason: "policy requires approval: make a new request, and the access continues without a gap once it \
                         is approved"
                    .to_owned(),
                notices: decision.notices,
            });
        }
        if terms.require_reason && reason.is_none_or(is_blank) {
            return Err(AccessError::input("reason", "is required by the policy that permits this"));
        }
        if let Some(pattern) = unmatched_ticket_pattern(&terms.ticket_patterns, &tickets) {
            let reason = format!(
                "a ticket matching `{pattern}` is required by the policy that permits this: make a new request"
            );
            return Err(AccessError::input("tickets", reason));
        }
        Ok(ExtensionPermit {
            latest_end: grant.latest_end.min(grant.granted_at + terms.max_duration_seconds.span()),
            rules: decision.determining_rules(),
        })
    }
}

/// The change that extends a grant to `until`, or to the latest end that is permitted if that is earlier. Its commit is
/// conditional on what it was evaluated by: the policies, the directory, the tenant's settings and roles, and the
/// caller's identity.
pub(super) fn prolong(
    access: &OperationContext,
    engine: &TenantEngine,
    mut grant: Grant,
    until: Timestamp,
    duration: Seconds,
    permit: &ExtensionPermit,
) -> Result<Change<Grant>, AccessError> {
    grant.expires_at = until.min(permit.latest_end);
    grant.duration_seconds = duration;
    grant.extended_at = Some(access.now());
    grant.updated_at = access.now();
    let mut writes = access.begin();
    writes.update(&grant)?;
    engine.check_in_force(access.tenant(), &mut writes)?;
    people::hold_caller(access, &mut writes)?;
    writes.event(access.event(EventKind::GrantExtended, grant.about().authorized_by(&permit.rules)))?;
    Ok(Change::new(writes, grant))
}
