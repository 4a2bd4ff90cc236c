//! What became of an access that was ensured.

use uuid::Uuid;

use crate::domain::{AccessRequest, Grant, Seconds};

/// What became of one access.
#[derive(Debug, Clone)]
pub struct Ensured {
    /// The grant, if there is one.
    pub grant: Option<Grant>,
    /// The request, if there is one.
    pub request: Option<AccessRequest>,
    /// Stands for the access while there is neither.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// Where it stands.
    pub status: EnsureStatus,
    /// What this call changed, or would.
    pub change: EnsureChange,
    /// For how long.
    pub duration: Seconds,
    /// Whether the policies require a reason.
    pub needs_reason: bool,
    /// Whether they require a ticket.
    pub needs_ticket: bool,
    /// What the caller should read.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether the request and the grant are of this call's making.
    pub(super) is_new: bool,
}

/// Where an access stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnsureStatus {
    /// Usable.
    Active,
    /// Waits for people.
    Pending,
    /// Decided, not usable yet.
    Provisioning,
    /// Over, or nobody decided in time.
    Expired,
    /// Denied, refused or ended early.
    Revoked,
}

/// What a call changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnsureChange {
    /// Nothing.
    None,
    /// It was granted.
    Activated,
    /// It was asked for.
    Requested,
    /// It lasts longer now.
    Extended,
}

/// Something the caller should read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Diagnostic {
    /// How much it matters.
    pub level: Level,
    /// What it is.
    #[schema(example = "a reason is required by the policy that permits this")]
    pub message: String,
}

/// How much a diagnostic matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Why there is no access.
    Error,
    /// Something to know before it hurts.
    Warning,
    /// Something to know.
    Info,
}

impl Ensured {
    /// What a dry run decided exists nowhere: it must not name a request or a grant nobody can find.
    pub(super) fn imagined(mut self) -> Self {
        if self.is_new {
            self.request = None;
            self.grant = None;
        }
        self
    }
}

impl Diagnostic {
    /// Why there is no access.
    pub(super) fn error(message: impl Into<String>) -> Self {
        Self { level: Level::Error, message: message.into() }
    }

    /// Something to know before it hurts.
    pub(super) fn warning(message: impl Into<String>) -> Self {
        Self { level: Level::Warning, message: message.into() }
    }
}
