//! `delete`: forgetting a container.

use super::log::{Level, Log};
use super::{Outcome, parse_id};
use clap::Args;
use porthole_engine::runtime::hooks::Failed;
use porthole_engine::runtime::oci::{Error, Runtime};
use std::process::ExitCode;

// `delete`.
#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The container's name
    id: String,
    /// End it if it runs; a container that does not exist is no error
    #[arg(short, long)]
    force: bool,
}

pub(super) fn delete(runtime: &Runtime, options: &DeleteArgs, log: &Log) -> Outcome {
    let id = parse_id(&options.id)?;
    let failed = match (runtime.container(&id), options.force) {
        (Err(Error::DoesNotExist), true) => {
            runtime.discard(&id)?;
            return Ok(ExitCode::SUCCESS);
        }
        (container, true) => container?.destroy()?,
        (container, false) => container?.delete()?,
    };
    tell_hooks(&failed, log);
    Ok(ExitCode::SUCCESS)
}

/// Hooks that fail when a container is gone change nothing any more.
pub(super) fn tell_hooks(failed: &[Failed], log: &Log) {
    failed.iter().for_each(|failed| log.write(Level::Warning, &failed.to_string()));
}
