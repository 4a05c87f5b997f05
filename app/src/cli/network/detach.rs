//! `network detach`.

use crate::cli::{Outcome, output};
use clap::Args;
use porthole_engine::Engine;
use std::process::ExitCode;

// `network detach`.
#[derive(Debug, Args)]
pub struct DetachArgs {
    /// The container
    container: String,
    /// The interface, by its name inside
    #[arg(required_unless_present = "all")]
    interface: Option<String>,
    /// Detach all interfaces that were attached
    #[arg(long, conflicts_with = "interface")]
    all: bool,
}

/// Detaches interfaces and prints their names.
pub fn detach(engine: &Engine, arguments: &DetachArgs) -> Outcome {
    let detached = engine.detach_interfaces(&arguments.container, arguments.interface.as_deref())?;
    detached.iter().try_for_each(|name| output::line(name))?;
    Ok(ExitCode::SUCCESS)
}
