//! Who asks, decides and receives: a person or a service account.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::ApiKeyId;

/// Whether a principal is a person or a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// A person, known by the subject of their token.
    User,
    /// An API key.
    ServiceAccount,
}

/// A principal by kind and id, as it is stored and compared: a person whose subject happens to be the id of an API
/// key is still somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PrincipalRef {
    /// Person or machine.
    pub kind: PrincipalKind,
    /// The subject of the token, or the id of the API key.
    pub id: String,
}

impl PrincipalRef {
    /// A person by the subject of their token.
    #[must_use]
    pub fn user(sub: impl Into<String>) -> Self {
        Self { kind: PrincipalKind::User, id: sub.into() }
    }

    /// A service account by the id of its API key.
    #[must_use]
    pub fn service_account(id: ApiKeyId) -> Self {
        Self { kind: PrincipalKind::ServiceAccount, id: id.to_string() }
    }
}

impl fmt::Display for PrincipalRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            PrincipalKind::User => "user",
            PrincipalKind::ServiceAccount => "service_account",
        };
        write!(f, "{kind}:{}", self.id)
    }
}

/// A principal with what policies may ask about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// Who.
    #[serde(flatten)]
    pub who: PrincipalRef,
    /// The e-mail address of a person, or the name of a service account: how Identity Store finds the user.
    pub email: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// The groups it is a member of.
    pub groups: Vec<String>,
}

/// How the caller proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// A token of the tenant's identity provider.
    Oidc,
    /// An API key.
    ApiKey,
}

impl Auth {
    /// What policies compare with.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::ApiKey => "api_key",
        }
    }
}

/// How somebody called. It is stored with what they asked for or decided, so that policy can be asked again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circumstances {
    /// How they proved who they are.
    pub auth: Auth,
    /// Whether they used more than one factor.
    pub mfa: bool,
    /// The address they called from.
    pub source_ip: Option<IpAddr>,
}
