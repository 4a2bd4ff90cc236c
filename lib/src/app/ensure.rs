//! Ensure: makes sure that the caller has an access, however often it is called.
//!
//! It is idempotent per (tenant, principal, target, role): what exists is reported, and what is missing is requested
//! once.

mod evaluate;
mod outcome;

pub use outcome::{Diagnostic, EnsureChange, EnsureStatus, Ensured, Level};

use self::evaluate::EnsureContext;
use jiff::Timestamp;

use super::{AccessError, OperationContext, recent_grants};
use crate::domain::text::is_blank;
use crate::domain::{AccessRequest, Grant, PrincipalRef, ResourceRef, Seconds};
use crate::store::{CommitError, EnsureSlot, Index, Listing, Record, StoreError, TenantTable, keys};

/// One access that the caller needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Entitlement {
    /// The account.
    pub resource: ResourceRef,
    /// The name of the permission set.
    pub role: String,
    /// How long the access should last; `None` for the policies' default.
    pub duration: Option<Seconds>,
}

/// The caller's justification.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Justification {
    /// The reason; `None` if none was given.
    pub reason: Option<String>,
    /// Tickets that justify the access.
    pub attachments: Vec<String>,
}

impl Justification {
    fn has_reason(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| !is_blank(reason))
    }
}

/// The requests and grants of one access, read before anything is decided.
#[derive(Debug, Clone)]
pub struct AccessHistory {
    /// Live and recently ended grants, and those of the last request; newest first.
    grants: Vec<Grant>,
    requests: Vec<AccessRequest>,
    slot: Option<EnsureSlot>,
}

/// How many of the newest requests are read. It is enough to find an open one: a person has few for one access.
const NEWEST: usize = 20;

/// Reads the requests and grants of one access.
///
/// # Errors
///
/// [`StoreError`] if the table does not answer.
pub async fn known(
    table: &TenantTable,
    principal: &PrincipalRef,
    entitlement: &Entitlement,
    now: Timestamp,
) -> Result<AccessHistory, StoreError> {
    let access = keys::access(principal, &entitlement.resource, &entitlement.role);
    let requests = keys::by_access(table.id(), AccessRequest::KIND, &access);
    let requests = Listing::index(Index::Access, requests).limit(NEWEST);
    let (grants, requests, slot) = futures_util::future::try_join3(
        recent_grants(table, principal, &entitlement.resource, &entitlement.role, now),
        table.first_page::<AccessRequest>(&requests),
        table.get::<EnsureSlot>(access.clone()),
    )
    .await?;
    let mut known = AccessHistory { grants, requests: requests.records, slot };
    known.catch_up(table).await?;
    Ok(known)
}

impl AccessHistory {
    /// The newest live grant whose access was not deleted outside stint.
    fn live(&self, now: Timestamp) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.is_live(now) && grant.missing_since.is_none())
    }

    /// Reads from the table what the slot of the access names and the index lacks: an index may be a moment behind the
    /// table. Without this, a caller who lost a race would make another request.
    async fn catch_up(&mut self, table: &TenantTable) -> Result<(), StoreError> {
        if let Some(slot) = &self.slot
            && self.requests.iter().all(|request| request.id != slot.request_id)
            && let Some(request) = table.get::<AccessRequest>(slot.request_id.to_string()).await?
        {
            self.requests.insert(0, request);
        }
        for id in self.requests.first().map(|request| request.grant_ids.clone()).unwrap_or_default() {
            if self.grants.iter().all(|grant| grant.id != id)
                && let Some(grant) = table.get::<Grant>(id.to_string()).await?
            {
                self.grants.insert(0, grant);
            }
        }
        Ok(())
    }
}

/// How often an access is decided again because another writer got ahead.
const ATTEMPTS: usize = 12;

/// Ensures one access: decides by what is known of it, and commits the decision. A dry run commits nothing.
///
/// # Errors
///
/// [`AccessError`] if it could not be decided. A refusal is an answer, not an error.
pub async fn ensure(
    access: &OperationContext,
    entitlement: &Entitlement,
    justification: &Justification,
    mut known_now: AccessHistory,
    dry_run: bool,
) -> Result<Ensured, AccessError> {
    let engine = access.engine().await?;
    for _ in 0..ATTEMPTS {
        let caller = access.caller().principal();
        let given = match known_now.live(access.now()) {
            Some(grant) => Some((grant.account_id.clone(), grant.permission_set_arn.clone())),
            None => engine.given_by(&entitlement.resource, &entitlement.role),
        };
        let held_seconds = engine.held_seconds(access.table(), caller, given, None, access.now()).await?;
        let ensuring =
            EnsureContext { access, engine: &engine, entitlement, justification, known: &known_now, held_seconds };
        let change = ensuring.decide()?;
        if dry_run {
            return Ok(change.answer?.imagined());
        }
        match access.table().commit(change.writes).await {
            Ok(()) => return change.answer,
            Err(CommitError::Conflict) => {
                known_now = known(access.table(), &access.caller().principal().who, entitlement, access.now()).await?;
            }
            Err(CommitError::Store(StoreError::TooManyPending(limit))) => return ensuring.too_many_pending(limit),
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    Err(StoreError::Unavailable("the access changed at every attempt".to_owned()).into())
}
