//! CloudFormation, before it deletes the stack: refuses while grants are not done.
use stint::context::{Error, run_worker_without_connections};
use stint::workers::drain_guard;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run_worker_without_connections(drain_guard::handle).await
}
