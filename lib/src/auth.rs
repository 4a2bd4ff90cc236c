//! Who is calling: API keys of machines, tokens of people, and what each may ask for.
//!
//! | module | holds |
//! |---|---|
//! | [`scope`] | the scopes, the markers by which a use case names the one it needs, and what each tenant role may do |
//! | [`api_key`] | making, reading and comparing API keys |
//! | [`jwks`] | the public keys of token issuers, fetched and cached |
//! | [`jwt`] | checking a token against an issuer a tenant trusts |
//!
//! Nothing here knows the store: the caller brings the stored key or the tenant's trust, and this module says whether
//! the credential holds.

pub mod api_key;
pub mod jwks;
pub mod jwt;
pub mod scope;

#[cfg(test)]
mod testing;
