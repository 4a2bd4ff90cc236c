//! The invariants of ARCHITECTURE.md, held against everything the table and Identity Center say.
//!
//! [`assert_invariants`] holds at every step, whatever failed before it; [`assert_at_rest`] once everything that is due
//! was done.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;
use stint::domain::{
    AccessRequest, ApprovedBy, Assignment, AssignmentKey, Event, EventKind, Grant, GrantId, GrantStatus, NextStep,
    Presence, Provisioning, RequestState, RequestStatus, RevocationStatus, TenantId,
};
use stint::store::{AuditEntry, OutboxEvent, Record, keys};
use stint_local::aws::{AssignmentView, AwsEndpoint};

use crate::{World, plain};

/// Panics with everything that must hold at any moment and does not.
///
/// # Panics
///
/// When something does not hold.
#[track_caller]
pub fn assert_invariants(world: &World) {
    let broken = Picture::of(world.local.aws(), world.now()).broken();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Panics with everything that does not hold, or is not done.
///
/// # Panics
///
/// When something does not hold, or is not done.
#[track_caller]
pub fn assert_at_rest(world: &World) {
    let picture = Picture::of(world.local.aws(), world.now());
    let wrong = [picture.broken(), picture.unsettled()].concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lets time move on until nothing is left to do: what is tried again in a short while, and then the sweeps.
///
/// # Panics
///
/// When something does not hold, or is not done in the end.
pub async fn rest(world: &World) {
    world.wait(1).await;
    world.wait(30).await;
    for _ in 0..SWEEPS {
        let picture = Picture::of(world.local.aws(), world.now());
        assert_eq!(picture.broken(), Vec::<String>::new());
        if picture.unsettled().is_empty() {
            return;
        }
        world.wait(300).await;
        if Picture::of(world.local.aws(), world.now()).unsettled().is_empty() {
            continue;
        }
        // One that fails has done what it could.
        let _ = world.local.sweep().await;
        world.settle().await;
    }
    assert_at_rest(world);
}

/// When nobody else calls the workers, one sweep gives access and the next one publishes that it did; one may fail, and
/// one may find everything waiting for its next attempt.
const SWEEPS: usize = 5;

/// The audit entries of a tenant, oldest first, and what is wrong with their chain.
#[must_use]
pub fn chain(items: &[Value], tenant: TenantId) -> (Vec<AuditEntry>, Vec<String>) {
    let mut entries: Vec<AuditEntry> = records(items, Some(tenant)).collect();
    entries.sort_by_key(|entry| entry.sequence);
    let mut wrong = Vec::new();
    let mut previous = "0".repeat(64);
    for (expected, entry) in (1..).zip(&entries) {
        if entry.sequence != expected {
            wrong.push(format!("invariant 4: entry {expected} is missing, the next is {}", entry.sequence));
            break;
        }
        if entry.prev_hash != previous {
            wrong.push(format!("invariant 4: entry {expected} does not follow the one before"));
        }
        if entry.hash != AuditEntry::hash_of(&previous, expected, &entry.event).unwrap() {
            wrong.push(format!("invariant 4: entry {expected} is not what was sealed"));
        }
        previous.clone_from(&entry.hash);
    }
    (entries, wrong)
}

/// The records of one kind, of one tenant or of all.
fn records<R: Record>(items: &[Value], tenant: Option<TenantId>) -> impl Iterator<Item = R> {
    items.iter().filter_map(move |item| {
        let (of, kind) = keys::parse_partition(item["pk"]["S"].as_str().unwrap())?;
        (kind == R::KIND && tenant.is_none_or(|tenant| tenant == of)).then(|| read(item))
    })
}

fn read<R: DeserializeOwned>(item: &Value) -> R {
    serde_json::from_value(plain(item)).unwrap_or_else(|error| panic!("{error}: {item}"))
}

/// The records of assignments, of whatever instance.
pub fn assignments(items: &[Value]) -> impl Iterator<Item = Assignment> {
    let is_one = |item: &&Value| item["pk"]["S"].as_str().unwrap().starts_with("ASSIGNMENT#");
    items.iter().filter(is_one).map(read)
}

/// Who has what where: subject, permission set, account.
type Access = (String, String, String);

/// What the table and Identity Center say. It is of one moment only while nothing is under way.
pub struct Picture {
    now: Timestamp,
    existing: BTreeSet<Access>,
    /// Of what exists, what stint made.
    ours: BTreeSet<Access>,
    deleted_of_others: Vec<Access>,
    /// What was deleted outside stint, and when it last was.
    deleted_outside: BTreeMap<Access, Timestamp>,
    grants: BTreeMap<GrantId, Given>,
    requests: Vec<AccessRequest>,
    assignments: Vec<(Access, Assignment)>,
    outbox: Vec<OutboxEvent>,
    sealed: Vec<Event>,
    chain: Vec<String>,
    schedules: BTreeMap<String, Timestamp>,
    due: Vec<String>,
}

/// A grant, what it gives once that is known, and whether it stands in the index of what falls due.
struct Given {
    grant: Grant,
    access: Option<Access>,
    is_obligation: bool,
}

impl Picture {
    /// What an endpoint has now.
    #[must_use]
    pub fn of(aws: &AwsEndpoint, now: Timestamp) -> Self {
        let items = aws.items();
        let named = |key: &AssignmentKey| {
            let world = aws.seeded();
            let user = world.users.iter().find(|user| user.user_id == key.principal_id);
            let set = world.permission_sets.iter().find(|set| set.arn == key.permission_set_arn);
            let sub = user.map_or(&key.principal_id, |user| &user.sub);
            (sub.clone(), set.map_or(&key.permission_set_arn, |set| &set.name).clone(), key.account_id.to_string())
        };
        let partition = |item: &Value| keys::parse_partition(item["pk"]["S"].as_str().unwrap()).map(|(of, _)| of);
        let tenants: BTreeSet<TenantId> = items.iter().filter_map(partition).collect();
        let chains: Vec<_> = tenants.iter().map(|tenant| chain(&items, *tenant)).collect();
        let is_due = |item: &&Value| item["due_sk"]["S"].as_str().is_some_and(|at| *at <= *keys::due_time(now));
        let access = |one: AssignmentView| (one.principal, one.permission_set, one.account_id);
        let existing = aws.assignments();
        Self {
            now,
            ours: existing.iter().filter(|one| one.made_by.is_some()).cloned().map(access).collect(),
            existing: existing.into_iter().map(access).collect(),
            deleted_outside: aws
                .deleted_outside()
                .into_iter()
                .filter_map(|one| one.deleted_at.map(|at| (access(one), at)))
                .collect(),
            deleted_of_others: aws.deleted_of_others().into_iter().map(access).collect(),
            grants: items
                .iter()
                .filter(|item| item["pk"]["S"].as_str().unwrap().ends_with("#GRANT"))
                .map(|item| {
                    let grant: Grant = read(item);
                    let access = grant.assignment.as_ref().map(named);
                    (grant.id, Given { grant, access, is_obligation: item.get(keys::DUE_PK).is_some() })
                })
                .collect(),
            requests: records(&items, None).collect(),
            assignments: assignments(&items).map(|one| (named(&one.key), one)).collect(),
            outbox: records(&items, None).collect(),
            sealed: chains.iter().flat_map(|(entries, _)| entries).map(|entry| entry.event.clone()).collect(),
            chain: chains.iter().flat_map(|(_, wrong)| wrong).cloned().collect(),
            schedules: aws.schedules().into_iter().map(|schedule| (schedule.name, schedule.at)).collect(),
            due: items.iter().filter(is_due).map(|item| format!("{} {}", item["pk"]["S"], item["sk"]["S"])).collect(),
        }
    }

    /// What must hold at any moment and does not.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let events = self.events();
        let mut broken = self.chain.clone();
        broken.extend(self.without_obligation());
        let of_others = self.deleted_of_others.iter();
        broken
            .extend(of_others.map(|access| format!("invariant 9: {access:?} was deleted, and stint had not made it")));
        broken.extend(self.assignments.iter().flat_map(|(access, assignment)| self.misjudged(access, assignment)));
        broken.extend(self.sealed_twice());
        broken.extend(self.requests.iter().flat_map(|request| self.of_request(request, &events)));
        broken.extend(self.grants.values().flat_map(|given| self.of_grant(&given.grant, &events)));
        broken
    }

    /// What is left to do, or was forgotten.
    #[must_use]
    pub fn unsettled(&self) -> Vec<String> {
        let mut left: Vec<String> = self.due.iter().map(|what| format!("at rest, {what} is due")).collect();
        let mut live = BTreeSet::new();
        for Given { grant, access, .. } in self.grants.values() {
            let id = grant.id;
            if !grant.is_live(self.now) {
                if grant.revocation.status != RevocationStatus::Done {
                    left.push(format!("at rest, grant {id} is over and not done"));
                }
            } else if grant.is_usable() {
                live.extend(access.clone());
                // INVARIANT 1: a reminder may come early, never late.
                let latest = grant.expires_at + SignedDuration::from_secs(1);
                if self.schedules.get(&id.to_string()).is_none_or(|at| *at >= latest) {
                    left.push(format!("invariant 1: grant {id} has no schedule for its end"));
                }
            } else if grant.granted_at <= self.now && grant.missing_since.is_none() {
                left.push(format!("at rest, grant {id} is not given"));
            }
        }
        let is_there = |access: &Access| self.existing.contains(access) || self.is_deleted_unseen(access);
        if !live.iter().all(is_there) || !self.ours.is_subset(&live) {
            left.push(format!("at rest, live grants give {live:?}, and there is {:?}", self.existing));
        }
        for (access, assignment) in &self.assignments {
            if assignment.next_step(None) != NextStep::Nothing {
                left.push(format!("at rest, the assignment of {access:?} is not settled: {assignment:?}"));
            }
        }
        for outbox in self.outbox.iter().filter(|outbox| !outbox.published || outbox.sealed_as.is_none()) {
            left.push(format!("at rest, {:?} is not published", outbox.event));
        }
        left
    }

    /// What there is.
    #[must_use]
    pub fn summary(&self) -> String {
        let (grants, requests, entries) = (self.grants.len(), self.requests.len(), self.sealed.len());
        format!(
            "{requests} requests, {grants} grants, {entries} audit entries in an unbroken chain; the slowest revocation \
             was done {} s after its grant was over",
            self.slowest_revocation().as_secs(),
        )
    }

    fn slowest_revocation(&self) -> SignedDuration {
        let done = self.sealed.iter().filter(|event| event.kind == EventKind::GrantRevocationDone);
        let late = done.filter_map(|event| {
            let grant = &self.grants.get(&event.resource_id.parse().ok()?)?.grant;
            Some(event.created_at.duration_since(grant.ended_at?.min(grant.expires_at)))
        });
        late.max().unwrap_or_default()
    }

    /// INVARIANT 2: an assignment of ours that exists has a grant that stands in the index of what falls due, which a live
    /// one does. With it goes INVARIANT 3: a grant whose revocation is done stands there no more.
    fn without_obligation(&self) -> impl Iterator<Item = String> {
        let obliged: BTreeSet<&Access> = self
            .grants
            .values()
            .filter(|given| given.is_obligation)
            .filter_map(|given| given.access.as_ref())
            .collect();
        let left_behind = self.ours.iter().filter(move |access| !obliged.contains(access));
        left_behind.map(|access| format!("invariant 2: {access:?} exists, and nothing will take it away"))
    }

    /// What the record of an assignment says that is not so, unless somebody outside changed it meanwhile.
    fn misjudged(&self, access: &Access, assignment: &Assignment) -> Vec<String> {
        let mut wrong = Vec::new();
        for holder in &assignment.holders {
            let holds = |given: &Given| {
                given.is_obligation
                    && given.access.as_ref() == Some(access)
                    && given.grant.tenant_id == holder.tenant_id
            };
            let holder = &holder.grant_id;
            if !self.grants.get(holder).is_some_and(holds) {
                wrong.push(format!("invariant 3: grant {holder} holds {access:?}, and is none of its grants or done"));
            }
        }
        let exists = self.existing.contains(access);
        let believed = match assignment.presence {
            Presence::Absent => self.ours.contains(access).then_some(false),
            Presence::Present if !self.is_deleted_unseen(access) => Some(true),
            Presence::Present | Presence::Unknown => None,
        };
        let believed = believed.unwrap_or(exists);
        if believed != exists {
            let deleted = self.deleted_outside.get(access);
            wrong.push(format!(
                "invariant 3: {access:?} is taken for {:?}, and is not; it was last deleted outside at {deleted:?}: {assignment:?}",
                assignment.presence
            ));
        }
        wrong
    }

    /// Whether somebody deleted it outside since stint last saw it: nothing looks before a grant joins, is extended or ends.
    fn is_deleted_unseen(&self, access: &Access) -> bool {
        let record = self.assignments.iter().find(|(of, _)| of == access);
        let seen = record.and_then(|(_, assignment)| assignment.confirmed_at);
        self.deleted_outside.get(access).is_some_and(|deleted| seen.is_none_or(|seen| seen <= *deleted))
    }

    /// INVARIANT 4: every event has one entry, once it has any.
    fn sealed_twice(&self) -> impl Iterator<Item = String> {
        let mut seen = BTreeSet::new();
        let again = self.sealed.iter().filter(move |event| !seen.insert(event.id.to_string()));
        again.map(|event| format!("invariant 4: {} {} has two entries", event.kind.as_str(), event.resource_id))
    }

    /// How often each thing happened to each, sealed or not.
    fn events(&self) -> BTreeMap<(&str, &str), usize> {
        let unsealed = self.outbox.iter().filter(|outbox| outbox.sealed_as.is_none()).map(|outbox| &outbox.event);
        let mut counts = BTreeMap::new();
        for event in self.sealed.iter().chain(unsealed) {
            *counts.entry((event.resource_id.as_str(), event.kind.as_str())).or_default() += 1;
        }
        counts
    }

    /// INVARIANTS 4 and 5: a request has one outcome, and said so once.
    fn of_request(&self, request: &AccessRequest, events: &BTreeMap<(&str, &str), usize>) -> Vec<String> {
        let id = request.id.to_string();
        let said = |kind: EventKind| events.get(&(id.as_str(), kind.as_str())).copied().unwrap_or_default();
        let is = |status| usize::from(request.status() == status);
        let by_person = usize::from(matches!(
            request.state,
            RequestState::Approved { mode: ApprovedBy::People { .. }, .. } | RequestState::Denied { by: Some(_), .. }
        ));
        let exist = request.grant_ids.iter().filter(|grant| self.grants.contains_key(grant)).count();
        let of_it = self.grants.values().filter(|given| given.grant.request_id == Some(request.id)).count();
        let approved = said(EventKind::RequestApproved) + said(EventKind::RequestBreakGlass);
        [
            ("approvals", approved, is(RequestStatus::Approved)),
            ("denials", said(EventKind::RequestDenied), is(RequestStatus::Denied)),
            ("withdrawals", said(EventKind::RequestCancelled), is(RequestStatus::Cancelled)),
            ("lapses", said(EventKind::RequestExpired), is(RequestStatus::Expired)),
            ("decisions", said(EventKind::RequestApprovalAdded) + by_person, request.decisions.len()),
            ("grants it names", exist, is(RequestStatus::Approved)),
            ("grants that name it", of_it, is(RequestStatus::Approved)),
        ]
        .into_iter()
        .filter(|(_, found, wanted)| found != wanted)
        .map(|(what, found, wanted)| format!("invariants 4, 5: request {id} has {found} {what}, not {wanted}"))
        .collect()
    }

    /// INVARIANTS 4 and 7: whatever happened to a grant was said once, and it does not outlive its policies' maximum.
    fn of_grant(&self, grant: &Grant, events: &BTreeMap<(&str, &str), usize>) -> Vec<String> {
        let id = grant.id.to_string();
        let said = |kind: EventKind| events.get(&(id.as_str(), kind.as_str())).copied().unwrap_or_default();
        let is = |status| usize::from(grant.status == status);
        let (given, failed) = match grant.provisioning {
            Provisioning::Pending { .. } => (0, 0),
            Provisioning::Successful { .. } => (1, 0),
            Provisioning::Failed { .. } => (0, 1),
        };
        let done = usize::from(grant.revocation.status == RevocationStatus::Done);
        let mut wrong: Vec<String> = [
            (EventKind::GrantProvisioning, 1),
            (EventKind::GrantActive, given),
            (EventKind::GrantFailed, failed),
            (EventKind::GrantExpired, is(GrantStatus::Expired)),
            (EventKind::GrantRevoked, is(GrantStatus::Revoked).saturating_sub(failed)),
            (EventKind::GrantRevocationDelayed, usize::from(grant.revocation.delay_announced)),
            (EventKind::GrantRevocationDone, done),
            (EventKind::GrantStandingAccess, usize::from(grant.access_persists)),
            (EventKind::DriftDetected, usize::from(grant.externally_modified)),
        ]
        .into_iter()
        .filter(|(kind, wanted)| said(*kind) != *wanted)
        .map(|(kind, wanted)| {
            format!("invariant 4: grant {id} said {} {} times, not {wanted}", kind.as_str(), said(kind))
        })
        .collect();
        if grant.expires_at > grant.latest_end {
            wrong.push(format!("invariant 7: grant {id} lasts longer than its policies allow"));
        }
        wrong
    }
}
