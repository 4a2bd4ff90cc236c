//! Every five minutes: does whatever is due and was not done.
use stint::context::{Error, run_worker};
use stint::workers::sweep;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run_worker(sweep::handle).await
}
