//! The Cedar entities of the directory, and those of a question.
//!
//! Every entity carries all its ancestors as parents, so that one entity is enough to answer every `in` about it and a
//! decision needs none of the entities in between.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};

use super::model::Directory;
use crate::domain::{AwsResource, Principal, PrincipalKind, PrincipalRef, ResourceRef, ResourceType};

/// What comes before a group's name in the `User` that stands for the group.
const GROUP_PREFIX: &str = "group:";

/// The names of the entity types, parsed once.
pub(super) struct Types {
    user: EntityTypeName,
    service_account: EntityTypeName,
    group: EntityTypeName,
    action: EntityTypeName,
    resources: HashMap<ResourceType, EntityTypeName>,
}

#[expect(clippy::expect_used, reason = "the names are literals, and every test needs them")]
static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let name = |name| EntityTypeName::from_str(name).expect("a literal type name parses");
    Types {
        user: name("User"),
        service_account: name("ServiceAccount"),
        group: name("Group"),
        action: name("Action"),
        resources: ResourceType::ALL.into_iter().map(|kind| (kind, name(kind.cedar_type()))).collect(),
    }
});

pub(super) fn types() -> &'static Types {
    &TYPES
}

impl Types {
    pub(super) fn of_principal(&self, kind: PrincipalKind) -> &EntityTypeName {
        match kind {
            PrincipalKind::User => &self.user,
            PrincipalKind::ServiceAccount => &self.service_account,
        }
    }

    pub(super) fn uid(name: &EntityTypeName, id: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id))
    }

    fn resource_uid(&self, kind: ResourceType, id: &str) -> Option<EntityUid> {
        self.resources.get(&kind).map(|name| Self::uid(name, id))
    }
}

/// The entity of an action.
pub(super) fn action_uid(action: &str) -> EntityUid {
    Types::uid(&TYPES.action, action)
}

/// The entity of a person or a service account.
pub(super) fn principal_uid(who: &PrincipalRef) -> EntityUid {
    Types::uid(TYPES.of_principal(who.kind), &who.id)
}

/// Whether a person's subject is the id of the `User` that stands for a group. Such a person would be taken for
/// the group itself.
pub(super) fn poses_as_group(who: &PrincipalRef) -> bool {
    who.kind == PrincipalKind::User && who.id.starts_with(GROUP_PREFIX)
}

/// The same of the entity of a person.
pub(super) fn is_group_as_user(uid: &EntityUid) -> bool {
    *uid.type_name() == TYPES.user && uid.id().unescaped().starts_with(GROUP_PREFIX)
}

/// An entity with what the index asks of it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) uid: EntityUid,
    pub(super) entity: Entity,
    pub(super) ancestors: Vec<EntityUid>,
    account_id: Option<String>,
}

impl Node {
    fn new(
        uid: EntityUid,
        attributes: impl IntoIterator<Item = (&'static str, RestrictedExpression)>,
        ancestors: Vec<EntityUid>,
        tags: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value));
        let tags = tags.iter().map(|(key, value)| (key.clone(), RestrictedExpression::new_string(value.clone())));
        let entity = Entity::new_with_tags(uid.clone(), attributes, ancestors.iter().cloned(), tags)
            .map_err(|error| error.to_string())?;
        Ok(Self { uid, entity, ancestors, account_id: None })
    }

    /// A person or a service account, with the groups it is in.
    pub(super) fn principal(principal: &Principal) -> Result<Self, String> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let groups = RestrictedExpression::new_set(principal.groups.iter().map(|group| text(group)));
        let mut ancestors: Vec<_> = principal.groups.iter().map(|group| Types::uid(&TYPES.group, group)).collect();
        let mut attributes = vec![("groups", groups)];
        match principal.who.kind {
            PrincipalKind::User => {
                let as_user = |group| Types::uid(&TYPES.user, &format!("{GROUP_PREFIX}{group}"));
                ancestors.extend(principal.groups.iter().map(as_user));
                attributes.extend(principal.email.as_deref().map(|email| ("email", text(email))));
            }
            PrincipalKind::ServiceAccount => {
                let name = principal.name.as_ref().or(principal.email.as_ref()).unwrap_or(&principal.who.id);
                attributes.push(("name", text(name)));
            }
        }
        Self::new(principal_uid(&principal.who), attributes, ancestors, &BTreeMap::new())
    }

    /// Whether it is of a type.
    pub(super) fn is(&self, name: &EntityTypeName) -> bool {
        self.uid.type_name() == name
    }

    /// Whether it is an entity, or below it.
    pub(super) fn is_in(&self, uid: &EntityUid) -> bool {
        self.uid == *uid || self.ancestors.contains(uid)
    }

    /// A principal of whom nothing but the id is known.
    pub(super) fn stranger(uid: &EntityUid) -> Result<Self, String> {
        let kind = if *uid.type_name() == TYPES.user { PrincipalKind::User } else { PrincipalKind::ServiceAccount };
        let who = PrincipalRef { kind, id: uid.id().unescaped().to_owned() };
        Self::principal(&Principal::stranger(who))
    }
}

/// The directory does not make a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum EntityError {
    #[error("the organizational unit `{0}` is above itself")]
    Cycle(String),
    #[error("cedar refuses the entity of `{0}`: {1}")]
    Entity(ResourceRef, String),
}

/// The entities of a directory.
#[derive(Debug)]
pub(super) struct DirectoryEntities {
    nodes: HashMap<EntityUid, Node>,
    /// The names of permission sets.
    names: HashMap<ResourceRef, String>,
    /// What can be asked for.
    offered: HashSet<ResourceRef>,
    /// The tags of accounts, which are also those of what is in them.
    tags: HashMap<String, BTreeMap<String, String>>,
}

impl DirectoryEntities {
    pub(super) fn new(directory: &Directory) -> Result<Self, EntityError> {
        let parents = Parents::new(directory);
        let of = |kind| directory.iter().filter(move |known| known.resource.kind() == kind);
        let accounts = of(ResourceType::AwsAccount);
        let sets = of(ResourceType::AwsPermissionSet);
        let offered = directory.iter().map(|known| &known.resource).filter(|resource| directory.is_offered(resource));
        let mut entities = Self {
            nodes: HashMap::new(),
            names: sets.map(|known| (known.resource.clone(), known.name.clone())).collect(),
            offered: offered.cloned().collect(),
            tags: accounts.map(|known| (known.resource.id().to_owned(), known.tags.clone())).collect(),
        };
        for known in directory.iter() {
            let tags = entities.tags_of(account_of(known), &known.tags);
            let node = node(known, &parents, &tags)?;
            entities.nodes.insert(node.uid.clone(), node);
        }
        Ok(entities)
    }

    /// The tags of a resource and those of its account. Of two with one key that of the account holds: who may tag a
    /// resource must not be able to take it out of a rule about its account.
    fn tags_of(&self, account: Option<&str>, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut tags = own.clone();
        tags.extend(account.and_then(|account| self.tags.get(account)).cloned().unwrap_or_default());
        tags
    }

    /// Whether a resource is in the directory and not gone.
    pub(super) fn is_offered(&self, resource: &ResourceRef) -> bool {
        self.offered.contains(resource)
    }

    /// The name of a permission set.
    pub(super) fn name_of(&self, resource: &ResourceRef) -> Option<&str> {
        self.names.get(resource).map(String::as_str)
    }

    /// An entity of the directory.
    pub(super) fn get(&self, uid: &EntityUid) -> Option<&Node> {
        self.nodes.get(uid)
    }

    /// The account a resource is in, as far as is known.
    pub(super) fn account_of(&self, resource: &ResourceRef) -> Option<String> {
        if let Some(account) = resource.account_in_id() {
            return Some(account.to_owned());
        }
        let node = self.nodes.get(&TYPES.resource_uid(resource.kind(), resource.id())?)?;
        node.account_id.clone()
    }

    /// A resource, whether or not it is in the directory: one that is not has its id for a name, and stands nowhere but
    /// where its id says.
    pub(super) fn resource(&self, resource: &ResourceRef) -> Result<Node, EntityError> {
        let uid = TYPES.resource_uid(resource.kind(), resource.id());
        if let Some(node) = uid.and_then(|uid| self.nodes.get(&uid)) {
            return Ok(node.clone());
        }
        let mut ancestors = Vec::new();
        if let Some(account) = resource.account_in_id().filter(|_| resource.kind() != ResourceType::AwsAccount)
            && let Some(uid) = TYPES.resource_uid(ResourceType::AwsAccount, account)
        {
            let above = self.nodes.get(&uid).map(|account| account.ancestors.clone());
            ancestors.push(uid);
            ancestors.extend(above.unwrap_or_default());
        }
        let account = resource.account_in_id();
        resource_node(resource, resource.id(), account, ancestors, &self.tags_of(account, &BTreeMap::new()))
    }
}

/// The account a known resource is in. What its id says cannot be overruled by what was synced.
pub(super) fn account_of(known: &AwsResource) -> Option<&str> {
    known.resource.account_in_id().or_else(|| known.account_id.as_ref().map(crate::domain::AccountId::as_str))
}

/// Which unit is directly above each account and each unit.
struct Parents<'a> {
    accounts: HashMap<&'a str, &'a str>,
    units: HashMap<&'a str, &'a str>,
}

impl<'a> Parents<'a> {
    fn new(directory: &'a Directory) -> Self {
        let of = |kind| {
            let known = directory.iter().filter(move |known| known.resource.kind() == kind);
            known.filter_map(|known| Some((known.resource.id(), known.parent.as_deref()?))).collect()
        };
        Self { accounts: of(ResourceType::AwsAccount), units: of(ResourceType::AwsOrganizationalUnit) }
    }

    /// All units from the one given up to the root.
    fn units_from(&self, lowest: Option<&str>) -> Result<Vec<EntityUid>, EntityError> {
        let mut seen = HashSet::new();
        let mut above = Vec::new();
        let mut next = lowest;
        while let Some(unit) = next {
            if !seen.insert(unit) {
                return Err(EntityError::Cycle(unit.to_owned()));
            }
            above.extend(TYPES.resource_uid(ResourceType::AwsOrganizationalUnit, unit));
            next = self.units.get(unit).copied();
        }
        Ok(above)
    }
}

fn node(known: &AwsResource, parents: &Parents<'_>, tags: &BTreeMap<String, String>) -> Result<Node, EntityError> {
    let account = account_of(known);
    let ancestors = match known.resource.kind() {
        ResourceType::AwsAccount => parents.units_from(known.parent.as_deref())?,
        ResourceType::AwsOrganizationalUnit => {
            let above = parents.units_from(known.parent.as_deref())?;
            let own = TYPES.resource_uid(ResourceType::AwsOrganizationalUnit, known.resource.id());
            if own.is_some_and(|own| above.contains(&own)) {
                return Err(EntityError::Cycle(known.resource.id().to_owned()));
            }
            above
        }
        ResourceType::AwsPermissionSet
        | ResourceType::AwsS3Bucket
        | ResourceType::AwsRdsInstance
        | ResourceType::AwsEc2Instance => {
            let uid = account.and_then(|account| TYPES.resource_uid(ResourceType::AwsAccount, account));
            let unit = account.and_then(|account| parents.accounts.get(account).copied());
            let above = parents.units_from(unit)?;
            uid.into_iter().chain(above).collect()
        }
    };
    resource_node(&known.resource, &known.name, account, ancestors, tags)
}

fn resource_node(
    resource: &ResourceRef,
    name: &str,
    account_id: Option<&str>,
    ancestors: Vec<EntityUid>,
    tags: &BTreeMap<String, String>,
) -> Result<Node, EntityError> {
    let refuse = |message: String| EntityError::Entity(resource.clone(), message);
    let uid = TYPES.resource_uid(resource.kind(), resource.id()).ok_or_else(|| refuse("no such type".to_owned()))?;
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let attributes = [("name", text(name))].into_iter().chain(account_id.map(|account| ("account_id", text(account))));
    let node = Node::new(uid, attributes, ancestors, tags).map_err(refuse)?;
    Ok(Node { account_id: account_id.map(str::to_owned), ..node })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::domain::samples;
    use crate::policy::model::TenantSchema;

    #[test]
    fn every_entity_fits_the_schema() {
        let known = samples().map(|(kind, id)| AwsResource {
            resource: ResourceRef::new(kind, id).unwrap(),
            name: "a name".to_owned(),
            account_id: (kind != ResourceType::AwsOrganizationalUnit)
                .then(|| crate::domain::AccountId::parse("111111111111").unwrap()),
            parent: Some("r-ab12".to_owned()),
            tags: [("env".to_owned(), "prod".to_owned())].into(),
            rank: Some(3),
            metadata: crate::domain::Metadata::new(),
            last_synced_at: jiff::Timestamp::UNIX_EPOCH,
            missing_since: None,
            gone_at: None,
        });
        let directory = Directory::from_iter(known);
        let (full, empty) =
            (DirectoryEntities::new(&directory).unwrap(), DirectoryEntities::new(&Directory::default()).unwrap());
        let who = |kind| Principal {
            who: PrincipalRef { kind, id: "x".to_owned() },
            email: Some("x@example.com".to_owned()),
            name: None,
            groups: vec!["g".to_owned()],
            link: crate::domain::DirectoryLink::default(),
        };
        let schema = TenantSchema::new(&directory).unwrap();
        for entities in [full, empty] {
            let resources =
                samples().map(|(kind, id)| entities.resource(&ResourceRef::new(kind, id).unwrap()).unwrap());
            let principals =
                [PrincipalKind::User, PrincipalKind::ServiceAccount].map(|kind| Node::principal(&who(kind)).unwrap());
            let entities = resources.into_iter().chain(principals).map(|node| node.entity);
            cedar_policy::Entities::from_entities(entities, Some(schema.schema())).unwrap();
        }
    }
}
