//! Conversions for ensureAccess and getAccessRequestStatus.

use jiff::SignedDuration;
use stint_api::{
    AccessRequestStatus, EnsureAccess, EnsureAccessResult, EnsuredGrant, GrantSummary, ProvisioningStatus, Validation,
};

use super::requests::{action, check_tickets};
use super::text::{free_text, reason};
use crate::app::ensure::{Diagnostic, EnsureChange, EnsureStatus, Ensured, Entitlement, Justification, Level};
use crate::domain::{AccessRequest, AccountId, Grant, ResourceRef, Seconds};
use crate::http::error::Error;

const MAX_ENTITLEMENTS: usize = 20;

/// The accesses a caller needs.
pub(in crate::http) fn entitlements(given: &EnsureAccess) -> Result<Vec<Entitlement>, Error> {
    if !(1..=MAX_ENTITLEMENTS).contains(&given.entitlements.len()) {
        return Err(Error::input("entitlements", format!("must be 1 to {MAX_ENTITLEMENTS}")));
    }
    given
        .entitlements
        .iter()
        .enumerate()
        .map(|(n, one)| {
            entitlement(one).map_err(|(field, why)| Error::input(format!("entitlements[{n}].{field}"), why))
        })
        .collect()
}

fn entitlement(given: &stint_api::Entitlement) -> Result<Entitlement, (&'static str, String)> {
    let account = given
        .target
        .strip_prefix("AWS::Account::")
        .and_then(|account| AccountId::parse(account).ok())
        .ok_or_else(|| ("target", "must be `AWS::Account::` and the account's 12 digits".to_owned()))?;
    let role = action("role", given.role.clone()).map_err(|_| ("role", "must be 1 to 128 characters".to_owned()))?;
    let duration = match (given.duration_seconds, given.duration.as_deref()) {
        (Some(seconds), _) => Some(seconds),
        (None, Some(text)) if !text.is_empty() => parse_go_duration(text).map_err(|why| ("duration", why))?,
        (None, _) => None,
    };
    Ok(Entitlement { resource: ResourceRef::account(&account), role, duration })
}

/// Why the caller needs them.
pub(in crate::http) fn justification(given: Option<stint_api::Justification>) -> Result<Justification, Error> {
    let given = given.unwrap_or_default();
    let attachments = given.attachments.unwrap_or_default();
    check_tickets("justification.attachments", &attachments)?;
    let attachments =
        attachments.iter().map(|text| free_text("justification.attachments", text)).collect::<Result<_, _>>()?;
    Ok(Justification { reason: reason("justification.reason", given.reason)?, attachments })
}

/// A Go duration such as `1h0m0s`; zero is Go's way of saying none.
fn parse_go_duration(text: &str) -> Result<Option<Seconds>, String> {
    let expected = || "must be a Go duration such as `1h0m0s`, of whole seconds".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| expected())?;
    if duration.is_zero() {
        return Ok(None);
    }
    if duration.subsec_nanos() != 0 {
        return Err(expected());
    }
    Seconds::new(duration.as_secs()).map(Some).map_err(|error| error.to_string())
}

/// Seconds as a Go duration.
fn go_duration(seconds: Seconds) -> String {
    let total = seconds.get();
    let (hours, minutes, seconds) = (total / 3600, total / 60 % 60, total % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        (_, _) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// Where the accesses stand, in the order in which they were asked for.
pub(in crate::http) fn ensure_result(ensured: Vec<Ensured>) -> EnsureAccessResult {
    let grants: Vec<EnsuredGrant> = ensured.into_iter().map(EnsuredGrant::from).collect();
    let any = |requires: fn(&Validation) -> bool| grants.iter().any(|grant| requires(&grant.validation));
    let validation = validation(any(|v| v.has_reason), any(|v| v.has_ticket_attachment));
    let diagnostics = grants.iter().flat_map(|grant| grant.diagnostics.iter().cloned()).collect();
    EnsureAccessResult { grants, validation, diagnostics }
}

fn validation(reason: bool, ticket: bool) -> Validation {
    Validation { has_reason: reason, has_ticket_attachment: ticket, has_jira_ticket: ticket }
}

impl From<EnsureStatus> for stint_api::EnsureStatus {
    fn from(status: EnsureStatus) -> Self {
        match status {
            EnsureStatus::Active => Self::Active,
            EnsureStatus::Pending => Self::Pending,
            EnsureStatus::Provisioning => Self::Provisioning,
            EnsureStatus::Expired => Self::Expired,
            EnsureStatus::Revoked => Self::Revoked,
        }
    }
}

impl From<EnsureChange> for stint_api::EnsureChange {
    fn from(change: EnsureChange) -> Self {
        match change {
            EnsureChange::None => Self::None,
            EnsureChange::Activated => Self::Activated,
            EnsureChange::Requested => Self::Requested,
            EnsureChange::Extended => Self::Extended,
        }
    }
}

impl From<Diagnostic> for stint_api::Diagnostic {
    fn from(Diagnostic { level, message }: Diagnostic) -> Self {
        let level = match level {
            Level::Error => stint_api::Level::Error,
            Level::Warning => stint_api::Level::Warning,
            Level::Info => stint_api::Level::Info,
        };
        Self { level, message }
    }
}

impl From<Ensured> for EnsuredGrant {
    fn from(ensured: Ensured) -> Self {
        let lives = matches!(ensured.status, EnsureStatus::Active | EnsureStatus::Provisioning);
        let (grant, request) = (ensured.grant.as_ref(), ensured.request.as_ref());
        let id = match (grant, request) {
            (Some(grant), _) => grant.id.to_string(),
            (None, Some(request)) => request.id.to_string(),
            (None, None) => ensured.id.to_string(),
        };
        Self {
            id,
            name: ensured.name,
            status: ensured.status.into(),
            change: ensured.change.into(),
            approved: lives,
            duration_seconds: ensured.duration,
            duration: go_duration(ensured.duration),
            expires_at: grant.map(|grant| grant.expires_at),
            activated_at: grant.filter(|_| lives).and_then(Grant::activated_at),
            // A grant names its request, even if it was read a moment before that.
            access_request_id: request.map(|request| request.id).or(grant.and_then(|grant| grant.request_id)),
            provisioning_status: grant.map_or(ProvisioningStatus::Pending, Into::into),
            validation: validation(ensured.needs_reason, ensured.needs_ticket),
            diagnostics: ensured.diagnostics.into_iter().map(Into::into).collect(),
        }
    }
}

/// Where a request and its grants stand, in short.
pub(in crate::http) fn request_status(request: &AccessRequest, grants: Vec<Grant>) -> AccessRequestStatus {
    let grants = grants
        .into_iter()
        .map(|grant| GrantSummary {
            id: grant.id,
            name: format!("{} on {}", grant.action, grant.account_id),
            status: grant.status,
            approved: true,
            expires_at: grant.expires_at,
            activated_at: grant.activated_at(),
            provisioning_status: (&grant).into(),
        })
        .collect();
    AccessRequestStatus { id: request.id, status: request.status(), grants }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn go_durations_are_read_and_written() {
        let seconds = |text| parse_go_duration(text).map(|seconds| seconds.map(Seconds::get));
        for (text, expected) in [("1h0m0s", 3600), ("90m", 5400), ("1h30m0s", 5400), ("45s", 45), ("36h0m0s", 129_600)]
        {
            assert_eq!(seconds(text), Ok(Some(expected)), "{text}");
        }
        assert_eq!(seconds("0s"), Ok(None));
        for text in ["1", "soon", "-1h", "1.5s", "100ms", "9000h"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        for (seconds, text) in [(45, "45s"), (90, "1m30s"), (3600, "1h0m0s"), (5400, "1h30m0s")] {
            assert_eq!(go_duration(Seconds::new(seconds).unwrap()), text);
        }
    }
}
