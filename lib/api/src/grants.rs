//! Wire types of grants.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{GrantId, Metadata, RequestId, ResourceRef, Seconds};

/// Access that a principal has for a limited time. `active` with `provisioning_status: pending` means decided, not usable yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "019a3f5e-7c1b-7000-8000-000000000002",
    "request_id": "019a3f5e-7c1b-7000-8000-000000000001",
    "grantee_id": "alice",
    "resource": {"type": "aws_account", "id": "111111111111"},
    "action": "PowerUserAccess",
    "status": "active",
    "expires_at": "2026-11-21T10:00:00Z",
    "granted_at": "2026-11-21T09:00:00Z",
    "revoked_at": null,
    "metadata": {},
    "created_at": "2026-11-21T09:00:00Z",
    "updated_at": "2026-11-21T09:00:02Z",
    "provisioning_status": "successful",
    "provisioning_error": null,
    "activated_at": "2026-11-21T09:00:02Z",
    "audit_enabled": true,
    "access_persists": false,
    "externally_modified": false,
    "revocation": {"status": "none", "attempts": 0, "last_error": null, "credentials_valid_until": null}
}))]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The request it was created from.
    #[schema(required = true)]
    pub request_id: Option<RequestId>,
    /// Who has it.
    pub grantee_id: String,
    /// The resource the access is to.
    pub resource: ResourceRef,
    /// The permission set's name for `aws_account`, `assume` for `aws_permission_set`.
    pub action: String,
    /// Active, or how it ended.
    pub status: GrantStatus,
    /// When it ends.
    #[schema(required = true, value_type = Option<String>, format = "date-time")]
    pub expires_at: Option<Timestamp>,
    /// When it began.
    #[schema(value_type = String, format = "date-time")]
    pub granted_at: Timestamp,
    /// When it was ended early.
    #[schema(required = true, value_type = Option<String>, format = "date-time")]
    pub revoked_at: Option<Timestamp>,
    /// What was attached.
    #[schema(value_type = Object)]
    pub metadata: Metadata,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = "date-time")]
    pub updated_at: Timestamp,
    /// Whether it is usable yet.
    pub provisioning_status: ProvisioningStatus,
    /// Why it is not, if an attempt failed.
    #[schema(required = true)]
    pub provisioning_error: Option<String>,
    /// When it became usable.
    #[schema(required = true, value_type = Option<String>, format = "date-time")]
    pub activated_at: Option<Timestamp>,
    /// Whether its sessions are audited.
    pub audit_enabled: bool,
    /// Whether the same access existed before, by an assignment that stint did not create or through a group. It is left as
    /// it is when the grant ends.
    pub access_persists: bool,
    /// Whether somebody deleted the access outside stint while the grant lived. It stays true.
    pub externally_modified: bool,
    /// How far taking it away has come.
    pub revocation: Revocation,
}

/// Whether a grant is usable yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProvisioningStatus {
    /// Not yet.
    Pending,
    /// Identity Center reported success.
    Successful,
    /// It could not be given, or was deleted outside stint and not made again.
    Failed,
}

/// How far taking a grant away has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "status": "done", "attempts": 1, "last_error": null, "credentials_valid_until": "2026-11-21T11:00:00Z"
}))]
pub struct Revocation {
    /// `none`: the grant has not ended; `pending`: it has, the access has not been taken away yet; `retrying`: an attempt
    /// failed and there will be others until one succeeds; `done`: Identity Center confirmed the deletion, or another
    /// live grant holds the assignment, or the access existed before.
    pub status: RevocationStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong last.
    #[schema(required = true)]
    pub last_error: Option<String>,
    /// Until when role credentials issued before the end go on working.
    #[schema(required = true, value_type = Option<String>, format = "date-time")]
    pub credentials_valid_until: Option<Timestamp>,
}

/// What may be changed of a grant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"audit_enabled": true}))]
pub struct UpdateGrant {
    /// Whether its sessions are audited.
    #[schema(example = true)]
    pub audit_enabled: Option<bool>,
}

/// More time for a grant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"duration_seconds": 900, "reason": "the migration is still running"}))]
pub struct ExtendGrant {
    /// How many seconds more.
    pub duration_seconds: Seconds,
    /// Why, at most 2,000 characters.
    #[schema(max_length = 2000, example = "the migration is still running")]
    pub reason: Option<String>,
}

/// Active, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantStatus {
    /// Decided and not ended.
    Active,
    /// It reached its end.
    Expired,
    /// It was ended early, or could not be provisioned.
    Revoked,
}

impl GrantStatus {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// How far taking the access away has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevocationStatus {
    /// The grant has not ended.
    None,
    /// It has ended, and the access has not been taken away yet.
    Pending,
    /// Identity Center confirmed the deletion, another live grant holds the assignment, or the access existed before.
    Done,
    /// An attempt failed; stint tries again until one succeeds.
    Retrying,
}
