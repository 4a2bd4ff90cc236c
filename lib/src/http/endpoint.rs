//! The operations, by area. Each has a file, which is named as the operation is.

pub mod access;
pub mod audit_log;
pub mod grants;
pub mod policies;
pub mod requests;
pub mod service;

use utoipa_axum::router::OpenApiRouter;

use super::Api;

/// Every endpoint's router, by the name of its binary.
#[must_use]
pub fn all() -> Vec<(&'static str, OpenApiRouter<Api>)> {
    [access::all(), audit_log::all(), grants::all(), policies::all(), requests::all(), service::all()]
        .into_iter()
        .flatten()
        .collect()
}

/// All endpoints in one router, as the local server has them.
#[must_use]
pub fn router() -> OpenApiRouter<Api> {
    all().into_iter().fold(OpenApiRouter::new(), |merged, (_, router)| merged.merge(router))
}

/// Reads a record by its id.
async fn read<R: crate::store::Record>(
    table: crate::store::TenantTable,
    id: impl std::fmt::Display,
) -> Result<Option<R>, super::error::Error> {
    Ok(table.get::<R>(id.to_string()).await?)
}

/// An answer that shows this version of something.
fn tagged(version: u64, body: impl serde::Serialize) -> axum::response::Response {
    use axum::response::IntoResponse as _;
    ([(axum::http::header::ETAG, super::precondition::etag(version))], axum::Json(body)).into_response()
}

/// What every endpoint needs.
mod prelude {
    pub(super) use axum::Json;
    pub(super) use axum::extract::{Path, Query};
    pub(super) use axum::http::StatusCode;
    pub(super) use axum::response::{IntoResponse, Response};
    pub(super) use stint_api::{self as wire, PageOf};
    pub(super) use utoipa_axum::router::OpenApiRouter;
    pub(super) use utoipa_axum::routes;

    pub(super) use super::{read, tagged};
    pub(super) use crate::app::IfMatch;
    pub(super) use crate::auth::scope;
    pub(super) use crate::http::Api;
    pub(super) use crate::http::body::{Body, Input, OptionalBody};
    pub(super) use crate::http::call::AuthenticatedCall;
    pub(super) use crate::http::convert;
    pub(super) use crate::http::cursor::{PageParams, page_of, page_of_all};
    pub(super) use crate::http::error::Error;
    pub(super) use crate::http::openapi::{
        Failures, IdempotencyHeader, IfMatchHeader, NotFoundFailure, PreconditionFailure, TenantHeader, WriteFailures,
    };
}
