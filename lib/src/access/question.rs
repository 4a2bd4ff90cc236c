//! The questions the use cases ask of policy.

use super::{Access, AccessError, TenantEngine};
use crate::auth::Caller;
use crate::domain::{AccountId, Principal, ResourceRef, ResourceType, Seconds};
use crate::policy::{Approve, Decision, Permit, Question, QuestionContext, Revoke};

/// What somebody asks for, as far as policy is concerned.
pub(super) struct Asked<'a> {
    pub(super) principal: &'a Principal,
    pub(super) resource: &'a ResourceRef,
    pub(super) action: &'a str,
    pub(super) reason: Option<&'a str>,
    pub(super) tickets: &'a [String],
    pub(super) duration: Option<Seconds>,
}

impl TenantEngine {
    /// Whether policy permits what is asked for, and on what terms. A fault of ours is an error: it denies, and it must
    /// not look like a decision.
    pub(super) fn decide(&self, access: &Access, asked: &Asked<'_>) -> Result<Decision, AccessError> {
        let decision = self.engine.decide(&Question {
            principal: asked.principal,
            action: asked.action,
            resource: asked.resource,
            context: QuestionContext {
                reason: asked.reason,
                tickets: asked.tickets,
                duration: asked.duration,
                ..context_of(access)
            },
        });
        match decision.fault {
            Some(fault) => Err(AccessError::Policies(fault)),
            None => Ok(decision),
        }
    }

    /// The caller's authority to decide what `requester` asked for: by policy, or as an administrator.
    pub(super) fn approval(
        &self,
        access: &Access,
        resource: &ResourceRef,
        requester: &Principal,
    ) -> Result<Permit<Approve>, AccessError> {
        let caller = access.caller();
        if let Some(permit) = caller.administrator_approves() {
            return Ok(permit);
        }
        let context = QuestionContext { requester: Some(requester), ..context_of(access) };
        self.engine.authorize_approve(caller.principal(), resource, context).map_err(|decision| self.denied(&decision))
    }

    /// The caller's authority to end a grant of `grantee`: by policy, or as an administrator. Who may decide on such
    /// access may also end it.
    pub(super) fn revocation(
        &self,
        access: &Access,
        resource: &ResourceRef,
        grantee: &Principal,
    ) -> Result<Permit<Revoke>, AccessError> {
        let caller = access.caller();
        if let Some(permit) = caller.administrator_revokes() {
            return Ok(permit);
        }
        let context = || QuestionContext { requester: Some(grantee), ..context_of(access) };
        self.engine
            .authorize_revoke(caller.principal(), resource, context())
            .or_else(|decision| {
                self.engine
                    .authorize_approve(caller.principal(), resource, context())
                    .map(Permit::<Approve>::to_revoke)
                    .map_err(|_| decision)
            })
            .map_err(|decision| self.denied(&decision))
    }

    /// The account a resource is on, and whether its access can be given at all yet.
    pub(super) fn account_of(&self, resource: &ResourceRef) -> Result<AccountId, AccessError> {
        match resource.kind() {
            ResourceType::AwsAccount => {
                AccountId::parse(resource.id()).map_err(|error| AccessError::input("resource.id", error.to_string()))
            }
            ResourceType::AwsPermissionSet => {
                self.directory.get(resource).and_then(|known| known.account_id.clone()).ok_or_else(|| {
                    AccessError::input(
                        "resource.id",
                        "the directory knows no account for this permission set; ask for the role on an `aws_account`",
                    )
                })
            }
            kind @ (ResourceType::AwsS3Bucket
            | ResourceType::AwsRdsInstance
            | ResourceType::AwsEc2Instance
            | ResourceType::AwsOrganizationalUnit) => Err(AccessError::input(
                "resource.type",
                format!("access to `{kind}` cannot be given yet; ask for a role on an `aws_account`"),
            )),
        }
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
    /// Why it was decided so, naming the policies that did.
    pub(super) fn explain(&self, decision: &Decision) -> String {
        let deciding = self.policies.iter().filter(|policy| decision.matching_policy_ids.contains(&policy.id));
        let names: Vec<_> = deciding.map(|policy| format!("`{}`", policy.name)).collect();
        match (names.as_slice(), decision.is_permitted()) {
            ([], _) => decision.reason.clone(),
            (names, true) => format!("permitted by policy {}", names.join(" and ")),
            (names, false) => format!("forbidden by policy {}", names.join(" and ")),
        }
    }

    /// A refusal of policy.
    pub(super) fn denied(&self, decision: &Decision) -> AccessError {
        AccessError::PolicyDenied { reason: self.explain(decision), notices: decision.notices.clone() }
    }
}

/// The context of a question the caller asks now.
pub(super) fn context_of(access: &Access) -> QuestionContext<'static> {
    let caller: &Caller = access.caller();
    QuestionContext {
        reason: None,
        tickets: &[],
        duration: None,
        role: None,
        requester: None,
        now: access.now(),
        circumstances: caller.circumstances(),
    }
}
