//! What an endpoint is started with.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use stint::clock::Clock;
use stint::domain::Quota;

use super::seeded::AwsSeed;

/// What an [`AwsEndpoint`](super::AwsEndpoint) is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The loopback port; 0 takes any that is free.
    pub port: u16,
    /// Where everything is kept.
    pub storage: Storage,
    /// What schedules, latencies and backoffs go by.
    pub clock: Clock,
    /// The organization, its people and its permission sets.
    pub seeded: AwsSeed,
    /// The stint table, created at start if it is missing.
    pub table_name: String,
    /// Which function is fed by what.
    pub wiring: Wiring,
    /// The quotas that are enforced.
    pub limits: Limits,
    /// How long Identity Center takes to apply a change. With zero it is applied before the next call is answered.
    pub latency: Duration,
    /// How often an SDK client made from [`sdk_config`](super::AwsEndpoint::sdk_config) tries a call; 1 never retries.
    pub max_attempts: u32,
}

impl Options {
    /// In memory, on any port, nothing wired, no quotas, no latency, no retries in the SDK: what a test starts from.
    #[must_use]
    pub fn in_memory(clock: Clock, seeded: AwsSeed) -> Self {
        Self {
            port: 0,
            storage: Storage::Memory,
            clock,
            seeded,
            table_name: "stint".to_owned(),
            wiring: Wiring::default(),
            limits: Limits::default(),
            latency: Duration::ZERO,
            max_attempts: 1,
        }
    }

    /// In `directory`, on the machine's clock, with Identity Center's quotas and a latency that can be seen.
    #[must_use]
    pub fn in_directory(directory: PathBuf, seeded: AwsSeed) -> Self {
        Self {
            storage: Storage::Directory(directory),
            limits: Limits::identity_center(),
            latency: Duration::from_millis(300),
            max_attempts: 3,
            ..Self::in_memory(Clock::System, seeded)
        }
    }
}

/// Where an endpoint keeps its state.
#[derive(Debug, Clone)]
pub enum Storage {
    /// Gone with the endpoint.
    Memory,
    /// In this directory, made if it is missing; survives a kill at any moment.
    Directory(PathBuf),
}

/// Which function is fed by what, as the template wires it.
#[derive(Debug, Clone, Default)]
pub struct Wiring {
    /// The event source mapping on the table's stream.
    pub stream: Option<StreamTarget>,
    /// The rules of the event buses.
    pub rules: Vec<Rule>,
    /// The schedule groups that exist besides `default`.
    pub schedule_groups: Vec<String>,
    /// How often a function runs at once at most (`ReservedConcurrentExecutions`); what is left out, as often as it is called.
    /// What is over it waits.
    pub concurrency: BTreeMap<String, usize>,
}

/// An event source mapping on the table's stream.
#[derive(Debug, Clone)]
pub struct StreamTarget {
    /// The function that is given the batches.
    pub function: String,
    /// The mapping's filter: with a value, only INSERT records whose `pk` ends with it.
    pub inserts_with_pk_suffix: Option<String>,
}

/// A rule on an event bus with one function as its target.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The bus's name.
    pub bus: String,
    /// The `source` an event must have.
    pub source: String,
    /// The `detail-type`s that match; empty matches all.
    pub detail_types: Vec<String>,
    /// The function that is given the events.
    pub function: String,
}

/// The quotas that are enforced with a `ThrottlingException`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Requests to sso-admin within one second, all operations together.
    pub requests_per_second: Option<usize>,
    /// Assignment changes in flight at once.
    pub outstanding_changes: Option<usize>,
}

impl Limits {
    /// Identity Center's own.
    #[must_use]
    pub fn identity_center() -> Self {
        Self { requests_per_second: Some(20), outstanding_changes: Some(10) }
    }

    /// How much of them stint uses: four fifths, as the template has it. Where there is no limit, there is no pace.
    #[must_use]
    pub fn quota(&self) -> Quota {
        let share = |limit: Option<usize>, without: u32| {
            let used = limit.map_or(Some(without), |limit| u32::try_from(limit * 4 / 5).ok());
            used.and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
        };
        Quota {
            slots: share(self.outstanding_changes, 8),
            requests_per_second: share(self.requests_per_second, u32::MAX),
        }
    }
}
