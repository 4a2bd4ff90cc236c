//! What every answer carries, and what is answered where there is no route.

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use lambda_http::request::RequestContext;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use super::error::{Error, X_REQUEST_ID};
use crate::app::{AccessError, Engines, Ids};
use crate::auth::{JwksCache, SeenCredentials};
use crate::clock::Clock;
use crate::store::Table;

/// What endpoints run on. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    table: Table,
    keys: JwksCache,
    seen: SeenCredentials,
    engines: Engines,
    ids: Ids,
    clock: Clock,
}

impl Api {
    /// On this table, by this clock.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        let keys = JwksCache::of_table(clock.clone(), table.clone());
        let ids = Ids::new(clock.clone());
        Self { table, keys, seen: SeenCredentials::default(), engines: Engines::default(), ids, clock }
    }

    /// The same, with ids from elsewhere.
    #[must_use]
    pub fn with_ids(self, ids: Ids) -> Self {
        Self { ids, ..self }
    }

    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    pub(super) fn keys(&self) -> &JwksCache {
        &self.keys
    }

    pub(super) fn seen(&self) -> &SeenCredentials {
        &self.seen
    }

    pub(super) fn engines(&self) -> &Engines {
        &self.engines
    }

    pub(super) fn ids(&self) -> &Ids {
        &self.ids
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn new_call(&self, method: &Method, uri: &Uri) -> RequestInfo {
        RequestInfo { id: self.ids.uuid(), target: format!("{method} {}", uri.path()), source_ip: None }
    }
}

/// Where a call comes from, as the server in front saw it.
#[derive(Debug, Clone, Copy)]
pub struct SourceIp(pub IpAddr);

/// One call.
#[derive(Debug, Clone)]
pub(super) struct RequestInfo {
    /// Ours, never the caller's: what a call records may be named by it.
    pub(super) id: Uuid,
    /// Method and path.
    pub(super) target: String,
    pub(super) source_ip: Option<IpAddr>,
}

/// A router of endpoints as an application.
pub fn app(router: OpenApiRouter<Api>, api: Api) -> Router {
    let (router, _) = router.split_for_parts();
    router
        .fallback(|| async { Error::from(AccessError::NotFound("there is no such operation")) })
        .method_not_allowed_fallback(|| async { Error::MethodNotAllowed })
        .layer(from_fn_with_state(api.clone(), finish))
        .with_state(api)
}

/// Gives the call its id, and the answer what every answer carries.
async fn finish(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let mut call = api.new_call(request.method(), request.uri());
    call.source_ip = source_ip(&request);
    let id = call.id.to_string();
    let operation = call.target.clone();
    request.extensions_mut().insert(call);
    let started = api.clock.now();
    let mut response = next.run(request).await;
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        response = failure.0.as_ref().to_answer(&id);
    }
    let duration_ms = api.clock.now().duration_since(started).as_millis();
    tracing::info!(request_id = id, operation, status = response.status().as_u16(), duration_ms, "answered");
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

fn source_ip(request: &Request) -> Option<IpAddr> {
    if let Some(SourceIp(ip)) = request.extensions().get() {
        return Some(*ip);
    }
    match request.extensions().get::<RequestContext>()? {
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref()?.parse().ok(),
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref()?.parse().ok(),
        _ => None,
    }
}

/// An error on its way to [`finish`], which knows the call's id.
#[derive(Clone)]
struct Failure(std::sync::Arc<Error>);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.answer().0.into_response();
        response.extensions_mut().insert(Failure(std::sync::Arc::new(self)));
        response
    }
}
