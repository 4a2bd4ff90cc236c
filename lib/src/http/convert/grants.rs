//! Grants as callers read them.

use stint_api::{Grant, GrantStatus, ProvisioningStatus, Revocation};

use crate::domain::{self, Provisioning};

impl From<&domain::Grant> for ProvisioningStatus {
    fn from(grant: &domain::Grant) -> Self {
        match &grant.provisioning {
            Provisioning::Pending { .. } => Self::Pending,
            Provisioning::Successful { .. } if grant.missing_since.is_none() => Self::Successful,
            Provisioning::Successful { .. } | Provisioning::Failed { .. } => Self::Failed,
        }
    }
}

impl From<domain::Grant> for Grant {
    fn from(grant: domain::Grant) -> Self {
        Self {
            id: grant.id,
            request_id: grant.request_id,
            status: grant.status,
            expires_at: Some(grant.expires_at),
            granted_at: grant.granted_at,
            revoked_at: grant.ended_at.filter(|_| grant.status == GrantStatus::Revoked),
            provisioning_status: (&grant).into(),
            provisioning_error: match &grant.provisioning {
                Provisioning::Pending { last_error, .. } => last_error.clone(),
                Provisioning::Successful { .. } => grant.missing_since.map(|_| domain::DELETED_OUTSIDE.to_owned()),
                Provisioning::Failed { error, .. } => Some(error.clone()),
            },
            activated_at: grant.activated_at(),
            grantee_id: grant.grantee.who.id,
            resource: grant.resource.into(),
            action: grant.action,
            metadata: grant.metadata,
            created_at: grant.created_at,
            updated_at: grant.updated_at,
            audit_enabled: grant.audit_enabled,
            access_persists: grant.access_persists,
            externally_modified: grant.externally_modified,
            revocation: Revocation {
                status: grant.revocation.status,
                attempts: grant.revocation.attempts,
                last_error: grant.revocation.last_error,
                credentials_valid_until: grant.revocation.credentials_valid_until,
            },
        }
    }
}
