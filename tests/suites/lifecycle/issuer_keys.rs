//! The keys of an issuer: `sync` stores them, functions that just started use them, and a key that nobody knows yet is
//! looked up at the issuer, not too often.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use clap::Parser as _;
use jiff::SignedDuration;
use serde_json::json;
use stint::auth::jwks::MAX_KEY_LOOKUPS_PER_MINUTE;
use stint::auth::{AuthError, Caller, Credential, JwksCache, authenticate};
use stint::domain::{OidcConfig, Tenant};
use stint::store::{IssuerKeys, Transaction};
use stint_bootstrap::Arguments;
use stint_local::aws::{Fault, FaultKind, Faults, Service};
use stint_local::oidc::{DevIssuer, SigningKeyStore};
use stint_tests::World;
use tower::ServiceExt;

const HOUR: u64 = 3600;

/// A world whose tenant trusts an issuer that can rotate its key, and be down.
struct Trusting {
    world: World,
    url: String,
    issuer: Arc<Mutex<DevIssuer>>,
    /// What it answers to every question, if that is not what it should.
    wrong: Arc<Mutex<Option<(StatusCode, String)>>>,
    /// How often it was asked for its keys.
    fetches: Arc<AtomicUsize>,
}

impl Trusting {
    async fn start() -> Self {
        let world = World::start().await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Arc::new(Mutex::new(issuer(&world, &url)));
        let (fetches, wrong) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Option<(StatusCode, String)>>>::default());
        let (serves, counts, fails) = (Arc::clone(&issuer), Arc::clone(&fetches), Arc::clone(&wrong));
        let answer = move |request: Request| async move {
            if request.uri().path() == "/jwks" {
                counts.fetch_add(1, Ordering::SeqCst);
            }
            let router = serves.lock().unwrap().router();
            if let Some(wrong) = fails.lock().unwrap().clone() {
                return wrong.into_response();
            }
            router.oneshot(request).await.into_response()
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });

        let table = world.local.table().tenant(world.local.tenant_id());
        let mut tenant: Tenant = table.get("TENANT").await.unwrap().unwrap();
        tenant.oidc = Some(OidcConfig::new(&url, "stint"));
        let mut writes = Transaction::new(tenant.id);
        writes.put(&tenant).unwrap();
        table.commit(writes).await.unwrap();
        Self { world, url, issuer, wrong, fetches }
    }

    fn rotates(&self) {
        *self.issuer.lock().unwrap() = issuer(&self.world, &self.url);
    }

    /// A function that took a token of the key takes it no longer. Returns the token.
    async fn withdraws_a_key_that_is_refused_after_an_hour(&self) -> String {
        let (function, old) = (self.cold(), self.token());
        self.checked(&function, &old).await.unwrap();
        self.rotates();
        self.world.pass(HOUR);
        self.world.sync().await;
        refused(&self.checked(&function, &old).await);
        old
    }

    fn is_down(&self, is_down: bool) {
        *self.wrong.lock().unwrap() = is_down.then_some((StatusCode::INTERNAL_SERVER_ERROR, String::new()));
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn token(&self) -> String {
        self.issuer.lock().unwrap().token("alice", None, None, 12 * 3600).unwrap()
    }

    /// What a function that just started knows.
    fn cold(&self) -> JwksCache {
        JwksCache::of_table(self.world.clock.clone(), self.world.local.table().clone())
    }

    async fn checked(&self, function: &JwksCache, token: &str) -> Result<Caller, AuthError> {
        let (table, tenant) = (self.world.local.table(), self.world.local.tenant_id());
        authenticate(table, function, &Credential::token(token).unwrap(), tenant, None, self.world.now()).await
    }

    async fn stored(&self) -> IssuerKeys {
        self.world.local.table().issuer_keys(&self.url).await.unwrap().unwrap()
    }
}

fn issuer(world: &World, url: &str) -> DevIssuer {
    DevIssuer::new(url, "stint", Vec::new(), &SigningKeyStore::Memory, world.clock.clone()).unwrap()
}

#[track_caller]
fn refused(checked: &Result<Caller, AuthError>) {
    assert!(matches!(checked, Err(AuthError::Unauthenticated(_))), "{checked:?}");
}

#[tokio::test]
async fn functions_that_just_started_ask_the_table_and_not_the_issuer() {
    let trusting = Trusting::start().await;
    trusting.checked(&trusting.cold(), &trusting.token()).await.unwrap();
    assert_eq!(trusting.fetches(), 1, "nothing is stored yet");
    trusting.world.sync().await;
    assert_eq!(trusting.fetches(), 2);
    for _ in 0..5 {
        let function = trusting.cold();
        trusting.checked(&function, &trusting.token()).await.unwrap();
        let forged = issuer(&trusting.world, &trusting.url).token("dave", None, None, 60).unwrap();
        refused(&trusting.checked(&function, &format!("{forged}x")).await);
    }
    assert!(trusting.fetches() <= 2 + 5, "a forger costs one lookup for each function");
}

#[tokio::test]
async fn what_sync_stored_is_used_while_it_is_no_older_than_an_hour() {
    let trusting = Trusting::start().await;
    let function = trusting.cold();
    for fetches in 1..8 {
        trusting.world.sync().await;
        trusting.checked(&function, &trusting.token()).await.unwrap();
        assert_eq!(trusting.fetches(), fetches, "only sync asks");
        trusting.world.pass(HOUR - 60);
    }
    // The schedule does not come: the function asks for itself.
    trusting.world.pass(60);
    trusting.checked(&function, &trusting.token()).await.unwrap();
    assert_eq!(trusting.fetches(), 8);
}

#[tokio::test]
async fn a_new_key_is_looked_up_so_many_times_a_minute_by_all_functions() {
    let trusting = Trusting::start().await;
    trusting.world.sync().await;
    let old = trusting.token();
    let functions: Vec<JwksCache> = (0..=MAX_KEY_LOOKUPS_PER_MINUTE).map(|_| trusting.cold()).collect();
    for function in &functions {
        trusting.checked(function, &old).await.unwrap();
    }
    assert_eq!(trusting.fetches(), 1);

    trusting.rotates();
    let (new, most) = (trusting.token(), usize::try_from(MAX_KEY_LOOKUPS_PER_MINUTE).unwrap());
    for function in &functions[..most] {
        trusting.checked(function, &new).await.unwrap();
    }
    assert_eq!(trusting.fetches(), 1 + most);
    let last = &functions[most];
    refused(&trusting.checked(last, &new).await);
    assert_eq!(trusting.fetches(), 1 + most, "it may not ask in this minute");
    refused(&trusting.checked(&trusting.cold(), &new).await);

    trusting.world.pass(60);
    trusting.checked(last, &new).await.unwrap();
    assert_eq!(trusting.fetches(), 2 + most);

    // Once it is stored, everybody knows it, and nobody asks.
    trusting.world.sync().await;
    assert_eq!(trusting.fetches(), 3 + most);
    for _ in 0..3 {
        let function = trusting.cold();
        trusting.checked(&function, &new).await.unwrap();
    }
    assert_eq!(trusting.fetches(), 3 + most);
}

#[tokio::test]
async fn a_function_finds_a_new_key_in_the_table_first() {
    let trusting = Trusting::start().await;
    trusting.world.sync().await;
    let function = trusting.cold();
    trusting.checked(&function, &trusting.token()).await.unwrap();
    trusting.rotates();
    trusting.world.pass(1);
    trusting.world.sync().await;
    trusting.checked(&function, &trusting.token()).await.unwrap();
    assert_eq!(trusting.fetches(), 2, "only sync asked");
}

#[tokio::test]
async fn a_key_that_was_withdrawn_is_refused_after_an_hour() {
    let trusting = Trusting::start().await;
    trusting.world.sync().await;
    let old = trusting.withdraws_a_key_that_is_refused_after_an_hour().await;
    refused(&trusting.checked(&trusting.cold(), &old).await);
}

#[tokio::test]
async fn stored_keys_go_on_for_a_day_while_the_issuer_is_down() {
    let trusting = Trusting::start().await;
    trusting.world.sync().await;
    let stored = trusting.stored().await;
    trusting.is_down(true);
    trusting.world.pass(2 * HOUR);
    trusting.world.sync().await;
    assert_eq!(trusting.stored().await, stored, "a failure replaces nothing");
    let token = trusting.issuer.lock().unwrap().token("alice", None, None, 48 * 3600).unwrap();
    trusting.checked(&trusting.cold(), &token).await.unwrap();

    trusting.world.pass(22 * HOUR - 1);
    let function = trusting.cold();
    trusting.checked(&function, &token).await.unwrap();
    trusting.world.pass(1);
    for function in [function, trusting.cold()] {
        let checked = trusting.checked(&function, &token).await;
        assert!(matches!(checked, Err(AuthError::Unavailable(_))), "{checked:?}");
    }
    trusting.is_down(false);
    trusting.checked(&trusting.cold(), &token).await.unwrap();
}

#[tokio::test]
async fn stored_keys_that_are_damaged_are_not_used() {
    let trusting = Trusting::start().await;
    trusting.world.sync().await;
    let damaged = IssuerKeys { jwks: "{\"keys\":".to_owned(), ..trusting.stored().await };
    trusting.world.local.table().put_issuer_keys(&damaged).await.unwrap();
    trusting.checked(&trusting.cold(), &trusting.token()).await.unwrap();
    assert_eq!(trusting.fetches(), 2, "the issuer was asked instead");
}

#[tokio::test]
async fn an_issuer_whose_keys_cannot_be_had_or_stored_does_not_keep_the_directory_from_being_read() {
    let trusting = Trusting::start().await;
    trusting.is_down(true);
    trusting.world.sync().await;
    trusting.is_down(false);
    let refuse = Fault::new(FaultKind::Refuse).on(Service::DynamoDb, "PutItem");
    trusting.world.local.aws().set_faults(Faults { rules: vec![refuse] });
    trusting.world.sync().await;
    assert_eq!(trusting.world.local.aws().faults().rules[0].hits, 1);
    assert_eq!(trusting.world.local.table().issuer_keys(&trusting.url).await.unwrap(), None);
}

#[tokio::test]
async fn an_issuer_that_publishes_no_keys_for_a_moment_keeps_those_it_has() {
    let trusting = Trusting::start().await;
    trusting.world.sync().await;
    let no_keys = json!({"issuer": trusting.url, "jwks_uri": format!("{}/jwks", trusting.url), "keys": []});
    *trusting.wrong.lock().unwrap() = Some((StatusCode::OK, no_keys.to_string()));
    trusting.world.sync().await;
    trusting.checked(&trusting.cold(), &trusting.token()).await.unwrap();
}

#[tokio::test]
async fn keys_that_a_fast_clock_stored_become_old_like_others() {
    let trusting = Trusting::start().await;
    trusting.world.sync().await;
    let ahead = trusting.world.now() + SignedDuration::from_hours(24);
    let keys = IssuerKeys { fetched_at: ahead, ..trusting.stored().await };
    trusting.world.local.table().put_issuer_keys(&keys).await.unwrap();
    trusting.withdraws_a_key_that_is_refused_after_an_hour().await;
}

#[tokio::test]
async fn a_damaged_tenant_keeps_no_other_from_being_synced() {
    let trusting = Trusting::start().await;
    let other = trusting.world.second_tenant().await;
    let client = aws_sdk_dynamodb::Client::new(&trusting.world.local.aws().sdk_config());
    let key = |text: String| AttributeValue::S(text);
    let damage = client.update_item().table_name("stint").update_expression("REMOVE cursor_key");
    let damage = damage.key("pk", key(format!("T#{}#TENANT", other.id))).key("sk", key("TENANT".to_owned()));
    damage.send().await.unwrap();
    trusting.world.sync().await;
    assert_eq!(trusting.stored().await.issuer, trusting.url);
}

/// An operator's machine may be behind a proxy that answers for the issuer.
#[tokio::test]
async fn a_sync_by_an_operator_stores_no_keys() {
    let trusting = Trusting::start().await;
    trusting.world.unregister_instance().await;
    let given = ["stint-bootstrap", "--table", "stint", "--tenant-name", "Acme", "--issuer", &trusting.url];
    let given = given.into_iter().chain(["--client-id", "c", "--sync"]);
    let arguments = Arguments::try_parse_from(given).unwrap();
    let aws = trusting.world.local.aws().sdk_config();
    let clock = trusting.world.clock.clone();
    stint_bootstrap::run(&arguments, &aws, clock, &mut Vec::new(), &mut Vec::new()).await.unwrap();
    assert_eq!(trusting.world.local.table().issuer_keys(&trusting.url).await.unwrap(), None);
}
