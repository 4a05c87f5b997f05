//! `forensics`.

use super::save::replace;
use super::{Failure, Outcome};
use clap::Args;
use jiff::Timestamp;
use porthole_engine::{Engine, ForensicsOptions};
use std::path::PathBuf;
use std::process::ExitCode;

// `forensics`.
#[derive(Debug, Args)]
pub struct ForensicsArgs {
    /// Write to this file
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: PathBuf,
    /// Include the values of environment variables that look secret
    #[arg(long)]
    pub secrets: bool,
    /// Tell this as the time of gathering (RFC 3339); without it the archive has no time, and is the same each time
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
    /// A container
    pub name: String,
}

/// Writes all that is known of a container into one archive.
pub fn forensics(engine: &Engine, arguments: &ForensicsArgs) -> Outcome {
    let options = ForensicsOptions { secrets: arguments.secrets, at: arguments.at };
    replace(&arguments.output, |file| engine.forensics(&arguments.name, options, file).map_err(Failure::from))?;
    Ok(ExitCode::SUCCESS)
}
