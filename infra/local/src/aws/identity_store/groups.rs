//! Groups of the Identity Store and who is in them.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Services;
use super::super::state::Membership;
use super::super::wire::{Answer, Failure, read};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MemberId {
    user_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GroupId {
    group_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NewMembership {
    group_id: String,
    member_id: MemberId,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MembershipId {
    membership_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IsMember {
    member_id: MemberId,
    group_ids: Vec<String>,
}

/// The operation takes so many groups.
const MOST_GROUPS: usize = 100;

impl Services {
    pub(super) fn groups(&self, operation: &str, input: &Value) -> Answer {
        let store = &self.seeded.identity_store_id;
        let now = self.clock.now();
        match operation {
            "CreateGroup" => self.store.change(|state| {
                let group_id = state.next_uuid(now).to_string();
                state.groups.insert(group_id.clone());
                Ok(json!({ "IdentityStoreId": store, "GroupId": group_id }))
            }),
            // Its assignments stay, as those of a deleted user do.
            "DeleteGroup" => {
                let GroupId { group_id } = read(input)?;
                self.store.change(|state| {
                    if !state.groups.remove(&group_id) {
                        return Err(no_group());
                    }
                    state.memberships.retain(|_, membership| membership.group_id != group_id);
                    Ok(json!({}))
                })
            }
            "CreateGroupMembership" => {
                let NewMembership { group_id, member_id } = read(input)?;
                self.store.change(|state| {
                    if !state.groups.contains(&group_id) {
                        return Err(no_group());
                    }
                    let id = state.next_uuid(now).to_string();
                    state.memberships.insert(id.clone(), Membership { group_id, user_id: member_id.user_id });
                    Ok(json!({ "IdentityStoreId": store, "MembershipId": id }))
                })
            }
            "DeleteGroupMembership" => {
                let MembershipId { membership_id } = read(input)?;
                self.store.change(|state| {
                    state.memberships.remove(&membership_id).map(|_| json!({})).ok_or_else(no_membership)
                })
            }
            "IsMemberInGroups" => {
                let IsMember { member_id, group_ids } = read(input)?;
                if group_ids.is_empty() || group_ids.len() > MOST_GROUPS {
                    return Err(Failure::validation("GroupIds takes 1 to 100 groups"));
                }
                if group_ids.iter().any(|group| !self.store.lock().groups.contains(group)) {
                    return Err(no_group());
                }
                let of_user = self.groups_of(&member_id.user_id);
                let result = |group: &String| {
                    let member = json!({ "UserId": member_id.user_id });
                    json!({ "GroupId": group, "MemberId": member, "MembershipExists": of_user.contains(group) })
                };
                Ok(json!({ "Results": group_ids.iter().map(result).collect::<Vec<_>>() }))
            }
            _ => Err(Failure::unknown_operation(operation)),
        }
    }

    /// The groups a user is in.
    pub(in super::super) fn groups_of(&self, user_id: &str) -> BTreeSet<String> {
        let state = self.store.lock();
        let memberships = state.memberships.values().filter(|membership| membership.user_id == user_id);
        memberships.map(|membership| membership.group_id.clone()).collect()
    }
}

fn no_group() -> Failure {
    Failure::not_found("GROUP not found.").with("ResourceType", json!("GROUP"))
}

fn no_membership() -> Failure {
    Failure::not_found("GROUP_MEMBERSHIP not found.").with("ResourceType", json!("GROUP_MEMBERSHIP"))
}
