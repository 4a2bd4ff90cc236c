//! Reordering policies.

use serde_json::json;

use super::{PRIORITIES, size};
use crate::app::change::{About, metadata};
use crate::app::{AccessError, Change, OperationContext};
use crate::domain::{EventKind, EventSubject, Policy, PolicyId};

/// The most policies in one call: a transaction has 100 items, and ten are for the rest of the change.
const MOST: usize = 90;
/// The most bytes in one call; a transaction has 4 MB.
const MOST_BYTES: usize = 3_500_000;

/// Orders policies, highest priority first; policies that are not named keep their priority.
///
/// The policies exchange the priorities that they have among themselves. Where several have the same one, some are
/// raised as far as needed to make them different: policies of one priority decide together, so they have no order.
///
/// # Errors
///
/// [`AccessError::InvalidInput`] if an id is unknown or repeated, there are too many, or raised priorities would change
/// the order relative to a policy that is not named.
pub fn reorder(
    access: &OperationContext,
    policies: &[Policy],
    ids: &[PolicyId],
) -> Result<Change<Vec<Policy>>, AccessError> {
    let refused = |reason: String| AccessError::input("ids", reason);
    if ids.is_empty() || ids.len() > MOST {
        return Err(refused(format!("must be 1 to {MOST} ids")));
    }
    let mut named: Vec<&Policy> = Vec::new();
    for id in ids {
        let policy = policies
            .iter()
            .find(|policy| policy.id == *id)
            .ok_or_else(|| refused(format!("there is no policy `{id}`")))?;
        if named.iter().any(|other| other.id == *id) {
            return Err(refused(format!("`{id}` is repeated")));
        }
        named.push(policy);
    }
    let others: Vec<_> = policies.iter().filter(|policy| !ids.contains(&policy.id)).collect();
    let held: Vec<_> = named.iter().map(|policy| policy.priority).collect();
    let priorities =
        assigned(held, &others.iter().map(|other| other.priority).collect::<Vec<_>>()).map_err(|place| {
            let other = others.get(place).map(|other| other.name.as_str()).unwrap_or_default();
            refused(format!(
                "some of these have the same priority, and `{other}` prevents making them different: name it too"
            ))
        })?;

    let mut writes = access.begin();
    let (mut reordered, mut moved, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    for (policy, priority) in named.into_iter().zip(priorities) {
        let mut policy = policy.clone();
        if policy.priority == priority {
            // It keeps its priority because of the others': if another writer changed it, all must be decided again.
            writes.check(&policy);
        } else {
            moved.push(json!({"policy_id": policy.id, "name": policy.name, "from": policy.priority, "to": priority}));
            policy.priority = priority;
            policy.updated_at = access.now();
            bytes = bytes.saturating_add(size(&policy));
            writes.update(&policy)?;
            policy.version += 1;
        }
        reordered.push(policy);
    }
    if bytes > MOST_BYTES {
        return Err(refused("these policies are too large to be reordered together; name fewer".to_owned()));
    }
    if moved.is_empty() {
        return Ok(Change::new(access.begin(), reordered));
    }
    writes.policies_changed();
    let about = About {
        resource_type: EventSubject::Policy,
        resource_id: "*".to_owned(),
        metadata: metadata([("moved", moved.into())]),
        reasoning: None,
    };
    writes.event(access.event(EventKind::PoliciesReordered, about))?;
    Ok(Change::new(writes, reordered))
}

/// The priorities of policies in their new order, made from those they hold; or the index of the one in `others` whose
/// position relative to them would change.
fn assigned(mut held: Vec<i32>, others: &[i32]) -> Result<Vec<i32>, usize> {
    held.sort_unstable_by(|left, right| right.cmp(left));
    let mut apart = held.clone();
    let mut lowest = *PRIORITIES.start();
    for priority in apart.iter_mut().rev() {
        *priority = lowest.max(*priority);
        lowest = priority.saturating_add(1);
    }
    let mut highest = *PRIORITIES.end();
    for priority in &mut apart {
        *priority = highest.min(*priority);
        highest = priority.saturating_sub(1);
    }
    for (from, to) in held.iter().zip(&apart).filter(|(from, to)| from != to) {
        let passed = *from.min(to)..=*from.max(to);
        if let Some(place) = others.iter().position(|other| passed.contains(other)) {
            return Err(place);
        }
    }
    Ok(apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_exchange_their_priorities() {
        assert_eq!(assigned(vec![10, 30, 20], &[25]), Ok(vec![30, 20, 10]));
        assert_eq!(assigned(vec![5], &[5]), Ok(vec![5]));
    }

    #[test]
    fn what_shares_a_priority_is_drawn_apart_upwards() {
        assert_eq!(assigned(vec![0, 0, 0], &[]), Ok(vec![2, 1, 0]));
        assert_eq!(assigned(vec![0, 1, 0, 7], &[3, -1]), Ok(vec![7, 2, 1, 0]));
        let highest = *PRIORITIES.end();
        assert_eq!(assigned(vec![highest, highest], &[]), Ok(vec![highest, highest - 1]));
    }

    #[test]
    fn a_policy_that_is_not_named_is_neither_passed_nor_met_nor_left() {
        assert_eq!(assigned(vec![0, 0, 0], &[9, 1]), Err(1), "passed");
        assert_eq!(assigned(vec![0, 0], &[1]), Err(0), "met");
        assert_eq!(assigned(vec![0, 0], &[0]), Err(0), "left");
        assert_eq!(assigned(vec![0, 5], &[0, 5, 3]), Ok(vec![5, 0]), "nothing is raised");
    }
}
