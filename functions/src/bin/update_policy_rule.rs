//! `PATCH /v1/policies/{policyId}/rules/{ruleId}`.
use stint::context::{self, Error};
use stint::http::{app, endpoint};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let api = context::api().await?;
    lambda_http::run(app(endpoint::policies::update_policy_rule::router(), api)).await
}
