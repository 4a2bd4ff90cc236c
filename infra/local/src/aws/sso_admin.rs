//! sso-admin: account assignments, made and taken away asynchronously as Identity Center does it.
//!
//! A change is accepted at once and applied when it is due by the clock; nothing runs meanwhile. Whoever looks at the
//! state next applies what has fallen due, so a restart in between loses nothing.

mod permission_sets;

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Services;
use super::faults::{Fault, FaultKind};
use super::permissions::{Permission, permission};
use super::seeded::{is_account_id, is_principal_id};
use super::service::{Invocation, StandIn};
use super::state::{AssignmentKey, Change, Held, State, Wanted};
use super::wire::{Answer, Failure, Request, page, read};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AssignmentInput {
    target_id: String,
    target_type: String,
    permission_set_arn: String,
    principal_type: String,
    principal_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AssignmentsOf {
    account_id: String,
    permission_set_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AssignmentsForPrincipal {
    principal_id: String,
    principal_type: String,
    filter: Option<AccountFilter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AccountFilter {
    account_id: Option<String>,
}

pub(super) const STAND_IN: StandIn = StandIn {
    target: Some("SWBExternalService"),
    answer: Services::sso_admin,
    required_permissions,
    ..StandIn::JSON_1_1
};

fn required_permissions(request: &Request, _account: &str) -> Vec<Permission> {
    let input = &request.input;
    let account = ["TargetId", "AccountId"].iter().find_map(|name| input.get(*name)?.as_str());
    let named = ["InstanceArn", "PermissionSetArn"].iter().filter_map(|name| input.get(*name)?.as_str());
    let resources = named.map(str::to_owned).chain(account.map(|account| format!("arn:aws:sso:::account/{account}")));
    resources.map(|resource| permission("sso", &request.operation, resource)).collect()
}

impl Services {
    fn sso_admin(&self, call: &Invocation<'_>) -> Answer {
        let (operation, input, fault) = (call.operation, call.input, call.fault);
        let by = call.function.map(str::to_owned);
        self.within_quota()?;
        self.settle()?;
        if operation == "ListInstances" {
            let instance = json!({
                "InstanceArn": self.seeded.instance_arn,
                "IdentityStoreId": self.seeded.identity_store_id,
                "OwnerAccountId": self.seeded.account_id,
                "Status": "ACTIVE",
            });
            return page("Instances", vec![instance], input, 100);
        }
        match input.get("InstanceArn").and_then(Value::as_str) {
            None => return Err(Failure::validation("InstanceArn is missing")),
            Some(instance) if instance != self.seeded.instance_arn => {
                return Err(Failure::not_found(format!("no instance `{instance}`")));
            }
            Some(_) => {}
        }
        match operation {
            "CreateAccountAssignment" => {
                let key = self.assignment_key(input)?;
                self.change(Wanted::Create(key), fault, by)
            }
            "DeleteAccountAssignment" => {
                let key = self.assignment_key(input)?;
                if !self.store.lock().assignments.iter().any(|held| held.key == key) {
                    let message = format!("no assignment of `{}`", key.principal_id);
                    return Err(Failure::not_found(message));
                }
                self.change(Wanted::Delete(key), fault, by)
            }
            "DescribeAccountAssignmentCreationStatus" => {
                self.status(input, "AccountAssignmentCreationRequestId", |wanted| matches!(wanted, Wanted::Create(_)))
            }
            "DescribeAccountAssignmentDeletionStatus" => {
                self.status(input, "AccountAssignmentDeletionRequestId", |wanted| matches!(wanted, Wanted::Delete(_)))
            }
            "ListAccountAssignmentCreationStatus" => self.creations(input),
            "ListAccountAssignments" => {
                let of: AssignmentsOf = read(input)?;
                self.known_permission_set(&of.permission_set_arn)?;
                let assignments = self.assignment_documents(|key| {
                    key.account_id == of.account_id && key.permission_set_arn == of.permission_set_arn
                });
                page("AccountAssignments", assignments, input, 100)
            }
            "ListAccountAssignmentsForPrincipal" => {
                let of: AssignmentsForPrincipal = read(input)?;
                let account = of.filter.and_then(|filter| filter.account_id);
                // What a user has through groups is listed as the groups'.
                let groups = self.groups_of(&of.principal_id);
                let assignments = self.assignment_documents(|key| {
                    let is_own = key.principal_id == of.principal_id && key.principal_type == of.principal_type;
                    let is_inherited = key.principal_type == "GROUP" && groups.contains(&key.principal_id);
                    (is_own || is_inherited) && account.as_ref().is_none_or(|id| *id == key.account_id)
                });
                page("AccountAssignments", assignments, input, 100)
            }
            _ => self.permission_sets(operation, input, fault),
        }
    }

    /// Applies every change that has fallen due.
    pub(super) fn settle(&self) -> Result<(), Failure> {
        let now = self.clock.now();
        let due = |change: &Change| !change.done && change.due_at <= now;
        if !self.store.lock().changes.iter().any(due) {
            return Ok(());
        }
        self.store.change(|state| {
            let State { changes, assignments, deleted_of_others, deleted_outside, .. } = state;
            let mut changes: Vec<_> = changes.iter_mut().filter(|change| due(change)).collect();
            changes.sort_by_key(|change| change.due_at);
            for change in changes {
                change.done = true;
                match &change.wanted {
                    _ if change.failure.is_some() => {}
                    Wanted::Create(key) if assignments.iter().any(|held| held.key == *key) => {}
                    Wanted::Create(key) => assignments.push(Held {
                        key: key.clone(),
                        created_at: change.due_at,
                        deleted_at: None,
                        made_by: change.by.clone(),
                    }),
                    Wanted::Delete(key) => {
                        let is_it = |held: &&Held| held.key == *key;
                        let deleted = assignments.iter().find(is_it).cloned();
                        let deleted = deleted.map(|held| Held { deleted_at: Some(change.due_at), ..held });
                        match change.by {
                            Some(_) => deleted_of_others.extend(deleted.filter(|held| held.made_by.is_none())),
                            None => deleted_outside.extend(deleted),
                        }
                        assignments.retain(|held| held.key != *key);
                    }
                    Wanted::Provision { .. } => {}
                }
            }
            Ok(())
        })
    }

    /// Accepts an asynchronous change and answers its status.
    fn change(&self, wanted: Wanted, fault: Option<&Fault>, by: Option<String>) -> Answer {
        let now = self.clock.now();
        let kind = fault.map(|fault| fault.kind);
        let as_asked = fault.map_or(SignedDuration::ZERO, |fault| SignedDuration::from_millis(fault.milliseconds));
        let (delay, latency) = match kind {
            Some(FaultKind::Slow) => (SignedDuration::ZERO, as_asked),
            Some(FaultKind::Late | FaultKind::DieLate) => (as_asked, signed(self.latency)),
            Some(_) | None => (SignedDuration::ZERO, signed(self.latency)),
        };
        let later = |at: Timestamp, by| at.checked_add(by).map_err(|error| Failure::internal(error.to_string()));
        let created_at = later(now, delay)?;
        let due_at = later(created_at, latency)?;
        let failure = match kind {
            Some(FaultKind::FailAsync) => Some("Received a 500 status error: Internal failure".to_owned()),
            _ => self.cannot_be_applied(&wanted),
        };
        self.store.change(|state| {
            let in_flight = state.changes.iter().filter(|change| !change.done && change.created_at <= now);
            let key = wanted.assignment();
            if key.is_some() && in_flight.clone().any(|change| change.wanted.assignment() == key) {
                return Err(Failure::conflict("There is a conflicting operation in process for this assignment."));
            }
            if self.limits.outstanding_changes.is_some_and(|most| in_flight.count() >= most) {
                return Err(self.throttled("Too many changes are in progress."));
            }
            let change = Change {
                request_id: state.next_uuid(now).to_string(),
                wanted,
                by,
                created_at,
                due_at,
                failure,
                done: false,
            };
            let answer = status_document(&change);
            state.push_change(change);
            Ok(answer)
        })
    }

    /// What Identity Center only finds out while it applies a change.
    fn cannot_be_applied(&self, wanted: &Wanted) -> Option<String> {
        let Wanted::Create(key) = wanted else {
            return None;
        };
        if !self.current_seed().accounts().iter().any(|account| account.id == key.account_id) {
            return Some("Received a 404 status error: Account not found".to_owned());
        }
        let state = self.store.lock();
        let known = state.users.iter().any(|user| user.user_id == key.principal_id);
        (key.principal_type == "USER" && !known).then(|| "Received a 404 status error: User not found".to_owned())
    }

    fn assignment_key(&self, input: &Value) -> Result<AssignmentKey, Failure> {
        let input: AssignmentInput = read(input)?;
        if input.target_type != "AWS_ACCOUNT" {
            return Err(Failure::validation("TargetType must be AWS_ACCOUNT"));
        }
        if !is_account_id(&input.target_id) {
            return Err(Failure::validation("TargetId must be twelve digits"));
        }
        if !matches!(input.principal_type.as_str(), "USER" | "GROUP") {
            return Err(Failure::validation("PrincipalType must be USER or GROUP"));
        }
        if !is_principal_id(&input.principal_id) {
            return Err(Failure::validation("PrincipalId must be a UUID"));
        }
        self.known_permission_set(&input.permission_set_arn)?;
        Ok(AssignmentKey {
            account_id: input.target_id,
            permission_set_arn: input.permission_set_arn,
            principal_type: input.principal_type,
            principal_id: input.principal_id,
        })
    }

    fn known_permission_set(&self, arn: &str) -> Result<(), Failure> {
        if !arn.starts_with("arn:aws:sso:::permissionSet/") {
            return Err(Failure::validation(format!("`{arn}` is no permission set ARN")));
        }
        let state = self.store.lock();
        match state.permission_sets.iter().any(|set| set.arn == arn) {
            true => Ok(()),
            false => Err(no_permission_set(arn)),
        }
    }

    fn status(&self, input: &Value, member: &str, kind: fn(&Wanted) -> bool) -> Answer {
        let id = input.get(member).and_then(Value::as_str);
        let id = id.ok_or_else(|| Failure::validation(format!("{member} is missing")))?;
        let state = self.store.lock();
        let mut changes = state.changes.iter();
        let change = changes.find(|change| change.request_id == id && kind(&change.wanted));
        change.map(status_document).ok_or_else(|| Failure::not_found(format!("no request `{id}`")))
    }

    fn creations(&self, input: &Value) -> Answer {
        let wanted = input.pointer("/Filter/Status").and_then(Value::as_str);
        let state = self.store.lock();
        let now = self.clock.now();
        let arrived = state.changes.iter().filter(|change| change.created_at <= now);
        let creations = arrived.filter(|change| matches!(change.wanted, Wanted::Create(_)));
        let creations = creations.filter(|change| wanted.is_none_or(|wanted| wanted == status_of(change)));
        let metadata = |change: &Change| {
            json!({
                "Status": status_of(change),
                "RequestId": change.request_id,
                "CreatedDate": epoch_seconds(change.created_at),
            })
        };
        page("AccountAssignmentsCreationStatus", creations.map(metadata).collect(), input, 100)
    }

    fn assignment_documents(&self, wanted: impl Fn(&AssignmentKey) -> bool) -> Vec<Value> {
        let state = self.store.lock();
        let keys = state.assignments.iter().map(|held| &held.key);
        keys.filter(|key| wanted(key))
            .map(|key| {
                json!({
                    "AccountId": key.account_id,
                    "PermissionSetArn": key.permission_set_arn,
                    "PrincipalType": key.principal_type,
                    "PrincipalId": key.principal_id,
                })
            })
            .collect()
    }

    fn within_quota(&self) -> Result<(), Failure> {
        let Some(most) = self.limits.requests_per_second else {
            return Ok(());
        };
        let now = self.clock.now();
        let mut recent = self.recent_requests.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let second = SignedDuration::from_secs(1);
        while recent.front().is_some_and(|first| now.duration_since(*first) >= second) {
            recent.pop_front();
        }
        if recent.len() >= most {
            return Err(self.throttled("Rate exceeded"));
        }
        recent.push_back(now);
        Ok(())
    }

    pub(super) fn throttled(&self, message: &str) -> Failure {
        self.throttled.fetch_add(1, Ordering::Relaxed);
        Failure::new("ThrottlingException", message)
    }
}

fn no_permission_set(arn: &str) -> Failure {
    Failure::not_found(format!("no permission set `{arn}`"))
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn epoch_seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

fn status_of(change: &Change) -> &'static str {
    match (change.done, &change.failure) {
        (false, _) => "IN_PROGRESS",
        (true, None) => "SUCCEEDED",
        (true, Some(_)) => "FAILED",
    }
}

/// The status of a change under the name its own operations answer it with.
fn status_document(change: &Change) -> Value {
    let mut document = json!({
        "Status": status_of(change),
        "RequestId": change.request_id,
        "CreatedDate": epoch_seconds(change.created_at),
    });
    let mut set = |name: &str, value: Value| {
        if let Some(members) = document.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    if let (true, Some(reason)) = (change.done, &change.failure) {
        set("FailureReason", json!(reason));
    }
    let name = match &change.wanted {
        Wanted::Create(_) => "AccountAssignmentCreationStatus",
        Wanted::Delete(_) => "AccountAssignmentDeletionStatus",
        Wanted::Provision { .. } => "PermissionSetProvisioningStatus",
    };
    match &change.wanted {
        Wanted::Create(key) | Wanted::Delete(key) => {
            set("TargetId", json!(key.account_id));
            set("TargetType", json!("AWS_ACCOUNT"));
            set("PermissionSetArn", json!(key.permission_set_arn));
            set("PrincipalType", json!(key.principal_type));
            set("PrincipalId", json!(key.principal_id));
        }
        Wanted::Provision { permission_set_arn, account_id } => {
            set("PermissionSetArn", json!(permission_set_arn));
            if let Some(account_id) = account_id {
                set("AccountId", json!(account_id));
            }
        }
    }
    json!({ name: document })
}
