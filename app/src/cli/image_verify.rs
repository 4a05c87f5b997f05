//! `image verify`.

use super::{Outcome, output};
use clap::Args;
use porthole_engine::Engine;
use porthole_engine::images::Depth;
use std::process::ExitCode;

// `image verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Compare every file of every layer with the layer's archive
    #[arg(long)]
    pub full: bool,
    /// Only print what is damaged
    #[arg(short = 'q', long)]
    pub quiet: bool,
    /// Images (default all)
    pub names: Vec<String>,
}

/// Prints one line for each damage, and one for each image that is intact.
pub fn verify(engine: &Engine, arguments: &VerifyArgs) -> Outcome {
    let depth = if arguments.full { Depth::Full } else { Depth::Quick };
    let mut code = ExitCode::SUCCESS;
    for image in engine.verify_images(&arguments.names, depth)? {
        if image.damage.is_empty() && !arguments.quiet {
            output::line(&format!("{}: intact", image.name))?;
        }
        for damage in image.damage {
            output::line(&output::plain(&format!("{}: {damage}", image.name)))?;
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
