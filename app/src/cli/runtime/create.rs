//! `create`, `run`: from a bundle to a container.

use super::log::{Level, Log};
use super::new_container::NewContainerArgs;
use super::{Outcome, delete};
use clap::Args;
use porthole_engine::runtime::oci::{Runtime, attend};
use std::process::ExitCode;

/// `create`.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    container: NewContainerArgs,
}

/// `run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    container: NewContainerArgs,
    /// Leave it running
    #[arg(short, long)]
    detach: bool,
    /// Leave what is held by it when it has ended
    #[arg(long)]
    keep: bool,
    /// Do not adopt what its processes leave behind
    #[arg(long)]
    no_subreaper: bool,
}

pub(super) fn create(runtime: &Runtime, options: CreateArgs, log: &Log) -> Outcome {
    let plan = options.container.plan(true, false)?;
    log.write(Level::Debug, &format!("create container {}", plan.id));
    plan.create(runtime)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn run(runtime: &Runtime, options: RunArgs, log: &Log) -> Outcome {
    let plan = options.container.plan(options.detach, !options.no_subreaper)?;
    log.write(Level::Debug, &format!("run container {}", plan.id));
    let (container, process) = plan.run(runtime)?;
    if options.detach {
        return Ok(ExitCode::SUCCESS);
    }
    let code = attend(process);
    if !options.keep {
        delete::tell_hooks(&container.destroy()?, log);
    }
    Ok(super::super::code(code?))
}
