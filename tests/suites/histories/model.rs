//! Who should have access when, by what the API said.
//!
//! It knows nothing of events, schedules, assignments and retries. A grant gives access from its beginning to its end; an
//! answer moves the end; a call that was not answered may have been carried out or not, which is found out by reading
//! back, and what is read back has to be one or the other.
//!
//! Policy is asked again before access is given (invariant 10). A worker may refuse a grant only at a moment at which the
//! policies in force refuse it, and give it only at one at which they permit it.
//!
//! What somebody deletes by hand is gone for the grants that had it; only another grant makes it again.
//!
//! Two tenants share the Identity Center instance. Access is there while a grant of either one gives it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::policies::{Policies, Terms};

/// Who has what where: `alice PowerUserAccess 111111111111`.
pub(super) type Access = String;

#[derive(Debug, Default)]
pub(super) struct Model {
    /// What is known of every grant, by its id.
    grants: BTreeMap<String, Promise>,
    /// What was asked for by calls without an answer.
    unanswered: Vec<Unanswered>,
    /// Grants whose access was deleted by hand after it was given.
    deleted: BTreeSet<String>,
    /// Grants whose access was deleted by hand when it may have been given, and was not said to be.
    perhaps_deleted: BTreeSet<String>,
    /// The latest time there ever was.
    latest: Timestamp,
}

/// What was asked for without an answer: there may be a grant.
#[derive(Debug)]
struct Unanswered {
    terms: Terms,
    giving: Giving,
}

/// What workers may have made of a grant, by the policies that were in force whenever they worked.
#[derive(Debug, Clone, Copy, Default)]
struct Giving {
    may_be_given: bool,
    may_be_refused: bool,
}

impl Giving {
    /// Workers worked under these policies.
    fn worked(&mut self, policies: &Policies, terms: &Terms) {
        self.may_be_given |= policies.may_permit(terms);
        self.may_be_refused |= policies.may_refuse(terms);
    }
}

/// What a grant promises.
#[derive(Debug, Clone)]
struct Promise {
    terms: Terms,
    giving: Giving,
    provisioning: Provisioning,
    from: Timestamp,
    to: Timestamp,
    status: Status,
    /// The latest end it may have instead, if there were extensions without an answer.
    perhaps_to: Timestamp,
    /// There was a revocation without an answer.
    perhaps_revoked: bool,
    /// It was seen to be over, with everything done.
    is_settled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Active,
    Revoked,
    Expired,
}

/// Whether the access was given, as last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Provisioning {
    Pending,
    Successful,
    Failed,
}

impl Provisioning {
    fn of(text: &Value) -> Self {
        match text.as_str().unwrap() {
            "pending" => Self::Pending,
            "successful" => Self::Successful,
            "failed" => Self::Failed,
            other => panic!("provisioning is {other}"),
        }
    }
}

impl Provisioning {
    /// As a grant's record has it: what somebody deleted outside counts as failed, as the API says it.
    fn of_record(grant: &Value) -> Self {
        if grant["missing_since"].is_string() { Self::Failed } else { Self::of(&grant["provisioning"]["status"]) }
    }
}

impl Status {
    fn of(text: &Value) -> Self {
        match text.as_str().unwrap() {
            "active" => Self::Active,
            "revoked" => Self::Revoked,
            "expired" => Self::Expired,
            other => panic!("a grant is {other}"),
        }
    }
}

/// What the API says of a grant.
struct Said {
    id: String,
    of_other: bool,
    access: Access,
    from: Timestamp,
    to: Timestamp,
    status: Status,
    provisioning: Provisioning,
}

impl Said {
    fn of(grant: &Value, of_other: bool) -> Self {
        Self {
            id: grant["id"].as_str().unwrap().to_owned(),
            of_other,
            access: access(&grant["grantee_id"], &grant["action"], &grant["resource"]["id"]),
            from: time(&grant["granted_at"]),
            to: time(&grant["expires_at"]),
            status: Status::of(&grant["status"]),
            provisioning: Provisioning::of(&grant["provisioning_status"]),
        }
    }
}

pub(super) fn time(text: &Value) -> Timestamp {
    text.as_str().unwrap().parse().unwrap()
}

pub(super) fn access(who: &Value, role: &Value, account: &Value) -> Access {
    [who, role, account].map(|part| part.as_str().unwrap()).join(" ")
}

impl Promise {
    fn is_live(&self, now: Timestamp) -> bool {
        self.status == Status::Active && self.provisioning != Provisioning::Failed && self.from <= now && now < self.to
    }

    /// Whether a grant that was promised so may be said to be so.
    fn allows(&self, said: &Said, now: Timestamp, latest: Timestamp) -> bool {
        let ends_as_promised = (self.to..=self.perhaps_to).contains(&said.to);
        // A clock that was set back may have shown its end already.
        let status = match said.status {
            Status::Active => self.status == Status::Active && now < said.to,
            Status::Revoked => self.status == Status::Revoked || self.perhaps_revoked,
            Status::Expired => self.status != Status::Revoked && said.to <= latest,
        };
        ends_as_promised && status && (&said.access, said.from) == (&self.terms.access, self.from)
    }

    /// It was seen to be so.
    fn see(&mut self, id: &str, (status, provisioning): (Status, Provisioning), may_be_deleted: bool) {
        if provisioning == self.provisioning {
            return;
        }
        match (self.provisioning, provisioning) {
            (Provisioning::Pending, Provisioning::Successful) => {
                assert!(
                    self.giving.may_be_given,
                    "invariant 10: grant {id} was given, and policy refused it: {self:?}"
                );
            }
            (Provisioning::Pending, Provisioning::Failed)
                if self.giving.may_be_refused && status == Status::Revoked =>
            {
                self.status = Status::Revoked;
            }
            (Provisioning::Pending | Provisioning::Successful, Provisioning::Failed) => {
                assert!(may_be_deleted, "grant {id} failed, permitted and not deleted by hand: {self:?}");
            }
            (from, to) => panic!("grant {id} went from {from:?} to {to:?}: {self:?}"),
        }
        self.provisioning = provisioning;
    }
}

impl Model {
    /// The clock shows this.
    pub(super) fn it_is(&mut self, now: Timestamp) {
        self.latest = self.latest.max(now);
    }

    /// The latest time there ever was.
    pub(super) fn latest(&self) -> Timestamp {
        self.latest
    }

    /// A grant that is known, counted round and round from the last that was made.
    pub(super) fn grant(&self, number: usize) -> Option<&String> {
        self.grants.keys().nth_back(number % self.grants.len().max(1))
    }

    /// How many grants are known.
    pub(super) fn grants(&self) -> usize {
        self.grants.len()
    }

    /// A grant was promised.
    pub(super) fn granted(&mut self, id: &str, terms: Terms, from: Timestamp, length: SignedDuration) {
        let to = from + length;
        let promise = Promise {
            terms,
            giving: Giving::default(),
            provisioning: Provisioning::Pending,
            from,
            to,
            status: Status::Active,
            perhaps_to: to,
            perhaps_revoked: false,
            is_settled: false,
        };
        let before = self.grants.insert(id.to_owned(), promise);
        assert!(before.is_none(), "grant {id} was given before");
    }

    /// What was asked for was not answered: there may be a grant.
    pub(super) fn perhaps_granted(&mut self, terms: Terms) {
        self.unanswered.push(Unanswered { terms, giving: Giving::default() });
    }

    /// Workers worked, while these policies were in force. `grants` are the table's.
    pub(super) fn worked(&mut self, policies: &Policies, grants: &[Value]) {
        let latest = self.latest;
        let pending = |promise: &&mut Promise| {
            let is_pending = promise.provisioning == Provisioning::Pending && !promise.is_settled;
            is_pending && promise.from <= latest
        };
        for promise in self.grants.values_mut().filter(pending) {
            promise.giving.worked(policies, &promise.terms);
        }
        for unanswered in &mut self.unanswered {
            unanswered.giving.worked(policies, &unanswered.terms);
        }
        for grant in grants {
            let id = grant["id"].as_str().unwrap();
            let seen = (Status::of(&grant["status"]), Provisioning::of_record(grant));
            let may_be_deleted = self.may_be_deleted(id);
            if let Some(promise) = self.grants.get_mut(id) {
                promise.see(id, seen, may_be_deleted);
            }
            if seen.1 == Provisioning::Successful {
                // A worker looked since.
                self.perhaps_deleted.remove(id);
            }
        }
    }

    fn may_be_deleted(&self, id: &str) -> bool {
        self.deleted.contains(id) || self.perhaps_deleted.contains(id)
    }

    /// Somebody deleted it by hand. `grants` are the table's.
    pub(super) fn deleted_by_hand(&mut self, deleted: &str, grants: &[Value]) {
        let of_it =
            |grant: &&Value| access(&grant["grantee"]["id"], &grant["action"], &grant["account_id"]) == *deleted;
        for grant in grants.iter().filter(of_it) {
            let id = grant["id"].as_str().unwrap().to_owned();
            match Provisioning::of_record(grant) {
                Provisioning::Successful => self.deleted.insert(id),
                Provisioning::Pending => self.perhaps_deleted.insert(id),
                Provisioning::Failed => false,
            };
        }
    }

    /// It is said to last until then, `by` longer than before.
    pub(super) fn lasts(&mut self, id: &str, to: Timestamp, by: SignedDuration) {
        // One that the model does not know was asked for without an answer; it is read back.
        let Some(promise) = self.grants.get_mut(id) else { return };
        assert!((promise.to + by..=promise.perhaps_to + by).contains(&to), "{by:#} more, {promise:?} lasts until {to}");
        (promise.to, promise.perhaps_to) = (to, to);
    }

    /// It is said to last until then, and was asked for until `wanted`.
    pub(super) fn lasts_for(&mut self, id: &str, to: Timestamp, wanted: Timestamp) {
        let Some(promise) = self.grants.get_mut(id) else { return };
        assert!(promise.to < to && to <= wanted, "wanted until {wanted}, {promise:?} lasts until {to}");
        (promise.to, promise.perhaps_to) = (to, to);
    }

    /// An extension was not answered.
    pub(super) fn perhaps_extended(&mut self, id: &str, by: SignedDuration) {
        if let Some(promise) = self.grants.get_mut(id) {
            promise.perhaps_to += by;
        }
    }

    /// What is live of that access lasts until then at most, and for as long as before at least.
    pub(super) fn perhaps_lasts(&mut self, access: &str, to: Timestamp) {
        for promise in
            self.grants.values_mut().filter(|promise| promise.terms.access == access && !promise.terms.of_other)
        {
            promise.perhaps_to = promise.perhaps_to.max(to);
        }
    }

    /// It was ended early, or had ended by itself, as the answer says.
    pub(super) fn ended(&mut self, answer: &Value, now: Timestamp) {
        let said = Said::of(answer, false);
        let latest = self.latest;
        let Some(promise) = self.grants.get_mut(&said.id) else { return };
        promise.perhaps_revoked = true;
        assert!(said.status != Status::Active && promise.allows(&said, now, latest), "{promise:?} is {answer}");
        (promise.status, promise.perhaps_revoked) = (said.status, false);
    }

    /// A revocation was not answered.
    pub(super) fn perhaps_ended(&mut self, id: &str) {
        if let Some(promise) = self.grants.get_mut(id) {
            promise.perhaps_revoked = true;
        }
    }

    /// Who has access at that time, if all is as promised.
    pub(super) fn live(&self, at: Timestamp) -> BTreeSet<Access> {
        let live = self.grants.iter().filter(|(id, promise)| promise.is_live(at) && !self.deleted.contains(*id));
        live.map(|(_, promise)| promise.terms.access.clone()).collect()
    }

    /// Access that nothing promised: there may be what was live at some time since all was last at rest, no more.
    pub(super) fn unpromised(&self, existing: &BTreeSet<Access>) -> Vec<Access> {
        let may_be = |(id, promise): &(&String, &Promise)| {
            let may_be_given = promise.giving.may_be_given && !self.deleted.contains(*id);
            !promise.is_settled && promise.from <= self.latest && may_be_given
        };
        let may_be_unanswered = |one: &&Unanswered| one.giving.may_be_given;
        let known = self.grants.iter().filter(may_be).map(|(_, promise)| &promise.terms.access);
        let unanswered = self.unanswered.iter().filter(may_be_unanswered).map(|one| &one.terms.access);
        let promised: BTreeSet<&Access> = known.chain(unanswered).collect();
        existing.iter().filter(|access| !promised.contains(access)).cloned().collect()
    }

    /// All is at rest: what the API says has to be what was promised, and removes every doubt.
    pub(super) fn read_back(&mut self, here: &[Value], there: &[Value], now: Timestamp) {
        let here = here.iter().map(|grant| Said::of(grant, false));
        let said = here.chain(there.iter().map(|grant| Said::of(grant, true)));
        let mut said: BTreeMap<_, _> = said.map(|said| (said.id.clone(), said)).collect();
        let latest = self.latest;
        for (id, promise) in &mut self.grants {
            let said = said.remove(id).unwrap_or_else(|| panic!("grant {id} is gone"));
            let is_so = promise.allows(&said, now, latest) && (!promise.is_settled || promise.status == said.status);
            assert!(is_so, "promised was {promise:?}, grant {id} is {:?} until {}", said.status, said.to);
            (promise.to, promise.status) = (said.to, said.status);
            (promise.perhaps_to, promise.perhaps_revoked) = (said.to, false);
            promise.is_settled = said.status != Status::Active;
            assert_eq!(promise.provisioning, said.provisioning, "grant {id}, where the table says {promise:?}");
        }
        for (id, said) in said {
            let is_it = |one: &Unanswered| (&one.terms.access, one.terms.of_other) == (&said.access, said.of_other);
            let asked = self.unanswered.iter().position(is_it);
            let asked = asked.unwrap_or_else(|| panic!("grant {id} gives {}, and nobody asked", said.access));
            let Unanswered { terms, giving } = self.unanswered.remove(asked);
            self.granted(&id, terms, said.from, said.to.duration_since(said.from));
            let may_be_deleted = self.may_be_deleted(&id);
            let promise = self.grants.get_mut(&id).unwrap();
            promise.giving = giving;
            promise.see(&id, (said.status, said.provisioning), may_be_deleted);
            (promise.status, promise.is_settled) = (said.status, said.status != Status::Active);
        }
        self.unanswered.clear();
    }
}
