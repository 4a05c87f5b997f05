//! The root of a container, to be looked into and written to from outside: that of a running one as its processes see it, that
//! of another assembled for the purpose. Nothing in it is run or loaded, and no link leads out of it.

use super::config::ContainerConfig;
use super::record::{self, Record};
use super::spec;
use super::user_namespace::UserNamespace;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::Lock;
use crate::volume::VolumeMount;
use oci_spec::runtime::Mount;
use porthole_runtime::client::MonitorClient;
use porthole_runtime::mount::Root;
use porthole_runtime::sandbox::View;
use porthole_runtime::state::Status;
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::os::fd::AsFd;
use std::path::PathBuf;

/// Whether a running container goes on while its files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meanwhile {
    /// It is frozen: nothing changes.
    Frozen,
    /// It goes on, for what waits for somebody who may wait for it.
    GoesOn,
}

/// A container within reach, for as long as this is held.
pub(super) struct Reached<'a> {
    pub config: ContainerConfig,
    pub root: Root,
    _view: Option<View>,
    _volumes: Option<HeldVolumes<'a>>,
    _lock: Option<Lock>,
    _frozen: Option<Frozen<'a>>,
}

/// Volumes of a container that does not run, mounted until this is dropped.
struct HeldVolumes<'a> {
    engine: &'a Engine,
    id: String,
}

impl Drop for HeldVolumes<'_> {
    fn drop(&mut self) {
        // The mark stays if it fails, and with it somebody else's reason to try again.
        let _ = self.engine.unmount_volumes(&self.id).and_then(|()| self.engine.unmark(&self.id));
    }
}

/// A container that is frozen until this is dropped.
pub(super) struct Frozen<'a> {
    engine: &'a Engine,
    record: Record,
    config: ContainerConfig,
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        // It fails only for one that has ended or was thawed meanwhile.
        let _ = self.engine.ask(&self.record, &self.config, MonitorClient::resume);
    }
}

impl Engine {
    /// Opens a container's root, with what is mounted in it.
    pub(super) fn reach(&self, name: &str, meanwhile: Meanwhile) -> Result<Reached<'_>> {
        self.prepare()?;
        let record = self.find(name)?;
        let config = record.existing_config()?;
        let live = record.live()?;
        if record::is_active(live.state.status) {
            let init = live.state.init.ok_or_else(|| Error::NotRunning(config.name.clone()))?;
            let frozen = match meanwhile {
                Meanwhile::Frozen => self.freeze(&record, &config)?,
                Meanwhile::GoesOn => None,
            };
            let path = PathBuf::from(format!("/proc/{}/root", init.pid));
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let root = openat(CWD, &path, flags, Mode::empty()).map_err(|error| Error::file(&path, error))?;
            // Only now is it sure that the number was not another process' already.
            if !init.is_alive() {
                return Err(Error::NotRunning(config.name));
            }
            return Ok(Reached {
                config,
                root: Root::new(root),
                _view: None,
                _volumes: None,
                _lock: None,
                _frozen: frozen,
            });
        }
        let lock = record.lock()?;
        let volumes = self.hold_volumes(&record, &config)?;
        let mounts = spec::data(&config.host, &self.volume_mounts(&config)?);
        let view = self.view(&record, &config, &mounts, config.host.read_only)?;
        let root =
            view.root.as_fd().try_clone_to_owned().map_err(|source| Error::file("the container's root", source))?;
        let root = Root::new(root);
        Ok(Reached { config, root, _view: Some(view), _volumes: volumes, _lock: Some(lock), _frozen: None })
    }

    /// Mounts those volumes of a container that does not run which are mounted only while one does. The caller holds its lock.
    fn hold_volumes(&self, record: &Record, config: &ContainerConfig) -> Result<Option<HeldVolumes<'_>>> {
        let is_mounted =
            |mount: &VolumeMount| Ok(!self.volume(mount.name.as_deref().unwrap_or_default())?.options.is_empty());
        if !config.host.volumes.iter().map(is_mounted).collect::<Result<Vec<_>>>()?.contains(&true) {
            return Ok(None);
        }
        // What a run that was killed left is given back first, since the mark is ours from now on.
        self.mark_active(record, config)?;
        let held = HeldVolumes { engine: self, id: record.id.clone() };
        self.mount_volumes(config).map(|()| Some(held))
    }

    /// The root of a container that does not run, owned by the ids that it has on the host.
    pub(super) fn view(
        &self,
        record: &Record,
        config: &ContainerConfig,
        mounts: &[Mount],
        read_only: bool,
    ) -> Result<View> {
        let users = config.host.user_namespace.as_ref().map(UserNamespace::mappings).transpose()?;
        let users = users.as_ref().map(|mappings| mappings.each_ref().map(Vec::as_slice));
        Ok(View::assemble(&self.root_source(record, config)?, users, mounts, read_only)?)
    }

    /// Freezes a container that runs; nothing happens to one that does not, or whose monitor was killed.
    pub(super) fn freeze(&self, record: &Record, config: &ContainerConfig) -> Result<Option<Frozen<'_>>> {
        let live = record.live()?;
        if live.state.status != Status::Running || live.monitor_lost {
            return Ok(None);
        }
        self.ask(record, config, MonitorClient::pause)?;
        Ok(Some(Frozen { engine: self, record: record.clone(), config: config.clone() }))
    }

    /// The root of a container without what is mounted in it.
    pub(super) fn bare_root(&self, record: &Record, config: &ContainerConfig) -> Result<(View, Option<Lock>)> {
        let live = record.live()?;
        match live.state.init.filter(|_| record::is_active(live.state.status)) {
            Some(init) => Ok((View::of_process(init.pid)?, None)),
            None => {
                let lock = record.lock()?;
                Ok((self.view(record, config, &[], true)?, Some(lock)))
            }
        }
    }
}
