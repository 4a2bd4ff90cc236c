//! What a token says: before it is verified, good for finding out whom to ask; after, for everything else.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{LEEWAY_SECONDS, OidcTrust, Refusal, TokenError, json, split};
use crate::domain::{Principal, PrincipalRef};

const MAX_SUBJECT_CHARS: usize = 255;
const MAX_EMAIL_CHARS: usize = 320;
const MAX_NAME_CHARS: usize = 255;

/// Authentication methods (RFC 8176, and `fido` as Entra ID says it) that no password alone gives.
const MFA_METHODS: [&str; 5] = ["mfa", "otp", "hwk", "sc", "fido"];

/// What a token claims before anyone checked it: good for naming the reads its verification needs, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedClaims {
    iss: Option<String>,
    aud: Vec<String>,
    sub: Option<String>,
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
        Ok(Self { iss: text("iss"), aud: aud.into_iter().map(str::to_owned).collect(), sub: text("sub") })
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
    groups: Vec<String>,
    mfa: bool,
    expires_at: Timestamp,
}

impl VerifiedClaims {
    /// The claims of a token whose signature has been verified.
    pub(super) fn check(claims: &Map<String, Value>, trust: &OidcTrust, now: Timestamp) -> Result<Self, Refusal> {
        if claims.get("iss").and_then(Value::as_str) != Some(&trust.issuer) {
            return Err(Refusal::Issuer);
        }
        let audiences = claims.get("aud").and_then(texts).unwrap_or_default();
        if !audiences.iter().any(|audience| trust.audiences.iter().any(|ours| ours == audience)) {
            return Err(Refusal::Audience);
        }
        let expires_at = check_times(claims, now)?;
        let subject = claims.get("sub").and_then(Value::as_str).filter(|sub| is_subject(sub));
        let amr = claims.get("amr").and_then(texts).unwrap_or_default();
        Ok(Self {
            subject: subject.ok_or(Refusal::Subject)?.to_owned(),
            email: email(claims, &trust.email_claim),
            name: claims.get("name").and_then(|name| line(name, MAX_NAME_CHARS)),
            groups: groups(claims, &trust.groups_claim)?,
            mfa: amr.iter().any(|method| MFA_METHODS.contains(method)),
            expires_at,
        })
    }

    /// Who the token is about.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Their e-mail address, unless the issuer says it did not verify it.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// Their name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Their groups.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Whether they logged in with more than a password.
    #[must_use]
    pub fn mfa(&self) -> bool {
        self.mfa
    }

    /// When the token ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The person as policies see them.
    #[must_use]
    pub fn into_principal(self) -> Principal {
        Principal { who: PrincipalRef::user(self.subject), email: self.email, name: self.name, groups: self.groups }
    }
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

/// OpenID Connect Core, section 2: at most 255 ASCII characters. What cannot be seen cannot be told apart in a log.
fn is_subject(sub: &str) -> bool {
    (1..=MAX_SUBJECT_CHARS).contains(&sub.len()) && sub.bytes().all(|byte| byte.is_ascii_graphic())
}

/// An address the issuer did not verify is one its owner may have made up, and Identity Center users are found by it.
fn email(claims: &Map<String, Value>, claim: &str) -> Option<String> {
    let unverified = match claims.get("email_verified") {
        Some(Value::Bool(verified)) => !verified,
        Some(Value::String(verified)) => verified != "true",
        _ => false,
    };
    if unverified && claim == "email" {
        return None;
    }
    lookup(claims, claim).and_then(|email| line(email, MAX_EMAIL_CHARS))
}

/// No group is no group; but groups that cannot be read are no reason to take the person for a member of none, since a
/// rule may forbid by group.
fn groups(claims: &Map<String, Value>, claim: &str) -> Result<Vec<String>, Refusal> {
    match lookup(claims, claim) {
        None | Some(Value::Null) => {
            // OpenID Connect Core, section 5.6.2: the claim exists, elsewhere. Entra ID does so beyond 200 groups.
            let is_elsewhere = claims.get("_claim_names").is_some_and(|names| names.get(claim).is_some());
            if is_elsewhere { Err(Refusal::Groups) } else { Ok(Vec::new()) }
        }
        Some(groups) => {
            let groups = texts(groups).ok_or(Refusal::Groups)?;
            Ok(groups.into_iter().filter(|group| !group.is_empty()).map(str::to_owned).collect())
        }
    }
}

/// A claim by its name or, if there is none of that name, by a dotted path. Names come first because those of custom
/// claims are often URLs, which have dots.
fn lookup<'a>(claims: &'a Map<String, Value>, claim: &str) -> Option<&'a Value> {
    claims.get(claim).or_else(|| {
        let (first, rest) = claim.split_once('.')?;
        rest.split('.').try_fold(claims.get(first)?, |value, name| value.get(name))
    })
}

/// One text, or a list of nothing but texts.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(values) => values.iter().map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// A text of one line, neither empty nor longer than `max_chars`.
fn line(value: &Value, max_chars: usize) -> Option<String> {
    let text = value.as_str()?.trim();
    let fits = !text.is_empty() && text.chars().count() <= max_chars && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}
