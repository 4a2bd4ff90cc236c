//! The services: each has a stand-in, which is registered here and described in the service's own file.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::faults::Fault;
use super::permissions::{Permission, everything};
use super::wire::{Answer, Failure, Request};
use super::{Services, database, events, identity_store, organizations, scheduler, sso_admin, sts};

/// A service of the endpoint, or one of the three ways it delivers to functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// DynamoDB.
    #[serde(rename = "dynamodb")]
    DynamoDb,
    /// DynamoDB Streams.
    #[serde(rename = "dynamodb_streams")]
    DynamoDbStreams,
    /// IAM Identity Center.
    SsoAdmin,
    /// The identity store.
    #[serde(rename = "identitystore")]
    IdentityStore,
    /// Organizations.
    Organizations,
    /// EventBridge.
    Events,
    /// EventBridge Scheduler.
    Scheduler,
    /// STS.
    Sts,
    /// Batches of the table's stream to their function; the operation is the function's name.
    StreamDelivery,
    /// Events of a bus to a function; the operation is the function's name.
    BusDelivery,
    /// Schedules to their function; the operation is the function's name.
    ScheduleDelivery,
}

impl Service {
    const ALL: [Self; 11] = [
        Self::DynamoDb,
        Self::DynamoDbStreams,
        Self::SsoAdmin,
        Self::IdentityStore,
        Self::Organizations,
        Self::Events,
        Self::Scheduler,
        Self::Sts,
        Self::StreamDelivery,
        Self::BusDelivery,
        Self::ScheduleDelivery,
    ];

    pub(super) fn stand_in(self) -> &'static StandIn {
        match self {
            Self::DynamoDb => &database::TABLE,
            Self::DynamoDbStreams => &database::STREAMS,
            Self::SsoAdmin => &sso_admin::STAND_IN,
            Self::IdentityStore => &identity_store::STAND_IN,
            Self::Organizations => &organizations::STAND_IN,
            Self::Events => &events::STAND_IN,
            Self::Scheduler => &scheduler::STAND_IN,
            Self::Sts => &sts::STAND_IN,
            Self::StreamDelivery | Self::BusDelivery | Self::ScheduleDelivery => &StandIn::JSON_1_1,
        }
    }

    /// The service whose calls have this prefix in `X-Amz-Target`.
    pub(super) fn of_target(prefix: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.stand_in().target == Some(prefix))
    }

    /// Whether it calls functions, rather than being called by clients.
    pub(super) fn is_delivery(self) -> bool {
        matches!(self, Self::StreamDelivery | Self::BusDelivery | Self::ScheduleDelivery)
    }
}

/// How a service is called, and how it answers.
pub(super) struct StandIn {
    /// The prefix of its operations in `X-Amz-Target`; `None` if they are identified otherwise: Scheduler's by method
    /// and path, those of STS by `Action`.
    pub(super) target: Option<&'static str>,
    /// The content type of its answers.
    pub(super) content_type: &'static str,
    /// What answers an operation.
    pub(super) answer: fn(&Services, &Invocation<'_>) -> Answer,
    /// The permissions a caller needs (Service Authorization Reference).
    pub(super) required_permissions: fn(&Request, &str) -> Vec<Permission>,
    /// Wakes what waits for a change, after an operation changed something.
    pub(super) on_change: fn(&Services),
    /// The code of its internal errors.
    pub(super) internal_error: &'static str,
    /// The code when there are too many requests.
    pub(super) throttling: &'static str,
    /// The error for a concurrent change of the same thing.
    pub(super) conflict: fn(&Request) -> Failure,
    /// Codes whose HTTP status differs from the one in [`Failure`].
    pub(super) statuses: &'static [(&'static str, StatusCode)],
}

/// One call of an operation, as passed to a stand-in.
pub(super) struct Invocation<'a> {
    pub(super) operation: &'a str,
    pub(super) input: &'a Value,
    /// The fault to inject; `None` if none.
    pub(super) fault: Option<&'a Fault>,
    /// The function that calls; `None` if it is none.
    pub(super) function: Option<&'a str>,
}

impl StandIn {
    /// What most services with JSON 1.1 have in common; it knows no operation.
    pub(super) const JSON_1_1: Self = Self {
        target: None,
        content_type: "application/x-amz-json-1.1",
        answer: |_, call| Err(Failure::unknown_operation(call.operation)),
        required_permissions: everything,
        on_change: |_| {},
        internal_error: "InternalServerException",
        throttling: "ThrottlingException",
        conflict: |_| Failure::conflict(CONFLICT),
        statuses: &[],
    };
}

/// The message of an injected conflict.
pub(super) const CONFLICT: &str = "conflict, as a fault asks for";
