//! Resources that access is requested to, by type and id.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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

/// A resource by type and id; the id has the format of its type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"type": "aws_account", "id": "111111111111"}))]
pub struct ResourceRef {
    /// The type, which determines the format of the id.
    #[serde(rename = "type")]
    pub kind: ResourceType,
    /// `aws_account`: 12 digits; `aws_permission_set`: its ARN; `aws_s3_bucket`: its name; `aws_rds_instance`: the DB
    /// instance ARN; `aws_ec2_instance`: `i-…`; `aws_organizational_unit`: `ou-…` or the root's `r-…`.
    pub id: String,
}
