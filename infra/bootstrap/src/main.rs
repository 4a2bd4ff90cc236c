//! `stint-bootstrap`, run by whoever deployed a stack, with their own credentials.

use std::io::Write;
use std::process::ExitCode;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use clap::Parser;
use stint::clock::Clock;
use stint_bootstrap::{Arguments, run};

/// Identity Center takes 20 calls a second of everybody together: a sync waits for a slot.
const MAX_ATTEMPTS: u32 = 8;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let retries = RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS);
    let aws = aws_config::defaults(BehaviorVersion::latest()).retry_config(retries).load().await;
    match run(&arguments, &aws, Clock::System, &mut std::io::stdout(), &mut std::io::stderr()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "stint-bootstrap: {error}");
            ExitCode::FAILURE
        }
    }
}
