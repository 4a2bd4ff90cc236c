//! `GET /openapi.json`.
use stint::context::{self, Error};
use stint::http::{app, endpoint};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let api = context::api_without_connections().await?;
    lambda_http::run(app(endpoint::service::get_open_api::router(), api)).await
}
