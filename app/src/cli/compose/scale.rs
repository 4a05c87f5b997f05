//! `compose scale`.

use super::Context;
use super::up::parse_scale;
use crate::cli::{Outcome, sweep, warn};
use clap::Args;
use porthole_engine::compose::{Recreation, UpOptions};
use std::process::ExitCode;

// `compose scale`.
#[derive(Debug, Args)]
pub struct ScaleArgs {
    /// Don't start linked services
    #[arg(long)]
    no_deps: bool,
    /// How many containers of which service
    #[arg(value_name = "SERVICE=NUM", required = true, value_parser = parse_scale)]
    scale: Vec<(String, usize)>,
}

/// Gives services so many containers.
pub fn scale(context: Context<'_>, arguments: &ScaleArgs) -> Outcome {
    let services: Vec<String> = arguments.scale.iter().map(|(name, _)| name.clone()).collect();
    let project = context.project(&services)?;
    let options = UpOptions {
        services,
        no_deps: arguments.no_deps,
        recreation: Recreation::Never,
        scale: arguments.scale.iter().cloned().collect(),
        ..UpOptions::default()
    };
    let printer = context.printer();
    warn(&context.engine.project_up(&project, &options, &|progress| printer.tell(progress))?);
    sweep(context.engine);
    Ok(ExitCode::SUCCESS)
}
