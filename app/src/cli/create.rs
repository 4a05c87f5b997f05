//! `create`.

use super::arguments::CreateArgs;
use super::{Failure, Outcome, options, output, pull};
use porthole_engine::Engine;
use std::process::ExitCode;

/// Makes a container and prints its id.
pub fn create(engine: &Engine, arguments: CreateArgs) -> Outcome {
    let pull = arguments.container.pull.clone();
    let options = options::create_options(arguments.container, true)?;
    let created = pull::with_image(engine, pull, options, |options| engine.create(options))
        .map_err(|failure| Failure { exit_code: 1, ..failure })?;
    created.warnings.iter().for_each(|warning| eprintln!("WARNING: {warning}"));
    output::line(&created.id)?;
    Ok(ExitCode::SUCCESS)
}
