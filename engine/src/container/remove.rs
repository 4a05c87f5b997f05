//! Removing and renaming, and what happens when a container has ended.

use super::config::{ContainerConfig, NetworkMode};
use super::names;
use super::record::{self, Record};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files;
use std::fs;
use std::path::Path;

impl Engine {
    /// Removes a container; one that runs only by force, with SIGKILL.
    pub fn remove(&self, name: &str, force: bool) -> Result<()> {
        let record = self.find(name)?;
        if is_active(&record)? {
            if !force {
                return Err(Error::RemoveRunning(record.existing_config()?.name));
            }
            match self.stop(&record.id, Some("KILL"), None) {
                // It ended by itself, and may even have been removed for it.
                Err(Error::NoSuchContainer(_)) => return Ok(()),
                Err(error) if is_active(&record)? => return Err(error),
                _ => {}
            }
        }
        let _lock = match record.lock() {
            Err(Error::NoSuchContainer(_)) => return Ok(()),
            lock => lock?,
        };
        if is_active(&record)? {
            return Err(Error::RemoveRunning(record.existing_config()?.name));
        }
        let config = readable(record.config())?.flatten();
        if self.paths().active(&record.id).exists() {
            // Without a readable record nobody knows whether it runs.
            let cgroup = self.cgroup_of(&record)?;
            cgroup.kill_all(libc::SIGKILL).map_err(|source| Error::Cgroup { name: record.id.clone(), source })?;
            self.release(&record, config.as_ref())?;
        }
        self.delete(&record, config.as_ref())
    }

    /// Gives a container another name.
    pub fn rename(&self, name: &str, new_name: &str) -> Result<()> {
        let record = self.find(name)?;
        let _lock = record.lock()?;
        let mut config = record.existing_config()?;
        let old_name = std::mem::replace(&mut config.name, names::reserve(self.paths(), new_name, &record.id)?);
        if old_name == config.name {
            return Err(Error::InvalidOption("Renaming a container with the same name as its current name".to_owned()));
        }
        match record.write_config(&config) {
            Ok(()) => names::release(self.paths(), &old_name, &record.id),
            Err(error) => {
                names::release(self.paths(), &config.name, &record.id)?;
                Err(error)
            }
        }
    }

    /// Frees what a container that has ended held, and removes it if it was made to be.
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
        let config = record.config()?;
        if self.paths().active(id).exists() {
            self.release(&record, config.as_ref())?;
        }
        match &config {
            Some(made) if made.host.auto_remove => self.delete(&record, config.as_ref()),
            _ => Ok(()),
        }
    }

    /// Gives back network, ports and cgroup of a container without processes. The caller holds its lock. Harmless when
    /// there is nothing to give back.
    pub(super) fn release(&self, record: &Record, config: Option<&ContainerConfig>) -> Result<()> {
        if config.is_none_or(|config| *config.network() == NetworkMode::Bridge) {
            self.network().disconnect(&record.id)?;
            files::remove_if_there(&record.path("network.json"))?;
        }
        let cgroup = self.cgroup_of(record)?;
        cgroup.remove().map_err(|source| Error::Cgroup { name: record.id.clone(), source })?;
        files::remove_if_there(&self.paths().socket(&record.id))?;
        files::remove_if_there(&self.paths().active(&record.id))
    }

    /// Removes a container whose lock is held and that holds nothing. It is gone with the rename; its files follow.
    fn delete(&self, record: &Record, config: Option<&ContainerConfig>) -> Result<()> {
        let removed = self.paths().removed();
        files::create_private_directory(&removed)?;
        let grave = removed.join(&record.id);
        fs::rename(record.directory(), &grave).map_err(|source| Error::file(record.directory(), source))?;
        if let Some(config) = config {
            names::release(self.paths(), &config.name, &record.id)?;
        }
        remove_tree(&grave)?;
        if !self.is_system_root() && record::ids(self.paths())?.is_empty() {
            // Roots come and go; what they share with nobody goes with their last container.
            self.remove_parent_cgroup()?;
        }
        Ok(())
    }
}

/// Whether a container has processes, as far as its records can be read.
fn is_active(record: &Record) -> Result<bool> {
    Ok(readable(record.live())?.is_some_and(|live| record::is_active(live.state.status)))
}

/// `None` for a damaged record: a container that cannot be read can still be removed.
fn readable<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(Error::Record { .. }) => Ok(None),
        result => result.map(Some),
    }
}

/// Removes a directory and all in it; that somebody else does the same is no error.
pub(super) fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file(path, error)),
        _ => Ok(()),
    }
}
