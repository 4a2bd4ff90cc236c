//! What a token says: before it is verified, good for finding out whom to ask; after, for everything else.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::factors::are_several;
use super::groups::groups;
use super::path::lookup;
use super::{LEEWAY_SECONDS, OidcTrust, Refusal, TokenError, json, split};
use crate::domain::text::without_invisible;
use crate::domain::{DirectoryLink, ExternalId, OidcConfig, PersonLink, Principal, PrincipalRef};

const MAX_SUBJECT_CHARS: usize = 255;
const MAX_EMAIL_CHARS: usize = 320;
const MAX_NAME_CHARS: usize = 255;
const MAX_EXTERNAL_ID_CHARS: usize = 255;

/// What a token claims before anyone checked it: good for naming the reads its verification needs, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedClaims {
    iss: Option<String>,
    aud: Vec<String>,
    client_id: Option<String>,
    sub: Option<String>,
    email: Option<String>,
}

impl UnverifiedClaims {
    /// Reads the claims of `token` without verifying it.
    ///
    /// # Errors
    /// [`TokenError::Unauthenticated`] if the token is too long or malformed.
    pub fn read(token: &str) -> Result<Self, TokenError> {
        let claims = json(split(token)?.claims)?;
        let text = |name| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let aud = claims.get("aud").and_then(texts).unwrap_or_default();
        Ok(Self {
            iss: text("iss"),
            aud: aud.into_iter().map(str::to_owned).collect(),
            client_id: client_id(&claims).map(str::to_owned),
            sub: text("sub"),
            email: text("email"),
        })
    }

    /// Whether it claims to be for one a tenant trusts tokens for.
    #[must_use]
    pub fn is_for(&self, oidc: &OidcConfig) -> bool {
        let named = self.aud.iter().any(|audience| audience == oidc.audience());
        named || oidc.client_id_as_audience && self.client_id.as_deref() == Some(oidc.audience())
    }

    /// Whom it may be for: its audiences, or the client of an access token that has none.
    #[must_use]
    pub fn audiences(&self) -> Vec<&str> {
        self.aud.iter().chain(&self.client_id).map(String::as_str).collect()
    }

    /// The keys under which the directory may link its owner, if its claims have the usual names and it is good.
    #[must_use]
    pub fn link_keys(&self) -> Vec<String> {
        let external = self.iss.as_deref().zip(self.sub.as_deref());
        let external = external.map(|(issuer, id)| PersonLink::by_external_id(issuer, id));
        external.into_iter().chain(self.email.as_deref().map(PersonLink::by_email)).collect()
    }

    /// The issuer it claims.
    #[must_use]
    pub fn iss(&self) -> Option<&str> {
        self.iss.as_deref()
    }

    /// The audiences it claims.
    #[must_use]
    pub fn aud(&self) -> &[String] {
        &self.aud
    }

    /// The subject it claims.
    #[must_use]
    pub fn sub(&self) -> Option<&str> {
        self.sub.as_deref()
    }
}

/// What a verified token says. Only [`Verifier`](super::Verifier) makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedClaims {
    subject: String,
    email: Option<String>,
    name: Option<String>,
    groups: Option<Vec<String>>,
    external_id: Option<ExternalId>,
    mfa: bool,
    issued_at: Option<Timestamp>,
    expires_at: Timestamp,
}

impl VerifiedClaims {
    /// The claims of a token whose signature has been verified.
    pub(super) fn check(claims: &Map<String, Value>, trust: &OidcTrust, now: Timestamp) -> Result<Self, Refusal> {
        if claims.get("iss").and_then(Value::as_str) != Some(&trust.issuer) {
            return Err(Refusal::Issuer);
        }
        let audiences = claims.get("aud").and_then(texts).unwrap_or_default();
        let is_ours = |audience: &str| trust.audiences.iter().any(|ours| ours == audience);
        let named = audiences.into_iter().any(is_ours);
        let by_client = trust.oidc.client_id_as_audience && client_id(claims).is_some_and(is_ours);
        if !named && !by_client {
            return Err(Refusal::Audience);
        }
        let expires_at = check_times(claims, now)?;
        let subject = claims.get("sub").and_then(Value::as_str).filter(|sub| is_subject(sub));
        let amr = claims.get("amr").and_then(texts).unwrap_or_default();
        let acr = claims.get("acr").and_then(Value::as_str);
        Ok(Self {
            subject: subject.ok_or(Refusal::Subject)?.to_owned(),
            email: verified_email(claims, trust),
            name: claims.get("name").and_then(|name| line(name, MAX_NAME_CHARS)),
            groups: groups(claims, &trust.oidc.groups_claim)?,
            external_id: external_id(claims, &trust.oidc),
            mfa: are_several(&amr) || acr.is_some_and(|acr| trust.oidc.mfa_acr_values.iter().any(|value| value == acr)),
            issued_at: claims
                .get("iat")
                .and_then(numeric_date)
                .and_then(|seconds| Timestamp::from_second(seconds).ok()),
            expires_at,
        })
    }

    /// Who the token is about.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Their e-mail address, if it is verified.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// Their name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Their groups; `None` if the token leaves them out.
    #[must_use]
    pub fn groups(&self) -> Option<&[String]> {
        self.groups.as_deref()
    }

    /// Whether they signed in with more than one factor.
    #[must_use]
    pub fn mfa(&self) -> bool {
        self.mfa
    }

    /// When the token was issued, to the second; `None` if it does not say.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }

    /// When the token ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The person as policies see them, in these groups.
    #[must_use]
    pub fn into_principal(self, groups: Vec<String>) -> Principal {
        Principal {
            who: PrincipalRef::user(self.subject),
            email: self.email,
            name: self.name,
            groups,
            link: DirectoryLink { external_id: self.external_id, ..DirectoryLink::default() },
        }
    }
}

/// The client of an access token that has no audience (Amazon Cognito, "Understanding the access token").
fn client_id(claims: &Map<String, Value>) -> Option<&str> {
    let is_access = claims.get("token_use").and_then(Value::as_str) == Some("access");
    if is_access && !claims.contains_key("aud") { claims.get("client_id").and_then(Value::as_str) } else { None }
}

/// Checks `exp`, `nbf` and `iat` and returns the first.
pub(super) fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, Refusal> {
    let now = now.as_second();
    let expires_at = claims.get("exp").and_then(numeric_date).ok_or(Refusal::Expired)?;
    if now >= expires_at.saturating_add(LEEWAY_SECONDS) {
        return Err(Refusal::Expired);
    }
    for name in ["nbf", "iat"] {
        if let Some(claim) = claims.get(name) {
            let from = numeric_date(claim).ok_or(Refusal::NotYetValid)?;
            if from > now.saturating_add(LEEWAY_SECONDS) {
                return Err(Refusal::NotYetValid);
            }
        }
    }
    Ok(Timestamp::from_second(expires_at).unwrap_or(Timestamp::MAX))
}

/// Whole seconds of a `NumericDate`, which may have a fraction.
fn numeric_date(claim: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and no such time is ever reached")]
    let from_float = |seconds: f64| seconds as i64;
    claim.as_i64().or_else(|| claim.as_f64().map(from_float))
}

/// OpenID Connect Core, section 2: at most 255 ASCII characters. What cannot be seen cannot be told apart in a log: spaces
/// are taken, but not at the ends or beside one another, where they are not shown.
fn is_subject(sub: &str) -> bool {
    let printable = sub.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    (1..=MAX_SUBJECT_CHARS).contains(&sub.len()) && printable && sub.trim() == sub && !sub.contains("  ")
}

/// The e-mail address in lower case, if it is verified: identity providers and mail servers do not tell cases apart, so a
/// rule about an address must not depend on how it was typed. People are linked to Identity Store users by it, and an address nobody verified
/// is one its owner may have made up. `email_verified` and Entra ID's `xms_edov` speak of the claim `email` only.
fn verified_email(claims: &Map<String, Value>, trust: &OidcTrust) -> Option<String> {
    let email = lookup(claims, &trust.oidc.email_claim)?.as_str()?;
    let (local, domain) = email.rsplit_once('@')?;
    // Letters beyond ASCII have look-alikes, and fold in more than one way.
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@');
    if !plain(local) || !plain(domain) || email.len() > MAX_EMAIL_CHARS {
        return None;
    }
    let marks = ["email_verified", "xms_edov"].map(|name| claims.get(name).and_then(flag));
    let said = matches!(trust.oidc.email_claim.as_str(), "email" | "/email") && marks.contains(&Some(true));
    let trusted =
        trust.oidc.trust_email && trust.verified_domains.iter().any(|verified| verified.eq_ignore_ascii_case(domain));
    (!marks.contains(&Some(false)) && (said || trusted)).then(|| email.to_ascii_lowercase())
}

/// What a flag says that some issuers write as text or number. What is none of these says no.
fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Null => None,
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => Some(text == "1" || text.eq_ignore_ascii_case("true")),
        Value::Number(number) => Some(number.as_i64() == Some(1)),
        Value::Array(_) | Value::Object(_) => Some(false),
    }
}

/// The id under which the Identity Store may know the owner from provisioning.
fn external_id(claims: &Map<String, Value>, oidc: &OidcConfig) -> Option<ExternalId> {
    let (issuer, claim) =
        oidc.external_id.as_ref().map_or((&*oidc.issuer_url, "sub"), |source| (&source.issuer, &source.claim));
    let id = lookup(claims, claim)?.as_str()?;
    let fits = !id.is_empty() && id.chars().count() <= MAX_EXTERNAL_ID_CHARS;
    fits.then(|| ExternalId { issuer: issuer.to_owned(), id: id.to_owned() })
}

/// One text, or a list of nothing but texts.
pub(super) fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(values) => values.iter().map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// A text of one line, neither empty nor longer than `max_chars`, as it is shown: without what is not seen.
fn line(value: &Value, max_chars: usize) -> Option<String> {
    let text = without_invisible(value.as_str()?);
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= max_chars && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}
