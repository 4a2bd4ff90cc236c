//! Identifiers: UUIDs, each kind with its own type, so that one cannot be passed as another.

use std::fmt;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The text is not a UUID in its hyphenated form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID such as `019a3f5e-7c1b-7000-8000-000000000000`")]
pub struct IdError;

fn parse(text: &str) -> Result<Uuid, IdError> {
    // `Uuid` also parses the braced, simple and URN forms; here each id has one spelling.
    if text.len() != uuid::fmt::Hyphenated::LENGTH {
        return Err(IdError);
    }
    text.parse().map_err(|_| IdError)
}

/// Deserializes an id by the same rules as `FromStr`.
struct Spelling;

impl Visitor<'_> for Spelling {
    type Value = Uuid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a UUID")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Uuid, E> {
        parse(text).map_err(E::custom)
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])+ $name:ident)+) => {$(
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = "uuid", example = "019a3f5e-7c1b-7000-8000-000000000001")]
        pub struct $name(Uuid);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
                text.deserialize_str(Spelling).map(Self)
            }
        }

        impl $name {
            /// The id as a UUID.
            #[must_use]
            pub fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse(text).map(Self)
            }
        }
    )+};
}

ids! {
    /// The id of a tenant. Tenants share no data.
    TenantId
    /// The id of an access request.
    RequestId
    /// The id of a grant.
    GrantId
    /// The id of a policy.
    PolicyId
    /// The id of a rule.
    RuleId
    /// The id of an event, and of the audit entry it becomes.
    EventId
    /// The id of a message on a request.
    MessageId
    /// The id of an API key.
    ApiKeyId
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn upper_case_is_read_and_written_as_lower_case() {
        let id: TenantId = "2489E9AD-2EE2-8E00-8EC9-32D5F69181C0".parse().unwrap();
        assert_eq!(id.to_string(), "2489e9ad-2ee2-8e00-8ec9-32d5f69181c0");
    }

    #[test]
    fn other_spellings_of_a_uuid_are_refused() {
        for text in ["", "x", "2489E9AD2EE28E008EC932D5F69181C0", "{2489e9ad-2ee2-8e00-8ec9-32d5f69181c0}"] {
            assert_eq!(text.parse::<TenantId>(), Err(IdError), "{text}");
            assert!(serde_json::from_value::<TenantId>(text.into()).is_err(), "{text}");
        }
    }
}
