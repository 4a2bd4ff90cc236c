//! Dry runs of policy: what it would decide.

use serde_json::{Map, Value};

use super::{AccessError, OperationContext, TenantEngine, people};
use crate::domain::{Auth, Circumstances, Principal, PrincipalKind, ResourceRef};
use crate::policy::{TrialQuestion, TrialResult};

/// The question of a dry run, and what was read for it.
#[derive(Debug, Clone)]
pub struct Trial<'a> {
    /// The principal who requests or decides.
    pub principal: &'a Principal,
    /// The requester that the context names; `None` if it names none.
    pub requester: Option<&'a Principal>,
    /// The resource.
    pub resource: &'a ResourceRef,
    /// The action, or a reserved action.
    pub action: &'a str,
    /// Values that replace those of the context; `None` to replace none.
    pub extra: Option<&'a Map<String, Value>>,
}

impl TenantEngine {
    /// The decision if the principal asked now, with the credential of their kind, one factor and an unknown address,
    /// except where the question's values say otherwise.
    ///
    /// # Errors
    ///
    /// [`AccessError`] if the values do not fit the context, or the policies could not be evaluated.
    pub async fn evaluate(&self, access: &OperationContext, trial: &Trial<'_>) -> Result<TrialResult, AccessError> {
        let auth = match trial.principal.who.kind {
            PrincipalKind::User => Auth::Oidc,
            PrincipalKind::ServiceAccount => Auth::ApiKey,
        };
        let held_seconds = if self.engine.asks_held_seconds() {
            let mut principal = trial.principal.clone();
            people::look_up_one(access.table(), &mut principal).await?;
            let given = self.given_by(trial.resource, trial.action);
            self.held_seconds(access.table(), &principal, given, None, access.now()).await?
        } else {
            0
        };
        let question = TrialQuestion {
            principal: trial.principal,
            resource: trial.resource,
            action: trial.action,
            requester: trial.requester,
            default_duration: access.tenant().settings.default_duration_seconds,
            now: access.now(),
            circumstances: Circumstances { auth, mfa: false, source_ip: None },
            held_seconds,
        };
        let evaluation = self
            .engine
            .evaluate(&question, trial.extra)
            .map_err(|error| AccessError::input(format!("context.{}", error.field()), error.to_string()))?;
        match evaluation.decision.fault {
            // An internal error does not answer what policy would decide.
            Some(fault) => Err(AccessError::Policies(fault)),
            None => Ok(evaluation),
        }
    }
}
