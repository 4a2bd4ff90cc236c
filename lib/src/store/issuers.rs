//! Token issuers: which tenant their tokens belong to, their public keys, and counters of key lookups. These items
//! belong to no tenant.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::record::{Item, from_item, keyed_item};
use super::{StoreError, Table, keys};
use crate::domain::TenantId;

/// The tenant that the tokens of an issuer for an audience belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerEntry {
    /// The tenant.
    pub tenant_id: TenantId,
}

/// The public keys of an issuer, as `sync` last read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerKeys {
    /// The issuer, exactly as in `iss`.
    pub issuer: String,
    /// A JSON Web Key Set (RFC 7517), as JSON.
    pub jwks: String,
    /// When stint fetched them from the issuer.
    pub fetched_at: Timestamp,
}

/// The longest partition key that DynamoDB takes.
const MAX_PK_BYTES: usize = 2048;
/// The longest sort key that DynamoDB takes.
const MAX_SK_BYTES: usize = 1024;
/// How long the counters of key lookups are kept.
const COUNTERS_KEPT: SignedDuration = SignedDuration::from_hours(1);

/// The item of an issuer's entry, with its partition and sort key.
pub(super) fn entry_item(issuer: &str, audience: &str, entry: &IssuerEntry) -> Result<Item, StoreError> {
    keyed_item(entry, keys::issuer_partition(issuer), audience)
}

impl Table {
    /// Reads which tenant an issuer's tokens for an audience belong to; `None` if none.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or the item is corrupt.
    pub async fn issuer(&self, issuer: &str, audience: &str) -> Result<Option<IssuerEntry>, StoreError> {
        let pk = keys::issuer_partition(issuer);
        // Both come from an unverified token, and DynamoDB fails on a key that is too long.
        if audience.is_empty() || pk.len() > MAX_PK_BYTES || audience.len() > MAX_SK_BYTES {
            return Ok(None);
        }
        self.get_raw(pk, audience.to_owned()).await?.map(from_item).transpose()
    }

    /// Reads the keys of an issuer; `None` if none were stored yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or the item is corrupt.
    pub async fn issuer_keys(&self, issuer: &str) -> Result<Option<IssuerKeys>, StoreError> {
        let pk = keys::issuer_keys_partition(issuer);
        self.get_raw(pk, keys::ISSUER_KEYS.to_owned()).await?.map(from_item).transpose()
    }

    /// Writes the keys of an issuer.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the item cannot be stored or the table does not answer.
    pub async fn put_issuer_keys(&self, new: &IssuerKeys) -> Result<(), StoreError> {
        let item = keyed_item(new, keys::issuer_keys_partition(&new.issuer), keys::ISSUER_KEYS)?;
        let put = self.client().put_item().table_name(self.name()).set_item(Some(item));
        put.send().await.map_err(StoreError::sdk)?;
        Ok(())
    }

    /// Counts a lookup of an unknown key at the issuer. Returns `false`, without counting, if all functions together
    /// have already made `max_per_minute` lookups in this minute.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer.
    pub async fn count_key_lookup(
        &self,
        issuer: &str,
        max_per_minute: u32,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let minute = now.as_second().div_euclid(60);
        let number = |number: i64| AttributeValue::N(number.to_string());
        let update = self
            .client()
            .update_item()
            .table_name(self.name())
            .key(keys::PK, AttributeValue::S(keys::key_lookup_partition(issuer)))
            .key(keys::SK, AttributeValue::S(minute.to_string()))
            .update_expression("ADD #lookups :one SET #ttl = :ttl")
            .condition_expression("attribute_not_exists(#lookups) OR #lookups < :max")
            .expression_attribute_names("#lookups", "lookups")
            .expression_attribute_names("#ttl", keys::TTL)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":max", number(max_per_minute.into()))
            .expression_attribute_values(":ttl", number((now + COUNTERS_KEPT).as_second()));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(StoreError::sdk(error)),
        }
    }
}
