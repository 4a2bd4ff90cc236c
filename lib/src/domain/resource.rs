//! Resources that access is requested to: accounts, organizational units, permission sets, buckets, databases,
//! instances.

mod account;
mod definition;
mod ec2_instance;
mod known;
mod organizational_unit;
mod permission_set;
mod rds_instance;
mod s3_bucket;

use std::fmt;

use definition::Definition;
pub use definition::{ASSUME, Actions};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Metadata;
use super::stored::required;

/// The kinds of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResourceType {
    /// An AWS account, by its 12 digits.
    AwsAccount,
    /// A permission set, by its ARN.
    AwsPermissionSet,
    /// An S3 bucket, by its name.
    AwsS3Bucket,
    /// An RDS instance, by its ARN.
    AwsRdsInstance,
    /// An EC2 instance, by its id.
    AwsEc2Instance,
    /// An organizational unit or the organization's root, by its id.
    AwsOrganizationalUnit,
}

impl ResourceType {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::AwsAccount,
        Self::AwsPermissionSet,
        Self::AwsS3Bucket,
        Self::AwsRdsInstance,
        Self::AwsEc2Instance,
        Self::AwsOrganizationalUnit,
    ];

    fn definition(self) -> &'static Definition {
        match self {
            Self::AwsAccount => &account::DEFINITION,
            Self::AwsPermissionSet => &permission_set::DEFINITION,
            Self::AwsS3Bucket => &s3_bucket::DEFINITION,
            Self::AwsRdsInstance => &rds_instance::DEFINITION,
            Self::AwsEc2Instance => &ec2_instance::DEFINITION,
            Self::AwsOrganizationalUnit => &organizational_unit::DEFINITION,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.definition().name
    }

    /// The name of the entity type in Cedar.
    #[must_use]
    pub fn cedar_type(self) -> &'static str {
        self.definition().cedar_type
    }

    /// What may be requested on resources of this type.
    #[must_use]
    pub fn actions(self) -> Actions {
        self.definition().actions
    }

    /// Whether a sync reads all resources of this type: one that it does not find does not exist.
    #[must_use]
    pub fn is_read_in_full(self) -> bool {
        self.definition().read_in_full
    }

    /// Parses the name on the wire; `None` if it names no kind.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The id does not have the format of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{id}` is not an id of type `{kind}`: expected {}", kind.definition().id_format)]
pub struct ResourceError {
    kind: ResourceType,
    id: String,
}

/// A resource by type and id; the id has the format of its type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "UncheckedResourceRef", deny_unknown_fields)]
#[schema(example = json!({"type": "aws_account", "id": "111111111111"}))]
pub struct ResourceRef {
    /// The type, which determines the format of the id.
    #[serde(rename = "type")]
    kind: ResourceType,
    /// `aws_account`: 12 digits; `aws_permission_set`: its ARN; `aws_s3_bucket`: its name; `aws_rds_instance`: the DB
    /// instance ARN; `aws_ec2_instance`: `i-…`; `aws_organizational_unit`: `ou-…` or the root's `r-…`.
    id: String,
}

/// A resource as a caller names it, before the format of its id is checked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UncheckedResourceRef {
    #[serde(rename = "type")]
    kind: ResourceType,
    id: String,
}

impl TryFrom<UncheckedResourceRef> for ResourceRef {
    type Error = ResourceError;

    fn try_from(unchecked: UncheckedResourceRef) -> Result<Self, ResourceError> {
        Self::new(unchecked.kind, unchecked.id)
    }
}

impl ResourceRef {
    /// Checks the format of the id.
    ///
    /// # Errors
    ///
    /// [`ResourceError`] if `id` does not have the format of `kind`.
    pub fn new(kind: ResourceType, id: impl Into<String>) -> Result<Self, ResourceError> {
        let id = id.into();
        if kind.definition().id_pattern.is_match(&id) { Ok(Self { kind, id }) } else { Err(ResourceError { kind, id }) }
    }

    /// The resource of an account.
    #[must_use]
    pub fn account(account: &AccountId) -> Self {
        Self { kind: ResourceType::AwsAccount, id: account.0.clone() }
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> ResourceType {
        self.kind
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The account that the id contains: an account's own, and that of a DB instance ARN.
    #[must_use]
    pub fn account_in_id(&self) -> Option<&str> {
        (self.kind.definition().account_in_id)(&self.id)
    }
}

impl fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

/// An AWS account id: 12 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[0-9]{12}$", example = "111111111111")]
pub struct AccountId(String);

impl AccountId {
    /// Checks the format.
    ///
    /// # Errors
    ///
    /// [`ResourceError`] if `text` is not 12 digits.
    pub fn parse(text: impl Into<String>) -> Result<Self, ResourceError> {
        ResourceRef::new(ResourceType::AwsAccount, text).map(|resource| Self(resource.id))
    }

    /// The 12 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccountId {
    type Error = ResourceError;

    fn try_from(text: String) -> Result<Self, ResourceError> {
        Self::parse(text)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A resource in a tenant's directory: its name, position and attributes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsResource {
    /// The type and id.
    #[serde(flatten)]
    pub resource: ResourceRef,
    /// The display name.
    pub name: String,
    /// The account it is in; for an account, its own id; `None` if it is in none.
    #[serde(deserialize_with = "required")]
    pub account_id: Option<AccountId>,
    /// The id of the organizational unit or root directly above an account or unit; `None` for the root and other
    /// resources.
    #[serde(deserialize_with = "required")]
    pub parent: Option<String>,
    /// Its AWS tags.
    pub tags: std::collections::BTreeMap<String, String>,
    /// How privileged it is: a lower number is less; `None` if not set.
    #[serde(deserialize_with = "required")]
    pub rank: Option<i64>,
    /// Other attributes from the sync.
    pub metadata: Metadata,
    /// When a sync last found it new or changed.
    pub last_synced_at: Timestamp,
    /// When a full read of AWS first did not find it; `None` while it is found.
    #[serde(deserialize_with = "required")]
    pub missing_since: Option<Timestamp>,
    /// When it was marked as gone: two full reads in a row did not find it, or its account is closed or suspended. It
    /// is kept for its grants, and cannot be requested. `None` while it exists.
    #[serde(deserialize_with = "required")]
    pub gone_at: Option<Timestamp>,
}

impl AwsResource {
    /// Whether it exists, as of the last sync.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.gone_at.is_none()
    }
}

/// A resource of each type.
#[cfg(test)]
pub(crate) fn samples() -> [(ResourceType, &'static str); 6] {
    ResourceType::ALL.map(|kind| (kind, kind.definition().sample))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn each_type_accepts_its_own_format_and_no_other() {
        for (kind, _) in samples() {
            for (other, id) in samples() {
                // Twelve digits are also a valid bucket name, and so are ids of instances and units.
                let also_a_bucket = kind == ResourceType::AwsS3Bucket && !id.starts_with("arn:");
                assert_eq!(ResourceRef::new(kind, id).is_ok(), kind == other || also_a_bucket, "{kind} {id}");
            }
        }
        assert!(ResourceRef::new(ResourceType::AwsAccount, "1111111111111").is_err());
        assert!(ResourceRef::new(ResourceType::AwsAccount, "111111111111\n").is_err());
        assert!(ResourceRef::new(ResourceType::AwsOrganizationalUnit, "r-ab12").is_ok());
    }

    #[test]
    fn an_unknown_field_or_a_bad_id_does_not_deserialize() {
        let text = r#"{"type":"aws_account","id":"example"}"#;
        let error = serde_json::from_str::<ResourceRef>(text).unwrap_err().to_string();
        assert!(error.contains("12 digits"), "{error}");
        let text = r#"{"type":"aws_account","id":"111111111111","arn":"x"}"#;
        assert!(serde_json::from_str::<ResourceRef>(text).is_err());
    }
}
