//! The keys of one issuer, each pinned to the one algorithm it is good for.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};

/// A key that verifies signatures of one algorithm.
pub(in crate::auth) struct VerificationKey {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl VerificationKey {
    /// Whether `signature` (base64url) over `message` was made by this key.
    pub(in crate::auth) fn verifies(&self, signature: &str, message: &str) -> bool {
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, self.algorithm).unwrap_or(false)
    }
}

/// Why a set has no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::auth) enum NoKey {
    /// No key has that id.
    UnknownId,
    /// The key of that id is not for the token's algorithm.
    OtherAlgorithm,
    /// Several keys could be meant, or, for a token that names none, none.
    Ambiguous,
}

/// The usable keys of an issuer.
pub(in crate::auth) struct KeySet(Vec<VerificationKey>);

/// Each key is read on its own: one of a kind we do not know must not cost us the others (RFC 7517, section 5).
#[derive(Serialize, Deserialize)]
pub(super) struct JwkSetDocument {
    keys: Vec<serde_json::Value>,
}

impl JwkSetDocument {
    /// The same without keys that verify nothing.
    pub(super) fn usable(self) -> Self {
        Self { keys: self.keys.into_iter().filter(|key| read_key(key).is_some()).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl From<JwkSetDocument> for KeySet {
    fn from(document: JwkSetDocument) -> Self {
        Self(document.keys.iter().filter_map(read_key).collect())
    }
}

fn read_key(key: &serde_json::Value) -> Option<VerificationKey> {
    verification_key(&Jwk::deserialize(key).ok()?)
}

impl KeySet {
    /// The keys of a stored document.
    pub(super) fn of_stored(jwks: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<JwkSetDocument>(jwks).map(Self::from)
    }

    /// The one key for a token that says `kid` and `algorithm`.
    pub(in crate::auth) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&VerificationKey, NoKey> {
        if kid.is_some() && !self.0.iter().any(|key| key.kid.as_deref() == kid) {
            return Err(NoKey::UnknownId);
        }
        let mut matching =
            self.0.iter().filter(|key| key.algorithm == algorithm && (kid.is_none() || key.kid.as_deref() == kid));
        match (matching.next(), matching.next()) {
            (Some(key), None) => Ok(key),
            (None, _) if kid.is_some() => Err(NoKey::OtherAlgorithm),
            (None, _) | (Some(_), Some(_)) => Err(NoKey::Ambiguous),
        }
    }
}

fn verification_key(jwk: &Jwk) -> Option<VerificationKey> {
    let for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let for_verifying =
        jwk.common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !for_signatures || !for_verifying {
        return None;
    }
    let algorithm = pinned_algorithm(jwk)?;
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some(VerificationKey { kid: jwk.common.key_id.clone(), algorithm, key })
}

/// The algorithm follows from the key's own type, never from the token: a public RSA key is no HMAC secret.
fn pinned_algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let (algorithm, named) = if matches!(&jwk.algorithm, AlgorithmParameters::RSA(_)) {
        (Algorithm::RS256, KeyAlgorithm::RS256)
    } else if matches!(&jwk.algorithm, AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256) {
        (Algorithm::ES256, KeyAlgorithm::ES256)
    } else if matches!(&jwk.algorithm, AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519) {
        (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
    } else {
        return None;
    };
    jwk.common.key_algorithm.is_none_or(|claimed| claimed == named).then_some(algorithm)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde_json::{Value, json};

    use super::*;

    fn set(keys: &[Value]) -> KeySet {
        serde_json::from_value::<JwkSetDocument>(json!({"keys": keys})).unwrap().into()
    }

    /// P-256 key with `extra` members.
    fn ec(extra: &Value) -> Value {
        let mut key = json!({"kty": "EC", "crv": "P-256", "kid": "k",
            "x": "WKn-ZIGevcwGIyyrzFoZNBdaq9_TsqzGl96oc0CWuis", "y": "y77t-RvAHRKTsSGdIYUfweuOvwrvDD-Q3Hv5J0fSKbE"});
        key.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        key
    }

    #[test]
    fn a_key_is_good_for_the_algorithm_of_its_type_only() {
        let set = set(&[ec(&json!({"use": "sig", "alg": "ES256", "key_ops": ["verify"]}))]);
        assert!(set.find(Some("k"), Algorithm::ES256).is_ok());
        assert_eq!(set.find(Some("k"), Algorithm::RS256).err(), Some(NoKey::OtherAlgorithm));
        assert_eq!(set.find(Some("other"), Algorithm::ES256).err(), Some(NoKey::UnknownId));
    }

    #[test]
    fn keys_for_other_purposes_are_left_out() {
        let others = [
            ec(&json!({"use": "enc"})),
            ec(&json!({"key_ops": ["encrypt"]})),
            ec(&json!({"alg": "ES384"})),
            ec(&json!({"alg": "HS256"})),
            ec(&json!({"crv": "P-384"})),
            ec(&json!({"crv": "secp256k1"})),
            json!({"kty": "oct", "kid": "k", "k": "c2VjcmV0"}),
            json!({"kty": "OKP", "kid": "k", "crv": "X25519", "x": "AAAA"}),
            json!({"kty": "new", "kid": "k"}),
            json!("not an object"),
        ];
        for other in others {
            let set = set(&[other.clone(), ec(&json!({"kid": "good"}))]);
            assert_eq!(set.0.len(), 1, "{other}");
            assert!(set.find(Some("good"), Algorithm::ES256).is_ok());
        }
    }

    #[test]
    fn a_token_without_a_key_id_needs_exactly_one_candidate() {
        let one = set(&[ec(&json!({}))]);
        assert!(one.find(None, Algorithm::ES256).is_ok());
        assert_eq!(one.find(None, Algorithm::EdDSA).err(), Some(NoKey::Ambiguous));
        let two = set(&[ec(&json!({})), ec(&json!({"kid": "other"}))]);
        assert_eq!(two.find(None, Algorithm::ES256).err(), Some(NoKey::Ambiguous));
    }
}
