//! The newest facts known of the people and machines a request is about.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use jiff::Timestamp;

use crate::auth::ApiScope;
use crate::auth::administers;
use crate::auth::api_key::ApiKey;
use crate::domain::{AccessRequest, DirectoryLink, Principal, PrincipalKind, PrincipalRef, Tenant, User, Vote};
use crate::store::{StoreError, TenantTable, Transaction};

/// The attributes of a [`User`] that policy can ask about, and that say whom they receive access as.
const USER_FIELDS: &[&str] = &["email", "groups", "link"];
/// The attributes of an [`ApiKey`] that decide whether it is good, and for what.
const KEY_FIELDS: &[&str] = &["expires_at", "groups", "identity_store_user_id", "revoked_at", "scopes"];

/// The newest facts known of everybody a request is about: who is to have the access, and who approved it.
///
/// A change that relies on them is committed only if they are still the newest: see [`CurrentRecords::check`].
#[derive(Debug, Clone, Default)]
pub struct CurrentRecords {
    people: Vec<Person>,
}

#[derive(Debug, Clone)]
struct Person {
    /// As the request has them.
    stored: Principal,
    record: Record,
}

#[derive(Debug, Clone)]
enum Record {
    /// None was found or looked for: what the request has is the newest.
    None,
    /// A person's.
    User(User),
    /// A machine's.
    Key(ApiKey),
    /// Who is calling, by their own credential.
    Caller(Principal),
    /// A machine whose key does not exist any more.
    NoKey,
}

impl CurrentRecords {
    /// What the request has, taken for the newest without a read: whether it is, the commit decides. None when that cannot
    /// be done, because a machine is among them, whose key may have expired since.
    #[must_use]
    pub fn presumed(request: &AccessRequest) -> Option<Self> {
        let people: Vec<Person> =
            involved(request).map(|stored| Person { stored: stored.clone(), record: Record::None }).collect();
        people.iter().all(|person| person.stored.who.kind == PrincipalKind::User).then_some(Self { people })
    }

    /// Reads what the directory, or the API key, says of each of them.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the table does not answer or an item is corrupt.
    pub async fn read(table: &TenantTable, request: &AccessRequest) -> Result<Self, StoreError> {
        let people = involved(request).map(async |stored| {
            let id = stored.who.id.clone();
            let record = match stored.who.kind {
                PrincipalKind::User => table.get::<User>(id).await?.map_or(Record::None, Record::User),
                PrincipalKind::ServiceAccount => table.get::<ApiKey>(id).await?.map_or(Record::NoKey, Record::Key),
            };
            Ok::<_, StoreError>(Person { stored: stored.clone(), record })
        });
        Ok(Self { people: try_join_all(people).await? })
    }

    /// The same, knowing the caller by their own credential.
    #[must_use]
    pub(in crate::app) fn with_caller(mut self, caller: &Principal) -> Self {
        self.people.retain(|person| person.stored.who != caller.who);
        self.people.push(Person { stored: caller.clone(), record: Record::Caller(caller.clone()) });
        self
    }

    /// Makes a commit conditional on these facts still being the newest.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unstorable`] when a record cannot be turned into an item.
    pub fn check(&self, writes: &mut Transaction) -> Result<(), StoreError> {
        for Person { stored, record } in &self.people {
            match record {
                Record::User(user) => writes.check_fields(user, USER_FIELDS)?,
                Record::Key(key) => writes.check_fields(key, KEY_FIELDS)?,
                Record::None => writes.check_absent_or_fields(&User::signed_in(stored, None), USER_FIELDS)?,
                // Nothing is given to, or by, a key that is not there.
                Record::NoKey | Record::Caller(_) => {}
            }
        }
        Ok(())
    }

    /// Gives everybody a request is about the address and the ids that identify them now. What these lead to has to be
    /// looked up after it, where they are not those that were stored.
    pub(crate) fn identify(&self, request: &mut AccessRequest, now: Timestamp) {
        let approvals = request.decisions.iter_mut().filter(|decision| decision.verdict == Vote::Approve);
        let approvers = approvals.map(|decision| &mut decision.decided_by);
        for principal in std::iter::once(&mut request.requester).chain(approvers) {
            if let Ok(Principal { email, link, .. }) = self.of(principal, now) {
                (principal.email, principal.link) = (email, link);
            }
        }
    }

    /// What is known of a principal of the request now, or why it is nobody any more. Their links are those looked up for
    /// `stored`.
    pub(super) fn of(&self, stored: &Principal, now: Timestamp) -> Result<Principal, &'static str> {
        match self.record(&stored.who) {
            None | Some(Record::None) => Ok(stored.clone()),
            Some(Record::User(user)) => Ok(Principal {
                email: user.email.clone().or_else(|| stored.email.clone()),
                groups: user.groups.clone(),
                link: DirectoryLink { external_id: user.link.external_id.clone(), ..stored.link.clone() },
                ..stored.clone()
            }),
            Some(Record::Caller(caller)) => Ok(caller.clone()),
            Some(Record::Key(key)) if key.usable(now) => Ok(Principal {
                groups: key.groups.clone(),
                link: DirectoryLink { service_user_id: key.identity_store_user_id.clone(), ..stored.link.clone() },
                ..stored.clone()
            }),
            Some(Record::Key(_) | Record::NoKey) => Err("the API key it was asked for with has expired or was revoked"),
        }
    }

    /// Whether anything is known of them that the request does not have.
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
        match self.record(&current.who) {
            Some(Record::Key(key)) => key.scopes.contains(&ApiScope::Admin),
            Some(Record::NoKey) => false,
            None | Some(Record::None | Record::User(_) | Record::Caller(_)) => administers(tenant, current),
        }
    }

    fn record(&self, who: &PrincipalRef) -> Option<&Record> {
        self.people.iter().find(|person| person.stored.who == *who).map(|person| &person.record)
    }
}

/// Everybody a request is about, each once: a transaction takes one condition an item.
fn involved(request: &AccessRequest) -> impl Iterator<Item = &Principal> {
    let mut seen = BTreeSet::new();
    let approvers = request.decisions.iter().map(|decision| &decision.decided_by);
    std::iter::once(&request.requester).chain(approvers).filter(move |principal| seen.insert(&principal.who))
}

fn set(groups: &[String]) -> BTreeSet<&String> {
    groups.iter().collect()
}
