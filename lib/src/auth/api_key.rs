//! API keys: `stint_<tenant>_<key id>_<secret>`.
//!
//! The key names its tenant and the stored item that proves it, so one read by primary key is enough, and the fixed
//! prefix lets secret scanners find a leaked one. Only a SHA-256 of the whole key is stored: 256 random bits need no
//! slow hash.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::scope::ApiScope;
use crate::domain::{ApiKeyId, PrincipalRef, TenantId, required};

const PREFIX: &str = "stint";
/// Random bytes in a key.
pub const SECRET_BYTES: usize = 32;

/// The text is no API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API key")]
pub struct ApiKeyError;

/// A new key, whole: shown to its owner once and never stored.
#[derive(Clone)]
pub struct ApiKeySecret(String);

impl ApiKeySecret {
    /// Makes the key of `tenant` that is stored under `id`, from fresh random bytes.
    #[must_use]
    pub fn generate(tenant: TenantId, id: ApiKeyId, random: [u8; SECRET_BYTES]) -> Self {
        let (tenant, id, secret) = (tenant.as_uuid().simple(), id.as_uuid().simple(), URL_SAFE_NO_PAD.encode(random));
        Self(format!("{PREFIX}_{tenant}_{id}_{secret}"))
    }

    /// The key itself, for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored in its place.
    #[must_use]
    pub fn hash(&self) -> String {
        hash(&self.0)
    }
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeySecret([redacted])")
    }
}

/// A well-formed key somebody presented. It proves nothing until it [matches](Self::matches) the stored hash.
#[derive(Clone)]
pub struct PresentedKey {
    tenant: TenantId,
    id: ApiKeyId,
    hash: String,
}

impl PresentedKey {
    /// Reads a key in the one spelling [`ApiKeySecret`] writes.
    ///
    /// # Errors
    /// [`ApiKeyError`] for any other text; what was wrong with it is nobody's business.
    pub fn parse(text: &str) -> Result<Self, ApiKeyError> {
        // The secret's own alphabet has `_`, so only the first three separate.
        let mut parts = text.splitn(4, '_');
        let (Some(PREFIX), Some(tenant), Some(id), Some(secret)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ApiKeyError);
        };
        let (tenant, id) = (uuid(tenant)?, uuid(id)?);
        let secret = URL_SAFE_NO_PAD.decode(secret).map_err(|_| ApiKeyError)?;
        if secret.len() != SECRET_BYTES {
            return Err(ApiKeyError);
        }
        Ok(Self { tenant: tenant.into(), id: id.into(), hash: hash(text) })
    }

    /// The tenant the key claims.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The stored key it claims to be.
    #[must_use]
    pub fn id(&self) -> ApiKeyId {
        self.id
    }

    /// SHA-256 of the key, in hex.
    pub(super) fn hash(&self) -> &str {
        &self.hash
    }

    /// Whether this is the key that was stored as `stored_hash`, compared in constant time.
    #[must_use]
    pub fn matches(&self, stored_hash: &str) -> bool {
        verify_slices_are_equal(self.hash.as_bytes(), stored_hash.as_bytes()).is_ok()
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedKey").field("tenant", &self.tenant).field("id", &self.id).finish_non_exhaustive()
    }
}

/// An API key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// What its owner calls it.
    pub name: String,
    /// SHA-256 of the whole key, in hexadecimal.
    pub hash: String,
    /// What it may ask for.
    pub scopes: Vec<ApiScope>,
    /// The groups its service account is a member of.
    pub groups: Vec<String>,
    /// Who made it; nobody, if the installation did.
    #[serde(deserialize_with = "required")]
    pub created_by: Option<PrincipalRef>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused; never, if absent.
    #[serde(deserialize_with = "required")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(deserialize_with = "required")]
    pub revoked_at: Option<Timestamp>,
    /// Who revoked it.
    #[serde(deserialize_with = "required")]
    pub revoked_by: Option<PrincipalRef>,
    /// The identity provider it was made for, whose directory it may write.
    #[serde(deserialize_with = "required")]
    pub identity_provider_id: Option<Uuid>,
    /// The Identity Store user who receives what the key is given, as an administrator set it; without one the key is
    /// given nothing. The key's name leads to nobody.
    #[serde(deserialize_with = "required")]
    pub identity_store_user_id: Option<String>,
    /// How often it was changed.
    pub version: u64,
}

impl ApiKey {
    /// Whether the key is neither revoked nor expired at `now`.
    #[must_use]
    pub fn usable(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

fn hash(raw: &str) -> String {
    hex::encode(digest(&SHA256, raw.as_bytes()))
}

/// Reads 32 lower-case hexadecimal digits; `Uuid` alone would take other spellings too.
fn uuid(text: &str) -> Result<Uuid, ApiKeyError> {
    let plain = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !plain {
        return Err(ApiKeyError);
    }
    Uuid::try_parse(text).map_err(|_| ApiKeyError)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn tenant() -> TenantId {
        "2489e9ad-2ee2-8e00-8ec9-32d5f69181c0".parse().unwrap()
    }

    fn id() -> ApiKeyId {
        "019a3f5e-7c1b-7000-8000-000000000001".parse().unwrap()
    }

    /// All ones: in base64url that is `_` throughout, the separator itself.
    fn secret() -> ApiKeySecret {
        ApiKeySecret::generate(tenant(), id(), [0xff; 32])
    }

    #[test]
    fn a_key_has_its_documented_form() {
        let body = "_".repeat(42);
        let expected = format!("stint_2489e9ad2ee28e008ec932d5f69181c0_019a3f5e7c1b70008000000000000001_{body}8");
        assert_eq!(secret().expose(), expected);
    }

    #[test]
    fn a_key_names_its_tenant_and_item_and_matches_its_own_hash_only() {
        let secret = secret();
        let presented = PresentedKey::parse(secret.expose()).unwrap();
        assert_eq!((presented.tenant(), presented.id()), (tenant(), id()));
        assert!(presented.matches(&secret.hash()));

        let other = ApiKeySecret::generate(tenant(), id(), [0xfe; 32]);
        assert!(!presented.matches(&other.hash()));
        assert!(!presented.matches(""));
        assert!(!presented.matches(&secret.hash().to_uppercase()));
    }

    #[test]
    fn the_hash_covers_the_tenant() {
        let elsewhere = ApiKeySecret::generate(Uuid::nil().into(), id(), [0xff; 32]);
        assert!(!PresentedKey::parse(elsewhere.expose()).unwrap().matches(&secret().hash()));
    }

    #[test]
    fn other_texts_are_refused() {
        let good = secret().expose().to_owned();
        let texts = [
            String::new(),
            "stint".to_owned(),
            "stint___".to_owned(),
            good.to_uppercase(),
            good.replace("stint_", "stunt_"),
            good.replace("2489e9ad2ee28e008ec932d5f69181c0", "2489E9AD2EE28E008EC932D5F69181C0"),
            good.replace("2489e9ad2ee28e008ec932d5f69181c0", "2489e9ad-2ee2-8e00-8ec9-32d5f69181c0"),
            format!("{good}A"),
            format!("{good}="),
            format!(" {good}"),
            format!("{good}\n"),
            good.trim_end_matches('8').to_owned(),
            // The same bytes with stray bits at the end: a second spelling of one key.
            format!("{}9", good.trim_end_matches('8')),
            good.replace("____", "////"),
        ];
        for text in texts {
            assert!(PresentedKey::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_secret_is_shown_by_debug() {
        let secret = secret();
        let presented = PresentedKey::parse(secret.expose()).unwrap();
        for shown in [format!("{secret:?}"), format!("{presented:?}")] {
            assert!(!shown.contains("____") && !shown.contains(&secret.hash()), "{shown}");
        }
    }

    #[test]
    fn a_key_is_usable_until_it_expires_or_is_revoked() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let key = |expires_at, revoked_at| ApiKey {
            id: id(),
            tenant_id: tenant(),
            name: "terraform".to_owned(),
            hash: secret().hash(),
            scopes: vec![ApiScope::PoliciesWrite],
            groups: vec![],
            created_by: None,
            created_at: at(0),
            expires_at,
            revoked_at,
            revoked_by: None,
            identity_provider_id: None,
            identity_store_user_id: None,
            version: 0,
        };
        let cases = [
            (None, None, true),
            (Some(at(101)), None, true),
            (Some(at(100)), None, false),
            (Some(at(99)), None, false),
            (None, Some(at(50)), false),
            (Some(at(200)), Some(at(50)), false),
        ];
        for (expires_at, revoked_at, usable) in cases {
            let key = key(expires_at, revoked_at);
            assert_eq!(key.usable(at(100)), usable, "{expires_at:?} {revoked_at:?}");
            let stored = serde_json::to_value(&key).unwrap();
            assert_eq!(serde_json::from_value::<ApiKey>(stored).unwrap(), key);
        }
    }
}
