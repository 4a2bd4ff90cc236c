//! The users of the Identity Store.

use super::paced::paced;
use super::{DirectoryError, Page};
use crate::clock::Clock;
use crate::domain::{ExternalId, Person};

/// An Identity Store.
#[derive(Debug, Clone)]
pub struct IdentityStore {
    client: aws_sdk_identitystore::Client,
    id: String,
    clock: Clock,
}

impl IdentityStore {
    /// The Identity Store with this id.
    #[must_use]
    pub fn new(client: aws_sdk_identitystore::Client, id: String, clock: Clock) -> Self {
        Self { client, id, clock }
    }

    /// Reads one page of at most a hundred users. The request is repeated when throttled.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`] if they cannot be read.
    pub async fn users(&self, token: Option<String>) -> Result<Page<Person>, DirectoryError> {
        let ask = || self.client.list_users().identity_store_id(&self.id).set_next_token(token.clone()).send();
        let answer = paced(&self.clock, "identitystore:ListUsers", ask).await?;
        Ok(Page { found: answer.users.into_iter().map(person).collect(), next: answer.next_token })
    }
}

fn person(user: aws_sdk_identitystore::types::User) -> Person {
    let emails = user.emails.unwrap_or_default().into_iter().filter_map(|email| email.value);
    let external = user.external_ids.unwrap_or_default().into_iter();
    Person {
        user_name: user.user_name.unwrap_or_else(|| user.user_id.clone()),
        user_id: user.user_id,
        display_name: user.display_name,
        emails: emails.filter(|email| !email.is_empty()).collect(),
        external_ids: external.map(|external| ExternalId { issuer: external.issuer, id: external.id }).collect(),
        missing_since: None,
        gone_at: None,
    }
}
