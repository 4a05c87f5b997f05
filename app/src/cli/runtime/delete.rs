//! `delete`: forgetting a container.

use super::log::{Level, Log};
use super::{Failure, Outcome, parse_id};
use clap::Args;
use porthole_engine::runtime::hooks::Failed;
use porthole_engine::runtime::oci::{Error, Id, Runtime};
use regex::Regex;
use std::process::ExitCode;

// `delete`.
#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The container's name
    id: String,
    /// End it if it runs; a container that does not exist is no error
    #[arg(short, long)]
    force: bool,
    /// The name is a regular expression: every container whose name it matches
    #[arg(short, long)]
    regex: bool,
}

pub(super) fn delete(runtime: &Runtime, options: &DeleteArgs, log: &Log) -> Outcome {
    let ids = if options.regex { matching(runtime, &options.id)? } else { vec![parse_id(&options.id)?] };
    // One that cannot be deleted does not keep the others.
    let results: Vec<_> = ids.iter().map(|id| delete_one(runtime, id, options.force, log)).collect();
    results.into_iter().collect::<Result<(), _>>()?;
    Ok(ExitCode::SUCCESS)
}

fn matching(runtime: &Runtime, expression: &str) -> Result<Vec<Id>, Failure> {
    let regex = Regex::new(expression).map_err(|error| {
        // The library's text shows where, on lines of their own.
        let reason = error.to_string().lines().last().unwrap_or_default().to_owned();
        Failure::new(format!("invalid regular expression {expression:?}: {reason}"))
    })?;
    let ids = runtime.containers()?.into_iter().map(|container| container.record.state.id);
    ids.filter(|id| regex.is_match(id)).map(|id| parse_id(&id)).collect()
}

fn delete_one(runtime: &Runtime, id: &Id, force: bool, log: &Log) -> Result<(), Failure> {
    let failed = match (runtime.container(id), force) {
        (Err(Error::DoesNotExist), true) => return Ok(runtime.discard(id)?),
        (container, true) => container?.destroy()?,
        (container, false) => container?.delete()?,
    };
    tell_hooks(&failed, log);
    Ok(())
}

/// Hooks that fail when a container is gone change nothing any more.
pub(super) fn tell_hooks(failed: &[Failed], log: &Log) {
    failed.iter().for_each(|failed| log.write(Level::Warning, &failed.to_string()));
}
