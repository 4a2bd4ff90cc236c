//! Deciding, withdrawing and letting lapse a request. It has one outcome (INVARIANT 5): each of these is conditional
//! on the version that was read.

use jiff::Timestamp;

use super::change::{record, system_event};
use super::submit::{give, grant_of};
use super::{Access, AccessError, Change, Ids, people, request_visible};
use crate::domain::{AccessRequest, ApprovedBy, Decision, EventKind, RequestState, RequestStatus, TenantId, Verdict};
use crate::store::{StoreError, Transaction};

/// Approves or denies a request.
///
/// # Errors
///
/// [`AccessError`] when the caller may not decide it, or it is decided already.
pub async fn decide(
    access: &Access,
    request: Option<AccessRequest>,
    verdict: Verdict,
    reasoning: Option<String>,
) -> Result<Change<AccessRequest>, AccessError> {
    let mut request = request_visible(access, request).await?;
    let caller = &access.caller().principal().who;
    let own = match verdict {
        // Whether it is the same person's is checked below, by what the directory says now.
        Verdict::Approve => request.was_made_by(caller),
        Verdict::Deny => people::is_party(&request, access.caller().principal()),
    };
    if own {
        return Err(AccessError::SelfApproval);
    }
    let engine = access.engine().await?;
    let _permit = engine.approval(access, &request)?;
    pending(&request, access.now())?;
    if verdict == Verdict::Approve {
        people::check_approval(access, &mut request).await?;
    }
    let now = access.now();
    request.updated_at = now;
    request.decisions.push(Decision {
        decided_by: access.caller().principal().clone(),
        circumstances: access.caller().circumstances(),
        verdict,
        reasoning: reasoning.clone(),
        decided_at: now,
    });
    let mut writes = access.begin();
    if verdict == Verdict::Approve {
        people::hold(&mut writes, &request);
    }
    match verdict {
        Verdict::Deny => {
            request.state = RequestState::Denied { by: Some(caller.clone()), reasoning };
            record(access, &mut writes, EventKind::RequestDenied, &request)?;
        }
        Verdict::Approve if approvals(&request) < request.required_approvals() => {
            record(access, &mut writes, EventKind::RequestApprovalAdded, &request)?;
        }
        Verdict::Approve => {
            let mode = ApprovedBy::People { last: caller.clone() };
            request.state = RequestState::Approved { mode, reasoning };
            let maximum = request.terms.as_ref().map_or(request.duration_seconds, |terms| terms.max_duration_seconds);
            let (approved, grant) = grant_of(access, &engine, request, maximum)?;
            request = approved;
            record(access, &mut writes, EventKind::RequestApproved, &request)?;
            give(access, &mut writes, &grant)?;
        }
    }
    writes.update(&request)?;
    Ok(Change::new(writes, request))
}

fn approvals(request: &AccessRequest) -> u32 {
    u32::try_from(people::counted(request).len()).unwrap_or(u32::MAX)
}

/// A request that has lapsed is no longer pending, whether or not somebody has written that down yet.
fn pending(request: &AccessRequest, now: Timestamp) -> Result<(), AccessError> {
    let conflict = |status: RequestStatus| AccessError::Conflict {
        status: status.as_str(),
        reason: format!("the request is {}, not pending", status.as_str()),
    };
    match request.lapses_at() {
        Some(lapses_at) if now < lapses_at => Ok(()),
        Some(_) => Err(conflict(RequestStatus::Expired)),
        None => Err(conflict(request.status())),
    }
}

/// Withdraws a request.
///
/// # Errors
///
/// [`AccessError`] when it is not the caller's, or not pending.
pub async fn cancel(access: &Access, request: Option<AccessRequest>) -> Result<Change<AccessRequest>, AccessError> {
    let mut request = request_visible(access, request).await?;
    if !request.was_made_by(&access.caller().principal().who) {
        return Err(AccessError::PolicyDenied {
            reason: "only who made a request withdraws it; deny it instead".to_owned(),
            notices: Vec::new(),
        });
    }
    pending(&request, access.now())?;
    request.state = RequestState::Cancelled;
    request.updated_at = access.now();
    let mut writes = access.begin();
    writes.update(&request)?;
    record(access, &mut writes, EventKind::RequestCancelled, &request)?;
    Ok(Change::new(writes, request))
}

/// Lets a request lapse that nobody decided in time; nothing if it is not due.
///
/// # Errors
///
/// [`StoreError`] when it cannot be stored.
pub fn lapse(
    tenant: TenantId,
    mut request: AccessRequest,
    ids: &Ids,
    now: Timestamp,
) -> Result<Option<Transaction>, StoreError> {
    if request.lapses_at().is_none_or(|lapses_at| now < lapses_at) {
        return Ok(None);
    }
    request.state = RequestState::Expired;
    request.updated_at = now;
    let mut writes = Transaction::new(tenant);
    writes.update(&request)?;
    writes.event(system_event(&request, EventKind::RequestExpired, tenant, ids.id(), now))?;
    Ok(Some(writes))
}
