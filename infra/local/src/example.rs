//! The AWS endpoint alone, with an example of everything in it: what functions that run elsewhere can be tried on.
//!
//! All of it has ids that are known beforehand, and so is the API key: `tests/events/` names them. A key that everybody
//! knows is good for nothing else, so [`start`] makes the endpoint it plants in: in memory, on the loopback interface.

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Value, json};
use stint::app::Ids;
use stint::auth::api_key::{ApiKey, ApiKeySecret};
use stint::clock::Clock;
use stint::domain::TenantId;
use stint::http::{Api, app, endpoint};
use stint::metrics::Metrics;
use stint::provision::Workers;
use stint::store::{CommitError, Table, Transaction};
use uuid::Uuid;

use crate::aws::{AwsEndpoint, Limits, Options};
use crate::seed::{Seed, SeedError};
use crate::server::{self, StartError};

/// The secret of the key that everybody knows.
const KNOWN: [u8; 32] = *b"known to everyone: only examples";

/// What was planted, and what it is in.
pub struct Example {
    /// The AWS endpoint. Nothing is delivered in it: functions are called by hand.
    pub aws: Arc<AwsEndpoint>,
    /// The key that everybody knows, with every scope.
    pub key: ApiKeySecret,
    /// The table.
    pub table: Table,
    /// What the workers run on.
    pub workers: Workers,
    seed: Seed,
    clock: Clock,
}

/// Starts the endpoint on this port and plants the example.
///
/// # Errors
///
/// [`StartError`], see its variants.
pub async fn start(aws_port: u16, clock: Clock) -> Result<Example, StartError> {
    let seed = Seed::example();
    let options = Options { port: aws_port, ..Options::in_memory(clock.clone(), seed.aws.clone()) };
    let aws = server::start_aws(options).await?;
    let sdk = aws.sdk_config();
    let workers =
        stint::context::workers(&sdk, server::settings(&seed, &Limits::default()), clock.clone(), Metrics::memory());
    let table = stint::context::table(&sdk, server::TABLE.to_owned());
    let key = seed.key(id(0, 2).into());
    let (record, key) = key.issue(seed.tenant_id(), KNOWN, clock.now());
    // So that policy lets it ask for itself, too.
    let record = ApiKey { groups: vec!["engineering".to_owned()], ..record };
    let example = Example { aws, key, table, workers, seed, clock };
    // Whose people these are: nobody issues tokens here.
    let nobody = server::trusted("https://issuer.invalid".to_owned());
    let other = example.seed.plant(&example.table, nobody, id(0, 3).into(), example.clock.now()).await?;
    let mut writes = Transaction::new(example.seed.tenant_id());
    writes.put(&record).map_err(CommitError::from).map_err(SeedError::from)?;
    example.table.tenant(example.seed.tenant_id()).commit(writes).await.map_err(SeedError::from)?;
    example.plant(&other).await?;
    Ok(example)
}

/// The ids of the `block`th call begin at `…-00000000<block>00`: first the call itself, which is also the request it makes,
/// then what else it makes.
fn id(block: u128, number: u128) -> Uuid {
    Uuid::from_u128(0x019a_3f5e_7c1b_7000_8000_0000_0000_0000 | block << 8 | number)
}

impl Example {
    /// The tenant.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        self.seed.tenant_id()
    }

    /// For each event that changes something there is a thing of its own, so that they can be sent in any order.
    async fn plant(&self, other: &ApiKeySecret) -> Result<(), StartError> {
        for (block, policy) in (0x1..).zip(&self.seed.policies) {
            self.call(block, other, Method::POST, "/v1/policies", policy).await?;
        }
        for (block, name, priority) in
            [(0x11, "to be changed", -1), (0x12, "to be put into another order", -2), (0x13, "to be deleted", -3)]
        {
            self.call(block, other, Method::POST, "/v1/policies", &policy(name, priority)).await?;
        }
        // Waiting for people: to be read, approved, denied; and one of the known key's own, to be withdrawn.
        let waiting = ask(Some("alice"), "333333333333", "ReadOnlyAccess");
        for (block, key) in [(0x21, other), (0x22, other), (0x23, other), (0x24, &self.key)] {
            self.call(block, key, Method::POST, "/v1/requests", &waiting).await?;
        }
        // Given: the known key's own, to be read and changed; to be ended; and one that was ended and is to be taken away.
        let given = [
            (0x31, None, "ReadOnlyAccess"),
            (0x32, Some("alice"), "PowerUserAccess"),
            (0x33, Some("bob"), "ReadOnlyAccess"),
        ];
        for (block, who, action) in given {
            self.call(block, &self.key, Method::POST, "/v1/requests", &ask(who, "111111111111", action)).await?;
        }
        server::invoke_workers(&self.aws, &self.workers);
        while self.aws.deliver().await > 0 {}
        let ended = format!("/v1/grants/{}", id(0x33, 1));
        self.call(0x34, &self.key, Method::DELETE, &ended, &Value::Null).await?;
        // Decided, and neither published nor given.
        self.call(0x41, other, Method::POST, "/v1/requests", &ask(Some("bob"), "111111111111", "PowerUserAccess")).await
    }

    async fn call(
        &self,
        block: u128,
        key: &ApiKeySecret,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<(), StartError> {
        let api = Api::new(self.table.clone(), self.clock.clone()).with_ids(Ids::counting_from(id(block, 0)));
        server::call(app(endpoint::router(), api), self.seed.tenant_id(), key, method, path, body).await
    }
}

fn policy(name: &str, priority: i32) -> Value {
    json!({
        "name": name,
        "description": "For trying out what changes policies.",
        "priority": priority,
        "max_duration_seconds": 3600,
        "approval_mode": "auto",
        "cedar_policy_set": "permit (principal in Group::\"sre\", action == Action::\"ReadOnlyAccess\", resource == AwsAccount::\"222222222222\");\n\
            permit (principal in Group::\"sre\", action == Action::\"PowerUserAccess\", resource == AwsAccount::\"222222222222\");",
    })
}

fn ask(who: Option<&str>, account: &str, action: &str) -> Value {
    json!({
        "resource": {"type": "aws_account", "id": account},
        "action": action,
        "reason": "an example",
        "duration_seconds": 3600,
        "on_behalf_of": who,
    })
}
