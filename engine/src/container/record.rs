//! The records of a container on disk, and what they and the kernel together say of it now.

use super::config::ContainerConfig;
use super::names;
use crate::error::{Error, Result};
use crate::files::{self, Durability, Lock};
use crate::paths::Paths;
use porthole_network::Endpoint;
use porthole_runtime::state::{HealthStatus, State, Status};
use serde::Deserialize;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The file with a container's places on networks.
const ENDPOINTS: &str = "network.json";

/// Exit code of a container whose end nobody saw.
const UNKNOWN_EXIT: i32 = 255;

/// A container's directory, and access to what lies in it.
#[derive(Clone, Debug)]
pub struct Record {
    /// The container's id.
    pub id: String,
    directory: PathBuf,
}

/// What a container is doing, as far as records and processes tell.
#[derive(Clone, Debug)]
pub struct Live {
    /// `state.json`, corrected where the processes it names are gone.
    pub state: State,
    /// Whether the init runs and its monitor does not.
    pub monitor_lost: bool,
    /// Whether `state.json` says something else than `state`: somebody was killed, and has to be cleaned up after.
    pub stale: bool,
}

impl Record {
    /// The record of the container with this id.
    pub fn new(paths: &Paths, id: &str) -> Record {
        Record { id: id.to_owned(), directory: paths.container(id) }
    }

    /// The record of a removed container, as far as it has not been deleted.
    pub fn removed(paths: &Paths, id: &str) -> Record {
        Record { id: id.to_owned(), directory: paths.removed().join(id) }
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A file or directory of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// What was asked of it; `None` when it was never made whole.
    pub fn config(&self) -> Result<Option<ContainerConfig>> {
        files::read_json(&self.path("config.json"))
    }

    /// What was asked of it and what it is doing; `None` when it was never made whole.
    pub fn read(&self) -> Result<Option<(ContainerConfig, Live)>> {
        match self.config()? {
            Some(config) => Ok(Some((config, self.live()?))),
            None => Ok(None),
        }
    }

    /// What was asked of it.
    pub fn existing_config(&self) -> Result<ContainerConfig> {
        self.config()?.ok_or_else(|| Error::NoSuchContainer(self.id.clone()))
    }

    /// Writes what was asked of it.
    pub fn write_config(&self, config: &ContainerConfig) -> Result<()> {
        let durability = if config.host.auto_remove { Durability::Volatile } else { Durability::Synced };
        files::write_json(&self.path("config.json"), config, durability)
    }

    /// Writes what it is doing; for when no monitor does.
    pub fn write_state(&self, state: &State) -> Result<()> {
        files::write_json(&self.path("state.json"), state, Durability::Volatile)
    }

    /// Whether it goes by this name. One whose record is damaged may: it is to be found, so that it can be removed.
    pub fn bears(&self, name: &str) -> Result<bool> {
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        match files::read_json::<Named>(&self.path("config.json")) {
            Ok(named) => Ok(named.is_some_and(|named| named.name == name)),
            Err(Error::Record { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The mark of one that is being renamed: names other than its own may be reserved for it.
    pub fn renaming(&self) -> PathBuf {
        self.path("renaming")
    }

    /// Its OCI spec as it was started last.
    pub fn spec(&self) -> Result<oci_spec::runtime::Spec> {
        files::read_json(&self.path("spec.json"))?.ok_or_else(|| Error::NotRunning(self.id.clone()))
    }

    /// Its places on networks, while it runs.
    pub fn endpoints(&self, live: &Live) -> Result<Vec<Endpoint>> {
        match is_active(live.state.status) {
            true => self.recorded_endpoints(),
            false => Ok(Vec::new()),
        }
    }

    /// Its places on networks in its last run, as far as they were recorded and not given back.
    pub fn recorded_endpoints(&self) -> Result<Vec<Endpoint>> {
        Ok(files::read_json(&self.path(ENDPOINTS))?.unwrap_or_default())
    }

    /// Writes its places on networks.
    pub fn write_endpoints(&self, endpoints: &[Endpoint]) -> Result<()> {
        files::write_json(&self.path(ENDPOINTS), &endpoints, Durability::Volatile)
    }

    /// Forgets its places on networks.
    pub fn remove_endpoints(&self) -> Result<()> {
        files::remove_if_there(&self.path(ENDPOINTS))
    }

    /// What it is doing.
    pub fn live(&self) -> Result<Live> {
        let recorded: State = files::read_json(&self.path("state.json"))?.unwrap_or_default();
        Ok(correct(recorded, boot_id()))
    }

    /// Locks it against other commands that change it.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.path("lock");
        loop {
            if !self.directory.exists() {
                return Err(Error::NoSuchContainer(self.id.clone()));
            }
            match Lock::acquire(&path) {
                Ok(lock) if lock.is_current(&path) => return Ok(lock),
                // It was removed meanwhile.
                Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                lock => drop(lock?),
            }
        }
    }

    /// As [`Record::lock`], if no other command has it and it is there.
    pub fn try_lock(&self) -> Result<Option<Lock>> {
        let path = self.path("lock");
        match Lock::try_acquire(&path) {
            Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            lock => Ok(lock?.filter(|lock| lock.is_current(&path))),
        }
    }
}

/// Whether a container in this state has, or is about to have, processes.
pub fn is_active(status: Status) -> bool {
    matches!(status, Status::Running | Status::Paused | Status::Restarting)
}

/// Corrects a state by what became of its processes.
fn correct(recorded: State, boot_id: &str) -> Live {
    let unchanged = |state: State| Live { state, monitor_lost: false, stale: false };
    if !is_active(recorded.status) {
        return unchanged(recorded);
    }
    let this_boot = recorded.boot_id == boot_id;
    let alive =
        |process: Option<porthole_runtime::process::ProcessId>| this_boot && process.is_some_and(|p| p.is_alive());
    if alive(recorded.monitor) {
        return unchanged(recorded);
    }
    if alive(recorded.init) {
        return Live { state: recorded, monitor_lost: true, stale: false };
    }
    let error = if this_boot {
        "its monitor was killed, nobody saw how it ended"
    } else {
        "it was running when the machine went down"
    };
    let state = State {
        status: Status::Exited,
        init: None,
        monitor: None,
        exit_code: Some(UNKNOWN_EXIT),
        finished_at: recorded.finished_at.clone().or_else(|| recorded.started_at.clone()),
        error: error.to_owned(),
        health: recorded.health.map(|_| HealthStatus::Unhealthy),
        ..recorded
    };
    Live { state, monitor_lost: false, stale: true }
}

/// The id of this boot (random(4)).
pub fn boot_id() -> &'static str {
    static BOOT_ID: OnceLock<String> = OnceLock::new();
    BOOT_ID.get_or_init(|| porthole_runtime::state::boot_id().unwrap_or_default())
}

/// The ids of all containers, made whole or not, in no order.
pub fn ids(paths: &Paths) -> Result<Vec<String>> {
    let directory = paths.containers();
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::file(directory, source)),
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    names.collect::<std::io::Result<_>>().map_err(|source| Error::file(directory, source))
}

/// Whether there is no container, made whole or not.
pub fn are_none(paths: &Paths) -> Result<bool> {
    let directory = paths.containers();
    match fs::read_dir(&directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(source) => Err(Error::file(directory, source)),
    }
}

/// Finds a container by full id, name, or unique beginning of an id, in this order, as Docker does.
pub fn find(paths: &Paths, wanted: &str) -> Result<Record> {
    let wanted = wanted.strip_prefix('/').unwrap_or(wanted);
    let is_hex = !wanted.is_empty() && wanted.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hex && wanted.len() == 64 && paths.container(wanted).exists() {
        return Ok(Record::new(paths, wanted));
    }
    if let Some(id) = names::lookup(paths, wanted)? {
        let record = Record::new(paths, &id);
        if record.bears(wanted)? {
            return Ok(record);
        }
    }
    if !is_hex {
        return Err(Error::NoSuchContainer(wanted.to_owned()));
    }
    let mut matching = ids(paths)?.into_iter().filter(|id| id.starts_with(wanted));
    match (matching.next(), matching.next()) {
        (Some(id), None) => Ok(Record::new(paths, &id)),
        (Some(_), Some(_)) => Err(Error::AmbiguousId(wanted.to_owned())),
        (None, _) => Err(Error::NoSuchContainer(wanted.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use porthole_runtime::process::ProcessId;

    fn running(init: Option<ProcessId>, monitor: Option<ProcessId>) -> State {
        State { status: Status::Running, init, monitor, boot_id: boot_id().to_owned(), ..State::default() }
    }

    fn me() -> Option<ProcessId> {
        Some(ProcessId::current().unwrap())
    }

    fn gone() -> Option<ProcessId> {
        Some(ProcessId { pid: std::process::id().cast_signed(), start_time: 1 })
    }

    #[test]
    fn a_live_monitor_is_believed() {
        let live = correct(running(gone(), me()), boot_id());
        assert_eq!((live.state.status, live.monitor_lost, live.stale), (Status::Running, false, false));
    }

    #[test]
    fn a_lost_monitor_is_noticed() {
        let live = correct(running(me(), gone()), boot_id());
        assert_eq!((live.state.status, live.monitor_lost, live.stale), (Status::Running, true, false));
    }

    #[test]
    fn a_container_without_processes_has_ended() {
        let live = correct(running(gone(), gone()), boot_id());
        assert_eq!((live.state.status, live.stale), (Status::Exited, true));
        assert_eq!(live.state.exit_code, Some(UNKNOWN_EXIT));
    }

    #[test]
    fn nothing_survives_a_reboot() {
        let live = correct(running(me(), me()), "another boot");
        assert_eq!((live.state.status, live.stale), (Status::Exited, true));
    }
}
