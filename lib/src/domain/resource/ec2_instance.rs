//! EC2 instances.

use std::sync::LazyLock;

use super::definition::{Definition, READ_WRITE_ADMIN_CONNECT, compiled, no_account};

pub(super) static DEFINITION: Definition = Definition {
    name: "aws_ec2_instance",
    cedar_type: "AwsEc2Instance",
    id_format: "`i-` and 8 or 17 hexadecimal digits",
    id_pattern: LazyLock::new(|| compiled(r"\Ai-([0-9a-f]{8}|[0-9a-f]{17})\z")),
    account_in_id: no_account,
    actions: READ_WRITE_ADMIN_CONNECT,
    read_in_full: false,
    #[cfg(test)]
    sample: "i-0123456789abcdef0",
};
