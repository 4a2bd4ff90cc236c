//! Principals: people and service accounts that request, decide and receive access.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::stored::required;
use super::{ApiKeyId, ExternalId, PersonLink};

/// Whether a principal is a person or a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// A person, identified by the subject of their token.
    User,
    /// A service account, identified by its API key.
    ServiceAccount,
}

/// The kind and id of a principal, as stored and compared. The kind is compared too: a person whose subject equals the
/// id of an API key is a different principal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PrincipalRef {
    /// Whether it is a person or a service account.
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

/// A principal with the attributes that policies can use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The kind and id.
    #[serde(flatten)]
    pub who: PrincipalRef,
    /// A person's verified e-mail address; `None` if it is not verified, and for a service account.
    #[serde(deserialize_with = "required")]
    pub email: Option<String>,
    /// The display name; `None` if not known.
    #[serde(deserialize_with = "required")]
    pub name: Option<String>,
    /// The groups it is a member of.
    pub groups: Vec<String>,
    /// What links it to a user of the Identity Store.
    pub link: DirectoryLink,
}

/// What links a principal to a user of the Identity Store. Names are never used for that.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryLink {
    /// The person's id at the identity provider, as the Identity Store has it; `None` for service accounts.
    #[serde(deserialize_with = "required")]
    pub external_id: Option<ExternalId>,
    /// The id of the Identity Store user that an administrator set on an API key; `None` for people.
    #[serde(deserialize_with = "required")]
    pub service_user_id: Option<String>,
    /// The users that the person's keys led to at the last look-up, the strongest key first. A key that leads to nobody
    /// has an entry without users. Empty if the directory has not been read.
    pub found: Vec<PersonLink>,
}

impl Principal {
    /// A principal of whom only kind and id are known.
    #[must_use]
    pub fn stranger(who: PrincipalRef) -> Self {
        Self { who, email: None, name: None, groups: Vec::new(), link: DirectoryLink::default() }
    }

    /// The keys of the directory's links that may lead to the person, the strongest first: the external id, then the
    /// verified e-mail address. Empty for service accounts.
    #[must_use]
    pub fn link_keys(&self) -> Vec<String> {
        if self.who.kind != PrincipalKind::User {
            return Vec::new();
        }
        let external =
            self.link.external_id.as_ref().map(|external| PersonLink::by_external_id(&external.issuer, &external.id));
        external.into_iter().chain(self.email.as_deref().map(PersonLink::by_email)).collect()
    }

    /// The id of the Identity Store user who receives the principal's access: for an API key the user an administrator
    /// set, for a person the user that the strongest matching link leads to. `None` if that link leads to several
    /// users: a weaker link does not decide between them.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        match self.who.kind {
            PrincipalKind::ServiceAccount => self.link.service_user_id.as_deref(),
            PrincipalKind::User => self.link.found.iter().find(|link| !link.user_ids.is_empty())?.user_id(),
        }
    }

    /// The Identity Store user id of a person; `None` for a service account, which is not a person.
    #[must_use]
    pub fn person(&self) -> Option<&str> {
        match self.who.kind {
            PrincipalKind::ServiceAccount => None,
            PrincipalKind::User => self.user_id(),
        }
    }
}

/// How a caller authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// A token of the tenant's identity provider.
    Oidc,
    /// An API key.
    ApiKey,
}

impl Auth {
    /// The value of the context attribute in policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::ApiKey => "api_key",
        }
    }
}

/// How a caller authenticated. It is stored with a request or decision, so that policy can be evaluated again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circumstances {
    /// The kind of credential.
    pub auth: Auth,
    /// Whether more than one factor was used.
    pub mfa: bool,
    /// The IP address of the call; `None` if not known.
    #[serde(deserialize_with = "required")]
    pub source_ip: Option<IpAddr>,
}
