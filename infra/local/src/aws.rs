//! AWS on one machine: a loopback listener that speaks the wire protocols of the services stint uses, so that the real
//! SDK clients drive it.
//!
//! - `service`: the services, each with its stand-in. `wire`: which one a request is for; answers and errors on the wire.
//! - `database`: DynamoDB and its streams, the `dynoxide` engine.
//! - `sso_admin`, `identity_store`, `organizations`, `sts`: the stand-ins that answer from the [`AwsSeed`].
//! - `events`, `scheduler`: accept what `delivery` later calls functions with.
//! - `state`: what survives a kill. `faults`: what goes wrong on purpose. `calls`: what was called, `permissions`: by whom,
//!   and what they need to be granted for it. `death`: of the process that calls.
//!
//! `stint-local` keeps one in a directory, on the machine's clock; each test has its own in memory, on its own clock.

mod assignments;
mod calls;
mod changes;
mod database;
mod death;
mod delivery;
mod events;
mod faults;
mod identity_store;
mod options;
mod organizations;
mod permissions;
mod scheduler;
mod seeded;
mod service;
mod snapshot;
mod sso_admin;
mod state;
mod sts;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use axum::serve::ListenerExt;
use jiff::Timestamp;
use serde_json::Value;
use stint::clock::Clock;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub use assignments::AssignmentView;
pub use calls::Call;
pub use delivery::Invoker;
pub use faults::{Fault, FaultKind, Faults};
pub use options::{Limits, Options, Rule, Storage, StreamTarget, Wiring};
pub use permissions::{Permission, running_as};
pub use scheduler::ScheduleView;
pub use seeded::{Account, AwsSeed, ExternalId, PermissionSet, Role, Unit, User};
pub use service::Service;
pub use snapshot::Snapshot;

use calls::CallLog;
use database::Database;
use death::Death;
use delivery::Delivery;
use faults::{FaultBox, FaultKind as Kind};
use permissions::{CALLED_BY, Named};
use state::Store;
use wire::Request;

/// The region everything is in.
const REGION: &str = "us-east-1";

/// DynamoDB takes the largest requests, 16 MB.
const LARGEST_REQUEST: usize = 16 * 1024 * 1024;

/// Called with the operation and its input before a mutating call is applied; it may look at the endpoint.
pub type Observer = Arc<dyn Fn(&str, &Value) + Send + Sync>;

/// Why an endpoint did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is in use, or may not be used.
    #[error("port {0} of this machine: {1}; choose another with `--aws-port`")]
    Port(u16, std::io::Error),
    /// The engine of the table cannot be reached through the loopback interface.
    #[error("the loopback interface: {0}")]
    Loopback(std::io::Error),
    /// A file of the data directory cannot be read or written.
    #[error("cannot use `{0}`: {1}")]
    File(PathBuf, std::io::Error),
    /// The state file is not what was written.
    #[error("`{0}` is corrupt: {1}")]
    Corrupt(PathBuf, serde_json::Error),
    /// The table's engine.
    #[error("the table: {0}")]
    Database(String),
    /// The seed does not hold together.
    #[error("the seed: {0}")]
    Seed(String),
}

/// A running endpoint. It ends when it is dropped or [shut down](Self::shutdown).
pub struct AwsEndpoint {
    services: Arc<Services>,
    url: String,
    max_attempts: u32,
    stop: watch::Sender<bool>,
    servers: Mutex<Vec<JoinHandle<()>>>,
}

/// Everything behind the listener.
struct Services {
    clock: Clock,
    seeded: AwsSeed,
    /// The seed with its organization as it is by now.
    current: RwLock<Arc<AwsSeed>>,
    wiring: Wiring,
    limits: Limits,
    latency: Duration,
    store: Store,
    database: Database,
    delivery: Delivery,
    faults: FaultBox,
    calls: CallLog,
    observer: RwLock<Option<Observer>>,
    death: Death,
    recent_requests: Mutex<VecDeque<Timestamp>>,
    throttled: AtomicUsize,
    requests: AtomicU64,
}

impl AwsEndpoint {
    /// Starts an endpoint, with the table created.
    ///
    /// # Errors
    /// The port is taken, the directory cannot be used, or the seed does not hold together.
    pub async fn start(options: Options) -> Result<Arc<Self>, Error> {
        let seeded = options.seeded.with_ids();
        seeded.check()?;
        let directory = match &options.storage {
            Storage::Memory => None,
            Storage::Directory(directory) => {
                std::fs::create_dir_all(directory).map_err(|error| Error::File(directory.clone(), error))?;
                Some(directory.as_path())
            }
        };
        let store = Store::open(directory, &seeded, &options.wiring.schedule_groups)?;
        let (stop, stopped) = watch::channel(false);
        let (database, table_server) =
            Database::start(directory, &options.clock, &options.table_name, &seeded.account_id, stopped.clone())
                .await?;
        let services = Arc::new(Services {
            clock: options.clock,
            current: RwLock::new(Arc::new(seeded.clone())),
            seeded,
            wiring: options.wiring,
            limits: options.limits,
            latency: options.latency,
            store,
            database,
            delivery: Delivery::default(),
            faults: FaultBox::default(),
            calls: CallLog::default(),
            observer: RwLock::default(),
            death: Death::default(),
            recent_requests: Mutex::default(),
            throttled: AtomicUsize::default(),
            requests: AtomicU64::default(),
        });
        let (address, server) = serve(options.port, Arc::clone(&services), stopped).await?;
        Ok(Arc::new(Self {
            services,
            url: format!("http://{address}"),
            max_attempts: options.max_attempts,
            stop,
            servers: Mutex::new(vec![server, table_server]),
        }))
    }

    /// What an SDK client takes as its endpoint.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A configuration for SDK clients of this endpoint. Its HTTP client speaks no TLS, which makes it quick to build.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::new("AKIALOCAL", "local", None, None, "stint-local");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .endpoint_url(&self.url)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::standard().with_max_attempts(self.max_attempts))
            .http_client(Named(aws_smithy_http_client::Builder::new().build_http()))
            .build()
    }

    /// Stops listening and waits, for a second at most, until running requests are answered.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        let servers: Vec<_> = {
            let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
            servers.drain(..).collect()
        };
        let ended = futures_util::future::join_all(servers);
        if tokio::time::timeout(Duration::from_secs(1), ended).await.is_err() {
            tracing::warn!("requests were still running at shutdown");
        }
    }

    /// Who calls the functions. Until it is set, everything to deliver waits.
    pub fn set_invoker(&self, invoker: Invoker) {
        let delivery = &self.services.delivery;
        *delivery.invoker.write().unwrap_or_else(PoisonError::into_inner) = Some(invoker);
        delivery.table_written.notify_one();
        delivery.queue_changed.notify_one();
    }

    /// Who is told before a mutating call is applied.
    pub fn set_observer(&self, observer: Observer) {
        let mut slot = self.services.observer.write().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(observer);
    }

    /// Delivers once what is due: batches of the stream, events, schedules. Returns how often functions were called; a
    /// call that failed is due again after a delay on the clock.
    pub async fn deliver(&self) -> usize {
        self.services.deliver().await
    }

    /// Delivers what is due, all at once: for a simulation, in which it is begun here and ends as its clock goes on.
    pub async fn begin_deliveries(&self, running: &mut JoinSet<()>) {
        self.services.begin(running).await;
    }

    /// Delivers everything as it falls due, until the future is dropped. For an endpoint on the machine's clock.
    pub async fn run(self: Arc<Self>) {
        Arc::clone(&self.services).run().await;
    }

    /// Replaces the faults.
    pub fn set_faults(&self, faults: Faults) {
        self.services.faults.set(faults);
    }

    /// Calls a function by name, as whoever has a reason of their own to.
    ///
    /// # Errors
    /// What it failed with; also when its process died.
    pub async fn invoke(&self, function: &str) -> Result<(), String> {
        self.services.invoke(function, Value::Null).await.map(|_| ())
    }

    /// Does some work of the product's process, which a fault may let die: then it goes no further, and there is no result.
    pub async fn until_death<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.services.death.or(work).await
    }

    /// The faults with what is left of them.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.services.faults.get()
    }

    /// The calls clients made, in the order of their arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.services.calls.all()
    }

    /// What each function needed to be granted for all the calls it made since the start.
    #[must_use]
    pub fn needed_permissions(&self) -> BTreeMap<String, BTreeSet<Permission>> {
        self.services.calls.needed()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.services.calls.clear();
    }

    /// How many calls Identity Center refused for being over its quotas.
    #[must_use]
    pub fn throttled(&self) -> usize {
        self.services.throttled.load(Ordering::Relaxed)
    }

    /// The schedules that have not fired.
    #[must_use]
    pub fn schedules(&self) -> Vec<ScheduleView> {
        let state = self.services.store.lock();
        let waiting = state.schedules.values().filter(|schedule| !schedule.fired);
        waiting.map(Services::schedule_view).collect()
    }

    /// How many events wait for a target.
    #[must_use]
    pub fn queued_events(&self) -> usize {
        self.services.store.lock().queue.len()
    }

    /// Every item of the table, in DynamoDB's JSON.
    #[must_use]
    pub fn items(&self) -> Vec<Value> {
        self.services.database.items()
    }

    /// The seed it was started with, every id filled in.
    #[must_use]
    pub fn seeded(&self) -> &AwsSeed {
        &self.services.seeded
    }
}

async fn serve(
    port: u16,
    services: Arc<Services>,
    mut stop: watch::Receiver<bool>,
) -> Result<(SocketAddr, JoinHandle<()>), Error> {
    let unusable = |error| Error::Port(port, error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(unusable)?;
    let address = listener.local_addr().map_err(unusable)?;
    let listener = listener.tap_io(|connection| {
        // Small answers, one at a time: waiting to fill a packet would cost 40 ms each.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
    });
    let router = Router::new().fallback(handle).with_state(services);
    let server = tokio::spawn(async move {
        let stopped = async move {
            // Either way it is over: told so, or the endpoint is gone.
            let _ = stop.changed().await;
        };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "the endpoint ended");
        }
    });
    Ok((address, server))
}

async fn handle(Shared(services): Shared<Arc<Services>>, request: axum::extract::Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_REQUEST).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large");
    };
    let Some(request) = wire::classify(&parts, &body) else {
        return plain(StatusCode::NOT_FOUND, r#"{"__type":"UnknownOperationException"}"#);
    };
    let function = parts.headers.get(CALLED_BY).and_then(|name| name.to_str().ok()).map(str::to_owned);
    let needed = || (request.service.stand_in().required_permissions)(&request, &services.seeded.account_id);
    let call = services.calls.start(request.service, &request.operation, function.clone(), needed);
    let response = services.answer(&request, &parts, body, function).await;
    services.calls.finish(call);
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

impl Services {
    async fn answer(&self, request: &Request, parts: &Parts, body: Bytes, function: Option<String>) -> Response<Body> {
        let operation = request.operation.as_str();
        let fault = self.faults.meet(request.service, operation);
        let fault = fault.as_ref();
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let respond = |answer| wire::respond(request, answer, &format!("local-{number}"));
        if let Some(failure) = fault.and_then(|fault| faults::answered(fault.kind, request)) {
            return respond(Err(failure));
        }
        if fault.is_some_and(|fault| fault.kind == Kind::DieBefore) {
            return self.death.of_the_caller().await;
        }
        if let Some(jitter) = fault.filter(|fault| fault.kind == Kind::Jitter) {
            tokio::time::sleep(Duration::from_millis(jitter.milliseconds.unsigned_abs())).await;
        }
        let mutates = request.mutates();
        if mutates {
            let observer = self.observer.read().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(observer) = observer {
                observer(operation, &request.input);
            }
        }
        let stand_in = request.service.stand_in();
        let response = if matches!(request.service, Service::DynamoDb | Service::DynamoDbStreams) {
            self.database.forward(parts, body).await.unwrap_or_else(|failure| respond(Err(failure)))
        } else {
            let call = service::Invocation { operation, input: &request.input, fault, function: function.as_deref() };
            respond((stand_in.answer)(self, &call))
        };
        if mutates {
            (stand_in.on_change)(self);
        }
        match fault {
            Some(fault) if matches!(fault.kind, Kind::LoseAnswer | Kind::Late) => wire::lost_answer(),
            Some(fault) if matches!(fault.kind, Kind::DieAfter | Kind::DieLate) => self.death.of_the_caller().await,
            Some(_) | None => response,
        }
    }
}
