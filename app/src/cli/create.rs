//! `create`.

use super::arguments::CreateArgs;
use super::{Failure, Outcome, options, output};
use porthole_engine::Engine;
use std::process::ExitCode;

/// Makes a container and prints its id.
pub fn create(engine: &Engine, arguments: CreateArgs) -> Outcome {
    let options = options::create_options(arguments.container, true)?;
    let created = engine.create(options).map_err(|error| Failure { exit_code: 1, ..Failure::of_start(error) })?;
    created.warnings.iter().for_each(|warning| eprintln!("WARNING: {warning}"));
    output::line(&created.id)?;
    Ok(ExitCode::SUCCESS)
}
