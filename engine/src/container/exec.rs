//! Running a further command in a container.

use super::config::ContainerConfig;
use super::record::Record;
use super::start::{Finished, detach_keys};
use super::stop::wait_for_end;
use super::user::{User, UserDatabase};
use super::{capabilities, environment, spec};
use crate::engine::Engine;
use crate::error::{Error, Result};
use oci_spec::runtime::{Process, Spec};
use porthole_runtime::process::ProcessId;
use porthole_runtime::relay::{self, Execed};
use porthole_runtime::sandbox::{self, Exec, ExecRequest, Stdio};
use porthole_runtime::state::Status;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// What to run, and how.
#[derive(Clone, Debug, Default)]
pub struct ExecOptions {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Variables over those of the container.
    pub env: Vec<String>,
    /// `user[:group]`; the container's when `None`.
    pub user: Option<String>,
    /// Working directory; the container's when `None`.
    pub working_dir: Option<String>,
    /// Give it every capability.
    pub privileged: bool,
    /// Give it a terminal.
    pub tty: bool,
    /// Send it standard input.
    pub stdin: bool,
    /// The keys that leave it running; Ctrl-P Ctrl-Q when `None`.
    pub detach_keys: Option<String>,
}

/// How long an init may take to end once it has begun to.
const PARTING: Duration = Duration::from_millis(100);

/// A container that runs, and what an exec needs of it.
struct Target {
    config: ContainerConfig,
    init: ProcessId,
    spec: Spec,
    process: Process,
}

impl Engine {
    /// Runs a command in a container and stays with its streams.
    pub fn exec(&self, name: &str, options: &ExecOptions) -> Result<Finished> {
        let detach_keys = detach_keys(options.detach_keys.as_deref())?;
        let target = self.exec_target(name, options)?;
        let broken = |source| Error::file(name, source);
        let process = if options.tty {
            let (columns, rows) = terminal_size();
            let exec = self.spawn(&target, Stdio::Terminal { columns, rows, carriage_returns: true })?;
            let master = exec.terminal.ok_or_else(|| broken(io::ErrorKind::NotFound.into()))?;
            Execed::on_terminal(exec.pidfd, master, options.stdin).map_err(broken)?
        } else {
            let (pipes, stdio) = Execed::pipes(options.stdin).map_err(broken)?;
            Execed::on_pipes(self.spawn(&target, stdio)?.pidfd, pipes)
        };
        let options =
            relay::Options { terminal: options.tty, stdin: options.stdin, forward_signals: !options.tty, detach_keys };
        let finished = Finished::from(relay::exec(process, &options).map_err(broken)?);
        if let Finished::Exited(code) = finished {
            self.record_event(&target.config, "exec_die", &[("exitCode", &code.to_string())]);
        }
        Ok(finished)
    }

    /// Runs a command in a container and leaves it to itself.
    pub fn exec_detached(&self, name: &str, options: &ExecOptions) -> Result<()> {
        let target = self.exec_target(name, options)?;
        let null =
            || -> io::Result<OwnedFd> { Ok(OpenOptions::new().read(true).write(true).open("/dev/null")?.into()) };
        let files = || -> io::Result<Stdio> { Ok(Stdio::Files { stdin: null()?, stdout: null()?, stderr: null()? }) };
        self.spawn(&target, files().map_err(|source| Error::file("/dev/null", source))?).map(drop)
    }

    fn exec_target(&self, name: &str, options: &ExecOptions) -> Result<Target> {
        let record = self.find(name)?;
        let config = record.existing_config()?;
        let state = record.live()?.state;
        let init = match (state.status, state.init) {
            (Status::Running, Some(init)) => init,
            (Status::Paused, _) => {
                let message = format!("Container {name} is paused, unpause the container before exec");
                return Err(Error::InvalidOption(message));
            }
            (Status::Restarting, _) => {
                let message = format!("Container {name} is restarting, wait until the container is running");
                return Err(Error::InvalidOption(message));
            }
            _ => return Err(Error::NotRunning(name.to_owned())),
        };
        let process = make_process(&record, &config, options)?;
        Ok(Target { config, init, spec: record.spec()?, process })
    }

    fn spawn(&self, target: &Target, stdio: Stdio) -> Result<Exec> {
        let command = target.process.args().iter().flatten().cloned().collect::<Vec<_>>().join(" ");
        self.record_event(&target.config, &format!("exec_create: {command}"), &[]);
        let request = ExecRequest {
            init: target.init,
            spec: &target.spec,
            process: &target.process,
            stdio,
            options: sandbox::ExecOptions::default(),
        };
        let exec = sandbox::exec(request).or_else(|error| {
            // Its namespaces go a moment before it does.
            match error.exit_code() == 125 && wait_for_end(target.init, Some(PARTING))? {
                true => Err(Error::NotRunning(target.config.name.clone())),
                false => Err(error.into()),
            }
        })?;
        self.record_event(&target.config, &format!("exec_start: {command}"), &[]);
        Ok(exec)
    }
}

/// The size of our own terminal; 80x24 when there is none.
fn terminal_size() -> (u16, u16) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => (80, 24),
    }
}

pub(super) fn make_process(record: &Record, config: &ContainerConfig, options: &ExecOptions) -> Result<Process> {
    let user = find_user(record, config, options)?;
    let own = environment::of_init(&config.env, &config.hostname, options.tty, &user.home);
    let env = environment::merge(&own, &options.env);
    let cwd = options.working_dir.as_deref().unwrap_or(&config.working_dir);
    if !cwd.starts_with('/') {
        return Err(Error::InvalidOption(format!("Cwd must be an absolute path: {cwd}")));
    }
    let host = &config.host;
    let privileged = host.privileged || options.privileged;
    let set = capabilities::select(privileged, &host.cap_add, &host.cap_drop).map_err(Error::InvalidOption)?;
    let mut process = spec::process(options.command.clone(), env, cwd, &user, options.tty);
    spec::limit(&mut process, host);
    process.set_capabilities(Some(capabilities::of_process(set, user.uid)));
    Ok(process)
}

/// The user database of a running container is in its upper directory or its layers, like that of one that does not run.
fn find_user(record: &Record, config: &ContainerConfig, options: &ExecOptions) -> Result<User> {
    let mut roots = vec![record.path("upper")];
    roots.extend(config.layers.iter().cloned());
    let wanted = options.user.as_deref().unwrap_or(&config.user);
    let groups = &config.host.confinement.groups;
    let user = UserDatabase::of_layers(&roots).resolve_with(wanted, groups);
    user.map_err(|message| Error::StartFailed { exit_code: 126, message })
}
