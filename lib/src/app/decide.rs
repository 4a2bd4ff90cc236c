//! Approving, denying, cancelling and expiring a request. A request has one outcome (INVARIANT 5): each of these writes
//! is conditional on the version that was read.

use std::collections::btree_map::Entry;

use jiff::{SignedDuration, Timestamp};

use super::change::{Subject as _, record, system_event};
use super::reconsider::{
    CurrentRecords, EvaluationInputs, Reconsidered, Refusal, counts, held_seconds_besides, reconsider,
};
use super::submit::{give, grant_of};
use super::{AccessError, Change, Ids, OperationContext, TenantEngine, people, request_visible};
use crate::domain::{
    AccessRequest, ApprovedBy, ApproverDecision, EventKind, RequestState, RequestStatus, TenantId, Vote,
};
use crate::policy::{Approve, Permit};
use crate::store::{StoreError, Transaction};

/// A refusal for the same reason is recorded at most once in this time, so that callers cannot fill the log.
pub(super) const REFUSAL_PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// Approves or denies a request. `newest` are the current records of everybody it is about; only an approval needs
/// them.
///
/// # Errors
///
/// [`AccessError`] if the caller may not decide it, or it is already decided.
pub async fn decide(
    access: &OperationContext,
    request: Option<AccessRequest>,
    current: CurrentRecords,
    verdict: Vote,
    reasoning: Option<String>,
) -> Result<Change<AccessRequest>, AccessError> {
    let request = request_visible(access, request).await?;
    let caller = access.caller();
    let own = match verdict {
        // Another account of the same person is checked below, by the current directory.
        Vote::Approve => request.was_made_by(&caller.principal().who),
        Vote::Deny => people::is_party(&request, caller.principal()),
    };
    if own {
        return refused(access, request, verdict, AccessError::SelfApproval);
    }
    let engine = access.engine().await?;
    let permit = match engine.approval(access, &request) {
        Ok(permit) => permit,
        Err(denied) => return refused(access, request, verdict, denied),
    };
    pending(&request, access.now())?;
    match verdict {
        Vote::Deny => deny(access, request, &permit, reasoning),
        Vote::Approve => {
            let now = access.now();
            let held_seconds = held_seconds_besides(&engine, access.table(), &request, now).await?;
            let start_at = request.begins_at(now);
            let current = current.with_caller(caller.principal());
            let duration = request.duration_seconds;
            let facts =
                EvaluationInputs { tenant: access.tenant(), current: &current, now, start_at, duration, held_seconds };
            approve(access, &engine, request, &facts, &permit, reasoning).await
        }
    }
}

/// The decision that a permit gives authority for.
fn decided(
    access: &OperationContext,
    verdict: Vote,
    permit: &Permit<Approve>,
    reasoning: Option<String>,
) -> ApproverDecision {
    let caller = access.caller();
    ApproverDecision {
        decided_by: caller.principal().clone(),
        circumstances: caller.circumstances(),
        verdict,
        authorized_by: permit.rules().to_vec(),
        reasoning,
        decided_at: access.now(),
    }
}

/// One denial denies, whatever policy says of the access now, and also by somebody who approved before.
fn deny(
    access: &OperationContext,
    mut request: AccessRequest,
    permit: &Permit<Approve>,
    reasoning: Option<String>,
) -> Result<Change<AccessRequest>, AccessError> {
    let decision = decided(access, Vote::Deny, permit, reasoning);
    request.updated_at = access.now();
    request.state =
        RequestState::Denied { by: Some(decision.decided_by.who.clone()), reasoning: decision.reasoning.clone() };
    request.decisions.push(decision);
    let mut writes = access.begin();
    record_decision(access, &mut writes, EventKind::RequestDenied, &request)?;
    writes.update(&request)?;
    Ok(Change::new(writes, request))
}

/// INVARIANT 10 (nothing is given that policy would refuse now): the approval that would grant evaluates policy again.
async fn approve(
    access: &OperationContext,
    engine: &TenantEngine,
    stored: AccessRequest,
    facts: &EvaluationInputs<'_>,
    permit: &Permit<Approve>,
    reasoning: Option<String>,
) -> Result<Change<AccessRequest>, AccessError> {
    let decision = decided(access, Vote::Approve, permit, reasoning);
    let caller = decision.decided_by.who.clone();
    let mut request = stored.clone();
    facts.current.identify(&mut request, facts.now);
    if let Some(place) = request.decisions.iter().position(|earlier| earlier.decided_by.who == caller) {
        let earlier = request.decisions.remove(place);
        // An earlier approval that no longer counts may be given again.
        if counts(engine, &request, &earlier, facts)? {
            request.decisions.insert(place, earlier);
        }
    }
    match people::check_approval(access, &mut request).await {
        Ok(()) => {}
        Err(why) => return refused(access, stored, Vote::Approve, why),
    }
    let mut writes = access.begin();
    let enough = approvals(&request) + 1 >= request.required_approvals();
    let unavailable = engine.why_not_given(&request.resource, &request.action).filter(|_| enough);
    if let Some(reason) = unavailable {
        return refused(access, stored, Vote::Approve, AccessError::PolicyDenied { reason, notices: Vec::new() });
    }
    let outcome = if enough { Some(reconsider(engine, &request, Some((&decision, permit)), facts)?) } else { None };
    if outcome.is_some() {
        facts.current.check(&mut writes)?;
        request.policy_version = engine.versions.policy_version;
        request.directory_version = engine.versions.directory_version;
    }
    people::hold(&mut writes, &request);
    request.updated_at = access.now();
    match outcome {
        Some(Reconsidered::Refused(Refusal { reason, notices })) => {
            let why = AccessError::PolicyDenied { reason, notices };
            return Ok(refuse(access, stored, writes, why)?);
        }
        None => {
            request.decisions.push(decision);
            record_decision(access, &mut writes, EventKind::RequestApprovalAdded, &request)?;
        }
        Some(Reconsidered::NeedsApprovals { terms }) => {
            request.terms = Some(terms);
            request.decisions.push(decision);
            record_decision(access, &mut writes, EventKind::RequestApprovalAdded, &request)?;
        }
        Some(Reconsidered::Holds { requester, terms }) => {
            let mode = ApprovedBy::People { last: caller };
            request.state = RequestState::Approved { mode, reasoning: decision.reasoning.clone() };
            request.decisions.push(decision);
            let maximum = terms.as_ref().map_or(request.duration_seconds, |terms| terms.max_duration_seconds);
            (request.requester, request.terms) = (requester, terms);
            let (approved, grant) = grant_of(access, engine, request, maximum)?;
            request = approved;
            record_decision(access, &mut writes, EventKind::RequestApproved, &request)?;
            give(access, &mut writes, &grant)?;
        }
    }
    writes.update(&request)?;
    Ok(Change::new(writes, request))
}

/// Writes the event of a decision with the rules that authorized it.
fn record_decision(
    access: &OperationContext,
    writes: &mut Transaction,
    kind: EventKind,
    request: &AccessRequest,
) -> Result<(), StoreError> {
    let rules = request.decisions.last().map_or_else(Vec::new, |decision| decision.authorized_by.clone());
    writes.event(access.event(kind, request.about().authorized_by(&rules)))
}

/// Refuses a decision that the caller has no authority for. If it is an approval of a pending request, that is
/// recorded.
fn refused(
    access: &OperationContext,
    request: AccessRequest,
    verdict: Vote,
    why: AccessError,
) -> Result<Change<AccessRequest>, AccessError> {
    let lacks_authority = refusal_kind(&why).is_some();
    if verdict == Vote::Approve && lacks_authority && pending(&request, access.now()).is_ok() {
        return Ok(refuse(access, request, access.begin(), why)?);
    }
    Err(why)
}

/// The kind of a refusal that is recorded; `None` if the refusal has nothing to do with authority.
fn refusal_kind(why: &AccessError) -> Option<&'static str> {
    match why {
        AccessError::SelfApproval => Some("self_approval"),
        AccessError::NotAPerson(_) => Some("not_a_person"),
        AccessError::PolicyDenied { .. } => Some("policy_denied"),
        AccessError::InvalidInput { .. }
        | AccessError::InvalidPolicy(_)
        | AccessError::DurationExceedsMaximum { .. }
        | AccessError::UnknownResource { .. }
        | AccessError::BreakGlassNotPermitted(_)
        | AccessError::NotFound(_)
        | AccessError::Conflict { .. }
        | AccessError::PreconditionFailed { .. }
        | AccessError::Auth(_)
        | AccessError::Store(_)
        | AccessError::Policies(_) => None,
    }
}

/// Refuses an approval: it does not count, and the request stays as it is. The refusal is recorded at most once a
/// minute for each caller and kind of refusal.
fn refuse(
    access: &OperationContext,
    mut request: AccessRequest,
    mut writes: Transaction,
    why: AccessError,
) -> Result<Change<AccessRequest>, StoreError> {
    let now = access.now();
    let kind = refusal_kind(&why).unwrap_or_default();
    let of_caller = format!("{kind} {}", access.caller().principal().who);
    request.refused_approvals.retain(|_, at| now < *at + REFUSAL_PAUSE);
    if let Entry::Vacant(first) = request.refused_approvals.entry(of_caller) {
        first.insert(now);
        writes.update(&request)?;
        let mut about = request.about();
        about.reasoning = Some(why.to_string());
        about.metadata.insert("refused_as".to_owned(), kind.into());
        if let AccessError::PolicyDenied { notices, .. } = &why {
            about.metadata.insert("notices".to_owned(), notices.clone().into());
        }
        writes.event(access.event(EventKind::RequestApprovalRefused, about))?;
    }
    Ok(Change::refused(writes, why))
}

fn approvals(request: &AccessRequest) -> u32 {
    u32::try_from(people::counted(request).len()).unwrap_or(u32::MAX)
}

/// A request whose time has passed is no longer pending, whether or not that has been recorded.
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

/// Cancels a request.
///
/// # Errors
///
/// [`AccessError`] if it is not the caller's, or not pending.
pub async fn cancel(
    access: &OperationContext,
    request: Option<AccessRequest>,
) -> Result<Change<AccessRequest>, AccessError> {
    let mut request = request_visible(access, request).await?;
    if !request.was_made_by(&access.caller().principal().who) {
        return Err(AccessError::PolicyDenied {
            reason: "only the requester or submitter can cancel a request; deny it instead".to_owned(),
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

/// Expires a request that was not decided in time; `None` if it is not due.
///
/// # Errors
///
/// [`StoreError`] if it cannot be stored.
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
