//! Permission sets: made, described, provisioned and deleted.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::no_permission_set;
use crate::aws::Services;
use crate::aws::faults::Fault;
use crate::aws::seeded::{PermissionSet, is_account_id, permission_set_arn};
use crate::aws::state::{State, Wanted};
use crate::aws::wire::{Answer, Failure, page, read};

/// Identity Center's quota.
const PERMISSION_SETS: usize = 2_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    permission_set_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InAccount {
    account_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    name: String,
    description: Option<String>,
    session_duration: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutInlinePolicy {
    permission_set_arn: String,
    inline_policy: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Provision {
    permission_set_arn: String,
    target_type: String,
    target_id: Option<String>,
}

impl Services {
    pub(super) fn permission_sets(&self, operation: &str, input: &Value, fault: Option<&Fault>) -> Answer {
        match operation {
            "ListPermissionSets" => {
                let state = self.store.lock();
                let arns = state.permission_sets.iter().map(|set| json!(set.arn)).collect();
                drop(state);
                page("PermissionSets", arns, input, 100)
            }
            "ListPermissionSetsProvisionedToAccount" => {
                let InAccount { account_id } = read(input)?;
                let state = self.store.lock();
                let held = state.assignments.iter().map(|held| &held.key);
                let arns: BTreeSet<&String> =
                    held.filter(|key| key.account_id == account_id).map(|key| &key.permission_set_arn).collect();
                let arns = arns.into_iter().map(|arn| json!(arn)).collect();
                drop(state);
                page("PermissionSets", arns, input, 100)
            }
            "DescribePermissionSet" => self.with_permission_set(input, |set| json!({ "PermissionSet": document(set) })),
            "GetInlinePolicyForPermissionSet" => self.with_permission_set(
                input,
                |set| json!({ "InlinePolicy": set.inline_policy.as_deref().unwrap_or_default() }),
            ),
            "CreatePermissionSet" => self.create_permission_set(read(input)?),
            "DeletePermissionSet" => self.delete_permission_set(&read::<Named>(input)?),
            "PutInlinePolicyToPermissionSet" => {
                let input: PutInlinePolicy = read(input)?;
                if serde_json::from_str::<Value>(&input.inline_policy).is_err() {
                    return Err(Failure::validation("InlinePolicy is not a policy document"));
                }
                self.store.change(|state| {
                    permission_set(state, &input.permission_set_arn)?.inline_policy = Some(input.inline_policy);
                    Ok(json!({}))
                })
            }
            "DeleteInlinePolicyFromPermissionSet" => {
                let Named { permission_set_arn } = read(input)?;
                self.store.change(|state| {
                    permission_set(state, &permission_set_arn)?.inline_policy = None;
                    Ok(json!({}))
                })
            }
            "ProvisionPermissionSet" => {
                let wanted = self.provisioning(read(input)?)?;
                self.change(wanted, fault, None)
            }
            "DescribePermissionSetProvisioningStatus" => {
                self.status(input, "ProvisionPermissionSetRequestId", |wanted| {
                    matches!(wanted, Wanted::Provision { .. })
                })
            }
            _ => Err(Failure::unknown_operation(operation)),
        }
    }

    fn with_permission_set(&self, input: &Value, answer: fn(&PermissionSet) -> Value) -> Answer {
        let Named { permission_set_arn } = read(input)?;
        let mut state = self.store.lock();
        permission_set(&mut state, &permission_set_arn).map(|set| answer(set))
    }

    fn create_permission_set(&self, input: Create) -> Answer {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@-_".contains(c);
        if !(1..=32).contains(&input.name.len()) || !input.name.chars().all(allowed) {
            return Err(Failure::validation(format!("`{}` is not 1 to 32 of [A-Za-z0-9_+=,.@-]", input.name)));
        }
        let session_duration = input.session_duration.unwrap_or_else(|| "PT1H".to_owned());
        if !session_duration.starts_with("PT") {
            return Err(Failure::validation("SessionDuration is not an ISO 8601 duration"));
        }
        let instance = self.seeded.instance_arn.rsplit('/').next().unwrap_or_default();
        self.store.change(|state| {
            if state.permission_sets.iter().any(|set| set.name == input.name) {
                return Err(Failure::conflict(format!("PermissionSet with name {} already exists.", input.name)));
            }
            if state.permission_sets.len() >= PERMISSION_SETS {
                return Err(Failure::new(
                    "ServiceQuotaExceededException",
                    "You have exceeded the number of permission sets.",
                ));
            }
            let set = PermissionSet {
                name: input.name,
                arn: permission_set_arn(instance, u128::from(state.next_number())),
                session_duration,
                description: input.description,
                inline_policy: None,
            };
            let answer = json!({ "PermissionSet": document(&set) });
            state.permission_sets.push(set);
            Ok(answer)
        })
    }

    fn delete_permission_set(&self, input: &Named) -> Answer {
        let arn = &input.permission_set_arn;
        self.store.change(|state| {
            permission_set(state, arn)?;
            let mut held = state.assignments.iter().map(|held| &held.key);
            let mut in_flight = state.changes.iter().filter(|change| !change.done);
            if held.any(|key| key.permission_set_arn == *arn)
                || in_flight.any(|change| {
                    let key = change.wanted.assignment();
                    key.is_some_and(|key| key.permission_set_arn == *arn)
                })
            {
                return Err(Failure::conflict("The permission set is assigned to an account."));
            }
            state.permission_sets.retain(|set| set.arn != *arn);
            Ok(json!({}))
        })
    }

    fn provisioning(&self, input: Provision) -> Result<Wanted, Failure> {
        self.known_permission_set(&input.permission_set_arn)?;
        match (input.target_type.as_str(), &input.target_id) {
            ("AWS_ACCOUNT", Some(id)) if is_account_id(id) => {}
            ("ALL_PROVISIONED_ACCOUNTS", None) => {}
            _ => return Err(Failure::validation("TargetType and TargetId do not go together")),
        }
        let busy = self.store.lock().changes.iter().any(|change| {
            let same = |arn: &String| *arn == input.permission_set_arn;
            let same =
                matches!(&change.wanted, Wanted::Provision { permission_set_arn, .. } if same(permission_set_arn));
            same && !change.done
        });
        match busy {
            true => Err(self.throttled("The permission set is being provisioned.")),
            false => {
                Ok(Wanted::Provision { permission_set_arn: input.permission_set_arn, account_id: input.target_id })
            }
        }
    }
}

fn permission_set<'state>(state: &'state mut State, arn: &str) -> Result<&'state mut PermissionSet, Failure> {
    let mut sets = state.permission_sets.iter_mut();
    sets.find(|set| set.arn == arn).ok_or_else(|| no_permission_set(arn))
}

fn document(set: &PermissionSet) -> Value {
    let mut document = json!({
        "Name": set.name,
        "PermissionSetArn": set.arn,
        "SessionDuration": set.session_duration,
    });
    if let (Some(description), Some(members)) = (&set.description, document.as_object_mut()) {
        members.insert("Description".to_owned(), json!(description));
    }
    document
}
