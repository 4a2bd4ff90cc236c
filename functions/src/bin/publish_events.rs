//! The table's stream: seals each event into the audit chain and puts it on the bus.
use stint::context::{Error, run_worker};
use stint::workers::publish_events;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run_worker(publish_events::handle).await
}
