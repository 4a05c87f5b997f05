//! `compose version`.

use crate::cli::{Outcome, output};
use clap::Args;
use std::process::ExitCode;

// `compose version`.
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// Shows only Compose's version number
    #[arg(long)]
    short: bool,
}

/// Prints the version.
pub fn version(arguments: &VersionArgs) -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    output::line(&if arguments.short { version.to_owned() } else { format!("porthole compose version {version}") })?;
    Ok(ExitCode::SUCCESS)
}
