//! What policy would say, for trying it out.

use serde_json::{Map, Value};

use super::question::context_of;
use super::{Access, AccessError, TenantEngine};
use crate::domain::{Auth, Circumstances, Principal, PrincipalKind, ResourceRef};
use crate::policy::{Decision, Question, QuestionContext};

impl TenantEngine {
    /// What would be decided if `principal` asked now, by token or key as becomes them, with one factor and from an
    /// unknown address, unless `extra` says otherwise of the context.
    ///
    /// # Errors
    ///
    /// [`AccessError`] when `extra` does not fit the context, or the policies could not be evaluated.
    pub fn evaluate(
        &self,
        access: &Access,
        principal: &Principal,
        resource: &ResourceRef,
        action: &str,
        extra: Option<&Map<String, Value>>,
    ) -> Result<Decision, AccessError> {
        let auth = match principal.who.kind {
            PrincipalKind::User => Auth::Oidc,
            PrincipalKind::ServiceAccount => Auth::ApiKey,
        };
        let circumstances = Circumstances { auth, mfa: false, source_ip: None };
        let context = QuestionContext { circumstances, ..context_of(access) };
        let question = Question { principal, action, resource, context };
        let decision = self
            .engine
            .evaluate(&question, extra)
            .map_err(|error| AccessError::input(format!("context.{}", error.field()), error.to_string()))?;
        match decision.fault {
            // A fault of ours is no answer to what policy says.
            Some(fault) => Err(AccessError::Policies(fault)),
            None => Ok(decision),
        }
    }
}
