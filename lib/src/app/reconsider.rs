//! Policy is evaluated again when time has passed since a decision: by the approval that would grant, and by the worker
//! before it gives access.
//!
//! It is evaluated with the current policies and directory, the newest records of the people involved, the stored
//! circumstances of the submitter, and the present time. What policy would refuse now is refused. Of the old and the
//! new terms the stricter ones apply. A duration is never shortened silently.

mod current;

use jiff::{SignedDuration, Timestamp};

pub use current::CurrentRecords;
pub(super) use current::KEY_FIELDS;

use super::question::decided_by_request;
use super::submit::unmatched_ticket_pattern;
use super::{AccessError, TenantEngine, people};
use crate::domain::text::is_blank;
use crate::domain::{
    AccessRequest, ApprovalMode, ApproverDecision, AwsResource, DecisionBasis, Grant, Principal, RequestState,
    ResourceType, Seconds, Tenant, TenantSettings, Terms, Versions, Vote,
};
use crate::policy::{AccessQuestion, Approve, DecisionQuestion, Permit, PolicyOutcome};
use crate::store::{StoreError, TenantTable, Transaction};

/// How long a decision stays valid; access that begins later is evaluated again.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(5);

/// What a request is evaluated by.
pub struct EvaluationInputs<'a> {
    /// The tenant, as it is now.
    pub tenant: &'a Tenant,
    /// The current records of everybody the request is about.
    pub current: &'a CurrentRecords,
    /// The time of the evaluation.
    pub now: Timestamp,
    /// When the access begins.
    pub start_at: Timestamp,
    /// How long it lasts; with an extension this is longer than the request asked for.
    pub duration: Seconds,
    /// How many seconds of the last 24 hours the requester had this access, without the grant in question.
    pub held_seconds: i64,
}

/// The result of evaluating a request again.
#[derive(Debug, Clone, PartialEq)]
pub enum Reconsidered {
    /// It may be given.
    Holds {
        /// The requester, with current attributes.
        requester: Principal,
        /// The stricter of the old and the new terms; `None` for break-glass access.
        terms: Option<Terms>,
    },
    /// It may be given once more people have approved it.
    NeedsApprovals {
        /// The stricter of the old and the new terms.
        terms: Terms,
    },
    /// It may not be given now.
    Refused(Refusal),
}

/// Why policy now refuses what it permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The explanation for the caller.
    pub reason: String,
    /// The notices of the determining rules.
    pub notices: Vec<String>,
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self { reason: reason.to_owned(), notices: Vec::new() }
    }
}

/// Identifies the roles and settings of a tenant that decisions are made by: SHA-256 in hex.
#[must_use]
pub fn settings_hash(tenant: &Tenant) -> String {
    let parts = serde_json::json!([tenant.roles, tenant.settings]);
    crate::hash::sha256(parts.to_string().as_bytes())
}

/// Whether a grant has to be evaluated again before its access is given: the policies, directory or people changed
/// since it was evaluated, or its decision is no longer valid by its age.
#[must_use]
pub fn is_outdated(grant: &Grant, versions: Versions, facts: &EvaluationInputs<'_>) -> bool {
    let DecisionBasis { policy_version, directory_version, settings_hash: hash, at } = &grant.evaluation;
    let basis = Versions { policy_version: *policy_version, directory_version: *directory_version };
    // A grant that is already being given is not evaluated again just because that takes long. A grant that begins
    // later than its decision always is: other access may have been given meanwhile (`held_seconds`).
    let late = grant.assignment.is_none() && (facts.now > *at + GOOD_FOR || grant.granted_at > *at);
    basis != versions || *hash != settings_hash(facts.tenant) || late || facts.current.changed(facts.now)
}

/// Checks that `grant` is what its request was approved for: nothing else is ever given. `permission_set` is the
/// directory's record of the grant's permission set, even if it is gone.
///
/// # Errors
///
/// The [`Refusal`] if it is not.
pub fn is_approved(
    grant: &Grant,
    request: Option<&AccessRequest>,
    permission_set: Option<&AwsResource>,
) -> Result<(), Refusal> {
    let request = request.ok_or("its request does not exist")?;
    let approved = matches!(request.state, RequestState::Approved { .. }) && request.grant_ids.contains(&grant.id);
    let same = request.requester.who == grant.grantee.who
        && request.resource == grant.resource
        && request.action == grant.action
        && request.break_glass == grant.break_glass;
    let target = permission_set.is_some_and(|known| is_target(grant, known));
    if approved && same && target && is_within(grant, request) {
        Ok(())
    } else {
        Err("the grant does not match an approved request".into())
    }
}

/// Whether the grant's account and permission set are those that its resource and action name.
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

/// Whether a grant begins when its request says, and ends no later than the request and the terms allow. Break-glass
/// access has no terms: its maximum is the tenant's and is checked again.
fn is_within(grant: &Grant, request: &AccessRequest) -> bool {
    // Not that the grant is newer than the request: the clocks of two functions may differ.
    let begins = grant.granted_at == request.begins_at(grant.created_at);
    let maximum = request.terms.as_ref().map(|terms| terms.max_duration_seconds);
    let latest = maximum.map(|maximum| grant.granted_at + maximum.span());
    begins && grant.expires_at <= grant.latest_end && latest.is_none_or(|latest| grant.latest_end <= latest)
}

/// Evaluates a request by the current policies, for access of the given length. `approval` is one that is being given
/// now and counts in addition to those of the request.
///
/// # Errors
///
/// [`AccessError::Policies`] if the policies cannot be evaluated: then nothing is decided.
pub fn reconsider(
    engine: &TenantEngine,
    request: &AccessRequest,
    approval: Option<(&ApproverDecision, &Permit<Approve>)>,
    facts: &EvaluationInputs<'_>,
) -> Result<Reconsidered, AccessError> {
    let requester = match facts.current.requester(request, facts.now) {
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

/// What the terms demand and the request lacks; `None` if it lacks nothing. Policies may demand more than they did.
fn unmet(terms: &Terms, request: &AccessRequest, duration: Seconds) -> Option<String> {
    let maximum = terms.max_duration_seconds;
    if duration > maximum {
        return Some(format!("the longest duration allowed now is {} seconds: make a new request", maximum.get()));
    }
    if terms.require_reason && request.reason.as_deref().is_none_or(is_blank) {
        return Some("a reason is required now: make a new request".to_owned());
    }
    let pattern = unmatched_ticket_pattern(&terms.ticket_patterns, &request.tickets)?;
    Some(format!("a ticket matching `{pattern}` is required now: make a new request"))
}

/// Whether an approval counts: policy permits it to its approver now, with current attributes and the circumstances it
/// was given in.
///
/// # Errors
///
/// [`AccessError::Policies`] if the policies cannot be evaluated.
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

/// Evaluates break-glass access by the current settings, without policy.
#[must_use]
pub fn reconsider_break_glass(request: &AccessRequest, facts: &EvaluationInputs<'_>) -> Reconsidered {
    let requester = match facts.current.requester(request, facts.now) {
        Ok(requester) => requester,
        Err(why) => return Reconsidered::Refused(why.into()),
    };
    match break_glass_maximum(&facts.tenant.settings, &requester.groups) {
        Err(why) => Reconsidered::Refused(why.into()),
        Ok(maximum) if facts.duration > maximum => Reconsidered::Refused(Refusal {
            reason: format!("the longest break-glass access is {} seconds now", maximum.get()),
            notices: Vec::new(),
        }),
        Ok(_) => Reconsidered::Holds { requester, terms: None },
    }
}

/// The longest break-glass access for a member of these groups, or why there is none.
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

/// The attributes of a [`Tenant`] that decisions depend on.
const OF_THE_TENANT: &[&str] = &["roles", "settings"];
/// The attributes of [`Versions`] that decisions depend on.
const OF_ITS_VERSIONS: &[&str] = &["directory_version", "policy_version"];

impl TenantEngine {
    /// INVARIANT 10 (nothing is given that policy would refuse now), for access that the commit itself gives, without a
    /// worker after it: the commit is conditional on this engine's policies and directory being in force.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] if the tenant cannot be turned into an item.
    pub(super) fn check_in_force(&self, tenant: &Tenant, writes: &mut Transaction) -> Result<(), StoreError> {
        check_versions(tenant, self.versions, writes)
    }
}

/// Makes a commit conditional on what a request was evaluated by: if a policy changes between the evaluation and the
/// commit, the request is evaluated again.
///
/// # Errors
///
/// [`StoreError::Unstorable`] if a record cannot be turned into an item.
pub fn check(
    tenant: &Tenant,
    versions: Versions,
    current: &CurrentRecords,
    writes: &mut Transaction,
) -> Result<(), StoreError> {
    check_versions(tenant, versions, writes)?;
    current.check(writes)
}

fn check_versions(tenant: &Tenant, versions: Versions, writes: &mut Transaction) -> Result<(), StoreError> {
    writes.check_fields(tenant, OF_THE_TENANT)?;
    writes.check_fields(&versions, OF_ITS_VERSIONS)
}

/// How many seconds of the last 24 hours a requester had the access of a request, without the grants of that request.
/// It is read only if a rule uses it.
///
/// # Errors
///
/// [`StoreError`] if the table does not answer.
pub async fn held_seconds_besides(
    engine: &TenantEngine,
    table: &TenantTable,
    request: &AccessRequest,
    now: Timestamp,
) -> Result<i64, StoreError> {
    if !engine.engine.asks_held_seconds() {
        return Ok(0);
    }
    // By current links, since the requester may have had the access with another account since.
    let mut requester = request.requester.clone();
    people::look_up_one(table, &mut requester).await?;
    let given = engine.given_by(&request.resource, &request.action);
    engine.held_seconds(table, &requester, given, Some(request.id), now).await
}
