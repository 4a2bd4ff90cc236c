//! Authority as a value.

use std::marker::PhantomData;

use crate::domain::RuleId;

mod sealed {
    pub trait Sealed {}
}

/// An act that needs authority: a reserved action.
pub trait Authority: sealed::Sealed {
    /// The reserved action policies are asked about.
    const ACTION: &'static str;
}

/// Deciding somebody's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approve {}

/// Ending somebody's grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoke {}

impl sealed::Sealed for Approve {}
impl sealed::Sealed for Revoke {}

impl Authority for Approve {
    const ACTION: &'static str = "approve";
}

impl Authority for Revoke {
    const ACTION: &'static str = "revoke";
}

/// Proof that the act `A` was permitted.
///
/// Only [`Engine::authorize_approve`](super::Engine::authorize_approve),
/// [`Engine::authorize_revoke`](super::Engine::authorize_revoke) and, for tenant administrators and grantees, the `auth`
/// module make one. Not `Clone`: it is spent on the act it was asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit<A: Authority> {
    rules: Vec<RuleId>,
    act: PhantomData<A>,
}

impl<A: Authority> Permit<A> {
    pub(super) fn by_rules(rules: Vec<RuleId>) -> Self {
        Self { rules, act: PhantomData }
    }

    /// For a caller whose credential gives the authority: they administer the tenant, or the grant is their own. No rule
    /// is behind it.
    ///
    /// Only `auth` calls this, after it has checked just that.
    pub(crate) fn of_credential() -> Self {
        Self { rules: Vec::new(), act: PhantomData }
    }

    /// The rules that gave it; none if it came from a credential.
    #[must_use]
    pub fn rules(&self) -> &[RuleId] {
        &self.rules
    }
}

impl Permit<Approve> {
    /// Who may decide on an access may also end it.
    #[must_use]
    pub fn to_revoke(self) -> Permit<Revoke> {
        Permit { rules: self.rules, act: PhantomData }
    }
}
