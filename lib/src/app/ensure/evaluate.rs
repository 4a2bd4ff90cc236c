//! Decides one access by what is known of it.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::outcome::{Diagnostic, EnsureChange, EnsureStatus, Ensured, Level};
use super::{AccessHistory, Entitlement, Justification};
use crate::app::change::record;
use crate::app::extend::{Extension, ExtensionPermit, prolong};
use crate::app::submit::{EvaluatedRequest, RequestContext, give_within_limit, unmatched_ticket_pattern};
use crate::app::{AccessError, Change, NewRequest, OperationContext, TenantEngine};
use crate::domain::text::is_blank;
use crate::domain::{
    AccessRequest, ApprovalMode, DELETED_OUTSIDE, EventKind, Grant, GrantStatus, Metadata, Provisioning, RequestState,
    Seconds, Terms,
};
use crate::store::{EnsureSlot, StoreError, Transaction, keys};

/// A grant counts as about to end in the last 1/5 of its duration.
const ABOUT_TO_END: i64 = 5;
/// The shortest time between two extensions, since polls repeat the same call.
const EXTENSION_PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// One access, what is known of it, and what it is evaluated by.
pub(super) struct EnsureContext<'a> {
    pub(super) access: &'a OperationContext,
    pub(super) engine: &'a TenantEngine,
    pub(super) entitlement: &'a Entitlement,
    pub(super) justification: &'a Justification,
    pub(super) known: &'a AccessHistory,
    /// How many seconds of the last 24 hours the caller had this access.
    pub(super) held_seconds: i64,
}

impl EnsureContext<'_> {
    pub(super) fn decide(&self) -> Result<Change<Ensured>, AccessError> {
        let now = self.access.now();
        if let Some(grant) = self.known.live(now) {
            return self.live(grant);
        }
        let open = |request: &&AccessRequest| request.lapses_at().is_some_and(|lapses_at| now < lapses_at);
        if let Some(request) = self.known.requests.iter().find(open) {
            return Ok(self.nothing_to_do(Ensured {
                request: Some(request.clone()),
                duration: request.duration_seconds,
                ..self.outcome(EnsureStatus::Pending)?
            }));
        }
        match self.last_word()? {
            // A poll has no reason, and must not reopen an access that was denied, expired or revoked.
            Some(ended) if !self.justification.has_reason() => Ok(self.nothing_to_do(ended)),
            Some(_) | None => self.new_request(),
        }
    }

    fn outcome(&self, status: EnsureStatus) -> Result<Ensured, AccessError> {
        let resource = &self.entitlement.resource;
        let terms = self.terms()?;
        // The account's name and existence are shown only to callers who may have, or had, access to it.
        let is_told = terms.is_some() || !self.known.grants.is_empty();
        let account = self.engine.directory.get(resource).filter(|_| is_told);
        let account = account.map_or(resource.id(), |known| known.name.as_str());
        Ok(Ensured {
            grant: None,
            request: None,
            id: self.placeholder(),
            name: format!("{} on {account} ({})", self.entitlement.role, resource.id()),
            status,
            change: EnsureChange::None,
            duration: self.entitlement.duration.unwrap_or(self.access.tenant().settings.default_duration_seconds),
            needs_reason: terms.as_ref().is_some_and(|terms| terms.require_reason),
            needs_ticket: terms.is_some_and(|terms| !terms.ticket_patterns.is_empty()),
            diagnostics: Vec::new(),
            is_new: false,
        })
    }

    /// An id for an access without a request: the same each time (a UUIDv8 of its key).
    fn placeholder(&self) -> Uuid {
        let key = self.access_key();
        let mut bytes = [0; 16];
        for (byte, digit) in bytes.iter_mut().zip(key.bytes()) {
            *byte = digit;
        }
        Uuid::new_v8(bytes)
    }

    fn access_key(&self) -> String {
        keys::access(&self.access.caller().principal().who, &self.entitlement.resource, &self.entitlement.role)
    }

    fn request_context(&self) -> RequestContext<'_> {
        RequestContext {
            access: self.access,
            engine: self.engine,
            requester: self.access.caller().principal().clone(),
            new: NewRequest {
                resource: self.entitlement.resource.clone(),
                action: self.entitlement.role.clone(),
                reason: self.justification.reason.clone().filter(|reason| !is_blank(reason)),
                tickets: self.justification.attachments.clone(),
                duration: self.entitlement.duration,
                break_glass: false,
                start_at: None,
                on_behalf_of: None,
                metadata: Metadata::new(),
            },
            held_seconds: self.held_seconds,
        }
    }

    /// The terms on which policy permits the access; `None` if it does not.
    fn terms(&self) -> Result<Option<Terms>, AccessError> {
        match self.engine.decide(&self.request_context().question()) {
            Ok(decision) => Ok(decision.terms().cloned()),
            Err(AccessError::UnknownResource { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// No request is made, since too many grants of the caller are pending.
    pub(super) fn too_many_pending(&self, limit: u32) -> Result<Ensured, AccessError> {
        let mut outcome = self.outcome(EnsureStatus::Revoked)?;
        outcome.diagnostics.push(Diagnostic::error(format!(
            "no request was made: {limit} of your grants are not usable yet, which is the most your tenant allows; try \
             again when some of them are"
        )));
        Ok(outcome)
    }

    fn nothing_to_do(&self, outcome: Ensured) -> Change<Ensured> {
        Change::new(self.access.begin(), outcome)
    }

    /// The result for a live grant: it is reported, or extended if it is about to end and the caller asked for more
    /// time.
    fn live(&self, grant: &Grant) -> Result<Change<Ensured>, AccessError> {
        let now = self.access.now();
        let begins_later = grant.granted_at > now;
        let status = match grant.provisioning {
            _ if begins_later => EnsureStatus::Pending,
            Provisioning::Successful { .. } => EnsureStatus::Active,
            Provisioning::Pending { .. } | Provisioning::Failed { .. } => EnsureStatus::Provisioning,
        };
        let mut outcome = Ensured {
            grant: Some(grant.clone()),
            request: self.request_of(grant),
            duration: grant.duration_seconds,
            ..self.outcome(status)?
        };
        if let Provisioning::Pending { last_error: Some(why), .. } = &grant.provisioning {
            outcome.diagnostics.push(Diagnostic::warning(format!("it is not usable yet, and is tried again: {why}")));
        }
        if begins_later {
            outcome.diagnostics.push(Diagnostic {
                level: Level::Info,
                message: format!("it is granted, and begins at {}", grant.granted_at),
            });
            return Ok(self.nothing_to_do(outcome));
        }
        let Some(asked) = self.entitlement.duration.filter(|asked| wants_extension(grant, *asked, now)) else {
            return Ok(self.nothing_to_do(outcome));
        };
        match self.extension(grant, (now + asked.span()).min(grant.latest_end)) {
            Ok((until, permit)) if until > grant.expires_at => {
                let change = prolong(self.access, self.engine, grant.clone(), until, asked, &permit)?;
                Ok(change.map(|grant| Ensured {
                    grant: Some(grant),
                    change: EnsureChange::Extended,
                    duration: asked,
                    ..outcome
                }))
            }
            Ok(_) => {
                outcome
                    .diagnostics
                    .push(Diagnostic::warning("it already lasts as long as its policies allow".to_owned()));
                Ok(self.nothing_to_do(outcome))
            }
            Err(
                error @ (AccessError::PolicyDenied { .. }
                | AccessError::InvalidInput { .. }
                | AccessError::UnknownResource { .. }),
            ) => {
                outcome.diagnostics.push(Diagnostic::warning(format!("it was not extended: {error}")));
                Ok(self.nothing_to_do(outcome))
            }
            Err(error) => Err(error),
        }
    }

    /// The end that policy allows for a grant that is to end at `until`: that, or an earlier one. Policy is evaluated
    /// for the end that is then given.
    fn extension(&self, grant: &Grant, until: Timestamp) -> Result<(Timestamp, ExtensionPermit), AccessError> {
        let extension = Extension {
            access: self.access,
            engine: self.engine,
            grant,
            reason: self.justification.reason.as_deref(),
            tickets: &self.justification.attachments,
            held_seconds: self.held_seconds,
        };
        let mut until = until;
        loop {
            let permit = extension.permit(until.max(grant.expires_at))?;
            let latest_end = permit.latest_end();
            if latest_end >= until || latest_end <= grant.expires_at {
                return Ok((until.min(latest_end), permit));
            }
            until = latest_end;
        }
    }

    fn request_of(&self, grant: &Grant) -> Option<AccessRequest> {
        self.known.requests.iter().find(|request| Some(request.id) == grant.request_id).cloned()
    }

    /// The result for an access that has ended; `None` if there was none.
    fn last_word(&self) -> Result<Option<Ensured>, AccessError> {
        let grant = self.known.grants.first();
        let request = self.known.requests.first();
        let (status, message) = match (request, grant) {
            (Some(request), _) => match (&request.state, grant.filter(|g| g.request_id == Some(request.id))) {
                (RequestState::Denied { reasoning, .. }, _) => {
                    let why = reasoning.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
                    (EnsureStatus::Revoked, format!("the request was denied{why}"))
                }
                (RequestState::Expired | RequestState::Pending { .. }, _) => {
                    (EnsureStatus::Expired, "the request expired without a decision".to_owned())
                }
                (RequestState::Cancelled, _) => (EnsureStatus::Revoked, "the request was cancelled".to_owned()),
                (RequestState::Approved { .. }, Some(grant)) => ended(grant),
                // Approved a moment ago: the index has the request but not the grant yet.
                (RequestState::Approved { .. }, None) => (EnsureStatus::Provisioning, String::new()),
            },
            (None, Some(grant)) => ended(grant),
            (None, None) => return Ok(None),
        };
        let mut outcome = Ensured {
            grant: grant.filter(|grant| request.is_none_or(|request| grant.request_id == Some(request.id))).cloned(),
            request: request.cloned(),
            ..self.outcome(status)?
        };
        if status != EnsureStatus::Provisioning {
            // A new request needs a reason, so that a client that prompts for required fields prompts for it.
            outcome.needs_reason = true;
            outcome
                .diagnostics
                .push(Diagnostic::error(format!("{message}; to request it again, give a `justification`")));
        }
        Ok(Some(outcome))
    }

    /// Creates a request for the missing access.
    fn new_request(&self) -> Result<Change<Ensured>, AccessError> {
        let asking = self.request_context();
        let mut outcome = self.outcome(EnsureStatus::Revoked)?;
        let evaluated = match asking.evaluate() {
            Ok(evaluated) => evaluated,
            Err(
                error @ (AccessError::InvalidInput { .. }
                | AccessError::DurationExceedsMaximum { .. }
                | AccessError::UnknownResource { .. }),
            ) => {
                outcome.diagnostics = self.what_is_missing(&error)?;
                return Ok(self.nothing_to_do(outcome));
            }
            Err(error) => return Err(error),
        };
        let mut writes = self.access.begin();
        outcome.is_new = true;
        match evaluated {
            EvaluatedRequest::Denied { mut request, reason, notices } => {
                request.id = self.access.id();
                outcome.diagnostics.push(Diagnostic::error(reason));
                outcome.diagnostics.extend(notices.into_iter().map(Diagnostic::error));
                self.open(&mut writes, &request, EventKind::RequestDenied)?;
                outcome.request = Some(request);
            }
            EvaluatedRequest::Waits(mut request) => {
                request.id = self.access.id();
                self.open(&mut writes, &request, EventKind::RequestPending)?;
                outcome.status = EnsureStatus::Pending;
                outcome.change = EnsureChange::Requested;
                outcome.duration = request.duration_seconds;
                outcome.request = Some(request);
            }
            EvaluatedRequest::Granted(mut request, mut grant) => {
                request.id = self.access.id();
                grant.request_id = Some(request.id);
                self.open(&mut writes, &request, EventKind::RequestApproved)?;
                give_within_limit(self.access, &mut writes, &grant)?;
                outcome.status = EnsureStatus::Provisioning;
                outcome.change = EnsureChange::Activated;
                outcome.duration = request.duration_seconds;
                outcome.request = Some(request);
                outcome.grant = Some(*grant);
            }
        }
        Ok(Change::new(writes, outcome))
    }

    /// Everything that the request lacks, not only the first thing.
    fn what_is_missing(&self, first: &AccessError) -> Result<Vec<Diagnostic>, AccessError> {
        let mut found = Vec::new();
        if let Some(terms) = self.terms()? {
            if terms.require_reason && !self.justification.has_reason() {
                found.push(Diagnostic::error("a reason is required by the policy that permits this".to_owned()));
            }
            let attachments = &self.justification.attachments;
            if let Some(pattern) = unmatched_ticket_pattern(&terms.ticket_patterns, attachments) {
                found.push(Diagnostic::error(format!(
                    "a ticket matching `{pattern}` is required among `justification.attachments`"
                )));
            }
            let maximum = terms.max_duration_seconds;
            if self.entitlement.duration.is_some_and(|asked| asked > maximum) {
                found.push(Diagnostic::error(format!("the longest allowed duration is {} seconds", maximum.get())));
            }
            let waits = terms.approval_mode == ApprovalMode::Require;
            if waits && !found.is_empty() {
                found.push(Diagnostic {
                    level: Level::Info,
                    message: "with that, the request goes to approvers".to_owned(),
                });
            }
        }
        if found.is_empty() {
            found.push(Diagnostic::error(first.to_string()));
        }
        Ok(found)
    }

    /// Writes a request into the slot of its access, so that one of several simultaneous calls succeeds.
    fn open(&self, writes: &mut Transaction, request: &AccessRequest, kind: EventKind) -> Result<(), StoreError> {
        writes.create(request)?;
        record(self.access, writes, kind, request)?;
        match &self.known.slot {
            Some(slot) => writes.update(&EnsureSlot { request_id: request.id, ..slot.clone() }),
            None => writes.create(&EnsureSlot { access: self.access_key(), request_id: request.id, version: 0 }),
        }
    }
}

/// Whether to extend a grant: it is about to end, the caller asked for more time, and it was not extended just now.
fn wants_extension(grant: &Grant, asked: Seconds, now: Timestamp) -> bool {
    let left = grant.expires_at.duration_since(now);
    let about_to_end = left.as_millis() * i128::from(ABOUT_TO_END) <= grant.duration_seconds.span().as_millis();
    let heard = grant.extended_at.is_some_and(|at| now < at + EXTENSION_PAUSE);
    about_to_end && !heard && now + asked.span() > grant.expires_at
}

/// How a grant ended, and why it never became usable if it did not.
fn ended(grant: &Grant) -> (EnsureStatus, String) {
    let status = match grant.status {
        GrantStatus::Revoked => EnsureStatus::Revoked,
        GrantStatus::Active if grant.missing_since.is_some() => {
            return (EnsureStatus::Revoked, DELETED_OUTSIDE.to_owned());
        }
        GrantStatus::Active | GrantStatus::Expired => EnsureStatus::Expired,
    };
    let message = match (&grant.provisioning, status) {
        (Provisioning::Failed { error, .. }, _) => format!("the access could not be given: {error}"),
        (Provisioning::Pending { last_error: Some(why), .. }, _) => {
            format!("the access ended before it became usable: {why}")
        }
        (Provisioning::Pending { last_error: None, .. }, _) => "the access ended before it became usable".to_owned(),
        (Provisioning::Successful { .. }, EnsureStatus::Revoked) => "the access was ended early".to_owned(),
        (Provisioning::Successful { .. }, _) => "the access has ended".to_owned(),
    };
    (status, message)
}
