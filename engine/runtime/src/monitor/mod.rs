//! The small single-threaded process that stays with one container: logs, terminal, exit record, restarts.
//!
//! [`main`] is its whole life. It is started by [`crate::client::launch`], speaks [`crate::protocol`] on the control
//! socket that it gets as standard input and on a socket of its own, and ends after the container has.

mod container;
mod daemon;
mod health;
mod lifecycle;
mod listener;
mod memory;
mod oom;
mod peer;
mod requests;
mod restart;
mod runtime;
pub mod service;
mod supervisor;
mod turn;

pub use crate::log::LogConfig;
pub use health::HealthCheck;

use crate::event::Subject;
use crate::process::ProcessId;
use crate::protocol::Reply;
use crate::sandbox::RootSource;
use peer::Peer;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use supervisor::Supervisor;
use turn::Turn;

/// `monitor.json` in the container's directory: all that a monitor needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorConfig {
    /// The container's id.
    pub id: String,
    /// The container's directory; `spec.json` is read and `state.json` is written there.
    pub directory: PathBuf,
    /// Its root file system.
    pub root: RootSource,
    /// The OCI runtime that makes it; ours when there is none.
    #[serde(default)]
    pub runtime: Option<PathBuf>,
    /// Whether standard input stays open while nobody is attached (`-i`).
    pub open_stdin: bool,
    /// Whether standard input is closed when the first attached client ends its own.
    pub stdin_once: bool,
    /// The log, if its output is kept.
    pub log: Option<LogConfig>,
    /// What to do when the init ends.
    pub restart: RestartPolicy,
    /// The signal that `docker kill`-like requests treat as a stop, when the user or image named one.
    pub stop_signal: Option<i32>,
    /// Where the monitor listens: a socket of mode 0600, peers checked by SO_PEERCRED.
    pub socket: PathBuf,
    /// Program and arguments to run once the container has ended for good and no client took that on.
    pub cleanup: Vec<String>,
    /// How it is checked whether the container is well.
    pub health: Option<HealthCheck>,
    /// As whom its events are told: those that only the monitor sees.
    pub events: Subject,
    /// Containers whose namespaces it joins.
    #[serde(default)]
    pub donors: Vec<Donor>,
}

/// A container whose namespaces another one joins. The spec names them by way of its init, `/proc/PID/…`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Donor {
    /// Its directory.
    pub directory: PathBuf,
    /// Its init at the time when the spec was written.
    pub init: ProcessId,
}

/// Docker's restart policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "name", content = "maximum_retries")]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// When the exit code is not 0, at most so many times (0: without end).
    OnFailure(u32),
    /// Always, unless it was stopped by hand.
    Always,
    /// Like `Always`; the difference shows only at boot.
    UnlessStopped,
}

/// As `--restart` takes it.
impl fmt::Display for RestartPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.write_str("no"),
            Self::OnFailure(0) => f.write_str("on-failure"),
            Self::OnFailure(retries) => write!(f, "on-failure:{retries}"),
            Self::Always => f.write_str("always"),
            Self::UnlessStopped => f.write_str("unless-stopped"),
        }
    }
}

impl MonitorConfig {
    /// The record's name in the container's directory.
    pub const FILE: &str = "monitor.json";

    fn load(directory: &Path) -> io::Result<Self> {
        let path = directory.join(Self::FILE);
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let text = fs::read(&path).map_err(named)?;
        serde_json::from_slice(&text).map_err(|error| named(error.into()))
    }
}

/// Runs the monitor of the container in `container_dir` until that has ended for good. Standard input must be the
/// control socket that [`crate::client::launch`] passes. `begin` makes what serves the container meanwhile.
pub fn main(container_dir: &Path, begin: service::Begin) -> ExitCode {
    let control = match daemon::detach() {
        Ok(control) => control,
        Err(error) => {
            eprintln!("porthole monitor: {error}");
            return ExitCode::from(125);
        }
    };
    let supervisor = match take_over(container_dir, &control, begin) {
        Ok(Some(supervisor)) => supervisor,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            let mut launcher = Peer::new(control);
            launcher.send(Reply::Failed { exit_code: 125, message: &error.to_string() });
            return ExitCode::from(125);
        }
    };
    match supervisor.run(control) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Becomes the container's one monitor. `None` when the launcher was killed before anything was made; what it left is
/// cleaned up.
fn take_over(container_dir: &Path, control: &UnixStream, begin: service::Begin) -> io::Result<Option<Supervisor>> {
    let config = MonitorConfig::load(container_dir)?;
    match Turn::wait(container_dir, control.as_fd())? {
        Some(turn) => Supervisor::new(config, turn, begin).map(Some),
        None => daemon::spawn_detached(&config.cleanup).map(|()| None),
    }
}
