//! Removing and renaming, and what happens when a container has ended.

use super::config::ContainerConfig;
use super::names;
use super::record::{self, Record};
use super::stop::wait_for_end;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files;
use porthole_runtime::client::{self, MonitorClient};
use porthole_runtime::state::State;
use std::fs;
use std::path::{Path, PathBuf};

/// How a container is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// Whether one that runs is killed first.
    pub force: bool,
    /// Whether the volumes that were made for it alone go too; with one that is removed when it ends they always do.
    pub volumes: bool,
}

impl Engine {
    /// Removes a container; one that runs only by force, with SIGKILL. Its files are deleted by [`Engine::sweep`].
    pub fn remove(&self, name: &str, options: RemoveOptions) -> Result<()> {
        let record = self.find(name)?;
        if options.force {
            self.end_by_force(&record)?;
        }
        let _lock = match record.lock() {
            Err(Error::NoSuchContainer(_)) => return Ok(()),
            lock => lock?,
        };
        let config = match record.read() {
            Ok(Some((config, live))) if record::is_active(live.state.status) => {
                return Err(Error::RemoveRunning(config.name));
            }
            Ok(made) => made.map(|(config, _)| config),
            // Nobody can tell whether it runs.
            Err(error @ Error::Record { .. }) if !options.force => return Err(error),
            Err(Error::Record { .. }) => record.config().ok().flatten(),
            Err(error) => return Err(error),
        };
        if self.paths().active(&record.id).exists() {
            self.release(&record, config.as_ref())?;
        }
        self.bury(&record, config.as_ref())?;
        match config {
            Some(config) if options.volumes || config.host.auto_remove => self.remove_anonymous_volumes(&config),
            _ => Ok(()),
        }
    }

    /// Kills a container whatever its records and its monitor are like.
    fn end_by_force(&self, record: &Record) -> Result<()> {
        let stopped = match record.live() {
            Ok(live) if !record::is_active(live.state.status) => return Ok(()),
            Ok(live) => match self.stop(&record.id, Some("KILL"), None) {
                Err(Error::Monitor { source: client::Error::Silent { .. }, .. }) => {
                    // A monitor that hangs is of no use to anybody.
                    if let Some(monitor) = live.state.monitor {
                        // It fails only for one that has ended.
                        let _ = monitor.send_signal(libc::SIGKILL);
                        wait_for_end(monitor, None)?;
                    }
                    self.stop(&record.id, Some("KILL"), None)
                }
                stopped => stopped,
            },
            Err(error) => Err(error),
        };
        match stopped {
            // It ended by itself, and may even have been removed for it.
            Err(Error::NoSuchContainer(_)) => Ok(()),
            // Its monitor is told first, or it would start the container again. If there is none, nobody needs to be told.
            Err(Error::Record { .. }) => {
                let monitor = MonitorClient::connect(&self.paths().socket(&record.id));
                let _ = monitor.and_then(|mut monitor| monitor.stop(libc::SIGKILL, None));
                self.kill_processes(record)
            }
            Err(error) if record.live().is_ok_and(|live| record::is_active(live.state.status)) => Err(error),
            _ => Ok(()),
        }
    }

    fn kill_processes(&self, record: &Record) -> Result<()> {
        let killed = self.cgroup_of(record)?.kill_all(libc::SIGKILL);
        killed.map_err(|source| Error::Cgroup { name: record.id.clone(), source })
    }

    /// Gives a container another name.
    pub fn rename(&self, name: &str, new_name: &str) -> Result<()> {
        let record = self.find(name)?;
        let _lock = record.lock()?;
        let mut config = record.existing_config()?;
        if new_name.strip_prefix('/').unwrap_or(new_name) == config.name {
            return Err(Error::InvalidOption("Renaming a container with the same name as its current name".to_owned()));
        }
        // Until the mark is gone, whoever removes it or puts things in order gives back all names but that in its record.
        fs::write(record.renaming(), "").map_err(|source| Error::file(record.renaming(), source))?;
        let renamed = names::reserve(self.paths(), new_name, &record.id).and_then(|new_name| {
            let old_name = std::mem::replace(&mut config.name, new_name);
            record.write_config(&config).map(|()| old_name)
        });
        self.settle_names(&record, &record.existing_config()?.name)?;
        let old_name = renamed?;
        let live = record.live()?;
        if record::is_active(live.state.status) {
            self.tell_monitor(&record, &config, &live)?;
            self.tell_new_name(&record, &config.name, &record.endpoints(&live)?)?;
        }
        self.record_event(&config, "rename", &[("oldName", &format!("/{old_name}"))]);
        Ok(())
    }

    /// Gives back what names are reserved for a container but its own. The caller holds its lock.
    pub(super) fn settle_names(&self, record: &Record, name: &str) -> Result<()> {
        names::release_all(self.paths(), &record.id, Some(name))?;
        files::remove_if_there(&record.renaming())
    }

    /// Writes down the end of a container if nobody saw it, frees what it held, and removes it if it was made to be.
    pub fn clean_up(&self, id: &str) -> Result<()> {
        let record = Record::new(self.paths(), id);
        let _lock = match record.lock() {
            Err(Error::NoSuchContainer(_)) => return Ok(()),
            lock => lock?,
        };
        let live = record.live()?;
        if record::is_active(live.state.status) && !live.stale {
            // It was started again before we came to it.
            return Ok(());
        }
        if live.stale {
            let finished_at = Some(jiff::Timestamp::now().to_string());
            record.write_state(&State { finished_at, ..live.state })?;
        }
        let config = record.config()?;
        if self.paths().active(id).exists() {
            self.release(&record, config.as_ref())?;
        }
        match &config {
            Some(made) if made.host.auto_remove => {
                remove_tree(&self.bury(&record, config.as_ref())?)?;
                self.remove_anonymous_volumes(made)
            }
            _ => Ok(()),
        }
    }

    /// Gives back network, ports, volumes and cgroup of a container without processes. The caller holds its lock. Harmless when
    /// there is nothing to give back.
    pub(super) fn release(&self, record: &Record, config: Option<&ContainerConfig>) -> Result<()> {
        self.release_interfaces(&record.id)?;
        if config.is_none_or(|config| config.network().is_connected()) {
            self.leave_networks(record, config)?;
        }
        self.forget_in_runtime(record, config.map(|config| &config.host))?;
        let cgroup = self.cgroup_of(record)?;
        cgroup.destroy().map_err(|source| Error::Cgroup { name: record.id.clone(), source })?;
        self.unmount_volumes(&record.id)?;
        files::remove_if_there(&self.paths().socket(&record.id))?;
        files::remove_if_there(&self.paths().active(&record.id))?;
        // Once a run, whoever came to clean up after it.
        if let (Some(config), Ok(live)) = (config, record.live()) {
            self.record_event(config, "die", &[("exitCode", &live.state.exit_code.unwrap_or(0).to_string())]);
        }
        Ok(())
    }

    /// Removes a container whose lock is held and that holds nothing. It is gone with the rename; its files are now where
    /// this tells.
    fn bury(&self, record: &Record, config: Option<&ContainerConfig>) -> Result<PathBuf> {
        let grave = self.move_to_removed(record)?;
        self.give_back_names(&Record::removed(self.paths(), &record.id), config)?;
        if let Some(config) = config {
            self.record_event(config, "destroy", &[]);
        }
        if !self.is_system_root() && record::are_none(self.paths())? {
            // Roots come and go; what they share with nobody goes with their last container.
            self.remove_parent_cgroup()?;
        }
        Ok(grave)
    }

    /// Gives back the names of a removed container. Harmless when they are another's by now.
    pub(super) fn give_back_names(&self, grave: &Record, config: Option<&ContainerConfig>) -> Result<()> {
        match config {
            Some(config) if !grave.renaming().exists() => names::release(self.paths(), &config.name, &grave.id),
            _ => names::release_all(self.paths(), &grave.id, None),
        }
    }

    /// Moves a container to where its files are deleted.
    pub(super) fn move_to_removed(&self, record: &Record) -> Result<PathBuf> {
        let removed = self.paths().removed();
        files::create_private_directory(&removed)?;
        let grave = removed.join(&record.id);
        fs::rename(record.directory(), &grave).map_err(|source| Error::file(record.directory(), source))?;
        Ok(grave)
    }
}

/// Removes a directory and all in it; that somebody else does the same is no error.
pub(super) fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file(path, error)),
        _ => Ok(()),
    }
}
