//! AWS accounts.

use std::sync::LazyLock;

use super::definition::{Actions, Definition, compiled};

pub(super) static DEFINITION: Definition = Definition {
    name: "aws_account",
    cedar_type: "AwsAccount",
    id_format: "12 digits",
    id_pattern: LazyLock::new(|| compiled(r"\A[0-9]{12}\z")),
    account_in_id: |id| Some(id),
    actions: Actions::PermissionSets,
    read_in_full: true,
    #[cfg(test)]
    sample: "111111111111",
};
