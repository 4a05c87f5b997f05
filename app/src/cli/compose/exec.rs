//! `compose exec`.

use super::Context;
use crate::cli::{Outcome, attach, exec as command, files};
use clap::Args;
use porthole_engine::ExecOptions;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

// `compose exec`.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// Detached mode: Run command in the background
    #[arg(short = 'd', long)]
    detach: bool,
    /// Set environment variables
    #[arg(short = 'e', long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Index of the container if service has multiple replicas
    #[arg(long, value_name = "N")]
    index: Option<usize>,
    /// Disable pseudo-TTY allocation (default: a terminal where there is one)
    #[arg(short = 'T', long = "no-TTY", visible_alias = "no-tty")]
    no_tty: bool,
    /// Give extended privileges to the process
    #[arg(long)]
    privileged: bool,
    /// Run the command as this user
    #[arg(short = 'u', long)]
    user: Option<String>,
    /// Path to workdir directory for this command
    #[arg(short = 'w', long, value_name = "PATH")]
    workdir: Option<String>,
    /// The service
    service: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs a command in a running container of a service.
pub fn exec(context: &Context<'_>, arguments: &ExecArgs) -> Outcome {
    let member = context.member(&arguments.service, arguments.index)?;
    let options = ExecOptions {
        command: arguments.command.clone(),
        env: files::environment(&[], &arguments.env)?,
        user: arguments.user.clone(),
        working_dir: arguments.workdir.clone(),
        privileged: arguments.privileged,
        tty: !arguments.no_tty && !arguments.detach && io::stdin().is_terminal() && io::stdout().is_terminal(),
        stdin: !arguments.detach,
        detach_keys: None,
    };
    let id = &member.container.id;
    if arguments.detach {
        context.engine.exec_detached(id, &options).map_err(command::of_exec)?;
        return Ok(ExitCode::SUCCESS);
    }
    attach::exit_code(context.engine.exec(id, &options).map_err(command::of_exec)?)
}
