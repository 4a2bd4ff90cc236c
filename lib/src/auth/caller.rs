//! The caller: a credential that was checked, in the tenant it belongs to.

use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::{try_join, try_join_all};
use jiff::Timestamp;

use super::api_key::{ApiKey, PresentedKey};
use super::jwks::JwksCache;
use super::jwt::{OidcTrust, TokenError, UnverifiedClaims, Verifier};
use super::scope::{ApiScope, scopes_of};
use crate::domain::{Auth, Circumstances, DirectoryLink, PersonLink, Principal, PrincipalRef, Role, Tenant, TenantId};
use crate::policy::{Approve, Permit, Revoke};
use crate::store::{Record, StoreError, Table};

impl Record for ApiKey {
    const KIND: &'static str = "APIKEY";

    fn sort_key(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// What a caller presented, well-formed and unchecked.
#[derive(Debug, Clone)]
pub enum Credential {
    /// An API key.
    ApiKey(PresentedKey),
    /// A token.
    Token(Token),
}

/// A token and what it claims.
#[derive(Clone)]
pub struct Token {
    text: String,
    claims: UnverifiedClaims,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token([redacted])")
    }
}

impl Credential {
    /// Reads the value of `X-API-Key`.
    #[must_use]
    pub fn api_key(text: &str) -> Option<Self> {
        PresentedKey::parse(text).ok().map(Self::ApiKey)
    }

    /// Reads the token of `Authorization: Bearer`.
    #[must_use]
    pub fn token(text: &str) -> Option<Self> {
        let claims = UnverifiedClaims::read(text).ok()?;
        Some(Self::Token(Token { text: text.to_owned(), claims }))
    }

    /// SHA-256 of all of it, in hex.
    pub(super) fn fingerprint(&self) -> String {
        match self {
            Self::ApiKey(key) => key.hash().to_owned(),
            Self::Token(token) => crate::hash::sha256(token.text.as_bytes()),
        }
    }

    /// Who it claims to be. Only good for naming a read whose result is thrown away if the credential is not good.
    #[must_use]
    pub fn claimed_principal(&self) -> PrincipalRef {
        match self {
            Self::ApiKey(key) => PrincipalRef::service_account(key.id()),
            Self::Token(token) => PrincipalRef::user(token.claims.sub().unwrap_or_default()),
        }
    }

    /// The keys under which the directory may link who it claims to be, as [`Self::claimed_principal`] is good for.
    #[must_use]
    pub fn claimed_link_keys(&self) -> Vec<String> {
        match self {
            Self::ApiKey(_) => Vec::new(),
            Self::Token(token) => token.claims.link_keys(),
        }
    }
}

/// Why a credential is not good enough.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// It proves nothing. One message for all; the cause is for the log.
    #[error("the credential is not valid: {0}")]
    Unauthenticated(String),
    /// It is good, in another tenant.
    #[error("the credential belongs to another tenant")]
    TenantMismatch,
    /// It is good, and lacks a scope.
    #[error("the scope `{0}` is missing")]
    InsufficientScope(ApiScope),
    /// It is a good token that leaves out its owner's groups, and the tenant does not take that for none.
    #[error("the token leaves out which groups you are in, and a rule may forbid by group")]
    GroupsUnknown,
    /// It could not be checked.
    #[error("the credential could not be checked: {0}")]
    Unavailable(String),
    /// The table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TokenError> for AuthError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Unauthenticated(refusal) => Self::Unauthenticated(refusal.to_string()),
            TokenError::Unavailable(cause) => Self::Unavailable(cause.to_string()),
        }
    }
}

/// Who is calling, checked against the tenant. Only this module makes one.
#[derive(Debug, Clone)]
pub struct Caller {
    tenant: Arc<Tenant>,
    principal: Principal,
    scopes: Vec<ApiScope>,
    circumstances: Circumstances,
    token_issued_at: Option<Timestamp>,
    /// The key they called with; `None` for a token.
    key: Option<ApiKey>,
}

impl Caller {
    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Who.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The same caller, with what the keys of their links lead to.
    #[must_use]
    pub(crate) fn linked(mut self, found: Vec<PersonLink>) -> Self {
        self.principal.link.found = found;
        self
    }

    /// The API key they called with; `None` if it was a token.
    #[must_use]
    pub(crate) fn api_key(&self) -> Option<&ApiKey> {
        self.key.as_ref()
    }

    /// How they called.
    #[must_use]
    pub fn circumstances(&self) -> Circumstances {
        self.circumstances
    }

    /// When their token was issued; `None` for an API key, and for a token that does not say.
    #[must_use]
    pub fn token_issued_at(&self) -> Option<Timestamp> {
        self.token_issued_at
    }

    /// Whether they have a scope.
    #[must_use]
    pub fn has(&self, scope: ApiScope) -> bool {
        self.scopes.contains(&scope)
    }

    /// # Errors
    ///
    /// [`AuthError::InsufficientScope`] when they do not have it.
    pub fn require(&self, scope: ApiScope) -> Result<(), AuthError> {
        if self.has(scope) { Ok(()) } else { Err(AuthError::InsufficientScope(scope)) }
    }

    /// Whether everything in the tenant may be shown to them: a machine that was given the scope to read, an auditor,
    /// an administrator. Others see what is theirs, and what they may decide.
    #[must_use]
    pub fn sees_everything(&self) -> bool {
        self.circumstances.auth == Auth::ApiKey || self.has(ApiScope::AuditRead)
    }

    /// The authority of an administrator to decide.
    #[must_use]
    pub fn administrator_approves(&self) -> Option<Permit<Approve>> {
        self.has(ApiScope::Admin).then(Permit::of_credential)
    }

    /// The authority to end any grant: an administrator's, or a machine's that was given the scope to.
    #[must_use]
    pub fn administrator_revokes(&self) -> Option<Permit<Revoke>> {
        let machine = self.circumstances.auth == Auth::ApiKey && self.has(ApiScope::GrantsRevoke);
        (machine || self.has(ApiScope::Admin)).then(Permit::of_credential)
    }

    /// The authority of a grantee to end their own grant.
    #[must_use]
    pub fn revokes_own(&self, grantee: &PrincipalRef) -> Option<Permit<Revoke>> {
        (*grantee == self.principal.who).then(Permit::of_credential)
    }
}

/// Checks a credential for a tenant.
///
/// The credential is checked in the tenant it names itself, so that a good credential of another tenant is told apart
/// from a bad one, and a bad one learns nothing of any tenant.
///
/// # Errors
///
/// [`AuthError`], see its variants.
pub async fn authenticate(
    table: &Table,
    keys: &JwksCache,
    credential: &Credential,
    tenant: TenantId,
    source_ip: Option<IpAddr>,
    now: Timestamp,
) -> Result<Caller, AuthError> {
    match credential {
        Credential::ApiKey(key) => authenticate_key(table, key, tenant, source_ip, now).await,
        Credential::Token(token) => authenticate_token(table, keys, token, tenant, source_ip, now).await,
    }
}

async fn authenticate_key(
    table: &Table,
    presented: &PresentedKey,
    tenant: TenantId,
    source_ip: Option<IpAddr>,
    now: Timestamp,
) -> Result<Caller, AuthError> {
    let own = table.tenant(presented.tenant());
    let (key, record) =
        try_join(own.get::<ApiKey>(presented.id().to_string()), own.get::<Tenant>(Tenant::KIND)).await?;
    let refused = |why: &str| AuthError::Unauthenticated(why.to_owned());
    let key = key.filter(|key| presented.matches(&key.hash)).ok_or_else(|| refused("the key is unknown"))?;
    if !key.usable(now) {
        return Err(refused("the key has expired or was revoked"));
    }
    let record = record.ok_or_else(|| refused("the key's tenant is gone"))?;
    if record.id != tenant {
        return Err(AuthError::TenantMismatch);
    }
    Ok(Caller {
        tenant: Arc::new(record),
        principal: Principal {
            who: PrincipalRef::service_account(key.id),
            email: None,
            name: Some(key.name.clone()),
            groups: key.groups.clone(),
            link: DirectoryLink { service_user_id: key.identity_store_user_id.clone(), ..DirectoryLink::default() },
        },
        scopes: key.scopes.clone(),
        circumstances: Circumstances { auth: Auth::ApiKey, mfa: false, source_ip },
        token_issued_at: None,
        key: Some(key),
    })
}

async fn authenticate_token(
    table: &Table,
    keys: &JwksCache,
    token: &Token,
    tenant: TenantId,
    source_ip: Option<IpAddr>,
    now: Timestamp,
) -> Result<Caller, AuthError> {
    // What can be told without the table is told before it is read.
    Verifier::precheck(&token.text, now, keys)?;
    let record = table.tenant(tenant).get::<Tenant>(Tenant::KIND).await?;
    if let Some(record) = record
        && let Some(trust) = trust_in(&record, &token.claims)
    {
        let claims = Verifier::verify(&token.text, &trust, now, keys).await?;
        let circumstances = Circumstances { auth: Auth::Oidc, mfa: claims.mfa(), source_ip };
        let groups = claims.groups().map(<[String]>::to_vec).or_else(|| trust.groups_left_out());
        let groups = groups.ok_or(AuthError::GroupsUnknown)?;
        let token_issued_at = claims.issued_at();
        let principal = claims.into_principal(groups);
        let mut scopes: Vec<ApiScope> =
            roles_of(&record, &principal).into_iter().flat_map(scopes_of).copied().collect();
        scopes.sort_unstable();
        scopes.dedup();
        return Ok(Caller { tenant: Arc::new(record), principal, scopes, circumstances, token_issued_at, key: None });
    }
    // Not a token of this tenant's issuer: if it is a good one of another tenant, say so.
    let issuer = token.claims.iss().unwrap_or_default();
    let audiences = token.claims.audiences().into_iter().take(MOST_AUDIENCES);
    for entry in try_join_all(audiences.map(|audience| table.issuer(issuer, audience))).await?.into_iter().flatten() {
        let other = table.tenant(entry.tenant_id).get::<Tenant>(Tenant::KIND).await?;
        if let Some(trust) = other.as_ref().and_then(|other| trust_in(other, &token.claims)) {
            Verifier::verify(&token.text, &trust, now, keys).await?;
            return Err(AuthError::TenantMismatch);
        }
    }
    Err(AuthError::Unauthenticated("no tenant trusts the issuer for the audience".to_owned()))
}

/// A token is not a way to make us read the table at will.
const MOST_AUDIENCES: usize = 4;

/// What the tenant trusts, if the token claims to be of that issuer and for that audience.
fn trust_in(tenant: &Tenant, claims: &UnverifiedClaims) -> Option<OidcTrust> {
    let trust = OidcTrust::of(tenant)?;
    (claims.iss() == Some(&trust.issuer) && claims.is_for(&trust.oidc)).then_some(trust)
}

/// Whether a person's groups make them an administrator of the tenant.
#[must_use]
pub fn administers(tenant: &Tenant, person: &Principal) -> bool {
    roles_of(tenant, person).into_iter().any(|role| scopes_of(role).contains(&ApiScope::Admin))
}

/// The roles of a person: everybody is a user, and the tenant says which groups are more.
fn roles_of(tenant: &Tenant, principal: &Principal) -> Vec<Role> {
    let by_group = tenant
        .roles
        .iter()
        .filter(|(_, groups)| groups.iter().any(|group| principal.groups.contains(group)))
        .map(|(role, _)| *role);
    std::iter::once(Role::User).chain(by_group).collect()
}
