//! Wiring: reads the environment of a binary and creates the clients that endpoints and workers use.

use std::env::VarError;
use std::num::{NonZeroU32, ParseIntError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use futures_util::future::try_join_all;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use crate::aws::event_bus::Bus;
use crate::aws::identity_center::IdentityCenter;
use crate::aws::scheduler::{ScheduleSettings, Schedules};
use crate::aws::{self, DirectoryError, DirectorySource, IdentityStore, Organizations};
use crate::clock::Clock;
use crate::domain::{LONGEST_REQUEST, Quota};
use crate::http::Api;
use crate::metrics::Metrics;
use crate::provision::{Services, WorkerError, Workers};
use crate::store::Table;

pub use lambda_runtime::Error;

/// The resources and limits of a stack, as its workers need them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of the DynamoDB table.
    pub table_name: String,
    /// The name of the event bus.
    pub event_bus_name: String,
    /// The ARN of the Identity Center instance.
    pub identity_center_instance_arn: String,
    /// The id of the instance's Identity Store.
    pub identity_store_id: String,
    /// The share of the instance's quotas that workers may use.
    pub quota: Quota,
    /// The schedule group, and the functions that schedules call.
    pub schedules: ScheduleSettings,
}

/// An environment variable that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// The variable is not set, or is not Unicode.
    #[error("the environment variable `{0}` is not set: {1}")]
    Missing(&'static str, VarError),
    /// The value is not a positive integer.
    #[error("the environment variable `{0}` must be an integer of at least 1: {1}")]
    NoNumber(&'static str, ParseIntError),
}

fn variable(name: &'static str) -> Result<String, SettingError> {
    std::env::var(name).map_err(|error| SettingError::Missing(name, error))
}

fn number(name: &'static str) -> Result<NonZeroU32, SettingError> {
    variable(name)?.parse().map_err(|error| SettingError::NoNumber(name, error))
}

impl Settings {
    /// Reads the environment of a worker.
    fn from_env() -> Result<Self, SettingError> {
        Ok(Self {
            table_name: variable("TABLE_NAME")?,
            event_bus_name: variable("EVENT_BUS_NAME")?,
            identity_center_instance_arn: variable("IDENTITY_CENTER_INSTANCE_ARN")?,
            identity_store_id: variable("IDENTITY_STORE_ID")?,
            quota: Quota {
                slots: number("IDENTITY_CENTER_SLOTS")?,
                requests_per_second: number("IDENTITY_CENTER_REQUESTS_PER_SECOND")?,
            },
            schedules: ScheduleSettings {
                group: variable("SCHEDULE_GROUP")?,
                role_arn: variable("SCHEDULER_ROLE_ARN")?,
                provision_function_arn: variable("PROVISION_GRANT_FUNCTION_ARN")?,
                deprovision_function_arn: variable("DEPROVISION_GRANT_FUNCTION_ARN")?,
                dead_letter_queue_arn: std::env::var("SCHEDULE_DEAD_LETTER_QUEUE_ARN").ok(),
            },
        })
    }
}

/// The state of an endpoint's function, with open connections to the table.
///
/// # Errors
///
/// [`SettingError`] if an environment variable is missing.
pub async fn api() -> Result<Api, Error> {
    start_logging();
    let table = table(&aws().await, variable("TABLE_NAME")?);
    connect(&table).await;
    Ok(Api::new(table, Clock::System))
}

/// The state of an endpoint's function that has no permission on the table.
///
/// # Errors
///
/// [`SettingError`] if an environment variable is missing.
pub async fn api_without_connections() -> Result<Api, Error> {
    start_logging();
    Ok(Api::new(table(&aws().await, variable("TABLE_NAME")?), Clock::System))
}

/// An endpoint makes at most this many calls at the same time, and HTTP/1.1 carries one call per connection at a time.
const CONNECTIONS: usize = 4;
/// How long the start of a function waits for its connections. Without them, only the first call is slower.
const PATIENCE: Duration = Duration::from_secs(1);

/// Opens connections to the table during the init phase, in which Lambda gives the function a whole processor.
async fn connect(table: &Table) {
    let pings = try_join_all((0..CONNECTIONS).map(|_| table.ping()));
    match tokio::time::timeout(PATIENCE, pings).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the table does not answer yet"),
        Err(_) => tracing::warn!("the table does not answer yet"),
    }
}

/// Runs a worker's Lambda function.
///
/// # Errors
///
/// [`SettingError`] if an environment variable is missing, or the error of the Lambda runtime.
pub async fn run_worker(handle: impl AsyncFn(&Workers, Value) -> Result<Value, WorkerError>) -> Result<(), Error> {
    let workers = workers_from_env().await?;
    connect(workers.table()).await;
    serve(workers, handle).await
}

/// Runs the Lambda function of a worker that has no permission to read items.
///
/// # Errors
///
/// [`SettingError`] if an environment variable is missing, or the error of the Lambda runtime.
pub async fn run_worker_without_connections(
    handle: impl AsyncFn(&Workers, Value) -> Result<Value, WorkerError>,
) -> Result<(), Error> {
    serve(workers_from_env().await?, handle).await
}

async fn workers_from_env() -> Result<Workers, Error> {
    start_logging();
    let stack = variable("STACK_NAME")?;
    Ok(workers(&aws().await, Settings::from_env()?, Clock::System, Metrics::Stdout(stack.into())))
}

async fn serve(
    workers: Workers,
    handle: impl AsyncFn(&Workers, Value) -> Result<Value, WorkerError>,
) -> Result<(), Error> {
    let (workers, handle) = (&workers, &handle);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        // Boxed: nested futures would exceed the compiler's recursion limit.
        Box::pin(handle(workers, event.payload)).await.map_err(Error::from)
    }))
    .await
}

/// Workers that use these clients and settings.
#[must_use]
pub fn workers(aws: &SdkConfig, settings: Settings, clock: Clock, metrics: Metrics) -> Workers {
    // No retries by the SDK: workers retry at the rate that their slot permits. A request must end before the lease
    // under which it is sent.
    let limit = TimeoutConfig::builder().operation_timeout(LONGEST_REQUEST.unsigned_abs()).build();
    let sso = aws_sdk_ssoadmin::config::Builder::from(aws).retry_config(RetryConfig::disabled());
    let sso = sso.timeout_config(limit).build();
    let directory = DirectorySource {
        organizations: Organizations::new(aws_sdk_organizations::Client::new(aws), clock.clone()),
        identity_store: IdentityStore::new(
            aws_sdk_identitystore::Client::new(aws),
            settings.identity_store_id.clone(),
            clock.clone(),
        ),
    };
    let identity_center = IdentityCenter::new(
        aws_sdk_ssoadmin::Client::from_conf(sso),
        aws_sdk_identitystore::Client::new(aws),
        settings.identity_center_instance_arn,
        settings.identity_store_id,
    );
    let schedules = Schedules::new(aws_sdk_scheduler::Client::new(aws), settings.schedules);
    let bus = Bus::new(aws_sdk_eventbridge::Client::new(aws), settings.event_bus_name);
    let table = table(aws, settings.table_name);
    let services = Services { identity_center, directory, schedules, bus };
    Workers::new(table, services, settings.quota, clock, metrics)
}

/// What the worker `sync` runs on where there is no stack's environment: it needs no bus and no schedules. The quota is the
/// template's default; what it measures goes nowhere. Without an ARN the instance is the only one there is.
///
/// # Errors
///
/// [`DirectoryError`] if there is no such instance, or several and none was named.
pub async fn sync_workers(
    aws: &SdkConfig,
    table_name: String,
    instance_arn: Option<&str>,
    clock: Clock,
) -> Result<Workers, DirectoryError> {
    let instance = aws::instance(&aws_sdk_ssoadmin::Client::new(aws), instance_arn, &clock).await?;
    let settings = Settings {
        table_name,
        event_bus_name: String::new(),
        identity_center_instance_arn: instance.arn,
        identity_store_id: instance.identity_store_id,
        quota: Quota { slots: DEFAULT_SLOTS, requests_per_second: DEFAULT_REQUESTS_PER_SECOND },
        schedules: ScheduleSettings {
            group: String::new(),
            role_arn: String::new(),
            provision_function_arn: String::new(),
            deprovision_function_arn: String::new(),
            dead_letter_queue_arn: None,
        },
    };
    Ok(workers(aws, settings, clock, Metrics::memory()))
}

/// The ARN of the Identity Center instance that was named, or of the only one these credentials see.
///
/// # Errors
///
/// [`DirectoryError`] if there is no such instance, or several and none was named.
pub async fn instance_arn(aws: &SdkConfig, named: Option<&str>, clock: &Clock) -> Result<String, DirectoryError> {
    Ok(aws::instance(&aws_sdk_ssoadmin::Client::new(aws), named, clock).await?.arn)
}

/// The template's `IdentityCenterSlots`.
const DEFAULT_SLOTS: NonZeroU32 = NonZeroU32::new(8).unwrap();
/// The template's `IdentityCenterRequestsPerSecond`.
const DEFAULT_REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(16).unwrap();

/// The table with this name.
#[must_use]
pub fn table(aws: &SdkConfig, name: String) -> Table {
    Table::new(aws_sdk_dynamodb::Client::new(aws), name)
}

/// The SDK configuration of the functions. Calls time out before API Gateway does (29 seconds), so that callers get an
/// error of stint's.
async fn aws() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(6))
        .operation_timeout(Duration::from_secs(20))
        .build();
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await
}

/// 32 random bytes, for a key.
///
/// # Errors
///
/// [`RandomError`] if the system's source of randomness fails.
pub fn random_bytes() -> Result<[u8; 32], RandomError> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// The system's source of randomness failed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the system has no random bytes")]
pub struct RandomError;

/// Logs one JSON object per line, which CloudWatch Logs Insights can query.
fn start_logging() {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .without_time()
        .with_env_filter(EnvFilter::from_default_env())
        .init();
}
