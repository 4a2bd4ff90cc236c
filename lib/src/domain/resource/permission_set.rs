//! Permission sets of IAM Identity Center, each for the account the directory has for it.

use std::sync::LazyLock;

use super::definition::{Actions, Definition, compiled, no_account};

pub(super) static DEFINITION: Definition = Definition {
    name: "aws_permission_set",
    cedar_type: "AwsPermissionSet",
    id_format: "a permission set ARN, `arn:aws:sso:::permissionSet/ssoins-…/ps-…`",
    id_pattern: LazyLock::new(|| {
        compiled(r"\Aarn:aws[a-z-]*:sso:::permissionSet/(sso)?ins-[A-Za-z0-9.-]{16}/ps-[A-Za-z0-9./-]{16}\z")
    }),
    account_in_id: no_account,
    actions: Actions::Assume,
    read_in_full: true,
    #[cfg(test)]
    sample: "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef",
};
