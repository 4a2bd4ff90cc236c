//! An OIDC issuer for development: it logs in whoever is picked from a list, without a password.
//!
//! Clients and the API use it like any other: discovery, keys, the code flow with PKCE, access tokens that are JWTs.
//! It is public-client only, sends codes to loopback only, and belongs on loopback itself.

mod authorize;
mod key;
#[cfg(test)]
mod tests;
mod token;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde_json::{Value, json};
use stint::clock::Clock;

pub use key::{KeyError, SigningKeyStore};

use key::SigningKey;

/// How long an access or ID token of the code flow is good for, in seconds.
const TOKEN_SECONDS: i64 = 3600;
/// How long a code is good for, in seconds.
const CODE_SECONDS: i64 = 60;

/// A person who can log in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DevUser {
    /// The subject of their tokens.
    pub sub: String,
    /// Their e-mail address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// Their groups.
    pub groups: Vec<String>,
}

/// The development issuer. Cheap to clone; clones are the same issuer.
#[derive(Clone)]
pub struct DevIssuer(Arc<Inner>);

struct Inner {
    issuer: String,
    audience: String,
    users: Vec<DevUser>,
    key: SigningKey,
    clock: Clock,
    codes: Mutex<HashMap<String, Code>>,
}

/// What a code stands for until it is redeemed.
struct Code {
    sub: String,
    redirect_uri: String,
    challenge: String,
    nonce: Option<String>,
    issued_at: Timestamp,
}

impl DevIssuer {
    /// An issuer known as `issuer_url`, which is where its [`router`](Self::router) is mounted, whose tokens are for
    /// `audience`, which is also the id of its one client.
    ///
    /// # Errors
    /// [`KeyError`] if there is no signing key to be had.
    pub fn new(
        issuer_url: impl Into<String>,
        audience: impl Into<String>,
        users: Vec<DevUser>,
        key: &SigningKeyStore,
        clock: Clock,
    ) -> Result<Self, KeyError> {
        Ok(Self(Arc::new(Inner {
            issuer: issuer_url.into(),
            audience: audience.into(),
            users,
            key: key.open()?,
            clock,
            codes: Mutex::default(),
        })))
    }

    /// The name of the issuer, as it stands in `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The people who can log in.
    #[must_use]
    pub fn users(&self) -> &[DevUser] {
        &self.0.users
    }

    /// An access token for `sub`, who need not be one of the users, with other groups or another e-mail address if
    /// those are given. It is good for `expires_in` seconds; one that is negative has expired already.
    ///
    /// # Errors
    /// [`KeyError`] if it cannot be signed.
    pub fn token(
        &self,
        sub: &str,
        groups: Option<Vec<String>>,
        email: Option<String>,
        expires_in: i64,
    ) -> Result<String, KeyError> {
        let mut claims = self.claims(sub, expires_in);
        if let Some(claims) = claims.as_object_mut() {
            claims.extend(groups.map(|groups| ("groups".to_owned(), groups.into())));
            if let Some(email) = email {
                claims.insert("email".to_owned(), email.into());
                claims.insert("email_verified".to_owned(), true.into());
            }
        }
        self.0.key.sign(&claims)
    }

    /// A token with exactly these claims, whatever they say.
    ///
    /// # Errors
    /// [`KeyError`] if it cannot be signed.
    pub fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        self.0.key.sign(claims)
    }

    /// Everything the issuer serves, to be mounted at the path of its URL.
    pub fn router(&self) -> axum::Router {
        axum::Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/authorize", get(authorize::pick).post(authorize::picked))
            .route("/token", post(token::redeem))
            .route("/userinfo", get(token::userinfo).post(token::userinfo))
            .with_state(self.clone())
    }

    /// The claims access and ID tokens share.
    #[must_use]
    pub fn claims(&self, sub: &str, expires_in: i64) -> Value {
        let now = self.0.clock.now().as_second();
        let mut claims = json!({
            "iss": self.0.issuer,
            "aud": self.0.audience,
            "sub": sub,
            "iat": now,
            "exp": now.saturating_add(expires_in),
            "amr": ["pwd"],
            "groups": [],
        });
        if let (Some(claims), Some(user)) = (claims.as_object_mut(), self.user(sub)) {
            claims.insert("email".to_owned(), json!(user.email));
            claims.insert("email_verified".to_owned(), json!(true));
            claims.insert("name".to_owned(), json!(user.name));
            claims.insert("groups".to_owned(), json!(user.groups));
        }
        claims
    }

    fn user(&self, sub: &str) -> Option<&DevUser> {
        self.0.users.iter().find(|user| user.sub == sub)
    }

    /// The codes that are still good.
    fn codes(&self) -> MutexGuard<'_, HashMap<String, Code>> {
        let now = self.0.clock.now().as_second();
        let mut codes = self.0.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, code| now - code.issued_at.as_second() < CODE_SECONDS);
        codes
    }
}

impl std::fmt::Debug for DevIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevIssuer").field("issuer", &self.0.issuer).finish_non_exhaustive()
    }
}

async fn discovery(State(issuer): State<DevIssuer>) -> Json<Value> {
    let issuer = issuer.issuer();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "email", "groups"],
        "claims_supported": [
            "iss", "aud", "sub", "iat", "exp", "amr", "nonce", "email", "email_verified", "name", "groups",
        ],
    }))
}

async fn jwks(State(issuer): State<DevIssuer>) -> Json<Value> {
    Json(json!({"keys": [issuer.0.key.jwk()]}))
}

/// An answer that must not be kept by anyone on the way: it has a code, a token or a person in it.
fn no_store(answer: impl IntoResponse) -> Response {
    ([(CACHE_CONTROL, "no-store")], answer).into_response()
}
