//! What the policies permit, naively: three of them let engineering in, each in one account, and none overlaps another.
//!
//! An edit without an answer may have been carried out or not, so there may be several states a policy is in.

use serde_json::Value;
use stint_tests::{PRODUCTION, SANDBOX, STAGING};

use super::model::Access;

const ENGINEERING: [&str; 4] = ["alice", "bob", "erin", "frank"];

/// Which policy gives which roles in which account.
const PLACES: [(&str, &str, &[&str]); 3] = [
    ("engineering in sandbox", SANDBOX, &["ReadOnlyAccess", "PowerUserAccess"]),
    ("engineering reads production", PRODUCTION, &["ReadOnlyAccess"]),
    ("two let engineering read staging", STAGING, &["ReadOnlyAccess"]),
];

/// What a grant was asked for with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) access: Access,
    /// For how long; none when that is not known.
    pub(super) seconds: Option<i64>,
    /// How many approved it; none when that is not known.
    pub(super) approvals: Option<u64>,
    /// No policy is asked about an emergency, and the settings stay what they are.
    pub(super) break_glass: bool,
    /// It was asked for in the other tenant, whose policy permits it and stays what it is.
    pub(super) of_other: bool,
}

impl Terms {
    fn is_always_permitted(&self) -> bool {
        self.break_glass || self.of_other
    }
}

/// The policies in force, and the states each may be in.
#[derive(Debug, Default)]
pub(super) struct Policies(Vec<Vec<Value>>);

impl Policies {
    /// They are known to be these.
    pub(super) fn are(&mut self, policies: &[Value]) {
        self.0 = policies.iter().map(|policy| vec![policy.clone()]).collect();
    }

    /// A policy was edited, or may have been if that was not answered.
    pub(super) fn edited(&mut self, policy: usize, body: &Value, is_answered: bool) {
        let states = &mut self.0[policy];
        let before = states.clone();
        for state in states.iter_mut() {
            state.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        }
        if !is_answered {
            states.extend(before);
        }
    }

    /// Whether access may be permitted now.
    pub(super) fn may_permit(&self, terms: &Terms) -> bool {
        terms.is_always_permitted()
            || self.of(terms).is_some_and(|states| states.iter().any(|state| may_permit(state, terms)))
    }

    /// Whether access may be refused now.
    pub(super) fn may_refuse(&self, terms: &Terms) -> bool {
        !terms.is_always_permitted()
            && self.of(terms).is_none_or(|states| states.iter().any(|state| may_refuse(state, terms)))
    }

    /// The states of the one policy that can permit it.
    fn of(&self, terms: &Terms) -> Option<&Vec<Value>> {
        let parts: Vec<&str> = terms.access.split(' ').collect();
        let [who, role, account] = parts[..] else { panic!("`{}` is no access", terms.access) };
        let is_place = |place: &&(&str, &str, &[&str])| place.1 == account && place.2.contains(&role);
        let (name, ..) = PLACES.iter().find(is_place).filter(|_| ENGINEERING.contains(&who))?;
        self.0.iter().find(|states| states[0]["name"] == *name)
    }
}

fn may_permit(policy: &Value, terms: &Terms) -> bool {
    policy["enabled"] == true
        && terms.seconds.is_none_or(|seconds| seconds <= maximum(policy))
        && terms.approvals.is_none_or(|approvals| required(policy) <= approvals)
}

fn may_refuse(policy: &Value, terms: &Terms) -> bool {
    policy["enabled"] != true
        || terms.seconds.is_none_or(|seconds| maximum(policy) < seconds)
        || terms.approvals.is_none_or(|approvals| approvals < required(policy))
}

fn maximum(policy: &Value) -> i64 {
    policy["max_duration_seconds"].as_i64().unwrap()
}

fn required(policy: &Value) -> u64 {
    if policy["approval_mode"] == "auto" { 0 } else { policy["required_approvals"].as_u64().unwrap_or(1) }
}
