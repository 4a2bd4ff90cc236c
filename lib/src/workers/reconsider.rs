//! Policy is asked again before a grant is given: its decision may be old, or have been made by policies that are not in
//! force any more.

use futures_util::future::try_join;

use super::context::{WorkerError, Workers};
use crate::access::reconsider::{
    Facts, Newest, Reconsidered, Refusal, check, held_seconds_besides, is_approved, is_outdated, reconsider,
    reconsider_break_glass,
};
use crate::access::{AccessError, people};
use crate::domain::{AccessRequest, Evaluation, Grant, Principal, Tenant};
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
    newest: Newest,
    /// Its request, with the people it is about as the directory links them now.
    request: AccessRequest,
    /// Who is to have it, as they are known now, and by what that was evaluated; none when nothing had changed.
    evaluated: Option<(Principal, Evaluation)>,
}

impl Workers {
    /// INVARIANT 10 (nothing is given that policy would refuse now): asks again if anything changed since a grant was last
    /// evaluated, or its begin lies too long after that.
    pub(super) async fn reconsider(&self, grant: &Grant) -> Result<Confirmation, WorkerError> {
        let table = self.table.tenant(grant.tenant_id);
        let Some(request_id) = grant.request_id else {
            return Ok(Confirmation::Refused("no request asks for it".into()));
        };
        let (tenant, request) =
            try_join(table.get::<Tenant>(Tenant::KIND), table.get::<AccessRequest>(request_id.to_string())).await?;
        if let Err(refusal) = is_approved(grant, request.as_ref()) {
            return Ok(Confirmation::Refused(refusal));
        }
        let (Some(mut tenant), Some(mut request)) = (tenant, request) else {
            return Ok(Confirmation::Unknown("its tenant cannot be read".to_owned()));
        };
        let newest = Newest::read(&table, &request).await?;
        let stored = request.clone();
        people::look_up(&table, &mut request).await?;
        let now = self.now();
        let start_at = grant.granted_at;
        let mut facts = Facts { tenant: &tenant, newest: &newest, now, start_at, held_seconds: 0 };
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
            return Ok(Confirmation::Confirmed(Box::new(Confirmed { tenant, newest, request, evaluated: None })));
        };
        Ok(match outcome {
            Reconsidered::Holds { requester, .. } => {
                let evaluation = Evaluation {
                    policy_version: tenant.policy_version,
                    directory_version: tenant.directory_version,
                    at: now,
                };
                let evaluated = outdated.then_some((requester, evaluation));
                Confirmation::Confirmed(Box::new(Confirmed { tenant, newest, request, evaluated }))
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
    match error {
        AccessError::Store(error) => Err(error.into()),
        error => {
            tracing::error!(cause = %error, "a grant cannot be evaluated");
            Ok(Confirmation::Unknown("the tenant's policies cannot be evaluated".to_owned()))
        }
    }
}

impl Confirmed {
    /// Whether policy was asked, and what it was asked by has to be written down.
    pub(super) fn is_new(&self) -> bool {
        self.evaluated.is_some()
    }

    /// Writes down by what a grant was evaluated.
    pub(super) fn note(&self, grant: &mut Grant) {
        if let Some((requester, evaluation)) = &self.evaluated {
            grant.grantee = requester.clone();
            grant.evaluation = *evaluation;
        }
    }

    /// Makes a commit conditional on it.
    pub(super) fn check(&self, writes: &mut Transaction) -> Result<(), StoreError> {
        people::hold(writes, &self.request);
        check(&self.tenant, &self.newest, writes)
    }
}
