//! `stint-drain`, run by whoever is to delete a stack, with their own credentials.

use std::io::Write;
use std::process::ExitCode;

use aws_config::BehaviorVersion;
use clap::Parser;
use stint::clock::Clock;
use stint_bootstrap::{DrainArguments, drain};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = DrainArguments::parse();
    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    match drain(&arguments, &aws, Clock::System, &mut std::io::stderr()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "stint-drain: {error}");
            ExitCode::FAILURE
        }
    }
}
