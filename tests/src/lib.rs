//! What every suite stands on: a whole stint in memory, with a clock the test moves.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "a test fails by panicking")]

pub mod contract;
pub mod invariants;
mod keys;
pub mod other;
pub mod outside;
pub mod permissions;
pub mod schema;
pub mod snapshot;
pub mod template;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint::app::Ids;
use stint::auth::ApiScope;
use stint::clock::Clock;
use stint::domain::{OidcConfig, Tenant, TenantId};
use stint::tenancy::share_instance;
use stint_local::aws::{Limits, Storage};
use stint_local::seed::Seed;
use stint_local::server::{Config, Local};

/// The account where engineers help themselves.
pub const SANDBOX: &str = "111111111111";
/// The account nobody has a policy for.
pub const STAGING: &str = "222222222222";
/// The account where SRE approves.
pub const PRODUCTION: &str = "333333333333";

/// A stint of its own: nothing a test does is seen by another.
pub struct World {
    /// The product and the AWS it runs on.
    pub local: Local,
    /// The clock both go by.
    pub clock: Clock,
    key: String,
    http: reqwest::Client,
}

/// Another tenant, in the same table and with the same issuer.
pub struct OtherTenant {
    /// Its id.
    pub id: TenantId,
    /// A key of it with every scope.
    pub key: String,
    /// Whom its tokens are for.
    pub audience: String,
}

/// An answer of the API.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body; null when it has none.
    pub body: Value,
    /// Its headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
}

/// Who calls.
#[derive(Debug, Clone)]
pub enum As<'a> {
    /// A person of the seed.
    Person(&'a str),
    /// The key with every scope.
    Key,
    /// An API key.
    ApiKey(&'a str),
    /// A token.
    Token(&'a str),
    /// Nobody.
    Nobody,
}

/// A call to be made.
pub struct Call<'a> {
    world: &'a World,
    method: Method,
    path: String,
    who: As<'a>,
    headers: Vec<(&'a str, String)>,
    body: Option<Vec<u8>>,
}

/// Whatever a test did, no function did what its role in the template would not let it.
impl Drop for World {
    fn drop(&mut self) {
        let aws = self.local.aws();
        let missing = permissions::missing(&aws.needed_permissions(), &permissions::granted(aws.seeded()));
        assert!(std::thread::panicking() || missing.is_empty(), "the template does not grant {missing:#?}");
    }
}

impl World {
    /// The example world, at nine on a Monday.
    pub async fn start() -> Self {
        Self::with(Seed::example()).await
    }

    /// The example world, where Identity Center takes its time.
    pub async fn asynchronous() -> Self {
        Self::limited(Seed::example(), Limits::default(), Duration::from_secs(3)).await
    }

    /// A world of another seed.
    pub async fn with(seed: Seed) -> Self {
        Self::on(Clock::manual("2026-01-05T09:00:00Z".parse().unwrap()), seed).await
    }

    /// A world of another seed, on another clock.
    pub async fn on(clock: Clock, seed: Seed) -> Self {
        Self::build(clock, seed, Limits::default(), Duration::ZERO).await
    }

    /// A world whose Identity Center has these limits and takes its time.
    pub async fn limited(seed: Seed, limits: Limits, latency: Duration) -> Self {
        Self::build(Clock::manual("2026-01-05T09:00:00Z".parse().unwrap()), seed, limits, latency).await
    }

    async fn build(clock: Clock, seed: Seed, limits: Limits, latency: Duration) -> Self {
        let local = Local::start(Config {
            port: 0,
            aws_port: 0,
            storage: Storage::Memory,
            clock: clock.clone(),
            seed,
            limits,
            latency,
            max_attempts: 1,
        })
        .await
        .unwrap();
        let key = local.plant().await.unwrap().expose().to_owned();
        // Nothing here is encrypted: the machine's certificates need not be read.
        let http = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
        let world = Self { local, clock, key, http };
        world.settle().await;
        world
    }

    /// The key with every scope.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A new key with these scopes.
    pub async fn api_key(&self, scopes: &[ApiScope]) -> String {
        self.api_key_with(|key| key.scopes = scopes.to_vec()).await
    }

    /// A second tenant with the same people and no policies, which trusts the same issuer for another audience.
    pub async fn second_tenant(&self) -> OtherTenant {
        let mut seed = Seed::example();
        seed.tenant.id = "2489e9ad-2ee2-8e00-8ec9-32d5f69181c0".parse().unwrap();
        let audience = "elsewhere".to_owned();
        let oidc = OidcConfig::new(self.local.issuer().issuer(), audience.clone());
        let key_id = Ids::new(self.clock.clone()).id();
        let key = seed.plant(self.local.table(), oidc, key_id, self.now()).await.unwrap();
        OtherTenant { id: seed.tenant_id(), key: key.expose().to_owned(), audience }
    }

    /// Lets another tenant use the Identity Center instance. Returns whether it could not before.
    pub async fn share_instance(&self, other: &OtherTenant) -> bool {
        let table = self.local.table();
        let other = table.tenant(other.id).get::<Tenant>("TENANT").await.unwrap().unwrap();
        let (instance, id) = (&self.local.aws().seeded().instance_arn, Ids::new(self.clock.clone()).id());
        share_instance(table, instance, self.local.tenant_id(), &other, id, self.now()).await.unwrap()
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reads the directory from AWS, as the schedule does.
    pub async fn sync(&self) {
        self.local.sync().await.unwrap();
    }

    /// Lets time pass, and nothing happen in it.
    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Delivers all that is due: streams, events, schedules.
    pub async fn settle(&self) {
        self.local.deliver().await;
    }

    /// Lets time pass and delivers what falls due in it.
    pub async fn wait(&self, seconds: u64) {
        self.pass(seconds);
        self.settle().await;
    }

    /// A person's token.
    #[must_use]
    pub fn token(&self, sub: &str) -> String {
        let issuer = self.local.issuer();
        issuer.token(sub, None, None, 12 * 3600).unwrap()
    }

    /// A person's token that is good for an hour, and what is to be different about its claims.
    #[must_use]
    pub fn token_with(&self, sub: &str, edit: impl FnOnce(&mut Value)) -> String {
        let issuer = self.local.issuer();
        let mut claims = issuer.claims(sub, 3600);
        edit(&mut claims);
        issuer.sign(&claims).unwrap()
    }

    /// A call.
    #[must_use]
    pub fn call<'a>(&'a self, who: As<'a>, method: Method, path: impl Into<String>) -> Call<'a> {
        let tenant = self.local.tenant_id().to_string();
        let headers = vec![("x-tenant-id", tenant)];
        Call { world: self, method, path: path.into(), who, headers, body: None }
    }

    /// `GET`.
    pub async fn get<'a>(&'a self, who: As<'a>, path: impl Into<String>) -> Answer {
        self.call(who, Method::GET, path).send().await
    }

    /// `POST`.
    pub async fn post<'a>(&'a self, who: As<'a>, path: impl Into<String>, body: Value) -> Answer {
        self.call(who, Method::POST, path).json(&body).send().await
    }

    /// Asks for a role on an account.
    pub async fn request(&self, who: &str, account: &str, action: &str, seconds: i64) -> Answer {
        self.post(As::Person(who), "/v1/requests", ask(account, action, seconds)).await
    }

    /// Asks for a role on an account that policy grants at once, and returns the grant's id.
    pub async fn granted(&self, who: &str, account: &str, action: &str, seconds: i64) -> String {
        let request = self.request(who, account, action, seconds).await.expect(StatusCode::CREATED);
        request["grant_ids"][0].as_str().unwrap().to_owned()
    }

    /// Ensures a role on an account.
    pub async fn ensure(&self, who: &str, account: &str, role: &str, more: Value) -> Answer {
        let mut body = json!({"entitlements": [{"target": format!("AWS::Account::{account}"), "role": role}]});
        for (name, value) in more.as_object().unwrap() {
            match name.as_str() {
                "duration" | "duration_seconds" => body["entitlements"][0][name] = value.clone(),
                _ => body[name] = value.clone(),
            }
        }
        self.post(As::Person(who), "/v1/access/ensure", body).await
    }

    /// A grant, as the key with every scope sees it.
    pub async fn grant(&self, id: &str) -> Value {
        self.get(As::Key, format!("/v1/grants/{id}")).await.expect(StatusCode::OK)
    }

    /// Who has what in Identity Center: `alice PowerUserAccess 111111111111`.
    #[must_use]
    pub fn assignments(&self) -> Vec<String> {
        let mut assignments: Vec<String> = self
            .local
            .aws()
            .assignments()
            .into_iter()
            .map(|one| format!("{} {} {}", one.principal, one.permission_set, one.account_id))
            .collect();
        assignments.sort();
        assignments
    }

    /// The actions in the audit chain, oldest first, once it has been checked: no gap, and every hash in place.
    pub fn audit(&self) -> Vec<String> {
        self.audit_in(&self.local.aws().items())
    }

    /// The actions in the audit chain of a table with these items.
    #[must_use]
    pub fn audit_in(&self, items: &[Value]) -> Vec<String> {
        let (entries, wrong) = invariants::chain(items, self.local.tenant_id());
        assert_eq!(wrong, Vec::<String>::new());
        entries.iter().map(|entry| entry.event.kind.as_str().to_owned()).collect()
    }

    /// The items of a kind, as DynamoDB has them.
    #[must_use]
    pub fn items(&self, kind: &str) -> Vec<Value> {
        let suffix = format!("#{kind}");
        let items = self.local.aws().items();
        items.into_iter().filter(|item| item["pk"]["S"].as_str().is_some_and(|pk| pk.ends_with(&suffix))).collect()
    }
}

/// The body of `POST /v1/requests`.
#[must_use]
pub fn ask(account: &str, action: &str, seconds: i64) -> Value {
    json!({
        "resource": {"type": "aws_account", "id": account},
        "action": action,
        "reason": "because",
        "duration_seconds": seconds,
    })
}

/// An item of DynamoDB's JSON as plain JSON.
#[must_use]
pub fn plain(item: &Value) -> Value {
    let fields = item.as_object().unwrap().iter();
    Value::Object(fields.map(|(name, value)| (name.clone(), plain_value(value))).collect())
}

fn plain_value(value: &Value) -> Value {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "S" | "BOOL" => value.clone(),
        "N" => serde_json::from_str(value.as_str().unwrap()).unwrap(),
        "NULL" => Value::Null,
        "M" => plain(value),
        "L" => value.as_array().unwrap().iter().map(plain_value).collect(),
        "SS" => value.clone(),
        other => panic!("an attribute of type {other}"),
    }
}

impl Call<'_> {
    /// With this body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.bytes(body.to_string())
    }

    /// With this body, which may not be JSON.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// With this header, instead of one of the same name.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    /// Without this header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    /// Makes it.
    pub async fn send(self) -> Answer {
        let operation = contract::Operation::of(&self.method, &self.path);
        let mut request = self.world.http.request(self.method, format!("{}{}", self.world.local.url(), self.path));
        request = match self.who {
            As::Person(sub) => request.bearer_auth(self.world.token(sub)),
            As::Key => request.header("x-api-key", &self.world.key),
            As::ApiKey(key) => request.header("x-api-key", key),
            As::Token(token) => request.bearer_auth(token),
            As::Nobody => request,
        };
        if let Some(body) = self.body {
            if !self.headers.iter().any(|(name, _)| *name == "content-type") {
                request = request.header("content-type", "application/json");
            }
            request = request.body(body);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let answer = Answer { status, body, headers };
        if let Some(operation) = operation {
            operation.documents(&answer);
        }
        answer
    }
}

impl Answer {
    /// The body of an answer with this status.
    #[track_caller]
    pub fn expect(self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// The body of an error with this status and code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status.as_u16(), self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
        assert_eq!(self.body["details"]["request_id"].as_str(), self.headers.get("x-request-id").map(String::as_str));
        self.body
    }
}
