//! Creates tenants and their API keys, and registers Identity Center instances for them.

mod instances;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

pub use self::instances::{InstanceError, register_instance, share_instance};
use crate::auth::ApiScope;
use crate::auth::api_key::{ApiKey, ApiKeySecret, SECRET_BYTES};
use crate::domain::{
    Actor, ApiKeyId, Event, EventId, EventKind, EventSubject, OidcConfig, Role, Tenant, TenantId, TenantSettings,
    Versions,
};
use crate::hash::sha256;
use crate::store::{CommitError, Record, StoreError, Table, TenantTable, Transaction};

/// The text is not a slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 40 lower-case letters, digits and single hyphens between them")]
pub struct SlugError;

/// The short name of a tenant. It determines the tenant's id, so a repeated creation finds the same tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(String);

impl Slug {
    /// # Errors
    ///
    /// [`SlugError`] if `text` is not a slug.
    pub fn parse(text: &str) -> Result<Self, SlugError> {
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let good = text.len() <= 40 && text.split('-').all(word);
        if good { Ok(Self(text.to_owned())) } else { Err(SlugError) }
    }

    /// The slug of a name: its ASCII letters and digits in lower case; anything between them becomes one hyphen.
    ///
    /// # Errors
    ///
    /// [`SlugError`] if the name has none of them, or too many.
    pub fn of(name: &str) -> Result<Self, SlugError> {
        let name = name.to_ascii_lowercase();
        let words: Vec<&str> =
            name.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        Self::parse(&words.join("-"))
    }

    /// The text of the slug.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the tenant with this slug: a UUIDv8 that is derived from a hash of the slug.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        let hash = sha256(format!("stint tenant {}", self.0).as_bytes());
        let number = hash.chars().take(32).filter_map(|digit| digit.to_digit(16));
        let number = number.fold(0_u128, |number, digit| number << 4 | u128::from(digit));
        Uuid::new_v8(number.to_be_bytes()).into()
    }
}

/// The attributes of a new tenant.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// The id of the tenant.
    pub id: TenantId,
    /// The display name.
    pub name: String,
    /// The short name.
    pub slug: String,
    /// The identity provider whose tokens it accepts; `None` if it accepts API keys only.
    pub oidc: Option<OidcConfig>,
    /// The groups whose members have a role.
    pub roles: BTreeMap<Role, Vec<String>>,
    /// The domains it has proved to own, in lower case.
    pub verified_domains: Vec<String>,
    /// The settings of the tenant.
    pub settings: TenantSettings,
}

impl NewTenant {
    /// The record of the tenant. `random` becomes the key that signs its cursors.
    #[must_use]
    pub fn record(self, random: [u8; 32], now: Timestamp) -> Tenant {
        Tenant {
            id: self.id,
            name: self.name,
            slug: self.slug,
            oidc: self.oidc,
            roles: self.roles,
            verified_domains: self.verified_domains,
            settings: self.settings,
            cursor_key: hex::encode(random),
            created_at: now,
            updated_at: now,
        }
    }
}

/// An API key that an installer creates: it has no creator in the tenant, and it does not expire.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The id of the key.
    pub id: ApiKeyId,
    /// The display name.
    pub name: String,
    /// The scopes of the key.
    pub scopes: Vec<ApiScope>,
    /// The Identity Store user who receives the access that is granted to the key; `None` if it cannot be granted any.
    pub identity_store_user_id: Option<String>,
}

impl NewKey {
    /// The record of the key, which holds only a hash, and the key itself.
    #[must_use]
    pub fn issue(self, tenant: TenantId, random: [u8; SECRET_BYTES], now: Timestamp) -> (ApiKey, ApiKeySecret) {
        let secret = ApiKeySecret::generate(tenant, self.id, random);
        let key = ApiKey {
            id: self.id,
            tenant_id: tenant,
            name: self.name,
            hash: secret.hash(),
            scopes: self.scopes,
            groups: Vec::new(),
            created_by: None,
            created_at: now,
            expires_at: None,
            revoked_at: None,
            revoked_by: None,
            identity_provider_id: None,
            identity_store_user_id: self.identity_store_user_id,
            version: 0,
        };
        (key, secret)
    }
}

/// Why a tenant was not created.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    /// The issuer's tokens for this audience are accepted for another tenant.
    #[error("tokens of issuer `{issuer}` for audience `{audience}` belong to another tenant")]
    IssuerTaken {
        /// The issuer.
        issuer: String,
        /// The audience.
        audience: String,
    },
    /// The table refused the write or did not answer.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl From<StoreError> for TenancyError {
    fn from(error: StoreError) -> Self {
        Self::Commit(error.into())
    }
}

/// Creates a tenant and its first key in one transaction. If a tenant with this id exists, nothing is written and that
/// tenant is returned. `events` are the ids of the two events.
///
/// # Errors
///
/// [`TenancyError`]. After [`CommitError::Store`] the tenant may exist; a repeated call finds it.
pub async fn create_tenant(
    table: &Table,
    new: &Tenant,
    key: &ApiKey,
    events: [EventId; 2],
) -> Result<Option<Tenant>, TenancyError> {
    let tenant = table.tenant(new.id);
    if let Some(existing) = tenant.get(Tenant::KIND).await? {
        return Ok(Some(existing));
    }
    let mut writes = Transaction::new(new.id);
    let [tenant_event, key_event] = events;
    writes.create(new)?;
    writes.create(&Versions::default())?;
    writes.list_tenant()?;
    writes.event(tenant_created(tenant_event, new))?;
    writes.create(key)?;
    writes.event(key_created(key_event, key))?;
    if let Some(oidc) = &new.oidc {
        let (issuer, audience) = (oidc.issuer_url.as_str(), oidc.audience());
        if table.issuer(issuer, audience).await?.is_some_and(|entry| entry.tenant_id != new.id) {
            return Err(TenancyError::IssuerTaken { issuer: issuer.to_owned(), audience: audience.to_owned() });
        }
        writes.trust(issuer, audience)?;
    }
    match commit_with_key(&tenant, writes, key).await {
        Ok(()) => Ok(None),
        // Another caller created it between our read and our write.
        Err(CommitError::Conflict) => match tenant.get(Tenant::KIND).await? {
            Some(existing) => Ok(Some(existing)),
            None => Err(CommitError::Conflict.into()),
        },
        Err(error) => Err(error.into()),
    }
}

/// Creates another key of a tenant. `event` is the id of the event.
///
/// # Errors
///
/// [`CommitError`] if the table refuses the write or does not answer.
pub async fn add_key(tenant: &TenantTable, key: &ApiKey, event: EventId) -> Result<(), CommitError> {
    let mut writes = Transaction::new(tenant.id());
    writes.create(key)?;
    writes.event(key_created(event, key))?;
    commit_with_key(tenant, writes, key).await
}

/// The result of revoking an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRevocation {
    /// The key is revoked from now on.
    Revoked(ApiKey),
    /// It was revoked before; nothing was written.
    RevokedBefore(ApiKey),
    /// The tenant has no such key.
    Unknown,
}

/// How often a revocation is tried when others change the key.
const ATTEMPTS: usize = 3;

/// Revokes an API key of a tenant: its next call is refused, and what it requested is not given any more. Access that was
/// given stays until its end. `event` is the id of the event.
///
/// # Errors
///
/// [`CommitError`] if the table refuses the write or does not answer; a repeated call continues.
pub async fn revoke_key(
    tenant: &TenantTable,
    id: ApiKeyId,
    event: EventId,
    now: Timestamp,
) -> Result<KeyRevocation, CommitError> {
    for _ in 0..ATTEMPTS {
        let Some(key) = tenant.get::<ApiKey>(id.to_string()).await? else { return Ok(KeyRevocation::Unknown) };
        if key.revoked_at.is_some() {
            return Ok(KeyRevocation::RevokedBefore(key));
        }
        let key = ApiKey { revoked_at: Some(now), ..key };
        let mut writes = Transaction::new(tenant.id());
        writes.update(&key)?;
        let (subject, name) = ((EventSubject::ApiKey, key.id.to_string()), json!({"name": key.name}));
        writes.event(installed(EventKind::ApiKeyRevoked, event, tenant.id(), subject, &name, now))?;
        match tenant.commit(writes).await {
            Ok(()) => return Ok(KeyRevocation::Revoked(key)),
            // Another caller changed it between our read and our write.
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(CommitError::Conflict)
}

/// Commits a transaction that creates `key`. If the answer is lost, the key is read back: otherwise a key could exist
/// that was never shown to anybody.
async fn commit_with_key(tenant: &TenantTable, writes: Transaction, key: &ApiKey) -> Result<(), CommitError> {
    let Err(error) = tenant.commit(writes).await else { return Ok(()) };
    match tenant.get::<ApiKey>(key.sort_key()).await {
        Ok(Some(stored)) if stored == *key => Ok(()),
        Ok(_) | Err(_) => Err(error),
    }
}

fn tenant_created(id: EventId, tenant: &Tenant) -> Event {
    let metadata = json!({
        "name": tenant.name,
        "slug": tenant.slug,
        "issuer": tenant.oidc.as_ref().map(|oidc| &oidc.issuer_url),
        "roles": tenant.roles,
    });
    installed(
        EventKind::TenantCreated,
        id,
        tenant.id,
        (EventSubject::Tenant, tenant.id.to_string()),
        &metadata,
        tenant.created_at,
    )
}

fn key_created(id: EventId, key: &ApiKey) -> Event {
    let metadata = json!({
        "name": key.name,
        "scopes": key.scopes,
        // Who receives what the key asks for.
        "identity_store_user_id": key.identity_store_user_id,
    });
    installed(
        EventKind::ApiKeyCreated,
        id,
        key.tenant_id,
        (EventSubject::ApiKey, key.id.to_string()),
        &metadata,
        key.created_at,
    )
}

/// An event whose actor is the system: an installer is not a principal of the tenant.
fn installed(
    kind: EventKind,
    id: EventId,
    tenant_id: TenantId,
    (resource_type, resource_id): (EventSubject, String),
    metadata: &Value,
    created_at: Timestamp,
) -> Event {
    Event {
        id,
        tenant_id,
        kind,
        actor: Actor::system(),
        resource_type,
        resource_id,
        metadata: metadata.as_object().cloned().unwrap_or_default(),
        reasoning: None,
        created_at,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn slugs() {
        for text in ["a", "acme", "acme-2", "0"] {
            assert_eq!(Slug::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "-", "a-", "-a", "a--b", "A", "a b", "ä", "a_b", &"a".repeat(41)] {
            assert_eq!(Slug::parse(text), Err(SlugError), "{text}");
        }
        for (name, slug) in [("Acme", "acme"), (" Acme, Inc. ", "acme-inc"), ("Müller & Co", "m-ller-co")] {
            assert_eq!(Slug::of(name).unwrap().as_str(), slug);
        }
        assert_eq!(Slug::of("株式会社"), Err(SlugError));
    }

    /// Installed stacks have tenants of these ids: another derivation would create a second tenant.
    #[test]
    fn a_slug_always_has_the_same_tenant_id() {
        insta::assert_snapshot!(Slug::parse("acme").unwrap().tenant_id().to_string(), @"763846ba-7560-8443-857e-a36c38cd84ea");
        assert_ne!(Slug::parse("acme").unwrap().tenant_id(), Slug::parse("acme-2").unwrap().tenant_id());
    }
}
