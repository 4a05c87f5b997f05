//! Removing and renaming, and what happens when a container has ended.

use super::config::NetworkMode;
use super::names;
use super::record::{self, Record};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Lock};
use std::fs;
use std::path::Path;

impl Engine {
    /// Removes a container; one that runs only by force, with SIGKILL.
    pub fn remove(&self, name: &str, force: bool) -> Result<()> {
        let record = self.find(name)?;
        if record::is_active(record.live()?.state.status) {
            if !force {
                let name = record.config()?.map_or_else(|| record.id.clone(), |config| config.name);
                return Err(Error::RemoveRunning(name));
            }
            match self.stop(&record.id, Some("KILL"), None) {
                // It ended by itself, and may even have been removed for it.
                Err(Error::NoSuchContainer(_)) => return Ok(()),
                Err(error) if record::is_active(record.live()?.state.status) => return Err(error),
                _ => {}
            }
        }
        let lock = match record.lock() {
            Err(Error::NoSuchContainer(_)) => return Ok(()),
            lock => lock?,
        };
        if record::is_active(record.live()?.state.status) {
            return Err(Error::RemoveRunning(name.to_owned()));
        }
        self.delete(&record, lock)
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
        let lock = match record.lock() {
            Err(Error::NoSuchContainer(_)) => return Ok(()),
            lock => lock?,
        };
        if record::is_active(record.live()?.state.status) && !record.live()?.stale {
            // It was started again before we came to it.
            return Ok(());
        }
        self.release(&record)?;
        match record.config()? {
            Some(config) if config.host.auto_remove => self.delete(&record, lock),
            _ => Ok(()),
        }
    }

    /// Gives back network, ports and cgroup of a container without processes. The caller holds its lock. Harmless when
    /// there is nothing to give back.
    pub(super) fn release(&self, record: &Record) -> Result<()> {
        self.release_network(record)?;
        let cgroup = self.cgroup_of(record)?;
        cgroup.remove().map_err(|source| Error::Cgroup { name: record.id.clone(), source })?;
        files::remove_if_there(&self.paths().socket(&record.id))?;
        files::remove_if_there(&self.paths().active(&record.id))
    }

    /// Gives back address and ports, if it may have any.
    fn release_network(&self, record: &Record) -> Result<()> {
        let on_bridge = record.config()?.is_none_or(|config| *config.network() == NetworkMode::Bridge);
        if on_bridge {
            self.network().disconnect(&record.id)?;
            files::remove_if_there(&record.path("network.json"))?;
        }
        Ok(())
    }

    /// Removes a container whose lock is held. It is gone with the rename; its files follow.
    fn delete(&self, record: &Record, _lock: Lock) -> Result<()> {
        self.release(record)?;
        let name = record.config()?.map(|config| config.name);
        let trash = self.paths().trash();
        files::create_private_directory(&trash)?;
        let grave = trash.join(&record.id);
        fs::rename(record.directory(), &grave).map_err(|source| Error::file(record.directory(), source))?;
        if let Some(name) = name {
            names::release(self.paths(), &name, &record.id)?;
        }
        remove_tree(&grave)
    }
}

/// Removes a directory and all in it; that somebody else does the same is no error.
pub(super) fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file(path, error)),
        _ => Ok(()),
    }
}
