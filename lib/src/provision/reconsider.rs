//! Policy is evaluated again before a grant is given: its decision may be old, or made by policies that are no longer
//! in force.

use futures_util::future::try_join4;

use super::context::{WorkerError, Workers};
use crate::app::reconsider::{
    CurrentRecords, EvaluationInputs, Reconsidered, Refusal, check, held_seconds_besides, is_approved, is_outdated,
    reconsider, reconsider_break_glass, settings_hash,
};
use crate::app::{AccessError, people};
use crate::domain::{
    AccessRequest, AwsResource, DecisionBasis, Grant, Principal, ResourceRef, ResourceType, Seconds, Tenant, Terms,
    Versions,
};
use crate::store::{Record, StoreError, Transaction};

/// Whether a grant may be given now.
pub(crate) enum Confirmation {
    /// It may, on condition that what it was evaluated by does not change before the commit.
    Confirmed(Box<Confirmed>),
    /// It may not: it ends without having been given.
    Refused(Refusal),
    /// Policy could not be evaluated, with the cause: it is tried again later.
    Unknown(String),
}

/// What a grant was evaluated by.
pub(crate) struct Confirmed {
    tenant: Tenant,
    versions: Versions,
    current: CurrentRecords,
    /// Its request, with requester and approvers as the directory links them now.
    request: AccessRequest,
    /// The principal who is to have the access, as the directory links them now.
    requester: Principal,
    /// What it was evaluated again by, and the terms of that; `None` if nothing had changed. Break-glass access has no
    /// terms.
    evaluated: Option<(DecisionBasis, Option<Terms>)>,
}

impl Workers {
    /// INVARIANT 10 (nothing is given that policy would refuse now): evaluates a grant again if anything changed since
    /// it was last evaluated, or if it begins too long after that.
    pub(crate) async fn reconsider(&self, grant: &Grant) -> Result<Confirmation, WorkerError> {
        let table = self.table.tenant(grant.tenant_id);
        let Some(request_id) = grant.request_id else {
            return Ok(Confirmation::Refused("the grant has no request".into()));
        };
        let permission_set = async {
            match ResourceRef::new(ResourceType::AwsPermissionSet, &grant.permission_set_arn) {
                Ok(resource) => table.get::<AwsResource>(resource.to_string()).await,
                Err(_) => Ok(None),
            }
        };
        let (tenant, versions, request, permission_set) = try_join4(
            table.get::<Tenant>(Tenant::KIND),
            table.get::<Versions>(Versions::KIND),
            table.get::<AccessRequest>(request_id.to_string()),
            permission_set,
        )
        .await?;
        if let Err(refusal) = is_approved(grant, request.as_ref(), permission_set.as_ref()) {
            return Ok(Confirmation::Refused(refusal));
        }
        let (Some(tenant), Some(mut versions), Some(mut request)) = (tenant, versions, request) else {
            return Ok(Confirmation::Unknown("could not read its tenant".to_owned()));
        };
        let current = CurrentRecords::read(&table, &request).await?;
        let stored = request.clone();
        current.identify(&mut request, self.now());
        people::look_up(&table, &mut request).await?;
        let now = self.now();
        let start_at = grant.granted_at;
        // A duration that does not fit is also longer than any policy's maximum.
        let duration = Seconds::new(grant.expires_at.duration_since(start_at).as_secs()).unwrap_or(Seconds::MAX);
        let mut facts =
            EvaluationInputs { tenant: &tenant, current: &current, now, start_at, duration, held_seconds: 0 };
        let outdated = is_outdated(grant, versions, &facts) || request != stored;
        let outcome = if request.break_glass {
            // The tenant's settings have just been read.
            reconsider_break_glass(&request, &facts)
        } else if outdated {
            let engine = match self.engines.of(versions, &table).await {
                Ok(engine) => engine,
                Err(error) => return unknown(error),
            };
            facts.held_seconds = held_seconds_besides(&engine, &table, &request, now).await?;
            let outcome = reconsider(&engine, &request, None, &facts);
            // They may be newer than the versions that were read above.
            versions = engine.versions;
            match outcome {
                Ok(outcome) => outcome,
                Err(error) => return unknown(error),
            }
        } else {
            let requester = request.requester.clone();
            let confirmed = Confirmed { tenant, versions, current, request, requester, evaluated: None };
            return Ok(Confirmation::Confirmed(Box::new(confirmed)));
        };
        Ok(match outcome {
            Reconsidered::Holds { requester, terms } => {
                let evaluation = DecisionBasis {
                    policy_version: versions.policy_version,
                    directory_version: versions.directory_version,
                    settings_hash: settings_hash(&tenant),
                    at: now,
                };
                let evaluated = outdated.then_some((evaluation, terms));
                Confirmation::Confirmed(Box::new(Confirmed {
                    tenant,
                    versions,
                    current,
                    request,
                    requester,
                    evaluated,
                }))
            }
            Reconsidered::NeedsApprovals { terms } => Confirmation::Refused(Refusal {
                reason: format!("policy now requires {} approvals, and fewer were given", terms.required_approvals),
                notices: Vec::new(),
            }),
            Reconsidered::Refused(Refusal { reason, notices }) => {
                Confirmation::Refused(Refusal { reason: format!("refused at its begin: {reason}"), notices })
            }
        })
    }
}

/// An internal error is not a decision: nothing is given, and it is tried again.
fn unknown(error: AccessError) -> Result<Confirmation, WorkerError> {
    if let AccessError::Store(error) = error {
        return Err(error.into());
    }
    tracing::error!(cause = %error, "could not evaluate a grant");
    Ok(Confirmation::Unknown("could not evaluate the tenant's policies".to_owned()))
}

impl Confirmed {
    /// The principal who is to have the access, as the directory links them now.
    pub(crate) fn requester(&self) -> &Principal {
        &self.requester
    }

    /// Whether policy was evaluated again, so that its basis has to be recorded.
    pub(crate) fn is_new(&self) -> bool {
        self.evaluated.is_some()
    }

    /// Records what the grant was evaluated by, and its new terms where they are stricter.
    pub(crate) fn note(&self, grant: &mut Grant) {
        let Some((evaluation, terms)) = &self.evaluated else { return };
        grant.grantee = self.requester.clone();
        grant.evaluation = evaluation.clone();
        if let Some(terms) = terms {
            grant.latest_end = grant.latest_end.min(grant.granted_at + terms.max_duration_seconds.span());
            grant.on_drift = grant.on_drift.min(terms.on_drift);
            grant.audit_enabled |= terms.audit_session;
        }
    }

    /// Makes a commit conditional on what the grant was evaluated by.
    pub(crate) fn check(&self, writes: &mut Transaction) -> Result<(), StoreError> {
        people::hold(writes, &self.request);
        check(&self.tenant, self.versions, &self.current, writes)
    }
}
