//! Getting an issuer's keys: OpenID Connect Discovery 1.0, then the document it names.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::keys::JwkSetDocument;

const TIMEOUT: Duration = Duration::from_secs(3);
const MAX_BYTES: usize = 256 * 1024;
/// The longest issuer, in bytes. It is part of partition keys, which DynamoDB limits to 2,048 bytes.
const MAX_ISSUER: usize = 1_024;

/// Why an issuer's keys could not be had. For operators: callers learn no more than that it is unavailable.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// The issuer is not a URL we fetch from.
    #[error(
        "an issuer is an `https` URL (`http` on loopback) of at most 1,024 characters without credentials, query and \
         fragment"
    )]
    IssuerUrl,
    /// The issuer's document names keys at a place we do not fetch from.
    #[error("the issuer's `jwks_uri` is not an `https` URL without credentials")]
    KeysUrl,
    /// The document is some other issuer's.
    #[error("the discovery document names another issuer")]
    OtherIssuer,
    /// No answer, or none in time.
    #[error("no answer from the issuer")]
    Transport(#[source] reqwest::Error),
    /// An answer that is no success; redirects are not followed.
    #[error("the issuer answered with status {0}")]
    Status(u16),
    /// An answer larger than we read.
    #[error("the issuer's answer is larger than 256 KiB")]
    TooLarge,
    /// An answer that is not the document it should be.
    #[error("the issuer's answer is not the expected document")]
    Malformed(#[source] serde_json::Error),
    /// An issuer that publishes no keys for a moment would lock everybody out.
    #[error("the issuer publishes no key that can be used")]
    NoKeys,
    /// An attempt failed a moment ago and the next one is not due.
    #[error("the last attempt failed a moment ago")]
    BackingOff,
}

/// Whether tokens of `issuer` can be verified at all: what an administrator enters is held to this.
///
/// # Errors
/// [`JwksError::IssuerUrl`].
pub fn check_issuer(issuer: &str) -> Result<(), JwksError> {
    issuer_url(issuer).map(drop)
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

pub(super) async fn fetch(issuer: &str) -> Result<JwkSetDocument, JwksError> {
    let base = issuer_url(issuer)?;
    let discovery_url = format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer));
    let discovery_url = Url::parse(&discovery_url).map_err(|_| JwksError::IssuerUrl)?;

    // A client for each fetch: they are an hour apart, and the connections of a function that was frozen in between
    // would be dead.
    let mut client = Client::builder().timeout(TIMEOUT).connect_timeout(TIMEOUT).redirect(Policy::none());
    if base.scheme() == "http" {
        // On loopback nothing is encrypted, and reading the machine's certificates would take longer than all the rest.
        client = client.tls_certs_only([]);
    }
    let client = client.build().map_err(transport)?;

    let discovery: Discovery = get(&client, discovery_url).await?;
    if discovery.issuer != issuer {
        return Err(JwksError::OtherIssuer);
    }
    let document: JwkSetDocument = get(&client, keys_url(&discovery.jwks_uri, &base)?).await?;
    let usable = document.usable();
    if usable.is_empty() { Err(JwksError::NoKeys) } else { Ok(usable) }
}

async fn get<T: DeserializeOwned>(client: &Client, url: Url) -> Result<T, JwksError> {
    let mut response = client.get(url).send().await.map_err(transport)?;
    if response.status() != StatusCode::OK {
        return Err(JwksError::Status(response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(JwksError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(JwksError::Malformed)
}

fn transport(error: reqwest::Error) -> JwksError {
    JwksError::Transport(error.without_url())
}

fn issuer_url(issuer: &str) -> Result<Url, JwksError> {
    if issuer.len() > MAX_ISSUER {
        return Err(JwksError::IssuerUrl);
    }
    let url = Url::parse(issuer).map_err(|_| JwksError::IssuerUrl)?;
    let plain = has_no_credentials(&url) && url.query().is_none() && url.fragment().is_none();
    let reachable = url.scheme() == "https" || is_loopback(&url);
    if plain && reachable { Ok(url) } else { Err(JwksError::IssuerUrl) }
}

/// Only an issuer on loopback may send us to loopback: in the cloud that is where the function's own runtime listens.
fn keys_url(jwks_uri: &str, issuer: &Url) -> Result<Url, JwksError> {
    let url = Url::parse(jwks_uri).map_err(|_| JwksError::KeysUrl)?;
    let reachable = url.scheme() == "https" || (is_loopback(&url) && is_loopback(issuer));
    if has_no_credentials(&url) && reachable { Ok(url) } else { Err(JwksError::KeysUrl) }
}

fn has_no_credentials(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    url.scheme() == "http" && (host == "localhost" || address.is_ok_and(|address| address.is_loopback()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn issuers_we_fetch_from() {
        let cases = [
            ("https://idp.example.com", true),
            ("https://idp.example.com/", true),
            ("https://idp.example.com/realms/main", true),
            ("http://127.0.0.1:8080/dev/oidc", true),
            ("http://localhost:8080", true),
            ("http://[::1]:8080", true),
            ("http://idp.example.com", false),
            ("http://169.254.169.254/latest", false),
            ("http://127.0.0.1.example.com", false),
            ("http://localhost@idp.example.com", false),
            ("https://user:secret@idp.example.com", false),
            ("https://idp.example.com?tenant=1", false),
            ("http://127.0.0.1:9001/runtime?x=", false),
            ("https://idp.example.com#x", false),
            ("file:///etc/passwd", false),
            ("idp.example.com", false),
            ("", false),
        ];
        let long = |length: usize| format!("https://idp.example.com/{}", "x".repeat(length - 24));
        assert!(check_issuer(&long(MAX_ISSUER)).is_ok() && check_issuer(&long(MAX_ISSUER + 1)).is_err());
        for (issuer, accepted) in cases {
            assert_eq!(check_issuer(issuer).is_ok(), accepted, "{issuer}");
        }
    }

    #[test]
    fn a_remote_issuer_cannot_send_us_to_loopback() {
        let remote = Url::parse("https://idp.example.com").unwrap();
        let local = Url::parse("http://127.0.0.1:8080/dev/oidc").unwrap();
        let keys = "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next";
        assert!(matches!(keys_url(keys, &remote), Err(JwksError::KeysUrl)));
        assert!(keys_url("http://127.0.0.1:8080/dev/oidc/jwks", &local).is_ok());
        assert!(keys_url("https://keys.example.com/jwks?v=2", &remote).is_ok());
        assert!(keys_url("http://idp.example.com/jwks", &local).is_err());
    }
}
