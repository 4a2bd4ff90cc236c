//! Ensure: the access a caller needs, whatever it takes, asked as often as they like.
//!
//! Idempotent per (tenant, principal, target, role): what is there is reported, what is missing is asked for once.

mod evaluate;
mod outcome;

pub use outcome::{Diagnostic, EnsureChange, EnsureStatus, Ensured, Level};

use self::evaluate::EnsureContext;
use jiff::Timestamp;

use super::{AccessError, OperationContext, recent_grants};
use crate::domain::{AccessRequest, Grant, PrincipalRef, ResourceRef, Seconds};
use crate::store::{CommitError, EnsureSlot, Index, Listing, Record, StoreError, TenantTable, keys};

/// One access that is needed.
#[derive(Debug, Clone, PartialEq)]
pub struct Entitlement {
    /// The account.
    pub resource: ResourceRef,
    /// The permission set's name.
    pub role: String,
    /// For how long.
    pub duration: Option<Seconds>,
}

/// Why, as the caller says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Justification {
    /// The reason.
    pub reason: Option<String>,
    /// Tickets.
    pub attachments: Vec<String>,
}

impl Justification {
    fn has_reason(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| !reason.trim().is_empty())
    }
}

/// What there is of one access: read before anything is decided.
#[derive(Debug, Clone)]
pub struct AccessHistory {
    /// Those that are not over or ended lately, and those of the last request; newest first.
    grants: Vec<Grant>,
    requests: Vec<AccessRequest>,
    slot: Option<EnsureSlot>,
}

/// Enough to see whether the last request is open; a person has few of one access at a time.
const NEWEST: usize = 20;

/// Reads what there is of one access.
///
/// # Errors
///
/// [`StoreError`] when the table does not answer.
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
    /// An index lags behind the table by a moment, and the slot does not: what it names and the index lacks is read
    /// from the table. Otherwise the losers of a race would ask again.
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

/// How often an access that others got ahead of is decided anew.
const ATTEMPTS: usize = 12;

/// Ensures one access: decides on what is known of it and commits that. A dry run commits nothing.
///
/// # Errors
///
/// [`AccessError`] when it could not be decided; a refusal is an answer, not an error.
pub async fn ensure(
    access: &OperationContext,
    entitlement: &Entitlement,
    justification: &Justification,
    mut known_now: AccessHistory,
    dry_run: bool,
) -> Result<Ensured, AccessError> {
    let engine = access.engine().await?;
    for _ in 0..ATTEMPTS {
        let ensuring = EnsureContext { access, engine: &engine, entitlement, justification, known: &known_now };
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
    Err(StoreError::Unavailable("others keep changing the same access".to_owned()).into())
}
