//! Tenants, their settings, and the people in their directory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::stored::required;
use super::{DirectoryLink, Principal, PrincipalRef, Seconds, TenantId};

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
    #[serde(deserialize_with = "required")]
    pub oidc: Option<OidcConfig>,
    /// The groups whose members have a role; everybody is a [`Role::User`].
    pub roles: BTreeMap<Role, Vec<String>>,
    /// The domains it has proved to own, in lower case: e-mail addresses in them may be trusted without the issuer's word
    /// (`OidcConfig::trust_email`).
    pub verified_domains: Vec<String>,
    /// Its settings.
    pub settings: TenantSettings,
    /// Signs its cursors: 32 random bytes in hex.
    pub cursor_key: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The versions of what a tenant's decisions are made by. They are a record of their own: whoever changes a policy counts here,
/// and may not write the tenant, which says whose tokens are trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Counts the changes to the tenant's policies; decisions record it.
    pub policy_version: u64,
    /// Counts the changes to its directory of AWS resources.
    pub directory_version: u64,
}

impl Versions {
    /// Whether neither is older. Versions only grow.
    #[must_use]
    pub fn include(self, other: Self) -> bool {
        self.policy_version >= other.policy_version && self.directory_version >= other.directory_version
    }
}

/// Whose tokens a tenant trusts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcConfig {
    /// The issuer, exactly as it stands in `iss`.
    pub issuer_url: String,
    /// The client people log in with.
    pub client_id: String,
    /// What `aud` must contain; the client id unless set.
    #[serde(deserialize_with = "required")]
    pub audience: Option<String>,
    /// Which claim lists the groups: a JSON Pointer (`/a/b`), a name, or a dotted path.
    pub groups_claim: String,
    /// Which claim holds the e-mail address, named likewise.
    pub email_claim: String,
    /// Whether a token must say which groups its owner is in.
    pub groups: GroupsClaim,
    /// Values of `acr` that mean more than one factor was used; none unless set.
    pub mfa_acr_values: Vec<String>,
    /// Whether addresses in the tenant's verified domains count as verified although the token does not say so.
    pub trust_email: bool,
    /// Whether an access token without `aud` (Cognito's, `token_use: access`) is accepted by its `client_id`.
    pub client_id_as_audience: bool,
    /// Where the Identity Store's external ids come from; unless set, the issuer and `sub` of the token.
    #[serde(deserialize_with = "required")]
    pub external_id: Option<ExternalIdSource>,
}

/// Whether a token must say which groups its owner is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupsClaim {
    /// A token that leaves its groups out is refused: a rule may forbid by group.
    #[default]
    Required,
    /// A token that leaves its groups out is of a member of none.
    Optional,
}

/// What a token's owner is called in the Identity Store's external ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalIdSource {
    /// The `Issuer` of the external ids in the Identity Store: provisioning often uses another than `iss`.
    pub issuer: String,
    /// Which claim holds the `Id`, such as Entra ID's `oid`.
    pub claim: String,
}

impl OidcConfig {
    /// An issuer with the usual claims and nothing taken on trust.
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

/// A tenant's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSettings {
    /// Emergency access.
    pub break_glass: BreakGlass,
    /// The length of a grant when neither the request nor a policy names one.
    pub default_duration_seconds: Seconds,
    /// How many grants of one principal may be decided and not usable yet. Who has so many is not granted more until one of
    /// them is usable, has failed, or has ended. Neither emergency access nor what people approve is refused for it.
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

/// A person in the tenant's directory: known from their last sign-in, or put there by an administrator or SCIM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The subject of their tokens.
    pub sub: String,
    /// Their verified e-mail address.
    #[serde(deserialize_with = "required")]
    pub email: Option<String>,
    /// Their name.
    #[serde(deserialize_with = "required")]
    pub name: Option<String>,
    /// The newest groups known of them: those of the last verified token.
    pub groups: Vec<String>,
    /// What links them to the Identity Store, without what that leads to: it is looked up when it is needed.
    pub link: DirectoryLink,
    /// When the token this was read from was issued; `None` for who has not signed in, or whose token does not say.
    #[serde(deserialize_with = "required")]
    pub issued_at: Option<Timestamp>,
    /// Counts the changes.
    pub version: u64,
}

impl User {
    /// The person as policies see them.
    #[must_use]
    pub fn into_principal(self) -> Principal {
        let Self { sub, email, name, groups, link, .. } = self;
        Principal { who: PrincipalRef::user(sub), email, name, groups, link }
    }

    /// What is known of a person after they called as `principal` with a token issued at `issued_at`; `known` is what was
    /// known before. An older token is good until it expires, but does not replace what a newer one says.
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
