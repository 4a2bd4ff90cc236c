//! The current records of the people and machines a request is about.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use jiff::Timestamp;

use crate::auth::ApiScope;
use crate::auth::administers;
use crate::auth::api_key::ApiKey;
use crate::domain::{AccessRequest, DirectoryLink, Principal, PrincipalKind, PrincipalRef, Tenant, User, Vote};
use crate::store::{StoreError, TenantTable, Transaction};

/// The attributes of a [`User`] that policy can use, and that decide which user receives the access.
const USER_FIELDS: &[&str] = &["email", "groups", "link"];
/// The attributes of an [`ApiKey`] that decide whether it is valid, and for what.
pub(in crate::app) const KEY_FIELDS: &[&str] =
    &["expires_at", "groups", "identity_store_user_id", "revoked_at", "scopes"];

/// The current records of everybody a request is about: the requester, the machine that submitted it in the requester's
/// name if there is one, and the approvers.
///
/// A change that relies on them is committed only if they are still current: see [`CurrentRecords::check`].
#[derive(Debug, Clone, Default)]
pub struct CurrentRecords {
    people: Vec<Person>,
}

#[derive(Debug, Clone)]
struct Person {
    /// The principal as stored in the request.
    stored: Principal,
    /// Whether it submitted the request in the requester's name: only machines do.
    acts_for_requester: bool,
    record: Record,
}

#[derive(Debug, Clone)]
enum Record {
    /// No record was found or looked for: the request has the newest facts.
    None,
    /// The record of a person.
    User(User),
    /// The record of a machine.
    Key(ApiKey),
    /// The caller, by their own credential.
    Caller(Principal),
    /// A machine whose key no longer exists.
    NoKey,
}

impl Person {
    fn new(request: &AccessRequest, stored: &Principal, record: Record) -> Self {
        let acts_for_requester = request.submitted_by.as_ref().is_some_and(|submitter| submitter.who == stored.who);
        Self { stored: stored.clone(), acts_for_requester, record }
    }
}

impl CurrentRecords {
    /// Assumes that the request's own facts are current, without a read; the commit checks that. `None` if that is
    /// impossible because a machine is involved, whose key may have expired since.
    #[must_use]
    pub fn presumed(request: &AccessRequest) -> Option<Self> {
        let people: Vec<Person> = involved(request).map(|stored| Person::new(request, stored, Record::None)).collect();
        people.iter().all(|person| person.stored.who.kind == PrincipalKind::User).then_some(Self { people })
    }

    /// Reads the record of each person, or the API key of each machine.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the table does not answer or an item is corrupt.
    pub async fn read(table: &TenantTable, request: &AccessRequest) -> Result<Self, StoreError> {
        let people = involved(request).map(async |stored| {
            let id = stored.who.id.clone();
            let record = match stored.who.kind {
                PrincipalKind::User => table.get::<User>(id).await?.map_or(Record::None, Record::User),
                PrincipalKind::ServiceAccount => table.get::<ApiKey>(id).await?.map_or(Record::NoKey, Record::Key),
            };
            Ok::<_, StoreError>(Person::new(request, stored, record))
        });
        Ok(Self { people: try_join_all(people).await? })
    }

    /// Replaces the caller's record with what their own credential says.
    #[must_use]
    pub(in crate::app) fn with_caller(mut self, caller: &Principal) -> Self {
        self.people.retain(|person| person.stored.who != caller.who);
        let record = Record::Caller(caller.clone());
        self.people.push(Person { stored: caller.clone(), acts_for_requester: false, record });
        self
    }

    /// Makes a commit conditional on these records being current.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] if a record cannot be turned into an item.
    pub fn check(&self, writes: &mut Transaction) -> Result<(), StoreError> {
        for Person { stored, record, .. } in &self.people {
            match record {
                Record::User(user) => writes.check_fields(user, USER_FIELDS)?,
                Record::Key(key) => writes.check_fields(key, KEY_FIELDS)?,
                Record::None => writes.check_absent_or_fields(&User::signed_in(stored, None, None), USER_FIELDS)?,
                // Nothing is given to a key that does not exist, nor by it.
                Record::NoKey | Record::Caller(_) => {}
            }
        }
        Ok(())
    }

    /// Sets the current e-mail address and external id of everybody a request is about. Where they changed, the caller
    /// has to look up the links afterwards.
    pub(crate) fn identify(&self, request: &mut AccessRequest, now: Timestamp) {
        let approvals = request.decisions.iter_mut().filter(|decision| decision.verdict == Vote::Approve);
        let approvers = approvals.map(|decision| &mut decision.decided_by);
        for principal in std::iter::once(&mut request.requester).chain(approvers) {
            if let Ok(Principal { email, link, .. }) = self.of(principal, now) {
                (principal.email, principal.link) = (email, link);
            }
        }
    }

    /// The current attributes of the requester, or why the request no longer counts.
    pub(super) fn requester(&self, request: &AccessRequest, now: Timestamp) -> Result<Principal, &'static str> {
        if let Some(submitter) = &request.submitted_by {
            self.of(submitter, now)?;
        }
        self.of(&request.requester, now)
    }

    /// The current attributes of a principal of the request, or why it no longer counts. The links are those looked up
    /// for `stored`.
    pub(super) fn of(&self, stored: &Principal, now: Timestamp) -> Result<Principal, &'static str> {
        let Some(person) = self.person(&stored.who) else { return Ok(stored.clone()) };
        match &person.record {
            Record::None => Ok(stored.clone()),
            Record::User(user) => Ok(Principal {
                email: user.email.clone().or_else(|| stored.email.clone()),
                groups: user.groups.clone(),
                link: DirectoryLink { external_id: user.link.external_id.clone(), ..stored.link.clone() },
                ..stored.clone()
            }),
            Record::Caller(caller) => Ok(caller.clone()),
            Record::Key(key) if person.acts_for_requester && !key.scopes.contains(&ApiScope::AccessImpersonate) => {
                Err("the API key that requested it may no longer act for others")
            }
            Record::Key(key) if key.usable(now) => Ok(Principal {
                groups: key.groups.clone(),
                link: DirectoryLink { service_user_id: key.identity_store_user_id.clone(), ..stored.link.clone() },
                ..stored.clone()
            }),
            Record::Key(_) | Record::NoKey => Err("the API key that requested it has expired or was revoked"),
        }
    }

    /// Whether any record differs from what the request has.
    pub(super) fn changed(&self, now: Timestamp) -> bool {
        self.people.iter().any(|person| match self.of(&person.stored, now) {
            Ok(current) => {
                let Principal { email, groups, link, .. } = &person.stored;
                let ids = |link: &DirectoryLink| (link.external_id.clone(), link.service_user_id.clone());
                set(&current.groups) != set(groups) || current.email != *email || ids(&current.link) != ids(link)
            }
            Err(_) => true,
        })
    }

    /// Whether a principal administers the tenant now.
    pub(super) fn administers(&self, tenant: &Tenant, current: &Principal) -> bool {
        match self.person(&current.who).map(|person| &person.record) {
            Some(Record::Key(key)) => key.scopes.contains(&ApiScope::Admin),
            Some(Record::NoKey) => false,
            None | Some(Record::None | Record::User(_) | Record::Caller(_)) => administers(tenant, current),
        }
    }

    fn person(&self, who: &PrincipalRef) -> Option<&Person> {
        self.people.iter().find(|person| person.stored.who == *who)
    }
}

/// Everybody a request is about, each once: a transaction takes one condition per item.
fn involved(request: &AccessRequest) -> impl Iterator<Item = &Principal> {
    let mut seen = BTreeSet::new();
    let approvers = request.decisions.iter().map(|decision| &decision.decided_by);
    let parties = std::iter::once(&request.requester).chain(&request.submitted_by);
    parties.chain(approvers).filter(move |principal| seen.insert(&principal.who))
}

fn set(groups: &[String]) -> BTreeSet<&String> {
    groups.iter().collect()
}
