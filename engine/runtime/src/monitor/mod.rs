//! The small single-threaded process that stays with one container: logs, terminal, exit record, restarts.

use crate::sandbox::RootSource;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `monitor.json` in the container's directory: all that a monitor needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorConfig {
    /// The container's id.
    pub id: String,
    /// The container's directory; `spec.json` is read and `state.json` is written there.
    pub directory: PathBuf,
    /// Its root file system.
    pub root: RootSource,
    /// Whether standard input stays open while nobody is attached (`-i`).
    pub open_stdin: bool,
    /// Whether standard input is closed when the first attached client ends its own.
    pub stdin_once: bool,
    /// The log.
    pub log: LogConfig,
    /// What to do when the init ends.
    pub restart: RestartPolicy,
    /// The signal that `docker kill`-like requests treat as a stop, when the user or image named one.
    pub stop_signal: Option<i32>,
    /// Where the monitor listens: a socket of mode 0600, peers checked by SO_PEERCRED.
    pub socket: PathBuf,
    /// Program and arguments to run once the container has ended for good and no client took that on.
    pub cleanup: Vec<String>,
}

/// Where and how much to log. The format is Docker's json-file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogConfig {
    /// The newest file; older ones are `path.1`, `path.2` …
    pub path: PathBuf,
    /// A file is rotated when it would grow past this many bytes.
    pub max_size: u64,
    /// How many files are kept, the newest included; at least one.
    pub max_files: u32,
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
