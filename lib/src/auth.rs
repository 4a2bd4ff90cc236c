//! Who is calling: API keys of machines, tokens of people, and what each may ask for.
//!
//! | module | holds |
//! |---|---|
//! | [`scope`] | the scopes, the markers by which a use case names the one it needs, and what each tenant role may do |
//! | [`api_key`] | making, reading and comparing API keys |
//! | [`jwks`] | the public keys of token issuers, fetched and cached |
//! | [`jwt`] | checking a token against an issuer a tenant trusts |
//! | `caller` | a credential, checked in its tenant |
//!
//! The first four know nothing of the store; `caller` brings them the stored key or the tenant's trust.

pub mod api_key;
mod caller;
pub mod jwks;
pub mod jwt;
pub mod scope;
mod seen;

pub use caller::{AuthError, Caller, Credential, administers, authenticate};
pub use jwks::JwksCache;
pub use scope::{ApiScope, RequiredScope};
pub use seen::SeenCredentials;

#[cfg(test)]
mod testing;
