//! Plants a seed's tenant in a table, wherever the environment says that DynamoDB is: for stacks that are deployed on
//! a machine and not to AWS. `make deploy-test` uses it.

use std::io::Write;
use std::path::PathBuf;

use aws_config::BehaviorVersion;
use clap::Parser;
use stint::access::Ids;
use stint::clock::Clock;
use stint_local::seed::Seed;

/// Writes a seed's tenant with its people, its directory and a key, and prints `{tenant_id, api_key, policies}`.
#[derive(Parser)]
struct Arguments {
    /// The table's name.
    #[arg(long)]
    table: String,
    /// Whose tokens the tenant trusts: the issuer of a running `stint-local`.
    #[arg(long)]
    issuer: String,
    /// The seed; the example's if left out.
    #[arg(long)]
    seed: Option<PathBuf>,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let seed = match arguments.seed {
        Some(file) => Seed::read(&std::fs::read_to_string(file)?)?,
        None => Seed::example(),
    };
    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let table = stint::context::table(&aws, arguments.table);
    let clock = Clock::System;
    let key_id = Ids::new(clock.clone()).id();
    let key = seed.plant(&table, stint_local::server::trusted(arguments.issuer), key_id, clock.now()).await?;
    let planted = serde_json::json!({
        "tenant_id": seed.tenant_id(),
        "api_key": key.expose(),
        "policies": seed.policies,
    });
    writeln!(std::io::stdout(), "{planted}")?;
    Ok(())
}
