//! What the types of resource differ in. Each type has a file.

use std::sync::LazyLock;

use regex::Regex;

/// What is particular to a type of resource.
pub(super) struct Definition {
    /// The name on the wire and in the table.
    pub(super) name: &'static str,
    /// The name of the entity type in Cedar.
    pub(super) cedar_type: &'static str,
    /// The format of an id, for the error message.
    pub(super) id_format: &'static str,
    /// The same, as AWS's API references have it.
    pub(super) id_pattern: LazyLock<Regex>,
    /// The account that an id contains.
    pub(super) account_in_id: fn(&str) -> Option<&str>,
    pub(super) actions: Actions,
    /// Whether a sync reads all resources of the type: one that it does not find does not exist.
    pub(super) read_in_full: bool,
    #[cfg(test)]
    pub(super) sample: &'static str,
}

/// What may be requested on the resources of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actions {
    /// The names of the permission sets.
    PermissionSets,
    /// [`ASSUME`]: the resource is the permission set.
    Assume,
    /// What is done with the resource itself.
    Data(&'static [&'static str]),
}

/// The action on a permission set.
pub const ASSUME: &str = "assume";

/// The actions on what an account holds.
pub(super) const READ_WRITE_ADMIN_CONNECT: Actions = Actions::Data(&["read", "write", "admin", "connect"]);

/// An id contains no account.
pub(super) fn no_account(_id: &str) -> Option<&str> {
    None
}

#[expect(clippy::expect_used, reason = "the patterns are literals, and a test compiles them")]
pub(super) fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal pattern compiles")
}
