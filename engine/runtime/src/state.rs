//! `state.json`: what a container is doing, written by its monitor while that lives.

use crate::process::ProcessId;
use serde::{Deserialize, Serialize};

/// Docker's container states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Made, never started.
    #[default]
    Created,
    /// Its init runs.
    Running,
    /// Its cgroup is frozen.
    Paused,
    /// Ended, and waiting to be started again by its restart policy.
    Restarting,
    /// Ended.
    Exited,
    /// Could not be removed or started.
    Dead,
}

/// The record in `state.json`. Times are RFC 3339 with nanoseconds, UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// What the container is doing.
    pub status: Status,
    /// Its init, while it runs.
    pub init: Option<ProcessId>,
    /// Its monitor, while that lives.
    pub monitor: Option<ProcessId>,
    /// `/proc/sys/kernel/random/boot_id` at the last start: after a reboot nothing in this record runs.
    pub boot_id: String,
    /// When the init was started last.
    pub started_at: Option<String>,
    /// When it ended last.
    pub finished_at: Option<String>,
    /// Exit code of the last run: 0 to 255, 128 + n for signal n.
    pub exit_code: Option<i32>,
    /// Whether the kernel killed a process of the container for memory during the last run.
    pub oom_killed: bool,
    /// Why the last start failed, or how the monitor was lost; empty when nothing went wrong.
    pub error: String,
    /// How often the restart policy has started it again.
    pub restart_count: u32,
}
