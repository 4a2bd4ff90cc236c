//! What policy would say, for trying it out.

use serde_json::{Map, Value};

use super::held::held_seconds;
use super::{AccessError, OperationContext, TenantEngine};
use crate::domain::{Auth, Circumstances, Grant, Principal, PrincipalKind, ResourceRef};
use crate::policy::{TrialQuestion, TrialResult};

/// A question that is tried out, and what was read for it.
#[derive(Debug, Clone)]
pub struct Trial<'a> {
    /// Who asks, or decides.
    pub principal: &'a Principal,
    /// What is known of the requester the context names, if it names one.
    pub requester: Option<&'a Principal>,
    /// OperationContext to what.
    pub resource: &'a ResourceRef,
    /// Which access, or a reserved action.
    pub action: &'a str,
    /// The principal's grants of this same access, as [`recent_grants`](super::recent_grants) reads them.
    pub recent: &'a [Grant],
    /// Values over the context.
    pub extra: Option<&'a Map<String, Value>>,
}

impl TenantEngine {
    /// What would be decided if the principal asked now, by token or key as becomes them, with one factor and from an
    /// unknown address, unless the trial's values say otherwise of the context.
    ///
    /// # Errors
    ///
    /// [`AccessError`] when the values do not fit the context, or the policies could not be evaluated.
    pub fn evaluate(&self, access: &OperationContext, trial: &Trial<'_>) -> Result<TrialResult, AccessError> {
        let auth = match trial.principal.who.kind {
            PrincipalKind::User => Auth::Oidc,
            PrincipalKind::ServiceAccount => Auth::ApiKey,
        };
        let question = TrialQuestion {
            principal: trial.principal,
            resource: trial.resource,
            action: trial.action,
            requester: trial.requester,
            default_duration: access.tenant().settings.default_duration_seconds,
            now: access.now(),
            circumstances: Circumstances { auth, mfa: false, source_ip: None },
            held_seconds: held_seconds(trial.recent, access.now()),
        };
        let evaluation = self
            .engine
            .evaluate(&question, trial.extra)
            .map_err(|error| AccessError::input(format!("context.{}", error.field()), error.to_string()))?;
        match evaluation.decision.fault {
            // A fault of ours is no answer to what policy says.
            Some(fault) => Err(AccessError::Policies(fault)),
            None => Ok(evaluation),
        }
    }
}
