//! What was acknowledged, and has to be true for ever after.

use jiff::Timestamp;
use serde_json::Value;

/// Something an answer said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Promise {
    /// A request exists; with an outcome, it keeps it.
    Request { id: String, status: String },
    /// A grant exists.
    Grant { id: String },
    /// A grant does not end by itself before this.
    Lasts { id: String, until: Timestamp },
    /// A grant was ended.
    Ended { id: String },
    /// A policy says so, until it is changed again.
    Policy { path: String, version: u64 },
}

impl Promise {
    /// Where it can be looked up.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Request { id, .. } => format!("/v1/requests/{id}"),
            Self::Grant { id } | Self::Lasts { id, .. } | Self::Ended { id } => format!("/v1/grants/{id}"),
            Self::Policy { path, .. } => path.clone(),
        }
    }

    /// Whether it is kept by what is found there.
    pub(crate) fn is_kept_by(&self, found: &Value) -> bool {
        match self {
            Self::Request { status, .. } => status == "pending" || found["status"] == *status,
            Self::Grant { .. } => found["status"].is_string(),
            Self::Lasts { until, .. } => found["expires_at"]
                .as_str()
                .and_then(|end| end.parse().ok())
                .is_some_and(|end: Timestamp| end >= *until),
            Self::Ended { .. } => found["status"] != "active",
            Self::Policy { version, .. } => found["version"].as_u64().is_some_and(|found| found >= *version),
        }
    }
}
