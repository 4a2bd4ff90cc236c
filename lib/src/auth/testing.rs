//! Keys that sign whatever they are told to, and an issuer on loopback that publishes whatever it is told to.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256};
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(super) enum TestKey {
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl TestKey {
    pub(super) fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    pub(super) fn ec() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(super) fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap())
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::Ec(_) => "ES256",
            Self::Ed(_) => "EdDSA",
        }
    }

    /// The public key as a JWK.
    pub(super) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(key) => {
                let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
                let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                json!({"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": b64(n), "e": b64(e)})
            }
            Self::Ec(key) => {
                let (x, y) = key.public_key().as_ref().get(1..).unwrap().split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": b64(x), "y": b64(y)})
            }
            Self::Ed(key) => json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(key.public_key())}),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
            Self::Ec(key) => key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    /// A token of this key with exactly this header.
    pub(super) fn token_with(&self, header: &Value, claims: &Value) -> String {
        token_with(header, claims, |message| self.sign(message))
    }

    /// A token of this key with the header it should have.
    pub(super) fn token(&self, kid: &str, claims: &Value) -> String {
        self.token_with(&json!({"alg": self.algorithm(), "typ": "JWT", "kid": kid}), claims)
    }
}

pub(super) fn token_with(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    token_of(&header.to_string(), &claims.to_string(), sign)
}

/// A token of these very texts.
pub(super) fn token_of(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", b64(header), b64(claims));
    let signature = b64(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

pub(super) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An issuer on loopback.
#[derive(Clone)]
pub(super) struct TestIssuer {
    pub(super) url: String,
    discovery: Arc<Mutex<Value>>,
    keys: Arc<Mutex<Answer>>,
    fetches: Arc<AtomicUsize>,
}

/// What the issuer answers when it is asked for its keys.
#[derive(Clone)]
pub(super) enum Answer {
    Keys(Vec<Value>),
    Text(String),
    Failure,
    Redirect,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Keys(keys) => json!({"keys": keys}).to_string().into_response(),
            Self::Text(text) => text.into_response(),
            Self::Failure => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Self::Redirect => (StatusCode::FOUND, [("location", "/elsewhere")]).into_response(),
        }
    }
}

impl TestIssuer {
    pub(super) async fn start(keys: Vec<Value>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let discovery = json!({"issuer": url, "jwks_uri": format!("{url}/jwks")});
        let issuer = Self {
            url,
            discovery: Arc::new(Mutex::new(discovery)),
            keys: Arc::new(Mutex::new(Answer::Keys(keys))),
            fetches: Arc::default(),
        };
        let (for_discovery, for_keys) = (issuer.clone(), issuer.clone());
        let discovery = || async move { for_discovery.discovery.lock().unwrap().to_string() };
        let keys = || async move {
            for_keys.fetches.fetch_add(1, Ordering::SeqCst);
            for_keys.keys.lock().unwrap().clone()
        };
        let router = Router::new().route("/.well-known/openid-configuration", get(discovery)).route("/jwks", get(keys));
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    pub(super) fn publish(&self, answer: Answer) {
        *self.keys.lock().unwrap() = answer;
    }

    pub(super) fn say(&self, name: &str, value: Value) {
        self.discovery.lock().unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
    }

    /// How often the keys were asked for.
    pub(super) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}
