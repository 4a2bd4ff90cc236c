//! People as the Identity Store knows them, and the keys that lead to them.
//!
//! The sync writes two kinds of record, both read with `GetItem`, without an index:
//!
//! | record | `pk` | `sk` |
//! |---|---|---|
//! | [`Person`] | `T#<tenant>#PERSON` | the Identity Store's user id |
//! | [`PersonLink`] by external id | `T#<tenant>#LINK` | `external:["<issuer>","<id>"]`, see [`PersonLink::by_external_id`] |
//! | [`PersonLink`] by e-mail address | `T#<tenant>#LINK` | `email:<address, folded>`, see [`PersonLink::by_email`] |
//!
//! A person and the links to them are written in one transaction, so a link always agrees with the record of the person
//! it names. Links name only users who exist: a person who is gone has a record and no links.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::stored::required;

/// The id of a user in another system, as SCIM provisioning stores it in the Identity Store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExternalId {
    /// The issuer of the id, exactly as the Identity Store has it.
    pub issuer: String,
    /// The user's id at that issuer.
    pub id: String,
}

/// A user of the Identity Store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The Identity Store's user id, which assignments name.
    pub user_id: String,
    /// The name they sign in to AWS with. It is not used to link anybody.
    pub user_name: String,
    /// The display name; `None` if the Identity Store has none.
    #[serde(deserialize_with = "required")]
    pub display_name: Option<String>,
    /// Their e-mail addresses, as spelled in the Identity Store. The Identity Store does not say which are verified, so
    /// whoever provisions it is trusted for that.
    pub emails: Vec<String>,
    /// Their ids in other systems.
    pub external_ids: Vec<ExternalId>,
    /// When a full read first did not find them; `None` while they are found.
    #[serde(deserialize_with = "required")]
    pub missing_since: Option<Timestamp>,
    /// When they were marked as gone, after two full reads in a row did not find them; `None` while they exist.
    #[serde(deserialize_with = "required")]
    pub gone_at: Option<Timestamp>,
}

impl Person {
    /// The keys of all links that lead to them; empty if they are gone.
    #[must_use]
    pub fn link_keys(&self) -> BTreeSet<String> {
        if self.gone_at.is_some() {
            return BTreeSet::new();
        }
        let external =
            self.external_ids.iter().map(|external| PersonLink::by_external_id(&external.issuer, &external.id));
        external.chain(self.emails.iter().map(|email| PersonLink::by_email(email))).collect()
    }
}

/// The users that an external id or an e-mail address leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonLink {
    /// The key, made by [`PersonLink::by_external_id`] or [`PersonLink::by_email`].
    pub key: String,
    /// The ids of the users it leads to; with more than one, the key is ambiguous.
    pub user_ids: BTreeSet<String>,
}

impl PersonLink {
    /// The key for an external id. Issuer and id are compared exactly; they are written as a JSON array, since either
    /// may contain any separator.
    #[must_use]
    pub fn by_external_id(issuer: &str, id: &str) -> String {
        format!("external:{}", serde_json::json!([issuer, id]))
    }

    /// The key for an e-mail address. Only ASCII letters are folded: other letters that fold to the same one (`K`, the
    /// Kelvin sign) must not merge two people.
    #[must_use]
    pub fn by_email(address: &str) -> String {
        format!("email:{}", address.to_ascii_lowercase())
    }

    /// The user it leads to; `None` if it leads to several, since an ambiguous key links nobody.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        let mut users = self.user_ids.iter();
        let first = users.next()?;
        users.next().is_none().then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_two_users_links_nobody() {
        let link = |users: &[&str]| PersonLink {
            key: PersonLink::by_email("Bob@Example.com"),
            user_ids: users.iter().map(|&user| user.to_owned()).collect(),
        };
        assert_eq!(link(&["u1"]).user_id(), Some("u1"));
        assert_eq!(link(&["u1", "u2"]).user_id(), None);
        assert_eq!(link(&[]).user_id(), None);
        assert_eq!(link(&[]).key, "email:bob@example.com");
    }

    #[test]
    fn separators_and_other_alphabets_make_no_two_keys_one() {
        assert_ne!(PersonLink::by_external_id("a|b", "c"), PersonLink::by_external_id("a", "b|c"));
        assert_ne!(PersonLink::by_external_id("a\",\"b", "c"), PersonLink::by_external_id("a", "b\",\"c"));
        assert_ne!(PersonLink::by_email("\u{212a}im@example.com"), PersonLink::by_email("kim@example.com"));
    }
}
