//! Who asks, decides and receives: a person or a service account.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::stored::required;
use super::{ApiKeyId, ExternalId, PersonLink};

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
    /// The e-mail address of a person, only if it is verified; of a service account none.
    #[serde(deserialize_with = "required")]
    pub email: Option<String>,
    /// What people call it.
    #[serde(deserialize_with = "required")]
    pub name: Option<String>,
    /// The groups it is a member of.
    pub groups: Vec<String>,
    /// What links it to a user of the Identity Store.
    pub link: DirectoryLink,
}

/// What links a principal to a user of the Identity Store: names never do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryLink {
    /// The id the identity provider gives a person, as the directory keys it; `None` for service accounts.
    #[serde(deserialize_with = "required")]
    pub external_id: Option<ExternalId>,
    /// The Identity Store user an administrator set on an API key; `None` for people.
    #[serde(deserialize_with = "required")]
    pub service_user_id: Option<String>,
    /// What the keys of the person led to when the directory was last asked, the strongest key first. A key that led to
    /// nobody names no users. Empty: the directory has not been asked.
    pub found: Vec<PersonLink>,
}

impl Principal {
    /// A principal of whom nothing but the id is known.
    #[must_use]
    pub fn stranger(who: PrincipalRef) -> Self {
        Self { who, email: None, name: None, groups: Vec::new(), link: DirectoryLink::default() }
    }

    /// The keys of the directory's links that may lead to a person, the strongest first: the external id, then the
    /// verified e-mail address. Service accounts have none.
    #[must_use]
    pub fn link_keys(&self) -> Vec<String> {
        if self.who.kind != PrincipalKind::User {
            return Vec::new();
        }
        let external =
            self.link.external_id.as_ref().map(|external| PersonLink::by_external_id(&external.issuer, &external.id));
        external.into_iter().chain(self.email.as_deref().map(PersonLink::by_email)).collect()
    }

    /// The Identity Store user who receives what this principal is given: the one an administrator set on an API key; of
    /// a person the one their strongest link that leads anywhere leads to. `None` if that link leads to several users:
    /// a weaker one does not decide between them.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        match self.who.kind {
            PrincipalKind::ServiceAccount => self.link.service_user_id.as_deref(),
            PrincipalKind::User => self.link.found.iter().find(|link| !link.user_ids.is_empty())?.user_id(),
        }
    }

    /// The person this principal is, as an Identity Store user id; a service account is nobody.
    #[must_use]
    pub fn person(&self) -> Option<&str> {
        match self.who.kind {
            PrincipalKind::ServiceAccount => None,
            PrincipalKind::User => self.user_id(),
        }
    }
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
    #[serde(deserialize_with = "required")]
    pub source_ip: Option<IpAddr>,
}
