//! The result of ensuring an access.

use uuid::Uuid;

use crate::domain::{AccessRequest, Grant, Seconds};

/// The result for one access.
#[derive(Debug, Clone)]
pub struct Ensured {
    /// The grant; `None` if there is none.
    pub grant: Option<Grant>,
    /// The request; `None` if there is none.
    pub request: Option<AccessRequest>,
    /// An id for the access if there is neither grant nor request.
    pub id: Uuid,
    /// The display name of the access.
    pub name: String,
    /// The state of the access.
    pub status: EnsureStatus,
    /// What this call changed, or would change.
    pub change: EnsureChange,
    /// How long the access lasts.
    pub duration: Seconds,
    /// Whether the policies require a reason.
    pub needs_reason: bool,
    /// Whether the policies require a ticket.
    pub needs_ticket: bool,
    /// Messages for the caller.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether this call created the request and the grant.
    pub(super) is_new: bool,
}

/// The state of an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnsureStatus {
    /// It is usable.
    Active,
    /// It waits for approval by people.
    Pending,
    /// It was granted and is not usable yet.
    Provisioning,
    /// It ended, or its request expired without a decision.
    Expired,
    /// It was denied, refused or ended early.
    Revoked,
}

/// What a call changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnsureChange {
    /// Nothing.
    None,
    /// The access was granted.
    Activated,
    /// The access was requested.
    Requested,
    /// The grant was extended.
    Extended,
}

/// A message for the caller.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Diagnostic {
    /// How much it matters.
    pub level: Level,
    /// The text.
    #[schema(example = "a reason is required by the policy that permits this")]
    pub message: String,
}

/// How much a diagnostic matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Why there is no access.
    Error,
    /// A problem to expect.
    Warning,
    /// Information.
    Info,
}

impl Ensured {
    /// Removes the ids of what a dry run decided, since no such request or grant exists.
    pub(super) fn imagined(mut self) -> Self {
        if self.is_new {
            self.request = None;
            self.grant = None;
        }
        self
    }
}

impl Diagnostic {
    /// A message of level `error`.
    pub(super) fn error(message: impl Into<String>) -> Self {
        Self { level: Level::Error, message: message.into() }
    }

    /// A message of level `warning`.
    pub(super) fn warning(message: impl Into<String>) -> Self {
        Self { level: Level::Warning, message: message.into() }
    }
}
