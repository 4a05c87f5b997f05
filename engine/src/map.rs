//! The network as the kernel has it, with the containers in it: ours, and those of a Docker or Podman beside us.

use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_network::map::{self, Known, Map, Namespace, Owner};
use porthole_network::netlink::{Protocol, Socket};
use porthole_network::ruleset::{Interest, ReadError, Ruleset};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::Path;

/// Where Docker keeps its containers, and Podman its.
const DOCKER: &str = "/var/lib/docker/containers";
const PODMAN: &str = "/var/lib/containers/storage/overlay-containers/containers.json";
/// Where Podman keeps the volatile files of a container, such as the number of its init.
const PODMAN_RUN: &str = "/run/containers/storage/overlay-containers";

impl Engine {
    /// The map of the network around the calling thread.
    pub fn network_map(&self) -> Result<Map> {
        // Their places on the network are the kernel's to tell.
        let containers = self.containers_with_ports(false)?;
        let ours = containers.into_iter().filter_map(|container| {
            let owner = Owner { engine: map::Engine::Porthole, id: container.id, name: container.name };
            Some(Known { pid: container.state.init?.pid, owner })
        });
        let known: Vec<Known> = ours.chain(docker(Path::new(DOCKER))).chain(podman(Path::new(PODMAN))).collect();
        Ok(map::read(&known)?)
    }
}

impl Engine {
    /// The firewall as the kernel has it: all rules that IP packets through this host may meet, or those of them that
    /// matter to a container.
    pub fn network_rules(&self, container: Option<&str>) -> Result<Ruleset> {
        let Some(name) = container else { return Ok(ruleset()?.of_packets()) };
        let container = self.container(name)?;
        let map = self.network_map()?;
        let owned = |namespace: &&Namespace| namespace.containers.iter().any(|owner| owner.id == container.id);
        let namespace = map.namespaces.iter().find(owned).ok_or(Error::NotRunning(container.name))?;
        if namespace.host {
            return Ok(ruleset()?.of_packets());
        }
        Ok(ruleset()?.that_concern(&interest(&map, namespace)))
    }
}

impl Engine {
    /// The rules that matter to a network: to its bridge, and to the addresses of its router and its containers. What does
    /// not come through a bridge, the host's rules never see.
    pub fn rules_of_network(&self, name: &str) -> Result<Ruleset> {
        let summary = self.network_summary(name)?;
        let places = summary.containers.iter().map(|connected| &connected.endpoint);
        let gateways = summary.config.pools.iter().filter_map(|pool| pool.gateway);
        let addresses = places.flat_map(|place| place.addresses.iter().map(|address| address.address)).chain(gateways);
        let interfaces = summary.config.bridge.iter().cloned().collect();
        Ok(ruleset()?.that_concern(&Interest { addresses: addresses.collect(), interfaces }))
    }
}

fn ruleset() -> Result<Ruleset> {
    let socket = Socket::open(Protocol::Netfilter).map_err(ReadError::from);
    Ok(Ruleset::read_whole(&mut socket?)?)
}

/// By what the host's rules know whoever is in a namespace: its addresses, and the bridges that its links lead to. What does not
/// come through a link of the host's own, as from a macvlan, the host's rules never see.
pub fn interest(map: &Map, namespace: &Namespace) -> Interest {
    let mut interest = Interest::default();
    for interface in namespace.interfaces.iter().filter(|interface| interface.kind == "veth") {
        let far = interface.link.as_ref().and_then(|far| map.far(far)).filter(|(there, _)| there.host);
        let Some((host, end)) = far else { continue };
        interest.addresses.extend(interface.addresses.iter().map(|address| address.address));
        let bridge = end.master.and_then(|master| host.interface(master));
        let names = [Some(end), bridge].into_iter().flatten().map(|interface| interface.ifname.clone());
        interest.interfaces.extend(names);
    }
    interest
}

/// The part of Docker's `config.v2.json` that is of use here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerConfig {
    #[serde(rename = "ID")]
    id: String,
    name: String,
    state: DockerState,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerState {
    running: bool,
    pid: i32,
}

/// The containers that run under Docker. It is a stranger's state: what is not there or not understood is left out.
fn docker(directory: &Path) -> Vec<Known> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let configs = entries.filter_map(|entry| read::<DockerConfig>(&entry.path().join("config.v2.json")));
    let running = configs.filter(|config| config.state.running && config.state.pid > 0);
    let known = running.map(|config| {
        let name = config.name.trim_start_matches('/').to_owned();
        Known { pid: config.state.pid, owner: Owner { engine: map::Engine::Docker, id: config.id, name } }
    });
    known.collect()
}

/// The part of Podman's `containers.json` that is of use here.
#[derive(Deserialize)]
struct PodmanContainer {
    id: String,
    #[serde(default)]
    names: Vec<String>,
}

/// The containers that run under the system's Podman; as for [`docker`].
fn podman(list: &Path) -> Vec<Known> {
    let containers: Vec<PodmanContainer> = read(list).unwrap_or_default();
    let known = containers.into_iter().filter_map(|container| {
        let pid = Path::new(PODMAN_RUN).join(&container.id).join("userdata/pidfile");
        let pid = fs::read_to_string(pid).ok()?.trim().parse().ok()?;
        let name = container.names.into_iter().next().unwrap_or_else(|| container.id.chars().take(12).collect());
        Some(Known { pid, owner: Owner { engine: map::Engine::Podman, id: container.id, name } })
    });
    known.collect()
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_docker_beside_us() {
        let directory = tempfile::tempdir().unwrap();
        let write = |id: &str, text: &str| {
            fs::create_dir(directory.path().join(id)).unwrap();
            fs::write(directory.path().join(id).join("config.v2.json"), text).unwrap();
        };
        write("ab", r#"{"ID": "ab", "Name": "/web", "State": {"Running": true, "Pid": 7}, "Image": "x"}"#);
        write("cd", r#"{"ID": "cd", "Name": "/gone", "State": {"Running": false, "Pid": 0}}"#);
        write("ef", "{");
        let found = docker(directory.path());
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].pid, found[0].owner.name.as_str()), (7, "web"));
        assert_eq!(docker(&directory.path().join("none")), []);
    }
}
