//! Tenants, their settings, and the people in their directory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Seconds, TenantId};

/// What a person may do in a tenant, besides what policies say about resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Asks for access, and decides what policy lets them decide; everybody.
    User,
    /// Reads the policies they decide by, too.
    Approver,
    /// Sees everything, changes nothing.
    Auditor,
    /// Administers the tenant.
    Admin,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// What people call it.
    pub name: String,
    /// Its short name.
    pub slug: String,
    /// Whose tokens it trusts; without it only API keys work.
    pub oidc: Option<OidcConfig>,
    /// The groups whose members have a role; everybody is a [`Role::User`].
    pub roles: BTreeMap<Role, Vec<String>>,
    /// Its settings.
    pub settings: TenantSettings,
    /// Counts the changes to its policies; decisions record it.
    pub policy_version: u64,
    /// Counts the changes to its directory of AWS resources.
    pub directory_version: u64,
    /// Signs its cursors: 32 random bytes in hex.
    pub cursor_key: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Whose tokens a tenant trusts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcConfig {
    /// The issuer, exactly as it stands in `iss`.
    pub issuer_url: String,
    /// The client people log in with.
    pub client_id: String,
    /// What `aud` must contain; the client id unless set.
    pub audience: Option<String>,
    /// Which claim lists the groups.
    pub groups_claim: String,
    /// Which claim holds the e-mail address.
    pub email_claim: String,
}

impl OidcConfig {
    /// What `aud` must contain.
    #[must_use]
    pub fn audience(&self) -> &str {
        self.audience.as_deref().unwrap_or(&self.client_id)
    }
}

/// A tenant's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSettings {
    /// Emergency access.
    pub break_glass: BreakGlass,
    /// The length of a grant when neither the request nor a policy names one.
    pub default_duration_seconds: Seconds,
    /// How many grants of one principal may be decided and not usable yet. Who has so many is not granted more until one of
    /// them is usable, has failed, or has ended. Neither emergency access nor what people approve is refused for it.
    #[serde(default = "TenantSettings::default_max_pending_grants")]
    pub max_pending_grants: u32,
}

impl TenantSettings {
    /// The limit of a tenant that set none.
    #[must_use]
    pub const fn default_max_pending_grants() -> u32 {
        20
    }
}

/// Emergency access: policies are skipped for a few, and everybody hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlass {
    /// Whether it is possible at all.
    pub enabled: bool,
    /// Whose members may use it.
    pub groups: Vec<String>,
    /// The longest emergency grant.
    pub max_duration_seconds: Seconds,
}

/// A person in the tenant's directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The subject of their tokens.
    pub sub: String,
    /// Their e-mail address.
    pub email: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// Their groups.
    pub groups: Vec<String>,
}
