//! Every fifteen minutes, and on demand: reads the directory from AWS.
use stint::context::{Error, run_worker};
use stint::workers::sync;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run_worker(sync::handle).await
}
