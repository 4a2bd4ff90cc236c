//! Rules that name what the directory does not know: they may be meant for what is still to come, or be a slip that never
//! fires. Such a rule is stored, with a warning.

use std::collections::BTreeSet;

use cedar_policy::{EntityUid, PolicySet};

use super::model::Directory;
use super::problem::Problem;
use crate::domain::{AwsResource, ResourceRef, ResourceType};

/// The units, accounts and permission sets a text names, parsed to `set`, that the directory does not know, or knows to be gone; by ARN, or
/// by the name that is their action. Where one is named several times, the first place is told.
///
/// Of groups nothing is said: they are known from tokens only, so one of which nobody has signed in yet is not unknown.
pub(super) fn unknown_names(text: &str, set: &PolicySet, directory: &Directory) -> Vec<Problem> {
    let named: BTreeSet<EntityUid> = set.policies().flat_map(cedar_policy::Policy::entity_literals).collect();
    let mut problems: Vec<Problem> = named.iter().filter_map(|uid| problem(text, uid, directory)).collect();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems
}

fn problem(text: &str, uid: &EntityUid, directory: &Directory) -> Option<Problem> {
    let (kind, id) = (uid.type_name().to_string(), uid.id().unescaped());
    let said = if kind == "Action" {
        // An action nobody knows is an error of the schema; one whose permission sets are all gone is known to it.
        let of_name =
            |known: &&AwsResource| known.resource.kind() == ResourceType::AwsPermissionSet && known.name == id;
        let mut sets = directory.iter().filter(of_name).peekable();
        sets.peek()?;
        if sets.any(AwsResource::is_live) {
            return None;
        }
        format!("the permission set `{id}` is gone")
    } else {
        let kind = ResourceType::ALL.into_iter().find(|known| known.is_read_in_full() && known.cedar_type() == kind)?;
        match ResourceRef::new(kind, id).ok().and_then(|resource| directory.get(&resource)) {
            Some(known) if known.is_live() => return None,
            Some(_) => format!("the `{kind}` `{id}` is gone"),
            None => format!("the directory knows no `{kind}` `{id}`"),
        }
    };
    Some(Problem::at(text, place(text, uid), said))
}

/// Where a text names an entity: Cedar's own writing of it, else its id, else the beginning.
fn place(text: &str, uid: &EntityUid) -> usize {
    text.find(&uid.to_string()).or_else(|| text.find(uid.id().unescaped())).unwrap_or_default()
}
