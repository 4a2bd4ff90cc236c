//! Organizational units, and the organization's root.

use std::sync::LazyLock;

use super::definition::{Actions, Definition, compiled, no_account};

pub(super) static DEFINITION: Definition = Definition {
    name: "aws_organizational_unit",
    cedar_type: "AwsOrganizationalUnit",
    id_format: "`ou-xxxx-xxxxxxxx`, or `r-xxxx` for the root",
    id_pattern: LazyLock::new(|| compiled(r"\A(ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32})\z")),
    account_in_id: no_account,
    actions: Actions::PermissionSets,
    read_in_full: true,
    #[cfg(test)]
    sample: "ou-ab12-12345678",
};
