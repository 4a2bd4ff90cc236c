//! What policy is asked: about an access, or about deciding on one.

use jiff::Timestamp;

use crate::domain::{Circumstances, Principal, ResourceRef, Seconds};

/// Whether somebody may have an access, exactly as it would be given.
#[derive(Debug, Clone)]
pub struct AccessQuestion<'a> {
    /// Who is to have the access.
    pub principal: &'a Principal,
    /// Access to what.
    pub resource: &'a ResourceRef,
    /// Which access, verbatim.
    pub action: &'a str,
    /// The reason that was given; a blank one is none.
    pub reason: Option<&'a str>,
    /// The tickets that were given.
    pub tickets: &'a [String],
    /// How long the access will be from its begin to its end; of an extension the whole of it, not what is added.
    pub duration: Seconds,
    /// When it begins: `now` when it begins at once, of an extension when the grant began.
    pub start_at: Timestamp,
    /// The time of the question.
    pub now: Timestamp,
    /// How whoever asks called.
    pub circumstances: Circumstances,
    /// For how many seconds the principal had this same access within the last 24 hours.
    pub held_seconds: i64,
}

/// Whether somebody may decide on another's access: approve a request, or end a grant.
#[derive(Debug, Clone)]
pub struct DecisionQuestion<'a> {
    /// Who decides.
    pub principal: &'a Principal,
    /// How they called.
    pub circumstances: Circumstances,
    /// The time of the question.
    pub now: Timestamp,
    /// Who is to have the access, or has it.
    pub requester: &'a Principal,
    /// Access to what.
    pub resource: &'a ResourceRef,
    /// The access that is decided on.
    pub decided: DecidedAccess<'a>,
}

/// The facts of an access that is decided on.
#[derive(Debug, Clone, Copy)]
pub struct DecidedAccess<'a> {
    /// Which access, verbatim.
    pub action: &'a str,
    /// The reason it was asked for with; none when there is none, or it is not known any more.
    pub reason: Option<&'a str>,
    /// The tickets it was asked for with.
    pub tickets: &'a [String],
    /// How long it is, from its begin to its end.
    pub duration: Seconds,
    /// When it begins: `now` for what begins once it is approved.
    pub start_at: Timestamp,
    /// Whether it is an emergency; only `revoke` is told.
    pub break_glass: bool,
}

/// A question that is only tried out. What its context leaves out is filled as for a real one.
#[derive(Debug, Clone)]
pub struct TrialQuestion<'a> {
    /// Who asks, or decides.
    pub principal: &'a Principal,
    /// Access to what.
    pub resource: &'a ResourceRef,
    /// Which access, or a reserved action.
    pub action: &'a str,
    /// What is known of the requester the context names, if it names one.
    pub requester: Option<&'a Principal>,
    /// The length of an access for which neither the context nor a policy says one.
    pub default_duration: Seconds,
    /// The time of the question.
    pub now: Timestamp,
    /// How whoever asks calls.
    pub circumstances: Circumstances,
    /// For how many seconds the principal had this same access within the last 24 hours.
    pub held_seconds: i64,
}
