//! S3 buckets. Their names are unique in a partition and do not contain the account.

use std::sync::LazyLock;

use super::definition::{Definition, READ_WRITE_ADMIN_CONNECT, compiled, no_account};

pub(super) static DEFINITION: Definition = Definition {
    name: "aws_s3_bucket",
    cedar_type: "AwsS3Bucket",
    id_format: "a bucket name of 3 to 63 lower-case letters, digits, dots and hyphens",
    id_pattern: LazyLock::new(|| compiled(r"\A[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\z")),
    account_in_id: no_account,
    actions: READ_WRITE_ADMIN_CONNECT,
    read_in_full: false,
    #[cfg(test)]
    sample: "my-bucket.example",
};
