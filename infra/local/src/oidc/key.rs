//! The key the development issuer signs with: made once, so that tokens outlive a restart.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// The signing key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the signing key at `{path}` cannot be read or written")]
    File {
        /// Where it should be.
        path: PathBuf,
        /// Why it cannot.
        #[source]
        source: io::Error,
    },
    /// The file holds something else.
    #[error("the signing key at `{0}` is damaged; delete the file and a new key is made")]
    Damaged(PathBuf),
    /// The cryptography library failed.
    #[error("the cryptography library failed")]
    Crypto,
}

/// Where the signing key is kept.
#[derive(Debug, Clone)]
pub enum SigningKeyStore {
    /// Nowhere: a new key each time.
    Memory,
    /// In a file (PKCS #8, DER) that only its owner can read, made if it is not there.
    File(PathBuf),
}

impl SigningKeyStore {
    pub(super) fn open(&self) -> Result<SigningKey, KeyError> {
        match self {
            Self::Memory => SigningKey::from_pkcs8(&generate()?).ok_or(KeyError::Crypto),
            Self::File(path) => {
                let file_error = |source| KeyError::File { path: path.clone(), source };
                let document = match fs::read(path) {
                    Ok(document) => document,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        let document = generate()?;
                        write_private(path, &document).map_err(file_error)?;
                        document
                    }
                    Err(error) => return Err(file_error(error)),
                };
                SigningKey::from_pkcs8(&document).ok_or_else(|| KeyError::Damaged(path.clone()))
            }
        }
    }
}

fn generate() -> Result<Vec<u8>, KeyError> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    Ok(document.map_err(|_| KeyError::Crypto)?.as_ref().to_vec())
}

/// Writes beside the target and renames, so that a process killed in between leaves no half a key.
fn write_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let unfinished = path.with_extension("unfinished");
    if let Err(error) = fs::remove_file(&unfinished)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}

/// An ES256 key.
pub(super) struct SigningKey {
    pair: EcdsaKeyPair,
    kid: String,
    x: String,
    y: String,
}

impl SigningKey {
    fn from_pkcs8(document: &[u8]) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document).ok()?;
        // The uncompressed point: a tag, then both coordinates.
        let (_, point) = pair.public_key().as_ref().split_first()?;
        let (x, y) = point.split_at_checked(32)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // RFC 7638: the same key has the same id, whoever computes it.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()));
        Some(Self { pair, kid, x, y })
    }

    /// The public key.
    pub(super) fn jwk(&self) -> Value {
        json!({"kty": "EC", "crv": "P-256", "x": self.x, "y": self.y, "use": "sig", "alg": "ES256", "kid": self.kid})
    }

    /// A token with these claims.
    pub(super) fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": self.kid});
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).map_err(|_| KeyError::Crypto)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims of a token, if this key signed it.
    pub(super) fn verify(&self, token: &str) -> Option<Map<String, Value>> {
        let (message, signature) = token.rsplit_once('.')?;
        let (_, claims) = message.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key());
        public.verify(message.as_bytes(), &signature).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}
