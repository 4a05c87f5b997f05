//! `create`, `run`: from a bundle to a container.

use super::log::{Level, Log};
use super::new_container::NewContainerArgs;
use super::{Outcome, delete};
use clap::Args;
use porthole_engine::runtime::oci::{Create, Foreground, Runtime, attend};
use porthole_engine::runtime::sandbox::lowered_limits;
use porthole_engine::runtime::seccomp::filter_flags;
use std::os::fd::AsFd;
use std::process::ExitCode;

// `create`.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    container: NewContainerArgs,
}

// `run`.
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

/// Where a container's process has been, in the names that runc's log has for it, which its readers look for.
const CHILD: &str = "nsexec started; nsexec container setup: in its namespaces; child process in init(): in its root; init: closing the pipe to \
    signal completion: about to be its command";

fn tell_plan(log: &Log, what: &str, plan: &Create) {
    tell_ignored(log, &plan.bundle.ignored);
    let process = plan.bundle.spec.process().as_ref();
    let limits = process.and_then(|process| process.rlimits().as_ref()).map(|limits| lowered_limits(limits));
    limits.unwrap_or_default().iter().for_each(|limit| log.write(Level::Warning, limit));
    log.write(Level::Debug, &format!("{what} container {}", plan.id));
    if let Some(flags) = filter_flags(&plan.bundle.spec).filter(|_| log.tells(Level::Debug)) {
        log.write(Level::Debug, &format!("seccomp filter flags: {flags}"));
    }
}

/// Capabilities that nobody knows.
pub(super) fn tell_ignored(log: &Log, names: &[String]) {
    if !names.is_empty() {
        log.write(Level::Warning, &format!("ignoring unknown capabilities: {}", names.join(", ")));
    }
}

pub(super) fn create(runtime: &Runtime, options: CreateArgs, log: &Log) -> Outcome {
    let plan = options.container.plan(true, false)?;
    tell_plan(log, "create", &plan);
    plan.create(runtime)?;
    log.write(Level::Debug, CHILD);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn run(runtime: &Runtime, options: RunArgs, log: &Log) -> Outcome {
    let plan = options.container.plan(options.detach, !options.no_subreaper)?;
    tell_plan(log, "run", &plan);
    let (container, process) = plan.run(runtime)?;
    log.write(Level::Debug, CHILD);
    if options.detach {
        let Foreground { notifier, pidfd, pid, .. } = process;
        notifier.map_or(Ok(()), |notifier| notifier.wait(pidfd.as_fd(), pid))?;
        return Ok(ExitCode::SUCCESS);
    }
    let code = attend(process);
    if !options.keep {
        delete::tell_hooks(&container.destroy()?, log);
    }
    Ok(super::super::code(code?))
}
