//! DB instances of RDS.

use std::sync::LazyLock;

use super::definition::{Definition, READ_WRITE_ADMIN_CONNECT, compiled};

pub(super) static DEFINITION: Definition = Definition {
    name: "aws_rds_instance",
    cedar_type: "AwsRdsInstance",
    id_format: "a DB instance ARN, `arn:aws:rds:<region>:<account>:db:<name>`",
    id_pattern: LazyLock::new(|| {
        compiled(r"\Aarn:aws[a-z-]*:rds:[a-z]{2}[a-z0-9-]+:[0-9]{12}:db:[A-Za-z][A-Za-z0-9-]{0,62}\z")
    }),
    account_in_id: |id| id.split(':').nth(4),
    actions: READ_WRITE_ADMIN_CONNECT,
    read_in_full: false,
    #[cfg(test)]
    sample: "arn:aws:rds:eu-west-1:111111111111:db:orders",
};
