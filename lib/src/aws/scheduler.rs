//! Reminders: EventBridge Scheduler calls a worker at a given time.
//!
//! Scheduler delivers at least once, up to a minute late, and at whole seconds. A schedule is therefore only a
//! reminder: the worker it calls reads the grant and the clock again.

use aws_sdk_scheduler::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::domain::{GrantId, TenantId};

/// The reminders of a stack.
#[derive(Debug, Clone)]
pub struct Schedules {
    client: aws_sdk_scheduler::Client,
    settings: ScheduleSettings,
}

/// The names and ARNs that reminders need.
#[derive(Debug, Clone)]
pub struct ScheduleSettings {
    /// The name of the schedule group.
    pub group: String,
    /// The ARN of the role that Scheduler calls workers with.
    pub role_arn: String,
    /// The ARN of the function `provision_grant`.
    pub provision_function_arn: String,
    /// The ARN of the function `deprovision_grant`.
    pub deprovision_function_arn: String,
    /// The ARN of the queue for calls that Scheduler gave up; `None` if there is none.
    pub dead_letter_queue_arn: Option<String>,
}

/// The worker that a reminder calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduledWorker {
    /// `provision_grant`: for a later begin, or another attempt.
    Provision,
    /// `deprovision_grant`: at the grant's end, or for another attempt.
    Revoke,
}

/// Scheduler refused the call or could not be reached.
#[derive(Debug, Clone, thiserror::Error)]
#[error("scheduler: {0}")]
pub struct ScheduleError(String);

impl Schedules {
    /// The reminders of a stack.
    #[must_use]
    pub fn new(client: aws_sdk_scheduler::Client, settings: ScheduleSettings) -> Self {
        Self { client, settings }
    }

    /// Sets the reminder for a grant to `at`; creates it if there is none.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] if Scheduler fails.
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

    /// Deletes the reminder for a grant if there is one.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] if Scheduler fails.
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
            // The longest retries that Scheduler offers.
            .retry_policy(
                RetryPolicy::builder().maximum_retry_attempts(185).maximum_event_age_in_seconds(86_400).build(),
            );
        if let Some(arn) = &self.settings.dead_letter_queue_arn {
            target = target.dead_letter_config(aws_sdk_scheduler::types::DeadLetterConfig::builder().arn(arn).build());
        }
        target.build().map_err(invalid)
    }
}

/// The name of a grant's schedule. It is made from the grant's id, so that a repeated call creates only one. At most 64
/// characters.
fn name(reminder: ScheduledWorker, grant: GrantId) -> String {
    match reminder {
        ScheduledWorker::Provision => format!("{grant}-provision"),
        ScheduledWorker::Revoke => grant.to_string(),
    }
}

/// `at()` takes whole seconds; rounded up, since a worker that is called early has to wait.
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
