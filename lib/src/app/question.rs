//! The questions that use cases put to policy.

use jiff::Timestamp;

use super::{AccessError, OperationContext, TenantEngine};
use crate::domain::{AccessRequest, AccountId, Grant, ResourceRef, ResourceType, Seconds};
use crate::policy::{AccessQuestion, Approve, DecidedAccess, DecisionQuestion, Permit, PolicyDecision, Revoke};

impl TenantEngine {
    /// Whether policy permits an access, and on which terms. An internal error is returned as an error: it denies, and
    /// must not look like a decision.
    ///
    /// # Errors
    ///
    /// [`AccessError::UnknownResource`] if the directory does not offer the resource and the principal may learn that.
    pub(super) fn decide(&self, question: &AccessQuestion<'_>) -> Result<PolicyDecision, AccessError> {
        let decision = self.engine.decide(question);
        match decision.fault {
            Some(fault) => Err(AccessError::Policies(fault)),
            None if decision.unknown_resource => Err(self.unknown(question.resource)),
            None => Ok(decision),
        }
    }

    /// The error for a resource that the directory does not offer.
    pub(super) fn unknown(&self, resource: &ResourceRef) -> AccessError {
        AccessError::UnknownResource { resource: resource.clone(), synced_at: self.directory.synced_at() }
    }

    /// The caller's authority to decide a request: by policy, or as an administrator.
    pub(super) fn approval(
        &self,
        access: &OperationContext,
        request: &AccessRequest,
    ) -> Result<Permit<Approve>, AccessError> {
        let caller = access.caller();
        if let Some(permit) = caller.administrator_approves() {
            return Ok(permit);
        }
        let question = DecisionQuestion {
            principal: caller.principal(),
            circumstances: caller.circumstances(),
            now: access.now(),
            requester: &request.requester,
            resource: &request.resource,
            decided: decided_by_request(request, access.now()),
        };
        self.engine.authorize_approve(&question).map_err(|decision| self.denied(&decision))
    }

    /// The caller's authority to end a grant: by policy, or as an administrator. Whoever may approve such an access may
    /// also end it.
    pub(super) fn revocation(&self, access: &OperationContext, grant: &Grant) -> Result<Permit<Revoke>, AccessError> {
        let caller = access.caller();
        if let Some(permit) = caller.administrator_revokes() {
            return Ok(permit);
        }
        let length = grant.expires_at.duration_since(grant.granted_at).as_secs();
        let question = DecisionQuestion {
            principal: caller.principal(),
            circumstances: caller.circumstances(),
            now: access.now(),
            requester: &grant.grantee,
            resource: &grant.resource,
            decided: DecidedAccess {
                action: &grant.action,
                reason: grant.reason.as_deref(),
                tickets: &grant.tickets,
                duration: Seconds::new(length).unwrap_or(grant.duration_seconds),
                start_at: grant.granted_at,
                break_glass: grant.break_glass,
            },
        };
        self.engine.authorize_revoke(&question).map_err(|decision| self.denied(&decision))
    }

    /// Checks that access to resources of this type can be given.
    pub(super) fn check_type(&self, resource: &ResourceRef) -> Result<(), AccessError> {
        match resource.kind() {
            ResourceType::AwsAccount | ResourceType::AwsPermissionSet => Ok(()),
            kind @ (ResourceType::AwsS3Bucket
            | ResourceType::AwsRdsInstance
            | ResourceType::AwsEc2Instance
            | ResourceType::AwsOrganizationalUnit) => Err(AccessError::input(
                "resource.type",
                format!("access to `{kind}` is not supported yet; request a role on an `aws_account`"),
            )),
        }
    }

    /// The account a resource is in.
    pub(super) fn account_of(&self, resource: &ResourceRef) -> Result<AccountId, AccessError> {
        self.check_type(resource)?;
        if resource.kind() == ResourceType::AwsAccount {
            return AccountId::parse(resource.id())
                .map_err(|error| AccessError::input("resource.id", error.to_string()));
        }
        self.directory.get(resource).and_then(|known| known.account_id.clone()).ok_or_else(|| {
            AccessError::input(
                "resource.id",
                "the directory has no account for this permission set; request the role on an `aws_account`",
            )
        })
    }
}

impl TenantEngine {
    /// The permission set that gives an action on a resource.
    pub(super) fn permission_set_of(&self, resource: &ResourceRef, action: &str) -> Result<String, AccessError> {
        if resource.kind() == ResourceType::AwsPermissionSet {
            return Ok(resource.id().to_owned());
        }
        let named = self.directory.permission_set_named(action);
        named
            .map(|known| known.resource.id().to_owned())
            .map_err(|error| AccessError::input("action", error.to_string()))
    }
}

impl TenantEngine {
    /// Why an access that was requested earlier cannot be given now, for an approver who did not name it; `None` if it
    /// can be.
    pub(super) fn why_not_given(&self, resource: &ResourceRef, action: &str) -> Option<String> {
        let error = self.account_of(resource).err().or_else(|| self.permission_set_of(resource, action).err())?;
        let reason = if let AccessError::InvalidInput { reason, .. } = error { reason } else { error.to_string() };
        Some(format!("the requested access can no longer be given: {reason}"))
    }

    /// The explanation of a decision, with the names of the determining policies.
    pub(super) fn explain(&self, decision: &PolicyDecision) -> String {
        let deciding = self.policies.iter().filter(|policy| decision.matching_policy_ids.contains(&policy.id));
        let names: Vec<_> = deciding.map(|policy| format!("`{}`", policy.name)).collect();
        match (names.as_slice(), decision.is_permitted()) {
            ([], _) => decision.reason.clone(),
            (names, true) => format!("permitted by policy {}", names.join(" and ")),
            (names, false) => format!("forbidden by policy {}", names.join(" and ")),
        }
    }

    /// The error for a refusal by policy.
    pub(super) fn denied(&self, decision: &PolicyDecision) -> AccessError {
        AccessError::PolicyDenied { reason: self.explain(decision), notices: decision.notices.clone() }
    }
}

/// What an approver decides about, at a given time.
pub(super) fn decided_by_request(request: &AccessRequest, at: Timestamp) -> DecidedAccess<'_> {
    DecidedAccess {
        action: &request.action,
        reason: request.reason.as_deref(),
        tickets: &request.tickets,
        duration: request.duration_seconds,
        start_at: request.begins_at(at),
        break_glass: request.break_glass,
    }
}
