//! At a grant's end, and when one was ended: takes access away.
use stint::context::{Error, run_worker};
use stint::workers::deprovision_grant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run_worker(deprovision_grant::handle).await
}
