//! `stint-local`: stint on one machine, for trying it out and for working on it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use stint::clock::Clock;
use stint_local::aws::{Options, Storage};
use stint_local::banner::{DevFile, Identity, print, print_example};
use stint_local::example;
use stint_local::seed::Seed;
use stint_local::server::{Config, Local};

/// stint on one machine: the API, its workers and a local AWS endpoint in one process.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The API's port.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The local AWS endpoint's port.
    #[arg(long, default_value_t = 4566)]
    aws_port: u16,
    /// Where everything is kept.
    #[arg(long, default_value = ".stint")]
    data_dir: PathBuf,
    /// Forget everything that is kept there, and start afresh.
    #[arg(long)]
    reset: bool,
    /// The seed a fresh start begins with; see `infra/local/seeds/example.json`.
    #[arg(long)]
    seed: Option<PathBuf>,
    /// Only the AWS endpoint, in memory and with examples in it, for functions that run elsewhere.
    #[arg(long, conflicts_with_all = ["port", "data_dir", "reset", "seed"])]
    aws_only: bool,
}

/// The table's engine warns of each condition that does not hold, which is how races are decided.
const USUAL: &str = "warn,dynoxide::server=error";

/// The file of a data directory that is locked while a process uses the directory.
const LOCK: &str = "lock";

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| USUAL.into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "stint-local: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Error> {
    if arguments.aws_only {
        let example = example::start(arguments.aws_port, Clock::System).await?;
        print_example(&mut std::io::stdout(), &example)?;
        return until_interrupted(std::future::pending()).await;
    }
    let seed = match &arguments.seed {
        Some(file) => {
            Seed::read(&std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?)?
        }
        None => Seed::example(),
    };
    if arguments.reset {
        forget(&arguments.data_dir)?;
    }
    let _lock = lock(&arguments.data_dir)?;
    let options = Options::in_directory(arguments.data_dir.clone(), seed.aws.clone());
    let config = Config {
        port: arguments.port,
        aws_port: arguments.aws_port,
        storage: Storage::Directory(arguments.data_dir.clone()),
        clock: Clock::System,
        seed,
        limits: options.limits,
        latency: options.latency,
        max_attempts: options.max_attempts,
    };
    let local = Local::start(config).await?;
    let identity = identity(&local, &arguments.data_dir).await?;
    print(&mut std::io::stdout(), &local, &identity, &arguments.data_dir)?;
    until_interrupted(local.run()).await
}

/// The key of an earlier start, or that of a seed planted now.
async fn identity(local: &Local, directory: &Path) -> Result<Identity, Error> {
    let file = DevFile::in_directory(directory);
    let api_key = match file.read(local.tenant_id())? {
        Some(api_key) => {
            local.trust_issuer().await?;
            api_key
        }
        None => local.plant().await?.expose().to_owned(),
    };
    let identity = Identity::new(local, api_key);
    file.write(&identity)?;
    Ok(identity)
}

async fn until_interrupted(work: impl Future<Output = ()>) -> Result<(), Error> {
    tokio::select! {
        () = work => Ok(()),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

/// The lock of a data directory: two processes on one would each tell the other's callers that their tokens are no good.
fn lock(directory: &Path) -> Result<File, Error> {
    std::fs::create_dir_all(directory)?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(directory.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message = "is in use by another stint-local; stop it, or choose another directory with `--data-dir`";
            Err(format!("{} {message}", directory.display()).into())
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Removes what is ours from a data directory, and nothing else that may be in it.
fn forget(directory: &Path) -> Result<(), Error> {
    let file = DevFile::in_directory(directory);
    if directory.exists() && !file.exists() && std::fs::read_dir(directory)?.next().is_some() {
        return Err(format!("{} is not a data directory of stint-local; it is left alone", directory.display()).into());
    }
    if directory.join(LOCK).exists() {
        lock(directory)?;
    }
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}
