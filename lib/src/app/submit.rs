//! Creating requests: validates, evaluates and records them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::change::{About, metadata, record};
use super::decide::REFUSAL_PAUSE;
use super::reconsider::{break_glass_maximum, settings_hash};
use super::{AccessError, Change, OperationContext, TenantEngine, people};
use crate::auth::ApiScope;
use crate::domain::text::is_blank;
use crate::domain::{
    AccessRequest, ApprovalMode, ApprovedBy, DecisionBasis, EventKind, EventSubject, Grant, GrantStatus, Metadata,
    OnDrift, Principal, PrincipalKind, Provisioning, RequestState, ResourceRef, Revocation, Seconds, Terms, User,
};
use crate::policy::{AccessQuestion, PolicyOutcome};
use crate::store::{RecordedRefusal, StoreError, Transaction};

/// A request as the caller submits it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRequest {
    /// The resource the access is to.
    pub resource: ResourceRef,
    /// The action: on an account, the name of the permission set.
    pub action: String,
    /// The reason; `None` if none was given.
    pub reason: Option<String>,
    /// The tickets that justify it.
    pub tickets: Vec<String>,
    /// How long the access should last; `None` for the policies' default.
    pub duration: Option<Seconds>,
    /// Whether it is a break-glass request.
    pub break_glass: bool,
    /// When the access should begin; `None` for at once.
    pub start_at: Option<Timestamp>,
    /// The subject of the requester; `None` if the caller is the requester.
    pub on_behalf_of: Option<String>,
    /// Free-form data from the caller.
    pub metadata: Metadata,
}

/// How far ahead access can be requested.
const FURTHEST_START: SignedDuration = SignedDuration::from_hours(24 * 90);
/// If the event that starts provisioning is lost, `sweep` finds the grant after this time.
const PROVISIONING_GRACE: SignedDuration = SignedDuration::from_mins(1);

/// Decides a new request. `named` is the requester if it is not the caller.
///
/// # Errors
///
/// [`AccessError`] if it cannot be decided; nothing is recorded then. A refusal by policy is recorded and answered in
/// the [`Change`].
pub async fn submit(
    access: &OperationContext,
    new: NewRequest,
    named: Option<User>,
) -> Result<Change<AccessRequest>, AccessError> {
    let requester = match requester(access, &new, named).await {
        Err(why @ AccessError::BreakGlassNotPermitted(_)) => return refuse_break_glass(access, &new, why).await,
        requester => requester?,
    };
    let engine = access.engine().await?;
    let given = engine.given_by(&new.resource, &new.action);
    let held_seconds = engine.held_seconds(access.table(), &requester, given, None, access.now()).await?;
    let context = RequestContext { access, engine: &engine, requester, new, held_seconds };
    context.check_start()?;
    if context.new.break_glass {
        return match context.break_glass() {
            Ok((request, grant)) => context.granted(request, &grant, EventKind::RequestBreakGlass),
            Err(why @ AccessError::BreakGlassNotPermitted(_)) => refuse_break_glass(access, &context.new, why).await,
            Err(error) => Err(error),
        };
    }
    match context.evaluate()? {
        EvaluatedRequest::Denied { request, reason, notices } => {
            let mut writes = access.begin();
            writes.create(&request)?;
            record(access, &mut writes, EventKind::RequestDenied, &request)?;
            Ok(Change::refused(writes, AccessError::PolicyDenied { reason, notices }))
        }
        EvaluatedRequest::Waits(request) => {
            let mut writes = access.begin();
            writes.create(&request)?;
            record(access, &mut writes, EventKind::RequestPending, &request)?;
            Ok(Change::new(writes, request))
        }
        EvaluatedRequest::Granted(request, grant) => context.granted(request, &grant, EventKind::RequestApproved),
    }
}

/// Refuses break-glass access, and records that at most once a minute for each principal. No request is created, so the
/// event is about the call, by its id.
async fn refuse_break_glass(
    access: &OperationContext,
    new: &NewRequest,
    why: AccessError,
) -> Result<Change<AccessRequest>, AccessError> {
    let (who, now) = (&access.caller().principal().who, access.now());
    let mut writes = access.begin();
    let known = access.table().get::<RecordedRefusal>(RecordedRefusal::break_glass(who)).await?;
    let (is_due, version) = match &known {
        Some(known) => (now >= known.recorded_at + REFUSAL_PAUSE, known.version),
        None => (true, 0),
    };
    if is_due {
        let refusal = RecordedRefusal { key: RecordedRefusal::break_glass(who), recorded_at: now, version };
        if known.is_some() {
            writes.update(&refusal)?
        } else {
            writes.create(&refusal)?
        };
        let metadata = metadata([
            ("requester_id", new.on_behalf_of.clone().unwrap_or_else(|| who.id.clone()).into()),
            ("resource", new.resource.to_string().into()),
            ("action", new.action.clone().into()),
            ("why", why.to_string().into()),
        ]);
        let (resource_type, resource_id) = (EventSubject::Request, access.call_id().to_string());
        let about = About { resource_type, resource_id, metadata, reasoning: new.reason.clone() };
        writes.event(access.event(EventKind::RequestBreakGlassRefused, about))?;
    }
    Ok(Change::refused(writes, why))
}

/// Why an API key gets no access.
const NO_SERVICE_USER: &str = "this API key cannot receive access: an administrator has to set an Identity Store user \
                               on it; its name does not lead to one";

/// The requester: the caller, or a person in the directory.
async fn requester(access: &OperationContext, new: &NewRequest, named: Option<User>) -> Result<Principal, AccessError> {
    let caller = access.caller();
    let Some(sub) = &new.on_behalf_of else { return Ok(caller.principal().clone()) };
    caller.require(ApiScope::AccessImpersonate)?;
    let user = named.filter(|user| user.sub == *sub).ok_or_else(|| {
        AccessError::input("on_behalf_of", format!("there is no person `{sub}` in the tenant's directory"))
    })?;
    if new.break_glass {
        return Err(AccessError::BreakGlassNotPermitted("break-glass access is only for the caller".to_owned()));
    }
    let mut requester = user.into_principal();
    people::look_up_one(access.table(), &mut requester).await?;
    Ok(requester)
}

/// A request that was evaluated and is not written yet.
pub(super) enum EvaluatedRequest {
    /// Refused by policy.
    Denied {
        /// The request that records the refusal.
        request: AccessRequest,
        /// The explanation.
        reason: String,
        /// The notices of the determining rules.
        notices: Vec<String>,
    },
    /// It waits for approval by people.
    Waits(AccessRequest),
    /// It is granted at once.
    Granted(AccessRequest, Box<Grant>),
}

/// A new request with everything it is evaluated by.
pub(super) struct RequestContext<'a> {
    pub(super) access: &'a OperationContext,
    pub(super) engine: &'a TenantEngine,
    pub(super) requester: Principal,
    pub(super) new: NewRequest,
    /// How many seconds of the last 24 hours the requester had this access.
    pub(super) held_seconds: i64,
}

impl RequestContext<'_> {
    fn check_start(&self) -> Result<(), AccessError> {
        let now = self.access.now();
        if self.new.break_glass && self.new.start_at.is_some() {
            return Err(AccessError::input("start_at", "break-glass access begins at once: leave it out"));
        }
        match self.new.start_at {
            Some(start) if start <= now || start > now + FURTHEST_START => {
                Err(AccessError::input("start_at", "must lie in the future, at most 90 days ahead"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The question to policy: about the access exactly as it would be given.
    pub(super) fn question(&self) -> AccessQuestion<'_> {
        let NewRequest { resource, action, reason, tickets, duration, start_at, .. } = &self.new;
        let default = self.access.tenant().settings.default_duration_seconds;
        AccessQuestion {
            principal: &self.requester,
            resource,
            action,
            reason: reason.as_deref(),
            tickets,
            duration: self.engine.engine.duration(&self.requester, action, resource, *duration, default),
            start_at: start_at.unwrap_or(self.access.now()),
            now: self.access.now(),
            circumstances: self.access.caller().circumstances(),
            held_seconds: self.held_seconds,
        }
    }

    /// Evaluates the request by the policies.
    pub(super) fn evaluate(&self) -> Result<EvaluatedRequest, AccessError> {
        // A request that cannot be carried out is refused before policy is evaluated.
        if self.requester.who.kind == PrincipalKind::ServiceAccount && self.requester.user_id().is_none() {
            return Err(AccessError::input("identity_store_user_id", NO_SERVICE_USER));
        }
        self.engine.check_type(&self.new.resource)?;
        let question = self.question();
        let length = question.duration;
        let decision = self.engine.decide(&question)?;
        let PolicyOutcome::Permitted(terms) = &decision.outcome else {
            let reason = self.engine.explain(&decision);
            let state = RequestState::Denied { by: None, reasoning: Some(reason.clone()) };
            let request = self.request(length, None, state);
            return Ok(EvaluatedRequest::Denied { request, reason, notices: decision.notices });
        };
        self.check_justification(terms)?;
        // A principal who may have the access may learn why it cannot be given.
        self.engine.account_of(&self.new.resource)?;
        self.engine.permission_set_of(&self.new.resource, &self.new.action)?;
        let maximum = terms.max_duration_seconds;
        if length > maximum {
            return Err(AccessError::DurationExceedsMaximum { field: "duration_seconds", maximum });
        }
        match terms.approval_mode {
            ApprovalMode::Auto => {
                let state = RequestState::Approved {
                    mode: ApprovedBy::Policy,
                    reasoning: Some(self.engine.explain(&decision)),
                };
                let request = self.request(length, Some(terms.clone()), state);
                let (request, grant) = grant_of(self.access, self.engine, request, terms.max_duration_seconds)?;
                Ok(EvaluatedRequest::Granted(request, Box::new(grant)))
            }
            ApprovalMode::Require => {
                let expires_at = self.access.now() + terms.approval_timeout_seconds.span();
                let state = RequestState::Pending { expires_at };
                Ok(EvaluatedRequest::Waits(self.request(length, Some(terms.clone()), state)))
            }
        }
    }

    /// Grants break-glass access without evaluating policy.
    fn break_glass(&self) -> Result<(AccessRequest, Grant), AccessError> {
        let settings = &self.access.tenant().settings;
        let maximum = break_glass_maximum(settings, &self.requester.groups)
            .map_err(|why| AccessError::BreakGlassNotPermitted(why.to_owned()))?;
        if !self.engine.directory.is_offered(&self.new.resource) {
            return Err(self.engine.unknown(&self.new.resource));
        }
        if self.new.reason.as_deref().is_none_or(is_blank) {
            return Err(AccessError::input("reason", "is required for break-glass access: describe the emergency"));
        }
        let length = match self.new.duration {
            Some(asked) if asked > maximum => {
                return Err(AccessError::DurationExceedsMaximum { field: "duration_seconds", maximum });
            }
            Some(asked) => asked,
            None => settings.default_duration_seconds.min(maximum),
        };
        let reasoning = Some("break-glass access; to be reviewed".to_owned());
        let state = RequestState::Approved { mode: ApprovedBy::BreakGlass, reasoning };
        grant_of(self.access, self.engine, self.request(length, None, state), maximum)
    }

    fn check_justification(&self, terms: &Terms) -> Result<(), AccessError> {
        if terms.require_reason && self.new.reason.as_deref().is_none_or(is_blank) {
            return Err(AccessError::input("reason", "is required by the policy that permits this"));
        }
        match unmatched_ticket_pattern(&terms.ticket_patterns, &self.new.tickets) {
            Some(pattern) => Err(AccessError::input(
                "metadata.tickets",
                format!("a ticket matching `{pattern}` is required by the policy that permits this"),
            )),
            None => Ok(()),
        }
    }

    fn request(&self, duration_seconds: Seconds, terms: Option<Terms>, state: RequestState) -> AccessRequest {
        let caller = self.access.caller().principal();
        let new = &self.new;
        AccessRequest {
            id: self.access.call_id().into(),
            requester: self.requester.clone(),
            submitted_by: (self.requester.who != caller.who).then(|| caller.clone()),
            resource: new.resource.clone(),
            action: new.action.clone(),
            reason: new.reason.clone(),
            tickets: new.tickets.clone(),
            duration_seconds,
            break_glass: new.break_glass,
            start_at: new.start_at,
            terms,
            state,
            decisions: Vec::new(),
            refused_approvals: BTreeMap::new(),
            metadata: new.metadata.clone(),
            grant_ids: Vec::new(),
            circumstances: self.access.caller().circumstances(),
            policy_version: self.engine.versions.policy_version,
            directory_version: self.engine.versions.directory_version,
            created_at: self.access.now(),
            updated_at: self.access.now(),
            version: 0,
        }
    }

    fn granted(
        &self,
        request: AccessRequest,
        grant: &Grant,
        kind: EventKind,
    ) -> Result<Change<AccessRequest>, AccessError> {
        let mut writes = self.access.begin();
        writes.create(&request)?;
        record(self.access, &mut writes, kind, &request)?;
        give_within_limit(self.access, &mut writes, grant)?;
        Ok(Change::new(writes, request))
    }
}

/// The first pattern that no ticket matches; `None` if all match. A pattern that does not compile matches nothing: fail
/// closed.
pub(super) fn unmatched_ticket_pattern<'a>(patterns: &'a [String], tickets: &[String]) -> Option<&'a String> {
    patterns.iter().find(|pattern| {
        let regex = regex::Regex::new(pattern);
        !regex.is_ok_and(|regex| tickets.iter().any(|ticket| regex.is_match(ticket)))
    })
}

/// Creates the grant of an approved request and adds its id to the request.
pub(super) fn grant_of(
    access: &OperationContext,
    engine: &TenantEngine,
    mut request: AccessRequest,
    maximum: Seconds,
) -> Result<(AccessRequest, Grant), AccessError> {
    let now = access.now();
    let granted_at = request.begins_at(now);
    let account_id = engine.account_of(&request.resource)?;
    let permission_set_arn = engine.permission_set_of(&request.resource, &request.action)?;
    let grant = Grant {
        id: access.id(),
        tenant_id: access.tenant().id,
        request_id: Some(request.id),
        grantee: request.requester.clone(),
        resource: request.resource.clone(),
        action: request.action.clone(),
        account_id,
        permission_set_arn,
        status: GrantStatus::Active,
        granted_at,
        expires_at: granted_at + request.duration_seconds.span(),
        duration_seconds: request.duration_seconds,
        latest_end: granted_at + maximum.span(),
        extended_at: None,
        ended_at: None,
        ended_by: None,
        provisioning: Provisioning::Pending { attempts: 0, last_error: None },
        assignment: None,
        on_drift: request.terms.as_ref().map_or_else(OnDrift::default, |terms| terms.on_drift),
        may_have_given_access: false,
        access_persists: false,
        externally_modified: false,
        missing_since: None,
        revocation: Revocation::none(),
        next_attempt_at: granted_at.max(now + PROVISIONING_GRACE),
        reason: request.reason.clone(),
        tickets: request.tickets.clone(),
        audit_enabled: request.terms.as_ref().is_none_or(|terms| terms.audit_session),
        break_glass: request.break_glass,
        metadata: Metadata::new(),
        evaluation: DecisionBasis {
            policy_version: request.policy_version,
            directory_version: request.directory_version,
            settings_hash: settings_hash(access.tenant()),
            at: now,
        },
        created_at: now,
        updated_at: now,
        version: 0,
    };
    request.grant_ids.push(grant.id);
    Ok((request, grant))
}

/// Writes a new grant. From now on it is in the due index, and leaves it only when the access is confirmed to be gone:
/// INVARIANT 1 (obligation first).
pub(super) fn give(access: &OperationContext, writes: &mut Transaction, grant: &Grant) -> Result<(), StoreError> {
    give_counted(access, writes, grant, None)
}

/// Writes a grant that nobody approved, unless the principal has too many pending grants.
pub(super) fn give_within_limit(
    access: &OperationContext,
    writes: &mut Transaction,
    grant: &Grant,
) -> Result<(), StoreError> {
    give_counted(access, writes, grant, Some(access.tenant().settings.max_pending_grants))
}

fn give_counted(
    access: &OperationContext,
    writes: &mut Transaction,
    grant: &Grant,
    limit: Option<u32>,
) -> Result<(), StoreError> {
    writes.create(grant)?;
    writes.count_pending(grant, limit);
    record(access, writes, EventKind::GrantProvisioning, grant)
}
