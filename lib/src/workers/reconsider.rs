//! Policy is asked again before a grant is given: its decision may be old, or have been made by policies that are not in
//! force any more.

use futures_util::future::try_join3;

use super::context::{WorkerError, Workers};
use crate::app::reconsider::{
    CurrentRecords, EvaluationInputs, Reconsidered, Refusal, check, held_seconds_besides, is_approved, is_outdated,
    reconsider, reconsider_break_glass,
};
use crate::app::{AccessError, people};
use crate::domain::{
    AccessRequest, AwsResource, DecisionBasis, Grant, Principal, ResourceRef, ResourceType, Seconds, Tenant, Terms,
};
use crate::store::{Record, StoreError, Transaction};

/// Whether a grant may be given now.
pub(super) enum Confirmation {
    /// It may, as long as what it was evaluated by does not change before the commit.
    Confirmed(Box<Confirmed>),
    /// It may not: it ends unused.
    Refused(Refusal),
    /// It cannot be told: tried again later.
    Unknown(String),
}

/// What a grant was evaluated by.
pub(super) struct Confirmed {
    tenant: Tenant,
    current: CurrentRecords,
    /// Its request, with the people it is about as the directory links them now.
    request: AccessRequest,
    /// Who is to have it, as they are known now.
    requester: Principal,
    /// By what it was evaluated anew, and on which terms; none when nothing had changed. An emergency has no terms.
    evaluated: Option<(DecisionBasis, Option<Terms>)>,
}

impl Workers {
    /// INVARIANT 10 (nothing is given that policy would refuse now): asks again if anything changed since a grant was last
    /// evaluated, or its begin lies too long after that.
    pub(super) async fn reconsider(&self, grant: &Grant) -> Result<Confirmation, WorkerError> {
        let table = self.table.tenant(grant.tenant_id);
        let Some(request_id) = grant.request_id else {
            return Ok(Confirmation::Refused("no request asks for it".into()));
        };
        let permission_set = async {
            match ResourceRef::new(ResourceType::AwsPermissionSet, &grant.permission_set_arn) {
                Ok(resource) => table.get::<AwsResource>(resource.to_string()).await,
                Err(_) => Ok(None),
            }
        };
        let (tenant, request, permission_set) = try_join3(
            table.get::<Tenant>(Tenant::KIND),
            table.get::<AccessRequest>(request_id.to_string()),
            permission_set,
        )
        .await?;
        if let Err(refusal) = is_approved(grant, request.as_ref(), permission_set.as_ref()) {
            return Ok(Confirmation::Refused(refusal));
        }
        let (Some(mut tenant), Some(mut request)) = (tenant, request) else {
            return Ok(Confirmation::Unknown("its tenant cannot be read".to_owned()));
        };
        let current = CurrentRecords::read(&table, &request).await?;
        let stored = request.clone();
        current.identify(&mut request, self.now());
        people::look_up(&table, &mut request).await?;
        let now = self.now();
        let start_at = grant.granted_at;
        // Longer than can be asked for is longer than any policy's maximum, too.
        let duration = Seconds::new(grant.expires_at.duration_since(start_at).as_secs()).unwrap_or(Seconds::MAX);
        let mut facts =
            EvaluationInputs { tenant: &tenant, current: &current, now, start_at, duration, held_seconds: 0 };
        let outdated = is_outdated(grant, &facts) || request != stored;
        let outcome = if request.break_glass {
            // Its settings have just been read.
            reconsider_break_glass(&request, &facts)
        } else if outdated {
            let engine = match self.engines.of(&tenant, &table).await {
                Ok(engine) => engine,
                Err(error) => return unknown(error),
            };
            facts.held_seconds = held_seconds_besides(&engine, &table, &request, now).await?;
            let outcome = reconsider(&engine, &request, None, &facts);
            // It may be newer than the tenant's item was a moment ago.
            tenant.policy_version = engine.policy_version;
            tenant.directory_version = engine.directory_version;
            match outcome {
                Ok(outcome) => outcome,
                Err(error) => return unknown(error),
            }
        } else {
            let requester = request.requester.clone();
            let confirmed = Confirmed { tenant, current, request, requester, evaluated: None };
            return Ok(Confirmation::Confirmed(Box::new(confirmed)));
        };
        Ok(match outcome {
            Reconsidered::Holds { requester, terms } => {
                let evaluation = DecisionBasis {
                    policy_version: tenant.policy_version,
                    directory_version: tenant.directory_version,
                    at: now,
                };
                let evaluated = outdated.then_some((evaluation, terms));
                Confirmation::Confirmed(Box::new(Confirmed { tenant, current, request, requester, evaluated }))
            }
            Reconsidered::NeedsApprovals { terms } => Confirmation::Refused(Refusal {
                reason: format!("{} people have to approve it now, and fewer did", terms.required_approvals),
                notices: Vec::new(),
            }),
            Reconsidered::Refused(Refusal { reason, notices }) => {
                Confirmation::Refused(Refusal { reason: format!("refused when it was to begin: {reason}"), notices })
            }
        })
    }
}

/// A fault of ours is no decision: nothing is given, and it is tried again.
fn unknown(error: AccessError) -> Result<Confirmation, WorkerError> {
    if let AccessError::Store(error) = error {
        return Err(error.into());
    }
    tracing::error!(cause = %error, "a grant cannot be evaluated");
    Ok(Confirmation::Unknown("the tenant's policies cannot be evaluated".to_owned()))
}

impl Confirmed {
    /// Who is to have the access, linked as the directory links them now.
    pub(super) fn requester(&self) -> &Principal {
        &self.requester
    }

    /// Whether policy was asked, and what it was asked by has to be written down.
    pub(super) fn is_new(&self) -> bool {
        self.evaluated.is_some()
    }

    /// Writes down by what a grant was evaluated, and the terms it has now where they are stricter.
    pub(super) fn note(&self, grant: &mut Grant) {
        let Some((evaluation, terms)) = &self.evaluated else { return };
        grant.grantee = self.requester.clone();
        grant.evaluation = *evaluation;
        if let Some(terms) = terms {
            grant.latest_end = grant.latest_end.min(grant.granted_at + terms.max_duration_seconds.span());
            grant.on_drift = grant.on_drift.min(terms.on_drift);
            grant.audit_enabled |= terms.audit_session;
        }
    }

    /// Makes a commit conditional on it.
    pub(super) fn check(&self, writes: &mut Transaction) -> Result<(), StoreError> {
        people::hold(writes, &self.request);
        check(&self.tenant, &self.current, writes)
    }
}
