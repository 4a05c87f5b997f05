//! `porthole runtime …`, and the same as `porthole-runtime …`: an OCI runtime with runc's command line, for other engines.

mod checkpoint;
mod create;
mod delete;
mod events;
mod exec;
mod help;
mod kill;
mod list;
mod log;
mod new_container;
mod ps;
mod spec;
mod state;
mod update;

use clap::error::{ContextKind, ErrorKind};
use clap::{Parser, Subcommand};
use log::{Level, Log, LogFormat};
use porthole_engine::runtime::oci::{Error, Id, Runtime, SPEC_VERSION, features};
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// What a command ends with.
type Outcome = Result<ExitCode, Failure>;

/// The program's name where it is this alone.
pub const NAME: &str = "porthole-runtime";

/// A failed command: what to tell, and runc's exit code.
struct Failure {
    message: String,
    exit_code: u8,
}

impl Failure {
    fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), exit_code: 1 }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::new(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::new(error.to_string())
    }
}

/// An OCI runtime: makes and runs containers from bundles, with runc's command line.
#[derive(Debug, Parser)]
#[command(name = NAME, disable_help_subcommand = true, disable_version_flag = true, subcommand_required = false)]
struct RuntimeCli {
    /// Where containers are remembered (it should be on a tmpfs); by default in $XDG_RUNTIME_DIR for who is not root
    #[arg(long, value_name = "DIRECTORY", default_value_os_t = default_root())]
    root: PathBuf,
    /// A file for errors and warnings, beside standard error
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// The form of its lines
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// Also tell what is done
    #[arg(long)]
    debug: bool,
    /// Have systemd make cgroups; refused, they are made directly
    #[arg(long)]
    systemd_cgroup: bool,
    /// Who makes cgroups, as crun has it: only cgroupfs
    #[arg(long, value_name = "MANAGER", default_value = "cgroupfs")]
    cgroup_manager: String,
    /// Whether a user's own containers are meant, which is decided by who calls: false refuses who is not root
    #[arg(long, value_name = "BOOL", default_value = "auto", value_parser = ["auto", "true", "false"])]
    rootless: String,
    /// Print the version
    #[arg(short, long)]
    version: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Command {
    /// Create a container
    Create(create::CreateArgs),
    /// Let a created container's process go on
    Start(state::ContainerArgs),
    /// Create and run a container
    Run(create::RunArgs),
    /// Output the state of a container
    State(state::ContainerArgs),
    /// Send a signal to a container's init
    Kill(kill::KillArgs),
    /// Delete what is held by a container
    Delete(delete::DeleteArgs),
    /// List containers
    List(list::ListArgs),
    /// Show the processes in a container
    Ps(ps::PsArgs),
    /// Execute a process in a container
    Exec(exec::ExecArgs),
    /// Suspend all processes in a container
    Pause(state::ContainerArgs),
    /// Resume all processes in a container
    Resume(state::ContainerArgs),
    /// Change a container's limits
    Update(update::UpdateArgs),
    /// Show what a container uses, and that it runs out of memory
    Events(events::EventsArgs),
    /// Write a new configuration
    Spec(spec::SpecArgs),
    /// Show the features of this runtime
    Features,
    /// Checkpoint a running container
    Checkpoint(checkpoint::CheckpointArgs),
    /// Restore a container from a checkpoint
    Restore(checkpoint::CheckpointArgs),
}

impl Command {
    /// The name of a command that makes a process, whose failure is told of in runc's words.
    const fn makes_process(&self) -> Option<&'static str> {
        match self {
            Self::Create(_) => Some("create"),
            Self::Run(_) => Some("run"),
            Self::Exec(_) => Some("exec"),
            _ => None,
        }
    }
}

/// Names by which the program is this alone: its own, and that of the runtime whose place it takes.
pub const NAMES: [&str; 2] = [NAME, "runc"];

/// Runs one command line, without the name by which the program was called.
pub fn run(name: &str, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = std::iter::once(OsString::from(name)).chain(arguments).collect();
    let cli = match RuntimeCli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => return help::print(name, &words),
        Err(error) => return explain(name, &error),
    };
    let making = cli.command.as_ref().and_then(Command::makes_process);
    let (log, opened) = match Log::new(cli.log, cli.log_format, cli.debug) {
        Ok(log) => (log, Ok(())),
        Err(error) => (Log::nowhere(), Err(Failure::new(format!("cannot open the log: {error}")))),
    };
    let outcome = opened.and_then(|()| match cli.command {
        None if cli.version => version(name),
        None => Ok(help::print(name, &[name.into(), "--help".into()])),
        Some(command) => check_globals(cli.systemd_cgroup, &cli.cgroup_manager, &cli.rootless)
            .and_then(|()| execute(&Runtime::new(cli.root), command, &log)),
    });
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            let made = making.map(|command| format!("{name} {command} failed: {}", failure.message));
            log.write(Level::Error, made.as_deref().unwrap_or(&failure.message));
            tell(&made.unwrap_or_else(|| format!("{name}: {}", failure.message)));
            ExitCode::from(failure.exit_code)
        }
    }
}

fn execute(runtime: &Runtime, command: Command, log: &Log) -> Outcome {
    match command {
        Command::Create(options) => create::create(runtime, options, log),
        Command::Run(options) => create::run(runtime, options, log),
        Command::Start(options) => state::start(runtime, &options),
        Command::State(options) => state::state(runtime, &options),
        Command::Pause(options) => state::pause(runtime, &options),
        Command::Resume(options) => state::resume(runtime, &options),
        Command::Kill(options) => kill::kill(runtime, &options),
        Command::Delete(options) => delete::delete(runtime, &options, log),
        Command::List(options) => list::list(runtime, &options),
        Command::Ps(options) => ps::ps(runtime, &options),
        // runc's exit code for an exec that fails, which is told from those of commands.
        Command::Exec(options) => {
            exec::exec(runtime, options, log).map_err(|failure| Failure { exit_code: 255, ..failure })
        }
        Command::Update(options) => update::update(runtime, &options),
        Command::Events(options) => events::events(runtime, &options),
        Command::Spec(options) => spec::spec(&options),
        Command::Features => print_json(&features()),
        Command::Checkpoint(options) | Command::Restore(options) => checkpoint::refuse(&options),
    }
}

/// Of the system, or of the session of a user who is not root.
fn default_root() -> PathBuf {
    let session = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| !nix::unistd::geteuid().is_root());
    PathBuf::from(session.unwrap_or_else(|| "/run".into())).join(NAME)
}

fn check_globals(systemd_cgroup: bool, manager: &str, rootless: &str) -> Result<(), Failure> {
    if systemd_cgroup || manager == "systemd" {
        let message = "systemd cgroup flag passed, but cgroups are only made directly: use the cgroupfs driver";
        return Err(Failure::new(message));
    }
    if manager != "cgroupfs" {
        return Err(Failure::new(format!("--cgroup-manager {manager:?} is not supported: use cgroupfs")));
    }
    match (rootless, nix::unistd::geteuid().is_root()) {
        ("false", false) => Err(Failure::new("--rootless false needs root")),
        _ => Ok(()),
    }
}

fn parse_id(id: &str) -> Result<Id, Failure> {
    Ok(id.parse::<Id>()?)
}

fn version(name: &str) -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    writeln!(std::io::stdout(), "{name} version {version}\ncommit: v{version}\nspec: {SPEC_VERSION}")?;
    Ok(ExitCode::SUCCESS)
}

fn print_json(value: &impl serde::Serialize) -> Outcome {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))?;
    writeln!(std::io::stdout(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

fn tell(message: &str) {
    // With nobody left to tell, the exit code still says it.
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// One line for a mistake in the command line.
fn explain(called: &str, error: &clap::Error) -> ExitCode {
    match error.kind() {
        // runc's answer, and exit code.
        ErrorKind::InvalidSubcommand => {
            let name = error.get(ContextKind::InvalidSubcommand).map(ToString::to_string).unwrap_or_default();
            tell(&format!("{called}: No help topic for '{name}'"));
            ExitCode::from(3)
        }
        _ => {
            let text = error.to_string();
            let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
            let words: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
            tell(&format!("{called}: {}", words.join(" ").trim_start_matches("error: ")));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_consistent() {
        RuntimeCli::command().debug_assert();
    }

    #[test]
    fn options_come_before_or_after_the_id() {
        for line in ["kill -a box KILL", "kill box KILL -a", "run --keep -b /b box", "run box -b /b --keep"] {
            RuntimeCli::try_parse_from([NAME].into_iter().chain(line.split(' ')))
                .unwrap_or_else(|error| panic!("{error}"));
        }
    }
}
