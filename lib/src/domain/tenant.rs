//! Tenants, their settings, and the people known to them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::stored::required;
use super::{DirectoryLink, Principal, PrincipalRef, Seconds, TenantId};

/// What a person may do in a tenant, besides what policies say about resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Requests access, and decides what policy lets them decide. Everybody has this role.
    User,
    /// Also reads the policies they decide by.
    Approver,
    /// Reads everything and changes nothing.
    Auditor,
    /// Administers the tenant.
    Admin,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// The id of the tenant.
    pub id: TenantId,
    /// The display name.
    pub name: String,
    /// The short name.
    pub slug: String,
    /// The identity provider whose tokens it accepts; `None` if it accepts API keys only.
    #[serde(deserialize_with = "required")]
    pub oidc: Option<OidcConfig>,
    /// The groups whose members have a role. [`Role::User`] needs no group.
    pub roles: BTreeMap<Role, Vec<String>>,
    /// The domains it has proved to own, in lower case: e-mail addresses in them may be trusted even if the token does
    /// not say that they are verified (`OidcConfig::trust_email`).
    pub verified_domains: Vec<String>,
    /// The settings of the tenant.
    pub settings: TenantSettings,
    /// The key that signs its cursors: 32 random bytes in hex.
    pub cursor_key: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The versions of what a tenant's decisions are made by. They are a record of their own: a caller who changes a policy
/// raises a version, but may not write the tenant's record, which says whose tokens are accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Raised with each change of the tenant's policies; decisions record it.
    pub policy_version: u64,
    /// Raised with each change of its directory that decisions depend on.
    pub directory_version: u64,
}

impl Versions {
    /// Whether neither version is older than in `other`. Versions only grow.
    #[must_use]
    pub fn include(self, other: Self) -> bool {
        self.policy_version >= other.policy_version && self.directory_version >= other.directory_version
    }
}

/// The identity provider whose tokens a tenant accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcConfig {
    /// The issuer, exactly as in `iss`.
    pub issuer_url: String,
    /// The id of the client that people sign in with.
    pub client_id: String,
    /// What `aud` must contain; `None` for the client id.
    #[serde(deserialize_with = "required")]
    pub audience: Option<String>,
    /// The claim that lists the groups: a JSON Pointer (`/a/b`), a name, or a dotted path.
    pub groups_claim: String,
    /// The claim with the e-mail address, in the same notation.
    pub email_claim: String,
    /// Whether a token must list groups.
    pub groups: GroupsClaim,
    /// Values of `acr` that mean that more than one factor was used; empty if none do.
    pub mfa_acr_values: Vec<String>,
    /// Whether addresses in the tenant's verified domains count as verified although the token does not say so.
    pub trust_email: bool,
    /// Whether an access token without `aud` (Cognito's, `token_use: access`) is accepted by its `client_id`.
    pub client_id_as_audience: bool,
    /// Where a person's external id comes from; `None` for the token's issuer and `sub`.
    #[serde(deserialize_with = "required")]
    pub external_id: Option<ExternalIdSource>,
}

/// Whether a token must list groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupsClaim {
    /// A token without groups is refused, since a rule may forbid by group.
    #[default]
    Required,
    /// A token without groups means that the person is in no group.
    Optional,
}

/// How a person's external id at the Identity Store is made from their token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalIdSource {
    /// The `Issuer` of external ids in the Identity Store: provisioning often uses another value than `iss`.
    pub issuer: String,
    /// The claim with the `Id`, such as Entra ID's `oid`.
    pub claim: String,
}

impl OidcConfig {
    /// An identity provider with the usual claim names, in which nothing unverified is trusted.
    #[must_use]
    pub fn new(issuer_url: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            issuer_url: issuer_url.into(),
            client_id: client_id.into(),
            audience: None,
            groups_claim: "groups".to_owned(),
            email_claim: "email".to_owned(),
            groups: GroupsClaim::Required,
            mfa_acr_values: Vec::new(),
            trust_email: false,
            client_id_as_audience: false,
            external_id: None,
        }
    }

    /// What `aud` must contain.
    #[must_use]
    pub fn audience(&self) -> &str {
        self.audience.as_deref().unwrap_or(&self.client_id)
    }
}

/// The settings of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSettings {
    /// Who may use break-glass access.
    pub break_glass: BreakGlass,
    /// The length of a grant when neither the request nor a policy names one.
    pub default_duration_seconds: Seconds,
    /// The most grants of one principal that may be decided and not usable yet. At the limit, policy grants no more
    /// until one of them is usable, has failed or has ended. Break-glass access and approvals by people are not
    /// limited.
    pub max_pending_grants: u32,
}

impl TenantSettings {
    /// The default of `max_pending_grants`.
    #[must_use]
    pub const fn default_max_pending_grants() -> u32 {
        20
    }
}

/// Break-glass access: for members of some groups, without policy, and announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlass {
    /// Whether the tenant allows it.
    pub enabled: bool,
    /// The groups whose members may use it.
    pub groups: Vec<String>,
    /// The maximum length of a break-glass grant.
    pub max_duration_seconds: Seconds,
}

/// A person known to the tenant: from their last sign-in, or entered by an administrator or SCIM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The subject of their tokens.
    pub sub: String,
    /// Their verified e-mail address; `None` if there is none.
    #[serde(deserialize_with = "required")]
    pub email: Option<String>,
    /// The display name; `None` if not known.
    #[serde(deserialize_with = "required")]
    pub name: Option<String>,
    /// Their groups, from the last verified token.
    pub groups: Vec<String>,
    /// What links them to the Identity Store, without the users found: those are looked up when needed.
    pub link: DirectoryLink,
    /// When the token that this was read from was issued; `None` if they have not signed in, or the token does not say.
    #[serde(deserialize_with = "required")]
    pub issued_at: Option<Timestamp>,
    /// Raised with each change of the record.
    pub version: u64,
}

impl User {
    /// The person as a principal for policies.
    #[must_use]
    pub fn into_principal(self) -> Principal {
        let Self { sub, email, name, groups, link, .. } = self;
        Principal { who: PrincipalRef::user(sub), email, name, groups, link }
    }

    /// The record of a person after they called as `principal` with a token issued at `issued_at`; `known` is the
    /// record before. An older token is accepted until it expires, but does not replace what a newer one said.
    #[must_use]
    pub fn signed_in(principal: &Principal, issued_at: Option<Timestamp>, known: Option<&Self>) -> Self {
        if let Some(known) = known
            && issued_at < known.issued_at
        {
            return known.clone();
        }
        Self {
            sub: principal.who.id.clone(),
            email: principal.email.clone(),
            name: principal.name.clone(),
            groups: principal.groups.clone(),
            link: DirectoryLink { found: Vec::new(), ..principal.link.clone() },
            issued_at,
            version: known.map_or(0, |known| known.version),
        }
    }
}
