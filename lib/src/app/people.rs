//! Which principals are one person, and the records of people who have signed in.
//!
//! A person is one Identity Store user as the directory links them (`domain::person`), however many subjects they sign
//! in with. Approvals count by person: an approver who is not linked to one does not count, and a machine never does.
//!
//! The caller's links are read together with the credential. Those of the other principals of a request are stored with
//! the request; an approval that relies on them is committed only if they still lead to the same users (`hold`). If
//! they do not, or if the approval would be refused by them, they are read again ([`look_up`]).

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{try_join, try_join_all};

use super::reconsider::KEY_FIELDS;
use super::{AccessError, OperationContext};
use crate::auth::Credential;
use crate::domain::{
    AccessRequest, ApproverDecision, Auth, PersonLink, Principal, PrincipalKind, PrincipalRef, User, Vote,
};
use crate::store::{CommitError, StoreError, TenantTable, Transaction};

/// What the directory has about the claimed owner of a credential.
#[derive(Debug, Clone, Default)]
pub struct CallerRecords {
    /// The record of the person from their last call; `None` if there is none.
    user: Option<User>,
    /// The users that their link keys lead to.
    found: Vec<PersonLink>,
}

/// Reads what the directory has about the claimed owner of a credential; nothing for a machine.
///
/// # Errors
///
/// [`StoreError`] if the table does not answer.
pub(crate) async fn known(table: &TenantTable, credential: Option<&Credential>) -> Result<CallerRecords, StoreError> {
    let Some(credential @ Credential::Token(_)) = credential else { return Ok(CallerRecords::default()) };
    let sub = credential.claimed_principal().id;
    let user = async { if is_sort_key(&sub) { table.get::<User>(sub.as_str()).await } else { Ok(None) } };
    let (user, found) = try_join(user, read_links(table, credential.claimed_link_keys())).await?;
    Ok(CallerRecords { user, found })
}

/// DynamoDB takes 1 to 1,024 bytes. Longer keys cannot have been stored.
fn is_sort_key(text: &str) -> bool {
    (1..=1024).contains(&text.len())
}

/// Reads what the keys lead to, in their order. A key that leads nowhere has an entry without users.
async fn read_links(table: &TenantTable, keys: Vec<String>) -> Result<Vec<PersonLink>, StoreError> {
    try_join_all(keys.into_iter().map(|key| async move {
        let found = if is_sort_key(&key) { table.get::<PersonLink>(key.as_str()).await? } else { None };
        Ok(found.unwrap_or(PersonLink { key, user_ids: BTreeSet::new() }))
    }))
    .await
}

fn has_keys(found: &[PersonLink], keys: &[String]) -> bool {
    found.len() == keys.len() && found.iter().zip(keys).all(|(link, key)| link.key == *key)
}

impl OperationContext {
    /// Adds which person the caller is. Link keys that were not in the claims before the token was verified are read
    /// now.
    pub(crate) async fn recognize(self, known: CallerRecords) -> Result<Self, StoreError> {
        let keys = self.caller().principal().link_keys();
        let found = if has_keys(&known.found, &keys) { known.found } else { read_links(self.table(), keys).await? };
        Ok(self.recognized(found, known.user))
    }

    /// Records what the token of this call says about its owner, if it is new, in a transaction of its own: for a use
    /// case that commits several transactions. Of simultaneous calls, one records it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot be stored.
    pub async fn record_sign_in(&self) -> Result<(), StoreError> {
        let mut writes = self.begin();
        remember(self, &mut writes)?;
        match self.table().commit(writes).await {
            Ok(()) | Err(CommitError::Conflict) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
        }
    }
}

/// Adds what the token of this call says about its owner to a transaction, if it is new.
pub(crate) fn remember(access: &OperationContext, writes: &mut Transaction) -> Result<(), StoreError> {
    if access.caller().circumstances().auth != Auth::Oidc {
        return Ok(());
    }
    let known = access.known_user();
    let user = User::signed_in(access.caller().principal(), access.caller().token_issued_at(), known);
    match known {
        None => writes.create(&user),
        Some(known) if *known != user => writes.update(&user),
        Some(_) => Ok(()),
    }
}

/// Reads the links of a principal again.
///
/// # Errors
///
/// [`StoreError`] if the table does not answer.
pub async fn look_up_one(table: &TenantTable, principal: &mut Principal) -> Result<(), StoreError> {
    principal.link.found = read_links(table, principal.link_keys()).await?;
    Ok(())
}

/// Reads the links of a request's requester, submitter and approvers again, all at once and each key once.
///
/// # Errors
///
/// [`StoreError`] if the table does not answer.
pub async fn look_up(table: &TenantTable, request: &mut AccessRequest) -> Result<(), StoreError> {
    // Principals who share a key must be linked by the same answer.
    let keys: BTreeSet<String> = linked(request).flat_map(Principal::link_keys).collect();
    let found = read_links(table, keys.into_iter().collect()).await?;
    let found: BTreeMap<String, PersonLink> = found.into_iter().map(|link| (link.key.clone(), link)).collect();
    let parties = std::iter::once(&mut request.requester).chain(&mut request.submitted_by);
    let approvals = request.decisions.iter_mut().filter(|decision| decision.verdict == Vote::Approve);
    for principal in parties.chain(approvals.map(|decision| &mut decision.decided_by)) {
        principal.link.found = principal.link_keys().iter().filter_map(|key| found.get(key).cloned()).collect();
    }
    Ok(())
}

/// The principals whose links decide which approvals count.
fn linked(request: &AccessRequest) -> impl Iterator<Item = &Principal> {
    let approvals = request.decisions.iter().filter(|decision| decision.verdict == Vote::Approve);
    parties(request).chain(approvals.map(|decision| &decision.decided_by))
}

/// Whether the stored links belong to the principals' keys and agree with one another. Each principal's links are as
/// old as their last call, and a transaction can have only one condition per key.
fn is_consistent(request: &AccessRequest) -> bool {
    let mut seen = BTreeMap::new();
    linked(request).all(|principal| {
        has_keys(&principal.link.found, &principal.link_keys())
            && principal
                .link
                .found
                .iter()
                .all(|link| *seen.entry(&link.key).or_insert(&link.user_ids) == &link.user_ids)
    })
}

/// The approvals of a request that count, by the links stored in it: each from a different person, and none from the
/// requester or submitter.
#[must_use]
pub fn counted(request: &AccessRequest) -> Vec<&ApproverDecision> {
    if unlinked_party(request).is_some() {
        return Vec::new();
    }
    let mut people: BTreeSet<&str> = parties(request).filter_map(Principal::user_id).collect();
    let approvals = request.decisions.iter().filter(|decision| decision.verdict == Vote::Approve);
    approvals.filter(|decision| decision.decided_by.person().is_some_and(|person| people.insert(person))).collect()
}

fn parties(request: &AccessRequest) -> impl Iterator<Item = &Principal> {
    std::iter::once(&request.requester).chain(&request.submitted_by)
}

/// The requester or submitter, if one of them is not linked to a person, so that no approval is known to come from a
/// different person. A machine that submits for somebody is not a person and needs no link.
fn unlinked_party(request: &AccessRequest) -> Option<Unlinked> {
    if request.requester.user_id().is_none() {
        return Some(Unlinked::Requester);
    }
    let submitter = request.submitted_by.as_ref().filter(|submitter| submitter.who.kind == PrincipalKind::User);
    submitter.is_some_and(|submitter| submitter.person().is_none()).then_some(Unlinked::Submitter)
}

/// Who is not linked to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlinked {
    /// The caller is a machine.
    Machine,
    /// The directory links the caller to no user, or to several.
    Caller,
    /// The directory links the requester to no user, or to several.
    Requester,
    /// The directory links the submitter to no user, or to several.
    Submitter,
}

/// Checks that the caller's approval of a request counts, by links that are current or are checked at the commit (see
/// [`hold`]).
///
/// # Errors
///
/// [`AccessError`] if it does not count.
pub(super) async fn check_approval(access: &OperationContext, request: &mut AccessRequest) -> Result<(), AccessError> {
    let is_first = access.attempt() == 0;
    if is_first && is_consistent(request) && may_approve(access, request).is_ok() {
        return Ok(());
    }
    look_up(access.table(), request).await?;
    may_approve(access, request)
}

fn may_approve(access: &OperationContext, request: &AccessRequest) -> Result<(), AccessError> {
    let caller = access.caller().principal();
    let Some(person) = caller.person() else {
        return Err(AccessError::NotAPerson(match caller.who.kind {
            PrincipalKind::ServiceAccount => Unlinked::Machine,
            PrincipalKind::User => Unlinked::Caller,
        }));
    };
    if is_party(request, caller) {
        return Err(AccessError::SelfApproval);
    }
    if let Some(unlinked) = unlinked_party(request) {
        return Err(AccessError::NotAPerson(unlinked));
    }
    let has_approved = |who: &PrincipalRef| request.decisions.iter().any(|one| one.decided_by.who == *who);
    if has_approved(&caller.who) || counted(request).iter().any(|one| one.decided_by.person() == Some(person)) {
        return Err(AccessError::Conflict {
            status: request.status().as_str(),
            reason: "you have already approved this; it waits for other approvers".to_owned(),
        });
    }
    Ok(())
}

/// Whether a principal is the requester or the submitter, with this account or another one.
pub(super) fn is_party(request: &AccessRequest, principal: &Principal) -> bool {
    let person = principal.person();
    request.was_made_by(&principal.who) || person.is_some() && parties(request).any(|party| party.user_id() == person)
}

/// Makes a commit conditional on the links by which a request's approvals are counted: if one leads to other users by
/// then, nothing is committed.
pub(crate) fn hold(writes: &mut Transaction, request: &AccessRequest) {
    let approvers = counted(request).into_iter().map(|decision| &decision.decided_by);
    let links: BTreeSet<(&str, &BTreeSet<String>)> = parties(request)
        .chain(approvers)
        .flat_map(|principal| &principal.link.found)
        .map(|link| (link.key.as_str(), &link.user_ids))
        .collect();
    for (key, user_ids) in links {
        writes.check_link(key, user_ids);
    }
}

/// Makes a commit conditional on the caller's identity: if an account of theirs is linked to another user by then, or
/// their API key has changed, nothing is committed. For access that the commit itself gives, without a worker after it.
pub(super) fn hold_caller(access: &OperationContext, writes: &mut Transaction) -> Result<(), StoreError> {
    let caller = access.caller();
    for link in &caller.principal().link.found {
        writes.check_link(&link.key, &link.user_ids);
    }
    match caller.api_key() {
        Some(key) => writes.check_fields(key, KEY_FIELDS),
        None => Ok(()),
    }
}
