//! When a grant was decided or extended, and when it begins: gives access.
use stint::context::{Error, run_worker};
use stint::workers::provision_grant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run_worker(provision_grant::handle).await
}
