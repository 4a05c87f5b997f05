//! `state.json`: what a container is doing, written by its monitor while that lives.

use crate::process::ProcessId;
use crate::record;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

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

/// What a container's health checks tell of it (Docker's HEALTHCHECK).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// None has succeeded yet, nor have too many failed.
    Starting,
    /// The last ones succeeded, or have not failed often enough in a row.
    Healthy,
    /// Too many failed in a row; or the container has ended.
    Unhealthy,
}

impl HealthStatus {
    /// The name in records, filters and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
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
    /// Whether a client stopped it, so that after boot `unless-stopped` leaves it alone.
    pub stopped: bool,
    /// How often the restart policy has started it again.
    pub restart_count: u32,
    /// How healthy it is, if it is checked; the checks themselves are in [`crate::health::HealthRecord`].
    pub health: Option<HealthStatus>,
}

impl State {
    /// The record's name in the container's directory.
    pub const FILE: &str = "state.json";

    /// Reads the record of the container in `directory`; `None` when it has none.
    pub fn load(directory: &Path) -> io::Result<Option<Self>> {
        record::load(&directory.join(Self::FILE))
    }

    /// Replaces the record of the container in `directory`. Readers see the old one or the new one, never a part. It
    /// is not synced: after a power cut nothing runs, whatever the record says, and its boot id tells.
    pub fn save(&self, directory: &Path) -> io::Result<()> {
        record::save(&directory.join(Self::FILE), self)
    }

    /// As [`Self::save`] where the disk is full: writes over a file of the directory that nobody needs any more, whose space
    /// is there, and makes that the record.
    pub fn save_over(&self, directory: &Path, unneeded: &str) -> io::Result<()> {
        let unneeded = directory.join(unneeded);
        let text = serde_json::to_vec(self)?;
        let mut file = OpenOptions::new().write(true).open(&unneeded)?;
        file.write_all(&text)?;
        file.set_len(text.len() as u64)?;
        fs::rename(unneeded, directory.join(Self::FILE))
    }
}

/// The identity of this boot of the machine, for [`State::boot_id`].
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim_end().to_owned())
}

/// Now, as times are written in a [`State`].
pub fn now() -> String {
    format!("{:.9}", jiff::Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_the_disk_and_missing_fields_have_defaults() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(State::load(directory.path()).expect("no record is no error"), None);
        let state = State { status: Status::Restarting, exit_code: Some(137), restart_count: 3, ..State::default() };
        state.save(directory.path()).expect("saved");
        assert_eq!(State::load(directory.path()).expect("readable"), Some(state.clone()));
        fs::write(directory.path().join("other"), "x".repeat(1000)).expect("written");
        let ended = State { status: Status::Exited, ..state };
        ended.save_over(directory.path(), "other").expect("saved");
        assert_eq!(State::load(directory.path()).expect("readable"), Some(ended));
        assert!(!directory.path().join("other").exists());
        fs::write(directory.path().join(State::FILE), "{\"status\":\"paused\"}").expect("written");
        let sparse = State::load(directory.path()).expect("readable").expect("there");
        assert_eq!(sparse, State { status: Status::Paused, ..State::default() });
    }
}
