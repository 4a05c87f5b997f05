//! Interfaces attached to running containers by hand.

use crate::container::config::{ContainerConfig, NetworkMode};
use crate::container::record::{self, Record};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::Lock;
use porthole_network::attach::{Attachment, InterfaceRequest, Target};
use porthole_network::netns;
use porthole_runtime::process::ProcessId;
use porthole_runtime::state::{State, Status};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

/// The container whose network namespace is meant, held as it is.
struct Held {
    record: Record,
    name: String,
    netns: OwnedFd,
    _lock: Lock,
}

impl Held {
    fn target(&self) -> Target<'_> {
        Target { container: &self.record.id, name: &self.name, netns: self.netns.as_fd() }
    }
}

impl Engine {
    /// Attaches an interface to a running container, or to the one whose network it shares. It stays when the container is
    /// restarted by its restart policy, and is gone when it is stopped.
    pub fn attach_interface(&self, name: &str, request: &InterfaceRequest) -> Result<Attachment> {
        let held = self.hold_network(name)?;
        Ok(self.network().attach_interface(held.target(), request)?)
    }

    /// Detaches an interface that was attached to a running container, or all of them. Answers with their names.
    pub fn detach_interfaces(&self, name: &str, interface: Option<&str>) -> Result<Vec<String>> {
        let held = self.hold_network(name)?;
        Ok(self.network().detach_interfaces(held.target(), interface)?)
    }

    /// What was attached to a container, or to the one whose network it shares.
    pub(crate) fn attachments(&self, record: &Record, config: &ContainerConfig) -> Result<Vec<Attachment>> {
        match self.network_owner(record, config) {
            Ok((owner, _)) => Ok(self.network().attachments(&owner.id)?),
            // The other container is no more, and nothing of its network.
            Err(Error::NoSuchContainer(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Removes what was attached to a container that has ended.
    pub(crate) fn release_interfaces(&self, id: &str) -> Result<()> {
        let network = self.network();
        if !network.has_attachments(id) {
            return Ok(());
        }
        let shared = self.netns_shared_with(id)?;
        Ok(network.release_attachments(id, shared.as_ref().map(AsFd::as_fd))?)
    }

    fn hold_network(&self, name: &str) -> Result<Held> {
        self.prepare()?;
        let named = self.find(name)?;
        let (record, config) = self.network_owner(&named, &named.existing_config()?)?;
        let lock = record.lock()?;
        let state = record.live()?.state;
        if state.status == Status::Restarting {
            return Err(Error::InvalidOption(format!(
                "Container {} is restarting, wait until the container is running",
                config.name
            )));
        }
        let init = running(&state).ok_or_else(|| Error::NotRunning(config.name.clone()))?;
        let netns = netns_of(init)?.ok_or_else(|| Error::NotRunning(config.name.clone()))?;
        Ok(Held { record, name: config.name, netns, _lock: lock })
    }

    /// The container whose network namespace a container is in.
    fn network_owner(&self, record: &Record, config: &ContainerConfig) -> Result<(Record, ContainerConfig)> {
        let (mut record, mut config) = (record.clone(), config.clone());
        while let NetworkMode::Container(other) = &config.host.network {
            record = self.find(other)?;
            config = record.existing_config()?;
        }
        match config.host.network {
            NetworkMode::Host => Err(Error::InvalidOption(format!(
                "container {} uses the host's network: interfaces can be attached to a network of a container's own only",
                config.name
            ))),
            _ => Ok((record, config)),
        }
    }

    /// The network namespace of a container that has ended, if another one that shares it still runs.
    fn netns_shared_with(&self, id: &str) -> Result<Option<OwnedFd>> {
        for other in record::ids(self.paths())? {
            let other = Record::new(self.paths(), &other);
            let Ok(Some((config, live))) = other.read() else { continue };
            let Some(init) = running(&live.state).filter(|_| other.id != id) else { continue };
            if self.network_owner(&other, &config).is_ok_and(|(owner, _)| owner.id == id)
                && let Some(netns) = netns_of(init)?
            {
                return Ok(Some(netns));
            }
        }
        Ok(None)
    }
}

fn running(state: &State) -> Option<ProcessId> {
    state.init.filter(|_| record::is_active(state.status))
}

/// The network namespace of a process; `None` if it has ended.
fn netns_of(process: ProcessId) -> Result<Option<OwnedFd>> {
    let path = PathBuf::from(format!("/proc/{}/ns/net", process.pid));
    match netns::open(&path) {
        // Only now is it sure that the number was not another process' already.
        _ if !process.is_alive() => Ok(None),
        opened => opened.map(Some).map_err(|source| Error::file(path, source)),
    }
}
