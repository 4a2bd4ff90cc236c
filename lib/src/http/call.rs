//! A call: its credential, its tenant, and the only way from an endpoint to the table.
//!
//! An endpoint cannot read or write before it names the scope it needs and the credential was checked: the table is
//! only to be had from a [`AuthenticatedCall`].

use std::convert::Infallible;
use std::marker::PhantomData;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::{join, try_join, try_join3};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::app::{Api, RequestInfo};
use super::body::{Body, Input};
use super::error::Error;
use super::precondition::etag;
use crate::app::{Backoff, Change, OperationContext, people};
use crate::auth::{AuthError, Credential, RequiredScope, authenticate};
use crate::domain::{PrincipalRef, TenantId};
use crate::store::{CommitError, IdempotencyRecord, TenantTable};

/// A call that needs the scope `S`, whose credential has not been looked at.
pub(super) struct AuthenticatedCall<S> {
    api: Api,
    call: RequestInfo,
    credential: Option<Credential>,
    tenant: Result<TenantId, &'static str>,
    idempotency_key: Result<Option<String>, &'static str>,
    source_ip: Option<IpAddr>,
    scope: PhantomData<S>,
}

impl<S> FromRequestParts<Api> for AuthenticatedCall<S> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let headers = &parts.headers;
        let call =
            parts.extensions.get::<RequestInfo>().cloned().unwrap_or_else(|| api.new_call(&parts.method, &parts.uri));
        Ok(Self {
            api: api.clone(),
            source_ip: call.source_ip,
            credential: credential(headers),
            tenant: tenant(headers),
            idempotency_key: idempotency_key(headers),
            call,
            scope: PhantomData,
        })
    }
}

fn credential(headers: &HeaderMap) -> Option<Credential> {
    let keys: Vec<&HeaderValue> = headers.get_all("x-api-key").iter().collect();
    let tokens: Vec<&HeaderValue> = headers.get_all(header::AUTHORIZATION).iter().collect();
    match (keys.as_slice(), tokens.as_slice()) {
        ([key], []) => Credential::api_key(key.to_str().ok()?),
        ([], [value]) => {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            if scheme.eq_ignore_ascii_case("bearer") { Credential::token(token.trim()) } else { None }
        }
        // Of several credentials, whose call would it be?
        _ => None,
    }
}

fn tenant(headers: &HeaderMap) -> Result<TenantId, &'static str> {
    let value = headers.get("x-tenant-id").ok_or("this header is required: the tenant's UUID")?;
    value.to_str().ok().and_then(|text| text.parse().ok()).ok_or("must be the tenant's UUID")
}

const MAX_IDEMPOTENCY_KEY: usize = 255;

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, &'static str> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=MAX_IDEMPOTENCY_KEY).contains(&key.len()) && !key.contains('\t') => Ok(Some(key.to_owned())),
        Ok(_) | Err(_) => Err("must be 1 to 255 printable ASCII characters"),
    }
}

/// How long the answer to an `Idempotency-Key` is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

impl<S: RequiredScope> AuthenticatedCall<S> {
    /// What was read of the input; if it could not be read, who is not let in does not learn why.
    pub(super) async fn accept<T>(&self, input: Input<T>) -> Result<T, Error> {
        match input.0 {
            Ok(value) => Ok(value),
            Err(error) => {
                self.enter().await?;
                Err(error)
            }
        }
    }

    /// Checks the credential.
    pub(super) async fn enter(&self) -> Result<OperationContext, Error> {
        self.open(|_| async { Ok(()) }).await.map(|(access, ())| access)
    }

    /// The time, for naming reads; what is decided is decided at the time of [`Access::now`].
    pub(super) fn now(&self) -> Timestamp {
        self.api.clock().now()
    }

    /// Who the credential claims to be, for naming reads.
    pub(super) fn claimed_principal(&self) -> PrincipalRef {
        self.credential.as_ref().map_or_else(|| PrincipalRef::user(""), Credential::claimed_principal)
    }

    /// Checks the credential and reads what can be named without knowing the caller: at the same time if the credential
    /// was good here a moment ago, else one after the other, so that nobody makes us read who is not let in. Nothing that
    /// was read comes back unless the credential is good now.
    pub(super) async fn open<T, F>(&self, read: impl FnOnce(TenantTable) -> F) -> Result<(OperationContext, T), Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let missing = || AuthError::Unauthenticated("there is no credential, or it is malformed".to_owned());
        let credential = self.credential.as_ref().ok_or_else(missing)?;
        let tenant = self.tenant.map_err(|reason| Error::input("X-Tenant-ID", reason))?;
        let now = self.api.clock().now();
        let table = self.api.table().tenant(tenant);
        let seen = self.api.seen();
        let check = async {
            let caller = authenticate(self.api.table(), self.api.keys(), credential, tenant, self.source_ip, now).await;
            seen.note(credential, tenant, caller.is_ok(), now);
            let caller = caller?;
            caller.require(S::SCOPE)?;
            Ok::<_, AuthError>(caller)
        };
        let read = async {
            let versions = async { Ok::<_, Error>(table.versions().await?) };
            try_join(versions, read(table.clone())).await
        };
        let (caller, (versions, read)) = if seen.knows(credential, tenant, now) {
            let (caller, read) = join(check, read).await;
            (caller?, read?)
        } else {
            (check.await?, read.await?)
        };
        let access = OperationContext::new(
            caller,
            versions,
            table,
            self.api.engines().clone(),
            self.api.ids().clone(),
            now,
            self.call.id,
        );
        Ok((access, read))
    }

    /// Makes a change: reads, lets `act` decide on what was read, and commits what it decided, all or nothing. If
    /// others changed what was read in the meantime, it is read and decided anew.
    ///
    /// INVARIANT 8 (twice is once): with an `Idempotency-Key` the answer is kept in the transaction it answers, so a
    /// key is never taken without an answer, wherever the process dies. Who is refused because the same call came first
    /// finds that call's answer.
    pub(super) async fn change<B, L, LF, T, AF>(
        &self,
        status: StatusCode,
        body: &Body<B>,
        read: impl Fn(TenantTable) -> LF,
        act: impl Fn(OperationContext, L) -> AF,
    ) -> Result<Response, Error>
    where
        LF: Future<Output = Result<L, Error>>,
        AF: Future<Output = Result<Change<T>, Error>>,
        T: Serialize,
    {
        self.change_visible(status, body, read, |_, _| async { Ok(()) }, act).await
    }

    /// Makes a change to something that the caller may no longer be able to see when the call is repeated: `check_visible`
    /// gets what was read, and fails if the caller may not see the stored answer either.
    ///
    /// The stored answer is given without `act`, which may have effects of its own.
    pub(super) async fn change_visible<B, L, LF, VF, T, AF>(
        &self,
        status: StatusCode,
        body: &Body<B>,
        read: impl Fn(TenantTable) -> LF,
        check_visible: impl Fn(OperationContext, L) -> VF,
        act: impl Fn(OperationContext, L) -> AF,
    ) -> Result<Response, Error>
    where
        LF: Future<Output = Result<L, Error>>,
        VF: Future<Output = Result<(), Error>>,
        AF: Future<Output = Result<Change<T>, Error>>,
        T: Serialize,
    {
        let key = self.stored_answer_key().await?;
        let mut backoff = Backoff::new(self.api.clock(), self.api.ids());
        loop {
            let read = |table: TenantTable| {
                let (stored, read) = (stored_answer(table.clone(), key.clone()), read(table.clone()));
                let credential = self.credential.as_ref();
                let known = async move { Ok(people::known(&table, credential).await?) };
                try_join3(stored, known, read)
            };
            let (access, (stored, known, loaded)) = self.open(read).await?;
            let access = access.in_attempt(backoff.retries()).recognize(known).await?;
            let forgotten = match stored {
                Some(stored) if stored.expires_at > access.now() => {
                    check_visible(access, loaded).await?;
                    return replay(stored, &body.fingerprint);
                }
                other => other,
            };
            let table = access.table().clone();
            let now = access.now();
            let Change { mut writes, answer, version } = match act(access.clone(), loaded).await {
                Ok(mut change) => {
                    if !change.writes.is_empty() {
                        people::remember(&access, &mut change.writes)?;
                    }
                    change
                }
                // The stored answer was read beside what this was decided on, not with it.
                Err(refusal) => match stored_answer(table, key).await? {
                    Some(stored) if stored.expires_at > now => return replay(stored, &body.fingerprint),
                    Some(_) | None => return Err(refusal),
                },
            };
            let answer = Answer::new(status, answer.map_err(Error::from), version, &self.call.id.to_string())?;
            if let Some(key) = &key {
                let record = answer.record(key, &body.fingerprint, now);
                match forgotten {
                    Some(IdempotencyRecord { version, .. }) => {
                        writes.update(&IdempotencyRecord { version, ..record })?
                    }
                    None => writes.create(&record)?,
                }
            }
            match table.commit(writes).await {
                Ok(()) => return Ok(answer.into_response()),
                Err(CommitError::Conflict) => backoff.wait().await?,
                Err(error @ CommitError::Store(_)) => return Err(error.into()),
            }
        }
    }

    async fn stored_answer_key(&self) -> Result<Option<String>, Error> {
        let given = self.idempotency_key.clone().map_err(|reason| Error::input("Idempotency-Key", reason));
        Ok(self.accept(Input(given)).await?.map(|key| {
            let parts = serde_json::json!([self.claimed_principal().to_string(), self.call.target, key]);
            crate::hash::sha256(parts.to_string().as_bytes())
        }))
    }
}

async fn stored_answer(table: TenantTable, key: Option<String>) -> Result<Option<IdempotencyRecord>, Error> {
    match key {
        Some(key) => Ok(table.get::<IdempotencyRecord>(key).await?),
        None => Ok(None),
    }
}

/// Says that an answer is that of an earlier call, to which a `request_id` in it belongs.
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

fn replay(stored: IdempotencyRecord, fingerprint: &str) -> Result<Response, Error> {
    if stored.fingerprint != fingerprint {
        return Err(Error::IdempotencyConflict);
    }
    let status = StatusCode::from_u16(stored.status).map_err(|error| Error::Internal(error.to_string()))?;
    let answer = Answer { status, body: stored.body, etag: stored.etag };
    Ok(([(IDEMPOTENT_REPLAYED, "true")], answer.into_response()).into_response())
}

/// An answer whose text is settled before it is given, so that it can be kept.
struct Answer {
    status: StatusCode,
    body: String,
    etag: Option<String>,
}

impl Answer {
    fn new<T: Serialize>(
        status: StatusCode,
        answer: Result<T, Error>,
        version: Option<u64>,
        call_id: &str,
    ) -> Result<Self, Error> {
        let unserializable = |error: serde_json::Error| Error::Internal(error.to_string());
        match answer {
            Ok(_) if status == StatusCode::NO_CONTENT => Ok(Self { status, body: String::new(), etag: None }),
            Ok(value) => {
                let body = serde_json::to_string(&value).map_err(unserializable)?;
                Ok(Self { status, body, etag: version.map(etag) })
            }
            Err(error) => {
                let (status, body) = error.answer_for(call_id);
                Ok(Self { status, body: serde_json::to_string(&body).map_err(unserializable)?, etag: None })
            }
        }
    }

    fn record(&self, key: &str, fingerprint: &str, now: Timestamp) -> IdempotencyRecord {
        IdempotencyRecord {
            key: key.to_owned(),
            fingerprint: fingerprint.to_owned(),
            status: self.status.as_u16(),
            body: self.body.clone(),
            etag: self.etag.clone(),
            expires_at: now + KEPT,
            version: 0,
        }
    }

    fn into_response(self) -> Response {
        if self.status == StatusCode::NO_CONTENT {
            return self.status.into_response();
        }
        let etag = self.etag.map(|etag| [(header::ETAG, etag)]);
        (self.status, [(header::CONTENT_TYPE, "application/json")], etag, self.body).into_response()
    }
}
