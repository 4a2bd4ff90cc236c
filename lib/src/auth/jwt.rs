//! Checking tokens (RFC 7519, RFC 8725).
//!
//! The order is: shape, signature by a key of the trusted issuer, then claims. The key is the issuer's and brings its
//! own algorithm; what the token says about keys (`jwk`, `jku`, `x5u`, `x5c`) is not looked at.

mod claims;
mod factors;
mod groups;
mod path;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::{Map, Value};

pub use claims::{UnverifiedClaims, VerifiedClaims};

use super::jwks::{JwksCache, JwksError, KeySet, NoKey, VerificationKey};
use crate::domain::{GroupsClaim, OidcConfig, Tenant};

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// By how much the clocks of issuer and service may differ.
pub const LEEWAY_SECONDS: i64 = 60;

/// Whose tokens are trusted, and where they say what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcTrust {
    /// The issuer, exactly as it stands in `iss`.
    pub issuer: String,
    /// `aud` must contain one of these.
    pub audiences: Vec<String>,
    /// Where claims are, and what is taken on trust.
    pub oidc: OidcConfig,
    /// Addresses in these domains may be trusted without the issuer's word.
    pub verified_domains: Vec<String>,
}

impl OidcTrust {
    /// Whose tokens a tenant trusts; `None` if nobody's.
    #[must_use]
    pub fn of(tenant: &Tenant) -> Option<Self> {
        let oidc = tenant.oidc.clone()?;
        Some(Self {
            issuer: oidc.issuer_url.clone(),
            audiences: vec![oidc.audience().to_owned()],
            verified_domains: tenant.verified_domains.clone(),
            oidc,
        })
    }

    /// The groups of the owner of a token that leaves them out; `None` when it must not.
    #[must_use]
    pub fn groups_left_out(&self) -> Option<Vec<String>> {
        (self.oidc.groups == GroupsClaim::Optional).then(Vec::new)
    }
}

/// A token was not accepted. Callers are told one of two things; the source says more, to operators, and quotes
/// nothing of the token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The token proves nothing.
    #[error("the token is not valid")]
    Unauthenticated(#[source] Refusal),
    /// Whether it proves something cannot be told now.
    #[error("the issuer of the token cannot be reached")]
    Unavailable(#[source] JwksError),
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Over [`MAX_TOKEN_BYTES`].
    #[error("the token is too long")]
    TooLong,
    /// Not three base64url parts with a JSON header and claims.
    #[error("the token is malformed")]
    Malformed,
    /// The header has extensions that must be understood (`crit`).
    #[error("the header has critical extensions")]
    CriticalHeader,
    /// A token made for another purpose, such as a logout token.
    #[error("the token is of another type")]
    TokenType,
    /// `none`, a shared-secret algorithm, or one not supported.
    #[error("the algorithm is not accepted")]
    Algorithm,
    /// The issuer has no such key.
    #[error("the issuer has no key of that id")]
    UnknownKey,
    /// The key is for another algorithm than the header says.
    #[error("the key is not for that algorithm")]
    KeyAlgorithm,
    /// The token names no key, and not exactly one could be meant.
    #[error("which key was used cannot be told")]
    AmbiguousKey,
    /// The signature is not the key's.
    #[error("the signature does not match")]
    Signature,
    /// Another issuer's.
    #[error("the issuer is another one")]
    Issuer,
    /// For somebody else.
    #[error("the audience is another one")]
    Audience,
    /// `exp` is missing or no number, or has passed.
    #[error("the token has expired or never expires")]
    Expired,
    /// `nbf` or `iat` is no number, or lies ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `sub` is missing, or not 1 to 255 printable ASCII characters; or a space is at its ends or beside another.
    #[error("the subject is missing or unusable")]
    Subject,
    /// The groups are neither text nor a list of texts.
    #[error("the groups cannot be read")]
    Groups,
}

impl From<Refusal> for TokenError {
    fn from(refusal: Refusal) -> Self {
        Self::Unauthenticated(refusal)
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// A token taken apart; nothing of it is verified.
struct Parts<'a> {
    message: &'a str,
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
}

/// Verifies tokens.
#[derive(Debug, Clone, Copy)]
pub struct Verifier;

impl Verifier {
    /// Refuses a token that no tenant can accept, without reading anything: for its header, for having expired, or, if
    /// the keys of the issuer it names are in memory, for its signature. That it refuses nothing says nothing.
    ///
    /// # Errors
    /// [`TokenError::Unauthenticated`].
    pub(super) fn precheck(token: &str, now: Timestamp, cache: &JwksCache) -> Result<(), TokenError> {
        let parts = split(token)?;
        let header = header(&parts)?;
        let algorithm = algorithm(&header)?;
        let claims = json(parts.claims)?;
        claims::check_times(&claims, now)?;
        let issuer = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
        let Some(keys) = cache.held(issuer) else { return Ok(()) };
        match keys.find(header.kid.as_deref(), algorithm) {
            Ok(key) if key.verifies(parts.signature, parts.message) => Ok(()),
            Ok(_) => Err(Refusal::Signature.into()),
            Err(NoKey::OtherAlgorithm) => Err(Refusal::KeyAlgorithm.into()),
            Err(NoKey::Ambiguous) => Err(Refusal::AmbiguousKey.into()),
            // The issuer may have a new one.
            Err(NoKey::UnknownId) => Ok(()),
        }
    }

    /// What `token` says, if it is valid at `now` and made by the trusted issuer for us.
    ///
    /// # Errors
    /// [`TokenError::Unauthenticated`] if it is not; [`TokenError::Unavailable`] if the issuer's keys cannot be had.
    pub async fn verify(
        token: &str,
        trust: &OidcTrust,
        now: Timestamp,
        cache: &JwksCache,
    ) -> Result<VerifiedClaims, TokenError> {
        let parts = split(token)?;
        let header = header(&parts)?;
        let algorithm = algorithm(&header)?;

        let keys = cache.keys(&trust.issuer).await.map_err(TokenError::Unavailable)?;
        let find = |keys: &Arc<KeySet>| {
            keys.find(header.kid.as_deref(), algorithm)
                .map(|key: &VerificationKey| key.verifies(parts.signature, parts.message))
        };
        let verified = match find(&keys) {
            Err(NoKey::UnknownId) => {
                let knows_it =
                    |keys: &KeySet| !matches!(keys.find(header.kid.as_deref(), algorithm), Err(NoKey::UnknownId));
                find(&cache.keys_newer_than(&keys, &trust.issuer, knows_it).await)
            }
            found => found,
        };
        match verified {
            Ok(true) => Ok(VerifiedClaims::check(&json(parts.claims)?, trust, now)?),
            Ok(false) => Err(Refusal::Signature.into()),
            Err(NoKey::UnknownId) => Err(Refusal::UnknownKey.into()),
            Err(NoKey::OtherAlgorithm) => Err(Refusal::KeyAlgorithm.into()),
            Err(NoKey::Ambiguous) => Err(Refusal::AmbiguousKey.into()),
        }
    }
}

fn split(token: &str) -> Result<Parts<'_>, Refusal> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Refusal::TooLong);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(Refusal::Malformed)?;
    Ok(Parts { message, header, claims, signature })
}

fn header(parts: &Parts<'_>) -> Result<Header, Refusal> {
    let header: Header = decode(parts.header)?;
    if header.crit.is_some() {
        return Err(Refusal::CriticalHeader);
    }
    // RFC 8725, section 3.11: a token of a named other type (`logout+jwt`, `dpop+jwt`, …) is no access or ID token.
    if let Some(typ) = &header.typ {
        let typ = typ.to_ascii_lowercase();
        if !matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt") {
            return Err(Refusal::TokenType);
        }
    }
    Ok(header)
}

fn algorithm(header: &Header) -> Result<Algorithm, Refusal> {
    match header.alg.as_str() {
        "RS256" => Ok(Algorithm::RS256),
        "ES256" => Ok(Algorithm::ES256),
        "EdDSA" => Ok(Algorithm::EdDSA),
        _ => Err(Refusal::Algorithm),
    }
}

fn json(part: &str) -> Result<Map<String, Value>, Refusal> {
    decode(part)
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Refusal::Malformed)
}

/// For the fuzz target `token`: all that is done with a token, as if its signature were good.
#[cfg(fuzzing)]
pub fn fuzz_token(token: &str) {
    let oidc = serde_json::json!({
        "issuer_url": "https://issuer.example.com", "client_id": "stint", "audience": null, "groups_claim": "groups",
        "email_claim": "email", "client_id_as_audience": true, "mfa_acr_values": ["2"], "trust_email": true,
        "external_id": {"issuer": "https://issuer.example.com", "claim": "/oid"},
    });
    let (Ok(oidc), Ok(now)) = (serde_json::from_value::<OidcConfig>(oidc), Timestamp::from_second(1_800_000_000))
    else {
        return;
    };
    let trust = OidcTrust {
        issuer: oidc.issuer_url.clone(),
        audiences: vec![oidc.client_id.clone()],
        verified_domains: vec!["example.com".to_owned()],
        oidc,
    };
    let Ok(parts) = split(token) else { return };
    let _ = header(&parts).and_then(|header| algorithm(&header));
    if let Ok(claims) = json(parts.claims)
        && let Ok(verified) = VerifiedClaims::check(&claims, &trust, now)
    {
        assert!(!verified.subject().is_empty(), "somebody without a subject");
        let _ = (verified.mfa(), verified.into_principal(Vec::new()));
    }
}
