//! `compose rm`.

use super::{Context, lifecycle};
use crate::cli::{Outcome, sweep};
use clap::Args;
use porthole_engine::RemoveOptions;
use porthole_engine::compose::Member;
use std::io::{self, Write};
use std::process::ExitCode;

// `compose rm`.
#[derive(Debug, Args)]
pub struct RmArgs {
    /// Don't ask to confirm removal
    #[arg(short = 'f', long)]
    force: bool,
    /// Stop the containers, if required, before removing
    #[arg(short = 's', long)]
    stop: bool,
    /// Remove any anonymous volumes attached to containers
    #[arg(short = 'v', long)]
    volumes: bool,
    /// Services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Removes containers that do not run.
pub fn remove(context: &Context<'_>, arguments: &RmArgs) -> Outcome {
    let (_, project) = context.project_if_there()?;
    let mut members = context.members(&arguments.services)?;
    if arguments.stop {
        let running: Vec<Member> = members.iter().filter(|member| member.is_running()).cloned().collect();
        let printer = context.printer();
        context.engine.stop_members(project.as_ref(), &running, None, &|progress| printer.tell(progress))?;
    } else {
        members.retain(|member| !member.is_running());
    }
    if members.is_empty() {
        eprintln!("No stopped containers");
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.force && !confirmed(&members)? {
        return Ok(ExitCode::SUCCESS);
    }
    let options = RemoveOptions { force: false, volumes: arguments.volumes };
    let removed = lifecycle::on_each(context, &members, ("Removing", "Removed"), |member| {
        context.engine.remove(&member.container.id, options)
    });
    sweep(context.engine);
    removed
}

fn confirmed(members: &[Member]) -> io::Result<bool> {
    let names: Vec<&str> = members.iter().map(|member| member.container.name.as_str()).collect();
    let mut stdout = io::stdout();
    write!(stdout, "? Going to remove {} [yN] ", names.join(", "))?;
    stdout.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
