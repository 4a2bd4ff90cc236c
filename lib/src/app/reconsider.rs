//! Policy is asked again when time has passed since a decision: by the approval that would grant, and by the worker before
//! it gives.
//!
//! It is asked with today's policies and directory, the newest facts known of people, the stored circumstances of who
//! asked, and the time of the question. What would be refused now is refused; of the old and the new terms the stricter
//! hold; nothing is shortened silently.

mod current;

use jiff::{SignedDuration, Timestamp};

pub use current::CurrentRecords;

use super::held::held_seconds;
use super::question::decided_by_request;
use super::submit::unmatched_ticket_pattern;
use super::{AccessError, TenantEngine, people, recent_grants};
use crate::domain::{
    AccessRequest, ApprovalMode, ApproverDecision, AwsResource, DecisionBasis, Grant, Principal, RequestState,
    ResourceType, Seconds, Tenant, TenantSettings, Terms, Vote,
};
use crate::policy::{AccessQuestion, Approve, DecisionQuestion, Permit, PolicyOutcome};
use crate::store::{StoreError, TenantTable, Transaction};

/// A decision is good for this long; access that begins later is evaluated again.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(5);

/// What a request is evaluated by.
pub struct EvaluationInputs<'a> {
    /// The tenant, as it is now.
    pub tenant: &'a Tenant,
    /// Everybody the request is about, as they are now.
    pub current: &'a CurrentRecords,
    /// The time of the question.
    pub now: Timestamp,
    /// When the access begins.
    pub start_at: Timestamp,
    /// How long it lasts: an extension makes that longer than it was asked for.
    pub duration: Seconds,
    /// For how many seconds the requester had this same access within the last 24 hours, not counting what is to be given.
    pub held_seconds: i64,
}

/// What came of evaluating a request again.
#[derive(Debug, Clone, PartialEq)]
pub enum Reconsidered {
    /// It may be given, on these terms; an emergency has none.
    Holds {
        /// The requester, as they are known now.
        requester: Principal,
        /// The stricter of the old and the new.
        terms: Option<Terms>,
    },
    /// It may be given once more people have approved it.
    NeedsApprovals {
        /// The stricter of the old and the new.
        terms: Terms,
    },
    /// It may not be given now.
    Refused(Refusal),
}

/// Why policy refuses now what it permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// In words for the caller.
    pub reason: String,
    /// The notices of the rules that determined it.
    pub notices: Vec<String>,
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self { reason: reason.to_owned(), notices: Vec::new() }
    }
}

/// Whether what `grant` gives has to be evaluated again before it is given: its policies, its directory or its people are
/// not those it was evaluated by, or more time has passed than a decision is good for.
#[must_use]
pub fn is_outdated(grant: &Grant, facts: &EvaluationInputs<'_>) -> bool {
    let DecisionBasis { policy_version, directory_version, at } = grant.evaluation;
    let versions = (facts.tenant.policy_version, facts.tenant.directory_version);
    // What is being given since then is not evaluated again because giving it takes long.
    let late = grant.assignment.is_none() && facts.now > at + GOOD_FOR;
    (policy_version, directory_version) != versions || late || facts.current.changed(facts.now)
}

/// Whether `grant` is what its request was approved for: nothing else is ever given. `permission_set` is what the directory
/// says, or said before it was gone, of the permission set the grant gives.
///
/// # Errors
///
/// The [`Refusal`] when it is not.
pub fn is_approved(
    grant: &Grant,
    request: Option<&AccessRequest>,
    permission_set: Option<&AwsResource>,
) -> Result<(), Refusal> {
    let request = request.ok_or("the request it came of does not exist")?;
    let approved = matches!(request.state, RequestState::Approved { .. }) && request.grant_ids.contains(&grant.id);
    let same = request.requester.who == grant.grantee.who
        && request.resource == grant.resource
        && request.action == grant.action
        && request.break_glass == grant.break_glass;
    let target = permission_set.is_some_and(|known| is_target(grant, known));
    if approved && same && target && is_within(grant, request) {
        Ok(())
    } else {
        Err("no approved request asks for it".into())
    }
}

/// Whether the account and the permission set of a grant are those its resource and action name.
fn is_target(grant: &Grant, permission_set: &AwsResource) -> bool {
    if permission_set.resource.kind() != ResourceType::AwsPermissionSet
        || permission_set.resource.id() != grant.permission_set_arn
    {
        return false;
    }
    match grant.resource.kind() {
        ResourceType::AwsAccount => {
            grant.resource.id() == grant.account_id.as_str() && permission_set.name == grant.action
        }
        ResourceType::AwsPermissionSet => {
            permission_set.resource == grant.resource && permission_set.account_id.as_ref() == Some(&grant.account_id)
        }
        ResourceType::AwsS3Bucket
        | ResourceType::AwsRdsInstance
        | ResourceType::AwsEc2Instance
        | ResourceType::AwsOrganizationalUnit => false,
    }
}

/// Whether a grant begins when its request says, and ends no later than it or the terms allow. An emergency has no terms:
/// its maximum is the tenant's, and is asked again.
fn is_within(grant: &Grant, request: &AccessRequest) -> bool {
    let begins = grant.created_at >= request.created_at && grant.granted_at == request.begins_at(grant.created_at);
    let maximum = request.terms.as_ref().map(|terms| terms.max_duration_seconds);
    let latest = maximum.map(|maximum| grant.granted_at + maximum.span());
    begins && grant.expires_at <= grant.latest_end && latest.is_none_or(|latest| grant.latest_end <= latest)
}

/// Evaluates a request by today's policies, for access of the length that is to be given. `approval` is one that is being given
/// now, and counts beside those the request has.
///
/// # Errors
///
/// [`AccessError::Policies`] when the policies cannot be evaluated: nothing is decided then.
pub fn reconsider(
    engine: &TenantEngine,
    request: &AccessRequest,
    approval: Option<(&ApproverDecision, &Permit<Approve>)>,
    facts: &EvaluationInputs<'_>,
) -> Result<Reconsidered, AccessError> {
    let requester = match facts.current.of(&request.requester, facts.now) {
        Ok(requester) => requester,
        Err(why) => return Ok(Reconsidered::Refused(why.into())),
    };
    let decision = engine.engine.decide(&AccessQuestion {
        principal: &requester,
        resource: &request.resource,
        action: &request.action,
        reason: request.reason.as_deref(),
        tickets: &request.tickets,
        duration: facts.duration,
        start_at: facts.start_at,
        now: facts.now,
        circumstances: request.circumstances,
        held_seconds: facts.held_seconds,
    });
    if let Some(fault) = decision.fault {
        return Err(AccessError::Policies(fault));
    }
    let refused = |reason: String| Ok(Reconsidered::Refused(Refusal { reason, notices: decision.notices.clone() }));
    let PolicyOutcome::Permitted(terms) = &decision.outcome else { return refused(engine.explain(&decision)) };
    let terms = request.terms.as_ref().map_or_else(|| terms.clone(), |old| old.stricter(terms));
    if let Some(reason) = unmet(&terms, request, facts.duration) {
        return refused(reason);
    }
    if terms.approval_mode == ApprovalMode::Require {
        let mut valid = AccessRequest { decisions: Vec::new(), ..request.clone() };
        for decision in &request.decisions {
            if counts(engine, request, decision, facts)? {
                valid.decisions.push(decision.clone());
            }
        }
        valid.decisions.extend(approval.map(|(decision, _)| decision.clone()));
        let counted = u32::try_from(people::counted(&valid).len()).unwrap_or(u32::MAX);
        if counted < terms.required_approvals {
            return Ok(Reconsidered::NeedsApprovals { terms });
        }
    }
    Ok(Reconsidered::Holds { requester, terms: Some(terms) })
}

/// What the terms ask for and the request does not have. Policies may have come to ask for it since.
fn unmet(terms: &Terms, request: &AccessRequest, duration: Seconds) -> Option<String> {
    let maximum = terms.max_duration_seconds;
    if duration > maximum {
        return Some(format!("the longest that is allowed now is {} seconds: make a new request", maximum.get()));
    }
    if terms.require_reason && request.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
        return Some("a reason is required now: make a new request".to_owned());
    }
    let pattern = unmatched_ticket_pattern(&terms.ticket_patterns, &request.tickets)?;
    Some(format!("a ticket matching `{pattern}` is required now: make a new request"))
}

/// Whether an approval that was given counts: its approver, as they are known now, is permitted to give it as they gave it.
///
/// # Errors
///
/// [`AccessError::Policies`] when the policies cannot be evaluated.
pub(super) fn counts(
    engine: &TenantEngine,
    request: &AccessRequest,
    decision: &ApproverDecision,
    facts: &EvaluationInputs<'_>,
) -> Result<bool, AccessError> {
    if decision.verdict != Vote::Approve {
        return Ok(false);
    }
    let Ok(approver) = facts.current.of(&decision.decided_by, facts.now) else { return Ok(false) };
    if facts.current.administers(facts.tenant, &approver) {
        return Ok(true);
    }
    let question = DecisionQuestion {
        principal: &approver,
        circumstances: decision.circumstances,
        now: decision.decided_at,
        requester: &request.requester,
        resource: &request.resource,
        decided: decided_by_request(request, decision.decided_at),
    };
    match engine.engine.authorize_approve(&question) {
        Ok(_) => Ok(true),
        Err(denied) => match denied.fault {
            Some(fault) => Err(AccessError::Policies(fault)),
            None => Ok(false),
        },
    }
}

/// Evaluates an emergency by today's settings; policies are not asked.
#[must_use]
pub fn reconsider_break_glass(request: &AccessRequest, facts: &EvaluationInputs<'_>) -> Reconsidered {
    let requester = match facts.current.of(&request.requester, facts.now) {
        Ok(requester) => requester,
        Err(why) => return Reconsidered::Refused(why.into()),
    };
    match break_glass_maximum(&facts.tenant.settings, &requester.groups) {
        Err(why) => Reconsidered::Refused(why.into()),
        Ok(maximum) if facts.duration > maximum => Reconsidered::Refused(Refusal {
            reason: format!("the longest emergency access is {} seconds now", maximum.get()),
            notices: Vec::new(),
        }),
        Ok(_) => Reconsidered::Holds { requester, terms: None },
    }
}

/// How long a member of these groups may have emergency access, or why not at all.
pub(super) fn break_glass_maximum(settings: &TenantSettings, groups: &[String]) -> Result<Seconds, &'static str> {
    let settings = &settings.break_glass;
    if !settings.enabled {
        return Err("break-glass is off in this tenant");
    }
    if !settings.groups.iter().any(|group| groups.contains(group)) {
        return Err("break-glass is for members of the tenant's break-glass groups");
    }
    Ok(settings.max_duration_seconds)
}

/// The attributes of a [`Tenant`] that decisions are made by.
const EVALUATED_BY: &[&str] = &["directory_version", "policy_version", "roles", "settings"];

impl TenantEngine {
    /// INVARIANT 10 (nothing is given that policy would refuse now), for what the commit itself gives, and not a worker
    /// after it: it is conditional on the policies and the directory of this engine being in force.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] when the tenant cannot be turned into an item.
    pub(super) fn check_in_force(&self, tenant: &Tenant, writes: &mut Transaction) -> Result<(), StoreError> {
        let Self { policy_version, directory_version, .. } = *self;
        writes.check_fields(&Tenant { policy_version, directory_version, ..tenant.clone() }, EVALUATED_BY)
    }
}

/// Makes a commit conditional on what a request was evaluated by: a policy that is changed between the question and the
/// commit makes it be asked again.
///
/// # Errors
///
/// [`StoreError::Unstorable`] when a record cannot be turned into an item.
pub fn check(tenant: &Tenant, current: &CurrentRecords, writes: &mut Transaction) -> Result<(), StoreError> {
    writes.check_fields(tenant, EVALUATED_BY)?;
    current.check(writes)
}

/// For how many seconds a requester had the access of a request lately, not counting a grant of that request itself. It is
/// only read when a rule asks for it.
///
/// # Errors
///
/// [`StoreError`] when the table does not answer.
pub async fn held_seconds_besides(
    engine: &TenantEngine,
    table: &TenantTable,
    request: &AccessRequest,
    now: Timestamp,
) -> Result<i64, StoreError> {
    if !engine.engine.asks_held_seconds() {
        return Ok(0);
    }
    let AccessRequest { requester, resource, action, .. } = request;
    let mut recent = recent_grants(table, &requester.who, resource, action, now).await?;
    recent.retain(|grant| grant.request_id != Some(request.id));
    Ok(held_seconds(&recent, now))
}
