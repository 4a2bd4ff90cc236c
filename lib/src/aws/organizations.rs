//! Organizations: units, accounts, and tags of accounts. Each request is repeated when throttled.

use std::collections::BTreeMap;

use aws_sdk_organizations::types::{Account, AccountState};
use jiff::Timestamp;

use super::paced::paced;
use super::{DirectoryError, Page};
use crate::clock::Clock;
use crate::domain::AwsResource;

/// An organization, as its management account or a delegated administrator sees it.
#[derive(Debug, Clone)]
pub struct Organizations {
    client: aws_sdk_organizations::Client,
    clock: Clock,
}

/// An account of the organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundAccount {
    /// The account as a resource of the directory.
    pub account: AwsResource,
    /// Whether access to it can be given: it is active, and not closed or suspended.
    pub is_active: bool,
}

impl Organizations {
    /// The organization of this client's account.
    #[must_use]
    pub fn new(client: aws_sdk_organizations::Client, clock: Clock) -> Self {
        Self { client, clock }
    }

    /// Reads one page with the organization's root.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`] if it cannot be read.
    pub async fn roots(&self, token: Option<String>, now: Timestamp) -> Result<Page<AwsResource>, DirectoryError> {
        let ask = || self.client.list_roots().set_next_token(token.clone()).send();
        let answer = paced(&self.clock, "organizations:ListRoots", ask).await?;
        let found = answer.roots.unwrap_or_default().into_iter().map(|root| {
            let id = root.id.unwrap_or_default();
            AwsResource::unit(&id, root.name.as_deref().unwrap_or(&id), None, now)
        });
        Ok(Page { found: found.collect::<Result<_, _>>()?, next: answer.next_token })
    }

    /// Reads one page of the units directly below a unit or the root. A page may be empty although another one follows.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`] if they cannot be read.
    pub async fn units_below(
        &self,
        parent: &str,
        token: Option<String>,
        now: Timestamp,
    ) -> Result<Page<AwsResource>, DirectoryError> {
        let list = || self.client.list_organizational_units_for_parent().parent_id(parent);
        let ask = || list().set_next_token(token.clone()).send();
        let answer = paced(&self.clock, "organizations:ListOrganizationalUnitsForParent", ask).await?;
        let found = answer.organizational_units.unwrap_or_default().into_iter().map(|found| {
            let id = found.id.unwrap_or_default();
            AwsResource::unit(&id, found.name.as_deref().unwrap_or(&id), Some(parent), now)
        });
        Ok(Page { found: found.collect::<Result<_, _>>()?, next: answer.next_token })
    }

    /// Reads one page of the accounts directly below a unit or the root. A page may be empty although another one
    /// follows.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`] if they cannot be read.
    pub async fn accounts_below(
        &self,
        parent: &str,
        token: Option<String>,
        now: Timestamp,
    ) -> Result<Page<FoundAccount>, DirectoryError> {
        let ask = || self.client.list_accounts_for_parent().parent_id(parent).set_next_token(token.clone()).send();
        let answer = paced(&self.clock, "organizations:ListAccountsForParent", ask).await?;
        let found = answer.accounts.unwrap_or_default().into_iter().map(|found| {
            let is_active = is_active(&found);
            let id = found.id.unwrap_or_default();
            let account = AwsResource::account(&id, found.name.as_deref().unwrap_or(&id), parent, now)?;
            Ok(FoundAccount { account, is_active })
        });
        Ok(Page { found: found.collect::<Result<_, DirectoryError>>()?, next: answer.next_token })
    }

    /// Reads all tags of an account; `None` if the account no longer exists.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`] if they cannot be read.
    pub async fn tags_of(&self, account_id: &str) -> Result<Option<BTreeMap<String, String>>, DirectoryError> {
        let mut tags = BTreeMap::new();
        let mut token: Option<String> = None;
        loop {
            let ask =
                || self.client.list_tags_for_resource().resource_id(account_id).set_next_token(token.clone()).send();
            let answer = match paced(&self.clock, "organizations:ListTagsForResource", ask).await {
                Err(DirectoryError::Aws { code: Some(code), .. }) if code == "TargetNotFoundException" => {
                    return Ok(None);
                }
                answer => answer?,
            };
            tags.extend(answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)));
            match answer.next_token {
                Some(next) => token = Some(next),
                None => return Ok(Some(tags)),
            }
        }
    }
}

/// By `State`, which replaces `Status` (AWS Organizations API reference, `Account`).
fn is_active(account: &Account) -> bool {
    account.state.as_ref().is_none_or(|state| *state == AccountState::Active)
}
