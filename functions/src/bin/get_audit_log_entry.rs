//! `GET /v1/audit-log/{id}`.
use stint::context::{self, Error};
use stint::http::{app, endpoint};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let api = context::api().await?;
    lambda_http::run(app(endpoint::audit_log::get_audit_log_entry::router(), api)).await
}
