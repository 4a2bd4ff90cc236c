//! `GET /v1/grants/{id}`.
use stint::context::{self, Error};
use stint::http::{app, endpoint};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let api = context::api().await?;
    lambda_http::run(app(endpoint::grants::get_grant::router(), api)).await
}
