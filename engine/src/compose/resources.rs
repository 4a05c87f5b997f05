//! The networks and volumes of a project.

use super::label;
use super::report::{Report, around, tell};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::networks::NewNetwork;
use crate::volume::{LocalOptions, NewVolume};
use porthole_compose::project::{MountKind, Network, Project, Volume};
use porthole_network::{Driver, NetworkConfig, Subnet};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::str::FromStr;

fn refused<T>(message: String) -> Result<T> {
    Err(Error::Compose(porthole_compose::Error::Project(message)))
}

impl Engine {
    /// Makes the networks and volumes of these services that are not there; what the user should know of those that are.
    pub(super) fn ensure_resources(
        &self,
        project: &Project,
        services: &BTreeSet<String>,
        report: Report<'_>,
    ) -> Result<Vec<String>> {
        let services = project.services.values().filter(|service| services.contains(&service.name));
        let (mut networks, mut volumes) = (BTreeSet::new(), BTreeSet::new());
        for service in services {
            networks.extend(service.networks.iter().map(|attachment| &attachment.network));
            volumes.extend(service.mounts.iter().filter_map(|mount| match &mount.kind {
                MountKind::Volume { source, .. } => source.as_ref(),
                _ => None,
            }));
        }
        let mut warnings = Vec::new();
        let there = if networks.is_empty() { Vec::new() } else { self.network().networks()? };
        for key in networks {
            warnings.extend(self.ensure_network(project, key, &project.networks[key], &there, report)?);
        }
        let there = if volumes.is_empty() { Vec::new() } else { self.volumes()? };
        for key in volumes {
            let volume = &project.volumes[key];
            let found = there.iter().find(|one| one.name == volume.name).map(|one| &one.labels);
            warnings.extend(self.ensure_volume_of(project, key, volume, found, report)?);
        }
        Ok(warnings)
    }

    fn ensure_network(
        &self,
        project: &Project,
        key: &str,
        network: &Network,
        there: &[NetworkConfig],
        report: Report<'_>,
    ) -> Result<Option<String>> {
        let name = &network.name;
        let found =
            there.iter().find(|one| one.name == *name || (network.external && one.id.starts_with(name.as_str())));
        match found {
            None if network.external => refused(format!("network {name} declared as external, but could not be found")),
            Some(_) if network.external => Ok(None),
            Some(found) => Ok(foreign("network", name, &found.labels, project).or_else(|| {
                differs(network, found).then(|| {
                    format!("network {name} is not as the file says: `down` removes it, so that it is made anew")
                })
            })),
            None => {
                let new = new_network(project, key, network)?;
                around(report, "Network", name, ("Creating", "Created"), || self.create_network(new))?;
                Ok(None)
            }
        }
    }

    fn ensure_volume_of(
        &self,
        project: &Project,
        key: &str,
        volume: &Volume,
        found: Option<&BTreeMap<String, String>>,
        report: Report<'_>,
    ) -> Result<Option<String>> {
        let name = &volume.name;
        match found {
            None if volume.external => refused(format!("external volume {name:?} not found")),
            Some(_) if volume.external => Ok(None),
            Some(labels) => Ok(foreign("volume", name, labels, project)),
            None => {
                if let Some(driver) = volume.driver.as_deref().filter(|driver| *driver != "local") {
                    return refused(format!("volume {name}: there is no driver {driver}: use local"));
                }
                let words: Vec<String> = volume.options.iter().map(|(key, value)| format!("{key}={value}")).collect();
                let new = NewVolume {
                    name: Some(name.clone()),
                    labels: label::of_resource(&project.name, label::VOLUME, key, &volume.labels),
                    options: LocalOptions::parse(words.iter().map(String::as_str))?,
                };
                around(report, "Volume", name, ("Creating", "Created"), || self.create_volume(new))?;
                Ok(None)
            }
        }
    }

    /// Removes the networks of a project, those of the file and those that have its label.
    pub(super) fn remove_networks(&self, project: &str, named: &BTreeSet<String>, report: Report<'_>) -> Result<()> {
        for network in self.network().networks()? {
            let is_ours = match network.labels.get(label::PROJECT) {
                Some(owner) => owner == project,
                None => named.contains(&network.name),
            };
            if !is_ours {
                continue;
            }
            let removed =
                around(report, "Network", &network.name, ("Removing", "Removed"), || self.remove_network(&network.id));
            match removed {
                // Containers of others are on it, or somebody was faster.
                Err(Error::InvalidOption(_) | Error::Network(porthole_network::Error::InUse { .. })) => {
                    tell(report, "Network", &network.name, "Resource is still in use");
                }
                Err(Error::Network(porthole_network::Error::NoSuchNetwork(_))) => {}
                removed => removed?,
            }
        }
        Ok(())
    }

    /// Removes the volumes of a project.
    pub(super) fn remove_volumes(&self, project: &str, report: Report<'_>) -> Result<()> {
        for volume in self.volumes()? {
            if volume.labels.get(label::PROJECT).is_none_or(|name| name != project) {
                continue;
            }
            let removed = around(report, "Volume", &volume.name, ("Removing", "Removed"), || {
                self.remove_volume(&volume.name, true)
            });
            match removed {
                Err(Error::VolumeInUse { .. }) => tell(report, "Volume", &volume.name, "Resource is still in use"),
                removed => removed?,
            }
        }
        Ok(())
    }
}

fn foreign(kind: &str, name: &str, labels: &BTreeMap<String, String>, project: &Project) -> Option<String> {
    match labels.get(label::PROJECT) {
        Some(owner) if *owner == project.name => None,
        Some(owner) => Some(format!(
            "{kind} {name} was made for project {owner:?}, not {:?}: use `external: true` to use it as it is",
            project.name
        )),
        None => Some(format!(
            "{kind} {name} is there already, but not made by compose: use `external: true` to use it as it is"
        )),
    }
}

fn differs(asked: &Network, found: &NetworkConfig) -> bool {
    let driver = asked.driver.as_deref().unwrap_or("bridge");
    driver != found.driver.to_string() || asked.internal != found.internal || asked.ipv6 != found.ipv6
}

fn new_network(project: &Project, key: &str, network: &Network) -> Result<NewNetwork> {
    let driver = network.driver.as_deref().unwrap_or("bridge");
    let Ok(driver) = Driver::from_str(driver) else {
        return refused(format!(
            "network {}: there is no driver {driver}: use bridge, macvlan or ipvlan",
            network.name
        ));
    };
    let mut new = NewNetwork {
        name: network.name.clone(),
        driver,
        ipv6: network.ipv6,
        internal: network.internal,
        attachable: network.attachable,
        labels: label::of_resource(&project.name, label::NETWORK, key, &network.labels),
        options: network.options.clone(),
        ..NewNetwork::default()
    };
    let subnet = |text: &String| {
        text.parse::<Subnet>().or_else(|_| refused(format!("network {}: {text:?} is no subnet", network.name)))
    };
    let address = |text: &String| {
        text.parse::<IpAddr>().or_else(|_| refused(format!("network {}: {text:?} is no address", network.name)))
    };
    for pool in &network.subnets {
        new.subnets.extend(pool.subnet.as_ref().map(subnet).transpose()?);
        new.ranges.extend(pool.range.as_ref().map(subnet).transpose()?);
        new.gateways.extend(pool.gateway.as_ref().map(address).transpose()?);
        for (name, text) in &pool.auxiliary {
            new.auxiliary.insert(name.clone(), address(text)?);
        }
    }
    Ok(new)
}
