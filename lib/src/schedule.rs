//! Schedules: EventBridge Scheduler calls a worker at a time.
//!
//! Scheduler delivers at least once, up to a minute late, at whole seconds; a schedule is a reminder, and the worker it
//! calls looks at the grant and the time again.

use aws_sdk_scheduler::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::domain::{GrantId, TenantId};

/// The schedules of a stack.
#[derive(Debug, Clone)]
pub struct Schedules {
    client: aws_sdk_scheduler::Client,
    settings: ScheduleSettings,
}

/// Where schedules are, and what they call.
#[derive(Debug, Clone)]
pub struct ScheduleSettings {
    /// The schedule group.
    pub group: String,
    /// The role Scheduler calls with.
    pub role_arn: String,
    /// The worker that gives access.
    pub provision_function_arn: String,
    /// The worker that takes it away.
    pub deprovision_function_arn: String,
    /// Where calls go that were given up.
    pub dead_letter_queue_arn: Option<String>,
}

/// Which worker a schedule calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduledWorker {
    /// Give the access: a later start, or another attempt.
    Provision,
    /// Take it away: its time is over, or another attempt.
    Revoke,
}

/// Scheduler refused or could not be reached.
#[derive(Debug, Clone, thiserror::Error)]
#[error("scheduler: {0}")]
pub struct ScheduleError(String);

impl Schedules {
    /// The schedules of a stack.
    #[must_use]
    pub fn new(client: aws_sdk_scheduler::Client, settings: ScheduleSettings) -> Self {
        Self { client, settings }
    }

    /// Sets the reminder for a grant to `at`, whether or not it exists already.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] when Scheduler does not do it.
    pub async fn remind(
        &self,
        reminder: ScheduledWorker,
        tenant: TenantId,
        grant: GrantId,
        at: Timestamp,
    ) -> Result<(), ScheduleError> {
        let name = name(reminder, grant);
        let expression = expression(at);
        let target = self.target(reminder, tenant, grant)?;
        let window = FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Off)
            .build()
            .map_err(|error| ScheduleError(error.to_string()))?;
        let created = self
            .client
            .create_schedule()
            .group_name(&self.settings.group)
            .name(&name)
            .schedule_expression(&expression)
            .flexible_time_window(window.clone())
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(target.clone())
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ConflictException") => self
                .client
                .update_schedule()
                .group_name(&self.settings.group)
                .name(&name)
                .schedule_expression(&expression)
                .flexible_time_window(window)
                .action_after_completion(ActionAfterCompletion::Delete)
                .target(target)
                .send()
                .await
                .map(|_| ())
                .map_err(failed),
            Err(error) => Err(failed(error)),
        }
    }

    /// Removes the reminder, if there is one.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] when Scheduler does not do it.
    pub async fn forget(&self, reminder: ScheduledWorker, grant: GrantId) -> Result<(), ScheduleError> {
        let deleted =
            self.client.delete_schedule().group_name(&self.settings.group).name(name(reminder, grant)).send().await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    fn target(&self, reminder: ScheduledWorker, tenant: TenantId, grant: GrantId) -> Result<Target, ScheduleError> {
        let invalid = |error: aws_sdk_scheduler::error::BuildError| ScheduleError(error.to_string());
        let arn = match reminder {
            ScheduledWorker::Provision => &self.settings.provision_function_arn,
            ScheduledWorker::Revoke => &self.settings.deprovision_function_arn,
        };
        let mut target = Target::builder()
            .arn(arn)
            .role_arn(&self.settings.role_arn)
            .input(serde_json::json!({"tenant_id": tenant, "grant_id": grant}).to_string())
            // The most Scheduler offers.
            .retry_policy(
                RetryPolicy::builder().maximum_retry_attempts(185).maximum_event_age_in_seconds(86_400).build(),
            );
        if let Some(arn) = &self.settings.dead_letter_queue_arn {
            target = target.dead_letter_config(aws_sdk_scheduler::types::DeadLetterConfig::builder().arn(arn).build());
        }
        target.build().map_err(invalid)
    }
}

/// A grant's schedule is named by the grant, so that making it twice makes one. At most 64 characters.
fn name(reminder: ScheduledWorker, grant: GrantId) -> String {
    match reminder {
        ScheduledWorker::Provision => format!("{grant}-provision"),
        ScheduledWorker::Revoke => grant.to_string(),
    }
}

/// `at()` takes whole seconds: rounded up, since a worker called early has to wait.
fn expression(at: Timestamp) -> String {
    let whole = Timestamp::from_second(at.as_second()).unwrap_or(at);
    let whole = if whole < at { whole + SignedDuration::from_secs(1) } else { whole };
    format!("at({})", whole.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S"))
}

fn failed<E, R>(error: SdkError<E, R>) -> ScheduleError
where
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    ScheduleError(DisplayErrorContext(error).to_string())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_schedule_is_at_a_whole_second_and_never_early() {
        let at = |text: &str| expression(text.parse().unwrap());
        assert_eq!(at("2026-11-21T09:00:00Z"), "at(2026-11-21T09:00:00)");
        assert_eq!(at("2026-11-21T09:00:00.001Z"), "at(2026-11-21T09:00:01)");
        assert_eq!(at("2026-12-31T23:59:59.999Z"), "at(2027-01-01T00:00:00)");
    }

    #[test]
    fn names_fit_into_sixty_four_characters() {
        let grant = uuid::Uuid::max().into();
        for reminder in [ScheduledWorker::Provision, ScheduledWorker::Revoke] {
            assert!(name(reminder, grant).len() <= 64);
        }
    }
}
