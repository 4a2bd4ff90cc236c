//! `GET /v1/policies`.
use stint::context::{self, Error};
use stint::http::{app, endpoint};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let api = context::api().await?;
    lambda_http::run(app(endpoint::policies::list_policies::router(), api)).await
}
