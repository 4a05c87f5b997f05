//! `start`, `state`, `pause`, `resume`: commands that take a container and nothing else.

use super::new_container::notify_socket;
use super::{Outcome, parse_id, print_json};
use clap::Args;
use porthole_engine::runtime::oci::Runtime;
use std::process::ExitCode;

// Which container.
#[derive(Debug, Args)]
pub(super) struct ContainerArgs {
    /// Its name
    id: String,
}

pub(super) fn start(runtime: &Runtime, options: &ContainerArgs) -> Outcome {
    runtime.container(&parse_id(&options.id)?)?.start(notify_socket().as_deref())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn state(runtime: &Runtime, options: &ContainerArgs) -> Outcome {
    print_json(&runtime.container(&parse_id(&options.id)?)?.state()?)
}

pub(super) fn pause(runtime: &Runtime, options: &ContainerArgs) -> Outcome {
    runtime.container(&parse_id(&options.id)?)?.pause()?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn resume(runtime: &Runtime, options: &ContainerArgs) -> Outcome {
    runtime.container(&parse_id(&options.id)?)?.resume()?;
    Ok(ExitCode::SUCCESS)
}
