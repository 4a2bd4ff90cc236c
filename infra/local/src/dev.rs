//! Routes that exist on a developer's machine only: tokens without a login, a look into Identity Center, faults.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::aws::{AwsEndpoint, Faults};
use crate::oidc::DevIssuer;

#[derive(Clone)]
struct Dev {
    aws: Arc<AwsEndpoint>,
    issuer: DevIssuer,
}

/// The routes under `/dev`.
pub(crate) fn router(aws: Arc<AwsEndpoint>, issuer: DevIssuer) -> Router {
    let oidc = issuer.router();
    Router::new()
        .route("/dev/token", post(token))
        .route("/dev/assignments", get(assignments))
        .route("/dev/faults", get(faults).post(set_faults))
        .with_state(Dev { aws, issuer })
        .nest("/dev/oidc", oidc)
}

/// Who a token is for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFor {
    sub: String,
    groups: Option<Vec<String>>,
    email: Option<String>,
    expires_in: Option<i64>,
}

const AN_HOUR: i64 = 3600;

async fn token(State(dev): State<Dev>, Json(who): Json<TokenFor>) -> Response {
    match dev.issuer.token(&who.sub, who.groups, who.email, who.expires_in.unwrap_or(AN_HOUR)) {
        Ok(token) => Json(json!({"token": token})).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn assignments(State(dev): State<Dev>) -> Response {
    Json(dev.aws.assignments()).into_response()
}

async fn faults(State(dev): State<Dev>) -> Response {
    Json(dev.aws.faults()).into_response()
}

async fn set_faults(State(dev): State<Dev>, Json(faults): Json<Faults>) -> Response {
    dev.aws.set_faults(faults);
    Json(dev.aws.faults()).into_response()
}
