//! Finds the rules that can apply to a question without looking at the others.
//!
//! A rule's scope names, on each of its three axes, all, a type or an entity. A question matches on an axis what it is
//! itself: all, its type, its entity and the entities above it. So the rules that can apply stand in the cells (principal
//! key, action key, resource key) the question spans, and every rule elsewhere is false by its scope alone, which never
//! errors. A cell may hold rules that do not apply (`== X` stands beside `in X`): Cedar has the last word.

use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{
    ActionConstraint, Effect, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint,
    ResourceConstraint,
};

use super::entities::Node;
use crate::domain::ResourceType;

/// A number for something scopes name; questions are looked up by number.
type Key = u32;

/// The key of a scope that names nothing.
const ANY: Key = 0;

/// What the scopes of one axis name.
#[derive(Debug, Default)]
struct Axis {
    types: HashMap<EntityTypeName, Key>,
    entities: HashMap<EntityUid, Key>,
}

impl Axis {
    fn size(&self) -> usize {
        self.types.len() + self.entities.len()
    }

    fn key_of_type(&mut self, name: EntityTypeName) -> Option<Key> {
        let next = next_key(self.size());
        next.map(|next| *self.types.entry(name).or_insert(next))
    }

    fn key_of_entity(&mut self, uid: EntityUid) -> Option<Key> {
        let next = next_key(self.size());
        next.map(|next| *self.entities.entry(uid).or_insert(next))
    }

    /// What of the axis matches an entity.
    fn keys(&self, node: &Node) -> Vec<Key> {
        let own = self.types.get(node.uid.type_name()).into_iter().chain(self.entities.get(&node.uid));
        let above = node.ancestors.iter().filter_map(|uid| self.entities.get(uid));
        let mut keys: Vec<_> = std::iter::once(ANY).chain(own.chain(above).copied()).collect();
        // A group that is listed twice is one group.
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

fn next_key(size: usize) -> Option<Key> {
    Key::try_from(size).ok().and_then(|size| size.checked_add(1))
}

/// The rules of one scope and one priority.
#[derive(Debug)]
pub(super) struct IndexEntry {
    /// The place of the priority: 0 is the highest.
    pub(super) rank: usize,
    /// The rules.
    pub(super) rules: PolicySet,
    /// The entities their conditions name.
    pub(super) literals: Vec<EntityUid>,
}

/// All rules, by scope.
#[derive(Debug, Default)]
pub(super) struct Index {
    principals: Axis,
    actions: Axis,
    resources: Axis,
    cells: HashMap<[Key; 3], Vec<IndexEntry>>,
    /// The principals and actions there are cells for.
    about: HashSet<(Key, Key)>,
    /// What the permits among them say of resources, each once.
    permitted: HashMap<(Key, Key), Vec<ResourceConstraint>>,
}

/// Rules on their way into an index.
#[derive(Debug, Default)]
pub(super) struct IndexBuilder {
    index: Index,
    rules: HashMap<[Key; 3], BTreeMap<usize, Vec<Policy>>>,
}

impl IndexBuilder {
    /// Adds a rule of a priority; false when there are more scopes than can be numbered.
    #[must_use]
    pub(super) fn add(&mut self, rank: usize, rule: &Policy) -> bool {
        let Some((principal, actions, resource)) = self.keys(rule) else { return false };
        for action in actions {
            self.rules.entry([principal, action, resource]).or_default().entry(rank).or_default().push(rule.clone());
        }
        true
    }

    fn keys(&mut self, rule: &Policy) -> Option<(Key, Vec<Key>, Key)> {
        let axis = &mut self.index.principals;
        let principal = match rule.principal_constraint() {
            PrincipalConstraint::Any => Some(ANY),
            PrincipalConstraint::Is(name) => axis.key_of_type(name),
            // The narrower of the two is the entity.
            PrincipalConstraint::In(uid) | PrincipalConstraint::Eq(uid) | PrincipalConstraint::IsIn(_, uid) => {
                axis.key_of_entity(uid)
            }
        }?;
        let axis = &mut self.index.resources;
        let resource = match rule.resource_constraint() {
            ResourceConstraint::Any => Some(ANY),
            ResourceConstraint::Is(name) => axis.key_of_type(name),
            ResourceConstraint::In(uid) | ResourceConstraint::Eq(uid) | ResourceConstraint::IsIn(_, uid) => {
                axis.key_of_entity(uid)
            }
        }?;
        let axis = &mut self.index.actions;
        let mut actions = match rule.action_constraint() {
            ActionConstraint::Any => vec![ANY],
            ActionConstraint::Eq(uid) => vec![axis.key_of_entity(uid)?],
            ActionConstraint::In(uids) => {
                uids.into_iter().map(|uid| axis.key_of_entity(uid)).collect::<Option<Vec<_>>>()?
            }
        };
        actions.sort_unstable();
        actions.dedup();
        Some((principal, actions, resource))
    }

    /// The index, or what Cedar says against two rules of one id.
    pub(super) fn build(self) -> Result<Index, String> {
        let mut index = self.index;
        for (keys, by_rank) in self.rules {
            let rules = by_rank.values().flatten();
            let permits: Vec<_> = rules.filter(|rule| rule.effect() == Effect::Permit).cloned().collect();
            let cells = by_rank.into_iter().map(|(rank, rules)| {
                let mut literals: Vec<_> = rules.iter().flat_map(Policy::entity_literals).collect();
                literals.sort_unstable();
                literals.dedup();
                Ok(IndexEntry {
                    rank,
                    rules: PolicySet::from_policies(rules).map_err(|error| error.to_string())?,
                    literals,
                })
            });
            let [principal, action, _] = keys;
            index.about.insert((principal, action));
            let permitted = permits.into_iter().map(|rule| rule.resource_constraint());
            index.permitted.entry((principal, action)).or_default().extend(permitted);
            index.cells.insert(keys, cells.collect::<Result<_, String>>()?);
        }
        Ok(index)
    }
}

impl Index {
    /// Whether any rule could apply to a principal and an action, on whatever resource.
    pub(super) fn has_any(&self, principal: &Node, action: &EntityUid) -> bool {
        let actions = [Some(ANY), self.actions.entities.get(action).copied()];
        let mut named = self.principals.keys(principal).into_iter();
        named.any(|principal| actions.into_iter().flatten().any(|action| self.about.contains(&(principal, action))))
    }

    /// Whether some permit could apply to a principal, an action and the resource, wherever in the organization the
    /// resource stood.
    pub(super) fn could_permit(&self, principal: &Node, action: &EntityUid, resource: &Node) -> bool {
        let actions = [Some(ANY), self.actions.entities.get(action).copied()];
        let constraints = self.principals.keys(principal).into_iter().flat_map(|principal| {
            actions.into_iter().flatten().filter_map(move |action| self.permitted.get(&(principal, action)))
        });
        constraints.flatten().any(|constraint| match constraint {
            ResourceConstraint::Any => true,
            ResourceConstraint::Is(name) => resource.is(name),
            ResourceConstraint::In(uid) => could_be_in(resource, uid),
            ResourceConstraint::IsIn(name, uid) => resource.is(name) && could_be_in(resource, uid),
            ResourceConstraint::Eq(uid) => *uid == resource.uid,
        })
    }

    /// The permits whose scope a question is in, whatever their conditions say.
    pub(super) fn permits_in_scope(&self, principal: &Node, action: &EntityUid, resource: &Node) -> Vec<PolicyId> {
        let candidates = self.candidates(principal, action, resource).into_iter();
        let permits = candidates
            .flat_map(|cell| cell.rules.policies())
            .filter(|rule| rule.effect() == Effect::Permit && is_in_scope(rule, principal, resource));
        permits.map(|rule| rule.id().clone()).collect()
    }

    /// The cells whose rules can apply, the highest priority first.
    pub(super) fn candidates(&self, principal: &Node, action: &EntityUid, resource: &Node) -> Vec<&IndexEntry> {
        // Actions have no groups.
        let actions: Vec<_> = std::iter::once(ANY).chain(self.actions.entities.get(action).copied()).collect();
        let resources = self.resources.keys(resource);
        let mut found: Vec<&IndexEntry> = Vec::new();
        for principal in self.principals.keys(principal) {
            for action in &actions {
                for resource in &resources {
                    found.extend(self.cells.get(&[principal, *action, *resource]).into_iter().flatten());
                }
            }
        }
        found.sort_by_key(|cell| cell.rank);
        found
    }
}

/// Whether a resource could stand below an entity: anything below a unit, and what accounts hold below an account.
fn could_be_in(resource: &Node, uid: &EntityUid) -> bool {
    let is = |uid: &EntityUid, kind: ResourceType| uid.type_name().basename() == kind.cedar_type();
    let holds_others = is(uid, ResourceType::AwsOrganizationalUnit)
        || is(uid, ResourceType::AwsAccount)
            && !is(&resource.uid, ResourceType::AwsAccount)
            && !is(&resource.uid, ResourceType::AwsOrganizationalUnit);
    holds_others || resource.is_in(uid)
}

/// Whether a candidate's scope holds: a cell is also of rules that are about the entity, and not about what is below.
fn is_in_scope(rule: &Policy, principal: &Node, resource: &Node) -> bool {
    let principal = match rule.principal_constraint() {
        PrincipalConstraint::Any => true,
        PrincipalConstraint::Is(name) => principal.is(&name),
        PrincipalConstraint::In(uid) => principal.is_in(&uid),
        PrincipalConstraint::Eq(uid) => principal.uid == uid,
        PrincipalConstraint::IsIn(name, uid) => principal.is(&name) && principal.is_in(&uid),
    };
    principal
        && match rule.resource_constraint() {
            ResourceConstraint::Any => true,
            ResourceConstraint::Is(name) => resource.is(&name),
            ResourceConstraint::In(uid) => resource.is_in(&uid),
            ResourceConstraint::Eq(uid) => resource.uid == uid,
            ResourceConstraint::IsIn(name, uid) => resource.is(&name) && resource.is_in(&uid),
        }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::domain::{Principal, PrincipalRef, ResourceRef};
    use crate::policy::entities::{DirectoryEntities, action_uid};
    use crate::policy::model::Directory;

    #[test]
    fn a_question_meets_only_the_rules_of_its_scope() {
        let mut builder = IndexBuilder::default();
        for number in 0..300 {
            let scope = match number % 3 {
                0 => format!("principal in Group::\"{number}\", action == Action::\"read\", resource"),
                1 => format!("principal, action == Action::\"{number}\", resource"),
                _ => format!("principal, action == Action::\"read\", resource == AwsS3Bucket::\"bucket-{number}\""),
            };
            let text = format!("permit({scope});");
            let rule =
                cedar_policy::Policy::parse(Some(cedar_policy::PolicyId::new(number.to_string())), text).unwrap();
            assert!(builder.add(number % 2, &rule));
        }
        let index = builder.build().unwrap();
        let alice = Principal {
            who: PrincipalRef::user("alice"),
            email: None,
            name: None,
            groups: vec!["12".to_owned(), "15".to_owned(), "15".to_owned(), "unheard-of".to_owned()],
            link: crate::domain::DirectoryLink::default(),
        };
        let bucket = ResourceRef::new(ResourceType::AwsS3Bucket, "bucket-17").unwrap();
        let resource = DirectoryEntities::new(&Directory::default()).unwrap().resource(&bucket).unwrap();
        let cells = index.candidates(&Node::principal(&alice).unwrap(), &action_uid("read"), &resource);
        let mut found: Vec<_> =
            cells.iter().flat_map(|cell| cell.rules.policies()).map(|rule| rule.id().to_string()).collect();
        found.sort_unstable();
        assert_eq!(found, ["12", "15", "17"]);
        assert!(cells.is_sorted_by_key(|cell| cell.rank));
    }
}
