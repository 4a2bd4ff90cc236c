//! `GET /v1/access/requests/{id}`.
use stint::context::{self, Error};
use stint::http::{app, endpoint};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let api = context::api().await?;
    lambda_http::run(app(endpoint::access::get_access_request_status::router(), api)).await
}
