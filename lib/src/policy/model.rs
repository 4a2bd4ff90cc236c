//! The tenant's directory, and the Cedar schema made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cedar_policy::{Schema, SchemaFragment, Validator};
use jiff::Timestamp;

use super::facts::QuestionKind;
use crate::domain::{ASSUME, Actions, AwsResource, ResourceRef, ResourceType};

/// Actions that are about requests and grants, not about access: who may approve, and who may revoke.
pub const RESERVED_ACTIONS: [&str; 2] = ["approve", "revoke"];

/// What is known of a tenant's AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    resources: BTreeMap<ResourceRef, AwsResource>,
}

impl FromIterator<AwsResource> for Directory {
    /// Of two entries for one resource the later holds.
    fn from_iter<I: IntoIterator<Item = AwsResource>>(resources: I) -> Self {
        Self { resources: resources.into_iter().map(|known| (known.resource.clone(), known)).collect() }
    }
}

impl Directory {
    /// What is known of one resource.
    #[must_use]
    pub fn get(&self, resource: &ResourceRef) -> Option<&AwsResource> {
        self.resources.get(resource)
    }

    /// All that is known, by type and id.
    pub fn iter(&self) -> impl Iterator<Item = &AwsResource> {
        self.resources.values()
    }

    /// When it last changed, as far as its entries say; none when it is empty.
    #[must_use]
    pub fn synced_at(&self) -> Option<Timestamp> {
        self.iter().map(|known| known.last_synced_at).max()
    }

    /// Every action with the types of resource it applies to: the names of the permission sets, and the fixed ones.
    ///
    /// A permission set that bears the name of a reserved action cannot be asked for: who may approve would then be
    /// who may have it.
    #[must_use]
    pub fn actions(&self) -> BTreeMap<String, BTreeSet<ResourceType>> {
        let mut actions: BTreeMap<String, BTreeSet<ResourceType>> = BTreeMap::new();
        for reserved in RESERVED_ACTIONS {
            actions.insert(reserved.to_owned(), ResourceType::ALL.into());
        }
        let mut by_permission_set = BTreeSet::new();
        for kind in ResourceType::ALL {
            match kind.actions() {
                Actions::PermissionSets => {
                    by_permission_set.insert(kind);
                }
                Actions::Assume => {
                    actions.entry(ASSUME.to_owned()).or_default().insert(kind);
                }
                Actions::Data(named) => {
                    for action in named {
                        actions.entry((*action).to_owned()).or_default().insert(kind);
                    }
                }
            }
        }
        for known in self.iter().filter(|known| known.resource.kind() == ResourceType::AwsPermissionSet) {
            if !RESERVED_ACTIONS.contains(&known.name.as_str()) {
                actions.entry(known.name.clone()).or_default().extend(&by_permission_set);
            }
        }
        actions
    }
}

/// The schema could not be built: a fault of ours.
#[derive(Debug, thiserror::Error)]
#[error("the tenant's schema is not valid cedar: {0}")]
pub struct SchemaError(String);

/// The Cedar schema of a tenant: its actions are the names of its permission sets.
#[derive(Debug, Clone)]
pub struct TenantSchema {
    validator: Validator,
    cedar: String,
}

impl TenantSchema {
    /// The schema of a directory.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] when Cedar refuses what is generated here.
    pub fn new(directory: &Directory) -> Result<Self, SchemaError> {
        let cedar = schema_text(directory);
        let (schema, _) = Schema::from_cedarschema_str(&cedar).map_err(|error| SchemaError(error.to_string()))?;
        Ok(Self { validator: Validator::new(schema), cedar })
    }

    /// As Cedar schema text.
    #[must_use]
    pub fn as_cedar(&self) -> &str {
        &self.cedar
    }

    /// In Cedar's JSON form.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] when Cedar cannot convert it.
    pub fn to_json(&self) -> Result<serde_json::Value, SchemaError> {
        let (fragment, _) =
            SchemaFragment::from_cedarschema_str(&self.cedar).map_err(|error| SchemaError(error.to_string()))?;
        fragment.to_json_value().map_err(|error| SchemaError(error.to_string()))
    }

    /// Cedar's own form.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        self.validator.schema()
    }

    pub(super) fn validator(&self) -> &Validator {
        &self.validator
    }
}

/// The part that is the same for every tenant.
const FIXED_SCHEMA: &str = r"// A person; the id is the subject of the token. For every group there is also User::`group:<name>`.
entity User in [Group, User] = {
  email?: String,
  groups: Set<String>,
};

// An API key; the id is the key's id.
entity ServiceAccount in [Group] = {
  name: String,
  groups: Set<String>,
};

entity Group;

entity AwsOrganizationalUnit in [AwsOrganizationalUnit] = {
  name: String,
} tags String;

entity AwsAccount in [AwsOrganizationalUnit] = {
  name: String,
  account_id: String,
} tags String;

// They have the tags of their account, too.
entity AwsPermissionSet, AwsS3Bucket, AwsRdsInstance, AwsEc2Instance in [AwsAccount] = {
  name: String,
  account_id?: String,
} tags String;

// Of an access: what would be given.
type AccessContext = {
  // From its begin to its end; of an extension the whole of it.
  duration_seconds: Long,
  now: datetime,
  // `now` when it begins at once.
  start_at: datetime,
  ends_at: datetime,
  has_reason: Bool,
  reason?: String,
  tickets: Set<String>,
  // How somebody signed in: `oidc`, `api_key`, `workload` or `slack`.
  auth: String,
  mfa: Bool,
  source_ip?: ipaddr,
  // How long they had this same access within the last 24 hours.
  held_seconds: Long,
  account_id?: String,
  // The name of the permission set.
  role?: String,
};

// Of an access to a bucket, a database or an instance.
type DataContext = {
  duration_seconds: Long,
  now: datetime,
  start_at: datetime,
  ends_at: datetime,
  has_reason: Bool,
  reason?: String,
  tickets: Set<String>,
  auth: String,
  mfa: Bool,
  source_ip?: ipaddr,
  held_seconds: Long,
  account_id?: String,
};

// Of the approval of an access. `now`, `auth`, `mfa` and `source_ip` are of who decides, the rest of what is decided on.
type ApproveContext = {
  duration_seconds: Long,
  now: datetime,
  start_at: datetime,
  ends_at: datetime,
  has_reason: Bool,
  reason?: String,
  tickets: Set<String>,
  auth: String,
  mfa: Bool,
  source_ip?: ipaddr,
  account_id?: String,
  // The name of the permission set, or the action on a bucket, a database or an instance.
  role: String,
  // Who asked for it: one of the two.
  requester?: User,
  requester_service_account?: ServiceAccount,
};

// Of the early end of a grant; as of the approval.
type RevokeContext = {
  duration_seconds: Long,
  now: datetime,
  start_at: datetime,
  ends_at: datetime,
  has_reason: Bool,
  reason?: String,
  tickets: Set<String>,
  auth: String,
  mfa: Bool,
  source_ip?: ipaddr,
  account_id?: String,
  role: String,
  requester?: User,
  requester_service_account?: ServiceAccount,
  // Whether it was given in an emergency.
  break_glass: Bool,
};
";

/// The context type of an action on these types of resource.
fn context_type(action: &str, types: &BTreeSet<ResourceType>) -> &'static str {
    match QuestionKind::of(action) {
        QuestionKind::Approve => "ApproveContext",
        QuestionKind::Revoke => "RevokeContext",
        QuestionKind::Access if types.iter().all(|kind| matches!(kind.actions(), Actions::Data(_))) => "DataContext",
        QuestionKind::Access => "AccessContext",
    }
}

fn schema_text(directory: &Directory) -> String {
    let mut by_types: BTreeMap<(BTreeSet<ResourceType>, &str), Vec<String>> = BTreeMap::new();
    for (action, types) in directory.actions() {
        let context = context_type(&action, &types);
        by_types.entry((types, context)).or_default().push(format!("\"{}\"", action.escape_debug()));
    }
    let mut text = FIXED_SCHEMA.to_owned();
    for ((types, context), actions) in by_types {
        let types: Vec<_> = types.into_iter().map(ResourceType::cedar_type).collect();
        // Writing to a `String` cannot fail.
        let _ = write!(
            text,
            "\naction {} appliesTo {{\n  principal: [User, ServiceAccount],\n  resource: [{}],\n  context: \
             {context},\n}};\n",
            actions.join(", "),
            types.join(", "),
        );
    }
    text
}
