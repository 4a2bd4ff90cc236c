//! The terms of a permitted request: the strictest of the policies that determined it.

use crate::domain::{PolicySettings, Seconds, Terms};

/// How long a request waits for people when no policy says.
const DEFAULT_APPROVAL_TIMEOUT: Seconds = Seconds::constant::<10_800>();

/// The strictest of each setting; none of none.
pub(super) fn strictest(settings: &[&PolicySettings], audit_session: bool) -> Option<Terms> {
    let max_duration_seconds = settings.iter().map(|policy| policy.max_duration_seconds).min()?;
    let mut ticket_patterns: Vec<String> = Vec::new();
    for pattern in settings.iter().filter_map(|policy| policy.ticket_pattern.as_ref()) {
        if !ticket_patterns.contains(pattern) {
            ticket_patterns.push(pattern.clone());
        }
    }
    let default = settings.iter().filter_map(|policy| policy.default_duration_seconds).min();
    let timeouts = settings.iter().map(|policy| policy.approval_timeout_seconds.unwrap_or(DEFAULT_APPROVAL_TIMEOUT));
    Some(Terms {
        approval_mode: settings.iter().map(|policy| policy.approval_mode).max()?,
        max_duration_seconds,
        // The default of one policy may be longer than the maximum of another.
        default_duration_seconds: default.map(|default| default.min(max_duration_seconds)),
        approval_timeout_seconds: timeouts.min()?,
        required_approvals: settings.iter().map(|policy| policy.required_approvals).max()?,
        require_reason: settings.iter().any(|policy| policy.require_reason),
        ticket_patterns,
        audit_session,
    })
}

impl Terms {
    /// The stricter of each setting of both.
    #[must_use]
    pub fn stricter(&self, other: &Self) -> Self {
        let max_duration_seconds = self.max_duration_seconds.min(other.max_duration_seconds);
        let defaults = [self.default_duration_seconds, other.default_duration_seconds];
        let mut ticket_patterns = self.ticket_patterns.clone();
        ticket_patterns.extend(other.ticket_patterns.iter().filter(|one| !self.ticket_patterns.contains(one)).cloned());
        Self {
            approval_mode: self.approval_mode.max(other.approval_mode),
            max_duration_seconds,
            default_duration_seconds: defaults
                .into_iter()
                .flatten()
                .min()
                .map(|default| default.min(max_duration_seconds)),
            approval_timeout_seconds: self.approval_timeout_seconds.min(other.approval_timeout_seconds),
            required_approvals: self.required_approvals.max(other.required_approvals),
            require_reason: self.require_reason || other.require_reason,
            ticket_patterns,
            audit_session: self.audit_session || other.audit_session,
        }
    }
}
