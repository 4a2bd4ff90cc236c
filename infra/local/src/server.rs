//! The whole product in one process: the API, its workers, and the AWS they run on.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use stint::app::Ids;
use stint::auth::api_key::ApiKeySecret;
use stint::aws::scheduler::ScheduleSettings;
use stint::clock::Clock;
use stint::context::Settings;
use stint::domain::{OidcConfig, Policy, TenantId};
use stint::http::{Api, SourceIp, app, endpoint};
use stint::metrics::{Measurement, Metrics};
use stint::provision::Workers;
use stint::store::{CommitError, Table};
use stint::workers::{deprovision_grant, drain_guard, provision_grant, publish_events, sweep, sync};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use utoipa_axum::router::OpenApiRouter;

use crate::aws::{self, AwsEndpoint, Limits, Options, Rule, Storage, StreamTarget, Wiring, running_as};
use crate::dev;
use crate::oidc::{DevIssuer, KeyError, SigningKeyStore};
use crate::seed::{self, Seed, SeedError};

pub(crate) const TABLE: &str = "stint";
const BUS: &str = "stint";
const SCHEDULE_GROUP: &str = "stint";
/// How often a worker that gives or takes access runs at once: the template's default.
pub const CONCURRENCY: usize = 12;
/// The client of the development issuer.
const CLIENT_ID: &str = "stint-local";

/// How to start.
pub struct Config {
    /// The API's port; 0 takes any.
    pub port: u16,
    /// The AWS endpoint's port; 0 takes any.
    pub aws_port: u16,
    /// Where everything is kept.
    pub storage: Storage,
    /// What everything goes by.
    pub clock: Clock,
    /// What a fresh start begins with.
    pub seed: Seed,
    /// The quotas Identity Center enforces.
    pub limits: Limits,
    /// How long Identity Center takes to apply a change.
    pub latency: Duration,
    /// How often an SDK client tries a call.
    pub max_attempts: u32,
}

/// It could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The AWS endpoint.
    #[error("the local AWS endpoint: {0}")]
    Aws(#[from] aws::Error),
    /// The port.
    #[error("port {0} of this machine: {1}; choose another with `--port`")]
    Port(u16, std::io::Error),
    /// The issuer's key.
    #[error("the development issuer: {0}")]
    Issuer(#[from] KeyError),
    /// The seed.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// What the seed asks of the API.
    #[error("{0} was refused: {1}")]
    Refused(String, String),
}

/// A running stint. It ends when it is dropped.
pub struct Local {
    aws: Arc<AwsEndpoint>,
    url: String,
    app: Arc<RwLock<Router>>,
    functions: OpenApiRouter<Api>,
    table: Table,
    workers: Workers,
    settings: Settings,
    metrics: Metrics,
    issuer: DevIssuer,
    seed: Seed,
    oidc: OidcConfig,
    clock: Clock,
    server: JoinHandle<()>,
}

impl Drop for Local {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Local {
    /// Starts the API, the workers and the AWS endpoint. Nothing is delivered before [`Local::run`] or
    /// [`Local::deliver`].
    ///
    /// # Errors
    ///
    /// [`StartError`], see its variants.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let key_store = match &config.storage {
            Storage::Memory => SigningKeyStore::Memory,
            Storage::Directory(directory) => SigningKeyStore::File(directory.join("oidc-key.der")),
        };
        let options = Options {
            port: config.aws_port,
            storage: config.storage,
            limits: config.limits,
            latency: config.latency,
            max_attempts: config.max_attempts,
            ..Options::in_memory(config.clock.clone(), config.seed.aws.clone())
        };
        let aws = start_aws(options).await?;
        let sdk = aws.sdk_config();
        let table = stint::context::table(&sdk, TABLE.to_owned());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port))
            .await
            .map_err(|error| StartError::Port(config.port, error))?;
        let address = listener.local_addr().map_err(|error| StartError::Port(config.port, error))?;
        let url = format!("http://{address}");
        let oidc = trusted(format!("{url}/dev/oidc"));
        let issuer = DevIssuer::new(
            &oidc.issuer_url,
            oidc.audience(),
            config.seed.people.clone(),
            &key_store,
            config.clock.clone(),
        )?;
        let functions = functions();
        let app = Arc::new(RwLock::new(process(functions.clone(), &aws, table.clone(), &config.clock)));
        let served = dev::router(Arc::clone(&aws), issuer.clone()).fallback_service(current(Arc::clone(&app)));
        let server = tokio::spawn(async move {
            let service = served.into_make_service_with_connect_info::<SocketAddr>();
            if let Err(error) = axum::serve(listener, service).await {
                tracing::error!(cause = %error, "the server stopped");
            }
        });
        let metrics = Metrics::memory();
        let settings = settings(&config.seed, &config.limits);
        let workers = stint::context::workers(&sdk, settings.clone(), config.clock.clone(), metrics.clone());
        invoke_workers(&aws, &workers);
        let (seed, clock) = (config.seed, config.clock);
        Ok(Self { aws, url, app, functions, table, workers, settings, metrics, issuer, seed, oidc, clock, server })
    }

    /// Plants the seed and returns a key with every scope. What was begun before is finished: the key is replaced, for
    /// nobody knows it, and the policies that are there are not made again.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the seed is not valid.
    pub async fn plant(&self) -> Result<ApiKeySecret, StartError> {
        let key_id = self.tenant_id().as_uuid().into();
        let key = self.seed.plant(&self.table, self.oidc.clone(), key_id, self.clock.now()).await?;
        let planted = self.table.tenant(self.tenant_id()).list_all::<Policy>().await;
        let planted = planted.map_err(|error| SeedError::from(CommitError::from(error)))?;
        let is_planted = |seed: &&Value| planted.iter().any(|policy| seed.get("name") == Some(&json!(policy.name)));
        for policy in self.seed.policies.iter().filter(|policy| !is_planted(policy)) {
            call(current(Arc::clone(&self.app)), self.tenant_id(), &key, Method::POST, "/v1/policies", policy).await?;
        }
        Ok(key)
    }

    /// Makes the tenant trust this start's issuer: the port is part of its name.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the table does not take it.
    pub async fn trust_issuer(&self) -> Result<(), StartError> {
        Ok(seed::trust(&self.table, self.seed.tenant_id(), &self.oidc).await?)
    }

    /// Starts the product's processes anew, on the AWS there is: what they kept in memory is gone.
    pub fn restart(&mut self) {
        let sdk = self.aws.sdk_config();
        self.table = stint::context::table(&sdk, TABLE.to_owned());
        let api = process(self.functions.clone(), &self.aws, self.table.clone(), &self.clock);
        *self.app.write().unwrap_or_else(PoisonError::into_inner) = api;
        let (settings, clock, metrics) = (self.settings.clone(), self.clock.clone(), self.metrics.clone());
        self.workers = stint::context::workers(&sdk, settings, clock, metrics);
        invoke_workers(&self.aws, &self.workers);
    }

    /// Where the API is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The AWS endpoint.
    #[must_use]
    pub fn aws(&self) -> &Arc<AwsEndpoint> {
        &self.aws
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The workers.
    #[must_use]
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// What the workers measured.
    #[must_use]
    pub fn measured(&self) -> Vec<Measurement> {
        self.metrics.kept()
    }

    /// The development issuer.
    #[must_use]
    pub fn issuer(&self) -> &DevIssuer {
        &self.issuer
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> &Seed {
        &self.seed
    }

    /// The seeded tenant.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        self.seed.tenant_id()
    }

    /// Delivers everything that is due, and what comes of it, until nothing is.
    pub async fn deliver(&self) {
        while self.aws.deliver().await > 0 {}
    }

    /// Calls a worker, as whatever calls it in the cloud would.
    ///
    /// # Errors
    ///
    /// What the worker says went wrong; it is called again then.
    pub async fn invoke(&self, function: &str, payload: Value) -> Result<Value, String> {
        invoke(&self.workers, function, payload).await
    }

    /// Sweeps once.
    ///
    /// # Errors
    ///
    /// When something was not done.
    pub async fn sweep(&self) -> Result<(), String> {
        self.aws.invoke("sweep").await
    }

    /// Reads the directory from AWS.
    ///
    /// # Errors
    ///
    /// When something was not read.
    pub async fn sync(&self) -> Result<(), String> {
        self.aws.invoke("sync").await
    }

    /// Delivers everything as it falls due, sweeps every few seconds and syncs every few minutes, until the future is
    /// dropped.
    pub async fn run(&self) {
        let every = async |function: &'static str, pause| {
            loop {
                if let Err(cause) = self.aws.invoke(function).await {
                    tracing::warn!(cause, function);
                }
                self.clock.sleep(pause).await;
            }
        };
        let (sweeps, syncs) = (every("sweep", SWEEP_EVERY), every("sync", SYNC_EVERY));
        tokio::join!(Arc::clone(&self.aws).run(), sweeps, syncs);
    }
}

/// What is planted goes the way everybody's calls go: through the API, which checks it.
pub(crate) async fn call(
    app: Router,
    tenant: TenantId,
    key: &ApiKeySecret,
    method: Method,
    path: &str,
    body: &Value,
) -> Result<(), StartError> {
    let refused = |why: String| StartError::Refused(format!("{method} {path}"), why);
    let request = Request::builder()
        .method(&method)
        .uri(path)
        .header("x-api-key", key.expose())
        .header("x-tenant-id", tenant.to_string())
        .header(header::CONTENT_TYPE, "application/json")
        .body(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) })
        .map_err(|error| refused(error.to_string()))?;
    let answer = tower::ServiceExt::oneshot(app, request).await.unwrap_or_else(|never| match never {});
    if answer.status().is_success() {
        return Ok(());
    }
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap_or_default();
    Err(refused(String::from_utf8_lossy(&body).into_owned()))
}

/// What a tenant is told about the development issuer, which is at that URL.
#[must_use]
pub(crate) fn trusted(issuer_url: String) -> OidcConfig {
    OidcConfig::new(issuer_url, CLIENT_ID)
}

/// In the template it is five minutes; whoever tries out short durations is less patient.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// The template's default.
const SYNC_EVERY: Duration = Duration::from_mins(15);

/// Starts the AWS endpoint, wired as the template wires it.
pub(crate) async fn start_aws(options: Options) -> Result<Arc<AwsEndpoint>, StartError> {
    let rule = |detail_types: &[&str], function: &str| Rule {
        bus: BUS.to_owned(),
        source: stint::aws::event_bus::SOURCE.to_owned(),
        detail_types: detail_types.iter().map(|&kind| kind.to_owned()).collect(),
        function: function.to_owned(),
    };
    let wiring = Wiring {
        stream: Some(StreamTarget {
            function: "publish_events".to_owned(),
            inserts_with_pk_suffix: Some("#EVENT".to_owned()),
        }),
        rules: vec![
            rule(&["grant.provisioning", "grant.extended"], "provision_grant"),
            rule(&["grant.expired", "grant.revoked", "grant.failed"], "deprovision_grant"),
        ],
        schedule_groups: vec![SCHEDULE_GROUP.to_owned()],
        concurrency: ["provision_grant", "deprovision_grant"].map(|name| (name.to_owned(), CONCURRENCY)).into(),
    };
    Ok(AwsEndpoint::start(Options { table_name: TABLE.to_owned(), wiring, ..options }).await?)
}

/// What the workers would find in their environment.
#[must_use]
pub fn settings(seed: &Seed, limits: &Limits) -> Settings {
    let arn = |function: &str| format!("arn:aws:lambda:us-east-1:{}:function:{function}", seed.aws.account_id);
    Settings {
        table_name: TABLE.to_owned(),
        event_bus_name: BUS.to_owned(),
        identity_center_instance_arn: seed.aws.instance_arn.clone(),
        identity_store_id: seed.aws.identity_store_id.clone(),
        quota: limits.quota(),
        schedules: ScheduleSettings {
            group: SCHEDULE_GROUP.to_owned(),
            role_arn: format!("arn:aws:iam::{}:role/stint-scheduler", seed.aws.account_id),
            provision_function_arn: arn("provision_grant"),
            deprovision_function_arn: arn("deprovision_grant"),
            dead_letter_queue_arn: None,
        },
    }
}

/// All endpoints in one router, each a function of its own to AWS.
fn functions() -> OpenApiRouter<Api> {
    let functions = endpoint::all().into_iter().map(|(name, router)| {
        router.route_layer(from_fn(move |request: Request, next: Next| running_as(name, next.run(request))))
    });
    functions.fold(OpenApiRouter::new(), OpenApiRouter::merge)
}

/// The workers are the functions the AWS endpoint calls.
pub(crate) fn invoke_workers(aws: &AwsEndpoint, workers: &Workers) {
    let workers = workers.clone();
    aws.set_invoker(Arc::new(move |function, payload| {
        let workers = workers.clone();
        Box::pin(async move { invoke(&workers, &function, payload).await })
    }));
}

async fn invoke(workers: &Workers, function: &str, payload: Value) -> Result<Value, String> {
    let done = async {
        // Boxed: a worker's future is large, and here it would be as large as all of theirs.
        Ok(match function {
            "publish_events" => Box::pin(publish_events::handle(workers, payload)).await,
            "provision_grant" => Box::pin(provision_grant::handle(workers, payload)).await,
            "deprovision_grant" => Box::pin(deprovision_grant::handle(workers, payload)).await,
            "drain_guard" => Box::pin(drain_guard::handle(workers, payload)).await,
            "sweep" => Box::pin(sweep::handle(workers, payload)).await,
            "sync" => Box::pin(sync::handle(workers, payload)).await,
            unknown => return Err(format!("there is no function `{unknown}`")),
        })
    };
    running_as(function, done).await?.map_err(|error| error.to_string())
}

/// The API, as a process of its own that may die.
fn process(functions: OpenApiRouter<Api>, aws: &Arc<AwsEndpoint>, table: Table, clock: &Clock) -> Router {
    let mortal = Mortal { aws: Arc::clone(aws), ids: Ids::new(clock.clone()) };
    let app = app(functions, Api::new(table, clock.clone())).layer(from_fn(with_source_ip));
    app.layer(from_fn_with_state(mortal, until_death))
}

/// Whatever API runs when a call comes.
fn current(app: Arc<RwLock<Router>>) -> Router {
    Router::new().fallback(move |request: Request| {
        let app = app.read().unwrap_or_else(PoisonError::into_inner).clone();
        async move { tower::ServiceExt::oneshot(app, request).await.unwrap_or_else(|never| match never {}) }
    })
}

/// An API whose process may die.
#[derive(Clone)]
struct Mortal {
    aws: Arc<AwsEndpoint>,
    ids: Ids,
}

/// API Gateway answers for a function that dies (`DEFAULT_5XX` in the template).
async fn until_death(State(api): State<Mortal>, request: Request, next: Next) -> Response {
    if let Some(response) = api.aws.until_death(next.run(request)).await {
        return response;
    }
    let id = api.ids.uuid().to_string();
    let answer = stint::http::Error::Internal("the process died".to_owned()).to_answer(&id);
    ([("x-request-id", id)], answer).into_response()
}

/// Where a call comes from, as API Gateway tells the functions.
async fn with_source_ip(mut request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(address)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        request.extensions_mut().insert(SourceIp(address.ip()));
    }
    next.run(request).await
}
