//! Clients that ask, decide, extend and revoke, and repeat a call until it is answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stint_tests::{PRODUCTION, SANDBOX, ask};
use tokio::time::sleep;
use uuid::Uuid;

use crate::ledger::Promise;
use crate::process::Process;
use crate::{ENGINEERS, engineer};

/// How many of the latest promises are looked at after each start.
const LATEST: usize = 20;
/// The grants that are extended and revoked are among so many latest ones.
const RECENT: usize = 30;

/// The API, for whoever can log in.
pub(crate) struct Api {
    url: String,
    tenant: String,
    key: String,
    tokens: BTreeMap<String, String>,
    http: reqwest::Client,
    /// Calls that were answered.
    pub(crate) answered: AtomicUsize,
    /// Calls that were not, and made again.
    pub(crate) repeated: AtomicUsize,
}

impl Api {
    pub(crate) async fn of(process: &Process) -> Self {
        let told = process.told();
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        let mut api = Self {
            url: process.url(),
            tenant: text("tenant_id"),
            key: text("api_key"),
            tokens: BTreeMap::new(),
            http: reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap(),
            answered: AtomicUsize::default(),
            repeated: AtomicUsize::default(),
        };
        for user in told["users"].as_array().unwrap() {
            let sub = user["sub"].as_str().unwrap();
            let (status, body) = api.call("", Method::POST, "/dev/token", None, Some(&json!({"sub": sub}))).await;
            assert_eq!(status, StatusCode::OK, "{body}");
            api.tokens.insert(sub.to_owned(), body["token"].as_str().unwrap().to_owned());
        }
        api
    }

    /// Calls until there is an answer; nobody's calls are the key's.
    pub(crate) async fn call(
        &self,
        who: &str,
        method: Method,
        path: &str,
        idempotency_key: Option<&str>,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        loop {
            let mut call = self.http.request(method.clone(), format!("{}{path}", self.url));
            call = call.header("x-tenant-id", &self.tenant);
            call = match self.tokens.get(who) {
                Some(token) => call.bearer_auth(token),
                None => call.header("x-api-key", &self.key),
            };
            if let Some(key) = idempotency_key {
                call = call.header("idempotency-key", key);
            }
            if let Some(body) = body {
                call = call.json(body);
            }
            if let Ok(answer) = call.send().await {
                let status = answer.status();
                if let Ok(text) = answer.text().await {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    assert!(!status.is_server_error(), "{method} {path}: {status} {text}");
                    return (status, serde_json::from_str(&text).unwrap_or_default());
                }
            }
            self.repeated.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// All of a listing.
    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut next = format!("{path}?limit=250");
        loop {
            let (status, mut page) = self.call("", Method::GET, &next, None, None).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            all.append(page["data"].as_array_mut().unwrap());
            match page["next_cursor"].as_str() {
                Some(cursor) => next = format!("{path}?limit=250&cursor={cursor}"),
                None => return all,
            }
        }
    }
}

/// What the clients share.
pub(crate) struct Load {
    pub(crate) api: Api,
    pub(crate) stop: AtomicBool,
    promises: Mutex<Vec<Promise>>,
    /// Requests that wait, and who made them.
    waiting: Mutex<Vec<(String, String)>>,
    /// Grants, and who has them.
    grants: Mutex<Vec<(String, String)>>,
}

impl Load {
    pub(crate) fn new(api: Api) -> Self {
        let (promises, waiting, grants) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { api, stop: AtomicBool::default(), promises, waiting, grants }
    }

    /// A client, until it is told to stop.
    pub(crate) async fn run(self: Arc<Self>, mut dice: fastrand::Rng) {
        while !self.stop.load(Ordering::Relaxed) {
            match dice.u8(..100) {
                0..30 => self.request(&mut dice).await,
                30..45 => self.ensure(&mut dice).await,
                45..60 => self.ask_people(&mut dice).await,
                60..78 => self.decide(&mut dice).await,
                78..88 => self.extend(&mut dice).await,
                88..97 => self.revoke(&mut dice).await,
                _ => self.edit(&mut dice).await,
            }
            sleep(Duration::from_millis(dice.u64(100..900))).await;
        }
    }

    fn promise(&self, promise: Promise) {
        self.promises.lock().unwrap().push(promise);
    }

    /// A call with a key of its own, so that it can be repeated.
    async fn post(&self, dice: &mut fastrand::Rng, who: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let key = Uuid::from_u128(dice.u128(..)).to_string();
        self.api.call(who, Method::POST, path, Some(&key), Some(&body)).await
    }

    /// Access that is to be there at the end.
    pub(crate) async fn lasting(&self, who: &str) {
        let body = ask(SANDBOX, "PowerUserAccess", 3_600);
        let (status, request) = self.api.call(who, Method::POST, "/v1/requests", Some("lasting"), Some(&body)).await;
        assert_eq!(status, StatusCode::CREATED, "{request}");
        self.promise(Promise::Grant { id: text(&request["grant_ids"][0]) });
    }

    /// Access that policy gives at once.
    async fn request(&self, dice: &mut fastrand::Rng) {
        let who = engineer(dice.usize(..ENGINEERS));
        // The lasting grants are of the other set.
        let body = ask(SANDBOX, "ReadOnlyAccess", dice.i64(2..12));
        let (status, request) = self.post(dice, &who, "/v1/requests", body).await;
        assert_eq!(status, StatusCode::CREATED, "{request}");
        self.promise(Promise::Request { id: text(&request["id"]), status: "approved".to_owned() });
        self.given(text(&request["grant_ids"][0]), who);
    }

    fn given(&self, id: String, who: String) {
        self.promise(Promise::Grant { id: id.clone() });
        self.grants.lock().unwrap().push((id, who));
    }

    async fn ensure(&self, dice: &mut fastrand::Rng) {
        let who = engineer(dice.usize(..ENGINEERS));
        let (target, role) = (format!("AWS::Account::{SANDBOX}"), "ReadOnlyAccess");
        let body = json!({
            "entitlements": [{"target": target, "role": role, "duration_seconds": dice.i64(2..12)}],
            "justification": {"reason": "because"},
        });
        let (status, answer) = self.post(dice, &who, "/v1/access/ensure", body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let grant = &answer["grants"][0];
        match grant["change"].as_str() {
            Some("activated") => self.given(text(&grant["id"]), who),
            Some("extended") => self.promise(lasts(&grant["id"], &grant["expires_at"])),
            _ => {}
        }
    }

    /// Access that people decide on.
    async fn ask_people(&self, dice: &mut fastrand::Rng) {
        let who = engineer(dice.usize(..ENGINEERS));
        let body = ask(PRODUCTION, "ReadOnlyAccess", dice.i64(2..12));
        let (status, request) = self.post(dice, &who, "/v1/requests", body).await;
        assert_eq!(status, StatusCode::CREATED, "{request}");
        let id = text(&request["id"]);
        self.promise(Promise::Request { id: id.clone(), status: "pending".to_owned() });
        self.waiting.lock().unwrap().push((id, who));
    }

    async fn decide(&self, dice: &mut fastrand::Rng) {
        let (id, requester) = {
            let mut waiting = self.waiting.lock().unwrap();
            if waiting.is_empty() {
                return;
            }
            let place = dice.usize(..waiting.len());
            waiting.swap_remove(place)
        };
        let (who, verb) = match dice.u8(..4) {
            0 => ("carol", "deny"),
            1 => (requester.as_str(), "cancel"),
            _ => ("bob", "approve"),
        };
        let (status, request) = self.post(dice, who, &format!("/v1/requests/{id}/{verb}"), json!({})).await;
        match status {
            StatusCode::OK => {
                self.promise(Promise::Request { id, status: text(&request["status"]) });
                if let Some(grant) = request["grant_ids"].get(0) {
                    self.given(text(grant), requester);
                }
            }
            // It lapsed.
            StatusCode::CONFLICT => {}
            other => panic!("{verb}: {other} {request}"),
        }
    }

    fn recent_grant(&self, dice: &mut fastrand::Rng) -> Option<(String, String)> {
        let grants = self.grants.lock().unwrap();
        let recent: Vec<_> = grants.iter().rev().take(RECENT).cloned().collect();
        dice.choice(recent)
    }

    async fn extend(&self, dice: &mut fastrand::Rng) {
        let Some((id, who)) = self.recent_grant(dice) else { return };
        let body = json!({"duration_seconds": dice.i64(1..5)});
        let (status, grant) = self.post(dice, &who, &format!("/v1/grants/{id}/extend"), body).await;
        match status {
            StatusCode::OK => self.promise(lasts(&grant["id"], &grant["expires_at"])),
            // It is over, or people have to be asked.
            StatusCode::CONFLICT | StatusCode::FORBIDDEN => {}
            other => panic!("extend: {other} {grant}"),
        }
    }

    async fn revoke(&self, dice: &mut fastrand::Rng) {
        let Some((id, who)) = self.recent_grant(dice) else { return };
        let (status, grant) = self.api.call(&who, Method::DELETE, &format!("/v1/grants/{id}"), None, None).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{grant}");
        self.promise(Promise::Ended { id });
    }

    async fn edit(&self, dice: &mut fastrand::Rng) {
        let policies = self.api.list("/v1/policies").await;
        let policy = dice.choice(policies).unwrap();
        let path = format!("/v1/policies/{}", policy["id"].as_str().unwrap());
        let change = json!({"description": format!("edit {}", dice.u32(..))});
        let (status, policy) = self.api.call("", Method::PATCH, &path, None, Some(&change)).await;
        assert_eq!(status, StatusCode::OK, "{policy}");
        self.promise(Promise::Policy { path, version: policy["version"].as_u64().unwrap() });
    }

    /// Looks whether what was promised just before the process was killed is so.
    pub(crate) async fn check_what_was_promised_last(&self) {
        let latest: Vec<_> = self.promises.lock().unwrap().iter().rev().take(LATEST).cloned().collect();
        self.check(&latest).await;
    }

    /// Looks whether everything that was promised is so.
    pub(crate) async fn check_everything_promised(&self) {
        let all = self.promises.lock().unwrap().clone();
        self.check(&all).await;
    }

    async fn check(&self, promises: &[Promise]) {
        for promise in promises {
            let (status, found) = self.api.call("", Method::GET, &promise.path(), None, None).await;
            assert!(status == StatusCode::OK && promise.is_kept_by(&found), "{promise:?} was broken: {status} {found}");
        }
    }

    /// What it came to.
    pub(crate) fn summary(&self) -> String {
        format!(
            "{} calls answered, {} made again; {} promises kept, of {} grants among others",
            self.api.answered.load(Ordering::Relaxed),
            self.api.repeated.load(Ordering::Relaxed),
            self.promises.lock().unwrap().len(),
            self.grants.lock().unwrap().len(),
        )
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn lasts(id: &Value, until: &Value) -> Promise {
    Promise::Lasts { id: text(id), until: text(until).parse().unwrap() }
}
