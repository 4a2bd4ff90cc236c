//! `cargo run --bin stint-dev -- generate [--check]`

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tools for who develops stint.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the files that follow from the operations, the workers and the parts of the template.
    Generate {
        /// Write nothing, and fail if a file is not as it would be written.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let Command::Generate { check } = Arguments::parse().command;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let result = if check { stint_dev::differences(&root) } else { stint_dev::write(&root) };
    match result {
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        Ok(paths) if check && !paths.is_empty() => {
            eprintln!("not as generated: {}\nrun `cargo run --bin stint-dev -- generate`", paths.join(", "));
            ExitCode::FAILURE
        }
        Ok(paths) => {
            for path in paths {
                eprintln!("{path}");
            }
            ExitCode::SUCCESS
        }
    }
}
