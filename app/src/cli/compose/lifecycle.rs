//! `compose start`, `stop`, `restart`, `kill`, `pause`, `unpause` and `down`.

use super::Context;
use crate::cli::{Outcome, sweep, warn};
use clap::{Args, ValueEnum};
use porthole_engine::Error;
use porthole_engine::compose::{DownOptions, Member, RemoveImages, around, each};
use porthole_engine::runtime::state::Status;
use std::process::ExitCode;

// Commands that take services only.
#[derive(Debug, Args)]
pub struct Services {
    /// Services
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
}

// `compose start`.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// Services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

// `compose stop`.
#[derive(Debug, Args)]
pub struct StopArgs {
    /// Specify a shutdown timeout in seconds
    #[arg(short = 't', long, value_name = "SECONDS", allow_hyphen_values = true)]
    timeout: Option<i64>,
    /// Services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

// `compose restart`.
#[derive(Debug, Args)]
pub struct RestartArgs {
    /// Specify a shutdown timeout in seconds
    #[arg(short = 't', long, value_name = "SECONDS", allow_hyphen_values = true)]
    timeout: Option<i64>,
    /// Don't restart dependent services
    #[arg(long)]
    no_deps: bool,
    /// Services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

// `compose kill`.
#[derive(Debug, Args)]
pub struct KillArgs {
    /// SIGNAL to send to the container
    #[arg(short = 's', long, default_value = "SIGKILL")]
    signal: String,
    /// Services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

// `compose down`.
#[derive(Debug, Args)]
pub struct DownArgs {
    /// Remove named volumes declared in the "volumes" section of the Compose file and anonymous volumes attached to containers
    #[arg(short = 'v', long)]
    volumes: bool,
    /// Remove images used by services. "local" remove only images that don't have a custom tag
    #[arg(long, value_enum, value_name = "local|all", hide_possible_values = true)]
    rmi: Option<Images>,
    /// Remove containers for services not defined in the Compose file
    #[arg(long)]
    remove_orphans: bool,
    /// Specify a shutdown timeout in seconds
    #[arg(short = 't', long, value_name = "SECONDS", allow_hyphen_values = true)]
    timeout: Option<i64>,
    /// Services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Images {
    Local,
    All,
}

/// Removes what there is of a project.
pub fn down(context: &Context<'_>, arguments: DownArgs) -> Outcome {
    let (name, project) = context.project_if_there()?;
    let printer = context.printer();
    let options = DownOptions {
        services: arguments.services,
        volumes: arguments.volumes,
        images: match arguments.rmi {
            None => RemoveImages::None,
            Some(Images::Local) => RemoveImages::Local,
            Some(Images::All) => RemoveImages::All,
        },
        remove_orphans: arguments.remove_orphans,
        timeout: arguments.timeout,
    };
    warn(&context.engine.project_down(name, project.as_ref(), &options, &|progress| printer.tell(progress))?);
    sweep(context.engine);
    Ok(ExitCode::SUCCESS)
}

/// Starts containers that are there.
pub fn start(context: Context<'_>, arguments: StartArgs) -> Outcome {
    let project = context.project(&arguments.services)?;
    let services = project.with_dependencies(&project.select(&arguments.services)?);
    let printer = context.printer();
    warn(&context.engine.project_start(&project, &services, &|progress| printer.tell(progress))?);
    Ok(ExitCode::SUCCESS)
}

/// Stops containers.
pub fn stop(context: &Context<'_>, arguments: &StopArgs) -> Outcome {
    let (_, project) = context.project_if_there()?;
    let mut members = context.members(&arguments.services)?;
    members.retain(Member::is_running);
    let printer = context.printer();
    context.engine.stop_members(project.as_ref(), &members, arguments.timeout, &|progress| printer.tell(progress))?;
    Ok(ExitCode::SUCCESS)
}

/// Restarts containers, and those of services that want to be restarted with them.
pub fn restart(context: &Context<'_>, arguments: &RestartArgs) -> Outcome {
    let mut members = context.members(&arguments.services)?;
    if !arguments.no_deps && !arguments.services.is_empty() {
        let all = context.members(&[])?;
        let wants = |member: &Member| {
            member.depends_on().iter().any(|(name, restart)| *restart && arguments.services.contains(name))
        };
        let known = |member: &Member| members.iter().any(|known| known.container.id == member.container.id);
        let further: Vec<Member> = all.into_iter().filter(|member| wants(member) && !known(member)).collect();
        members.extend(further);
    }
    members.retain(|member| !member.one_off);
    let printer = context.printer();
    warn(&context.engine.restart_members(&members, arguments.timeout, &|progress| printer.tell(progress))?);
    Ok(ExitCode::SUCCESS)
}

/// Sends a signal to containers.
pub fn kill(context: &Context<'_>, arguments: &KillArgs) -> Outcome {
    let mut members = context.members(&arguments.services)?;
    members.retain(Member::is_running);
    on_each(context, &members, ("Killing", "Killed"), |member| {
        context.engine.kill(&member.container.id, &arguments.signal)
    })
}

/// Freezes containers.
pub fn pause(context: &Context<'_>, arguments: &Services) -> Outcome {
    let mut members = context.members(&arguments.services)?;
    members.retain(|member| member.container.state.status == Status::Running);
    on_each(context, &members, ("Pausing", "Paused"), |member| context.engine.pause(&member.container.id))
}

/// Thaws containers.
pub fn unpause(context: &Context<'_>, arguments: &Services) -> Outcome {
    let mut members = context.members(&arguments.services)?;
    members.retain(|member| member.container.state.status == Status::Paused);
    on_each(context, &members, ("Unpausing", "Unpaused"), |member| context.engine.unpause(&member.container.id))
}

/// Does something to several containers at once; the first failure is told.
pub fn on_each(
    context: &Context<'_>,
    members: &[Member],
    words: (&'static str, &'static str),
    act: impl Fn(&Member) -> Result<(), Error> + Sync,
) -> Outcome {
    let printer = context.printer();
    let report = |progress| printer.tell(progress);
    let done = each(members, |member| around(&report, "Container", &member.container.name, words, || act(member)));
    done.into_iter().collect::<Result<(), Error>>()?;
    Ok(ExitCode::SUCCESS)
}
