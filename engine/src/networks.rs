//! Networks: making, listing and removing them.

use crate::container::config::NetworkMode;
use crate::container::record::{self, Record};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::identity;
use crate::storage::{PruneFilter, Pruned};
use porthole_network::{Driver, Endpoint, NetworkConfig, Pool, Subnet, mac_text};
use porthole_runtime::event;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What a new network is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewNetwork {
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub driver: Driver,
    /// Its subnets, at most one of a family; chosen if there are none.
    pub subnets: Vec<Subnet>,
    /// Parts of the subnets from which addresses are chosen.
    pub ranges: Vec<Subnet>,
    /// The addresses of its routers; the first of a subnet if there are none.
    pub gateways: Vec<IpAddr>,
    /// Addresses that others have, by name.
    pub auxiliary: BTreeMap<String, IpAddr>,
    /// Whether containers get IPv6 addresses.
    pub ipv6: bool,
    /// Whether nothing leaves it.
    pub internal: bool,
    /// Whether services of a swarm could attach; told of, and no more.
    pub attachable: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Options of the driver, in Docker's words.
    pub options: BTreeMap<String, String>,
}

/// A network as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSummary {
    /// What it is.
    pub config: NetworkConfig,
    /// The containers that are on it now.
    pub containers: Vec<Connected>,
    /// The names of the containers that are, or would be when they run.
    pub used_by: Vec<String>,
}

/// A container on a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its place.
    pub endpoint: Endpoint,
}

impl NewNetwork {
    fn pools(&self) -> Result<Vec<Pool>> {
        let invalid = |text: String| Err(Error::InvalidOption(text));
        let mut pools: Vec<Pool> = Vec::new();
        for subnet in &self.subnets {
            if pools.iter().any(|pool| pool.subnet.is_ipv6() == subnet.is_ipv6()) {
                return invalid(format!("multiple subnets of one family: a network has one, {subnet} is the second"));
            }
            if subnet.hosts() < 2 {
                return invalid(format!("subnet {subnet} is too small: want room for a router and a container"));
            }
            pools.push(Pool::whole(*subnet));
        }
        for range in &self.ranges {
            match pools.iter_mut().find(|pool| pool.subnet.contains(range.network())) {
                Some(pool) if pool.subnet.prefix_len() <= range.prefix_len() => pool.range = Some(*range),
                _ => return invalid(format!("no matching subnet for range {range}: give it with --subnet")),
            }
        }
        for gateway in &self.gateways {
            match pools.iter_mut().find(|pool| pool.subnet.contains(*gateway)) {
                Some(pool) => pool.gateway = Some(*gateway),
                None => return invalid(format!("no matching subnet for gateway {gateway}: give it with --subnet")),
            }
        }
        for (name, address) in &self.auxiliary {
            match pools.iter_mut().find(|pool| pool.subnet.contains(*address)) {
                Some(pool) => drop(pool.auxiliary.insert(name.clone(), *address)),
                None => return invalid(format!("no matching subnet for aux-address {address}: give it with --subnet")),
            }
        }
        Ok(pools)
    }

    fn check(&self) -> Result<()> {
        let refuse = |text: String| Err(Error::InvalidOption(text));
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let begins_well = self.name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins_well || self.name.len() > 128 || !self.name.chars().all(is_name) {
            return refuse(format!(
                "invalid network name \"{}\": only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, and at most 128 of them",
                self.name
            ));
        }
        if matches!(self.name.as_str(), "bridge" | "host" | "none" | "default" | "container") {
            return refuse(format!("operation is not permitted on predefined {} network", self.name));
        }
        if matches!(self.driver, Driver::Host | Driver::None) {
            return refuse(format!("only one instance of \"{}\" network is allowed", self.driver));
        }
        match self.subnets.iter().find(|subnet| subnet.is_ipv6() && !self.ipv6) {
            Some(subnet) => refuse(format!("subnet {subnet} is of IPv6: add --ipv6")),
            None => Ok(()),
        }
    }
}

impl Engine {
    /// Makes a network.
    pub fn create_network(&self, new: NewNetwork) -> Result<NetworkConfig> {
        self.prepare()?;
        new.check()?;
        let pools = new.pools()?;
        let network = self.network().create(NetworkConfig {
            id: identity::new_id(),
            name: new.name,
            created: i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX),
            driver: new.driver,
            pools,
            ipv6: new.ipv6,
            internal: new.internal,
            attachable: new.attachable,
            labels: new.labels,
            options: new.options,
            ..NetworkConfig::default()
        })?;
        self.record_network_event("create", &network, None);
        Ok(network)
    }

    /// All networks, by name.
    pub fn networks(&self) -> Result<Vec<NetworkSummary>> {
        let networks = self.network().networks()?;
        let containers = self.containers(true)?;
        let mut summaries: Vec<NetworkSummary> =
            networks.into_iter().map(|config| summary(config, &containers)).collect();
        summaries.sort_by(|one, other| one.config.name.cmp(&other.config.name));
        Ok(summaries)
    }

    /// All that is known of a network, in Docker's form.
    pub fn inspect_network(&self, name: &str) -> Result<Value> {
        Ok(describe(&self.network_summary(name)?))
    }

    /// A network and the containers that are on it now; who only would be is not told.
    pub(crate) fn network_summary(&self, name: &str) -> Result<NetworkSummary> {
        Ok(summary(self.network().find(name)?, &self.containers(false)?))
    }

    /// Removes a network that no container is on.
    pub fn remove_network(&self, name: &str) -> Result<()> {
        let network = self.network().find(name)?;
        if network.is_predefined() {
            return Err(Error::InvalidOption(format!(
                "{} is a pre-defined network and cannot be removed",
                network.name
            )));
        }
        let on_it = summary(network.clone(), &self.containers(false)?).containers;
        if !on_it.is_empty() {
            let names: Vec<String> =
                on_it.iter().map(|one| format!("name:\"{}\" id:\"{}\"", one.name, &one.id[..12])).collect();
            return Err(Error::InvalidOption(format!(
                "error while removing network: network {} has active endpoints ({})",
                network.name,
                names.join(", ")
            )));
        }
        self.network().remove(&network)?;
        self.record_network_event("destroy", &network, None);
        Ok(())
    }

    /// Removes the networks that no container uses.
    pub fn prune_networks(&self, filter: &PruneFilter) -> Result<Pruned> {
        self.network().tidy()?;
        let mut pruned = Pruned::default();
        for network in self.networks()? {
            let config = &network.config;
            let is_used = config.is_predefined() || !network.used_by.is_empty();
            if is_used || !filter.wants(Some(config.created), &config.labels) {
                continue;
            }
            match self.network().remove(config) {
                Ok(()) => {
                    self.record_network_event("destroy", config, None);
                    pruned.networks.push(config.name.clone());
                }
                // A container was connected meanwhile.
                Err(porthole_network::Error::InUse { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(pruned)
    }

    /// Writes again what somebody has removed of the firewall's rules for containers that run.
    pub(crate) fn reassert_firewall(&self) -> Result<()> {
        let mut endpoints = Vec::new();
        for id in record::ids(self.paths())? {
            let record = Record::new(self.paths(), &id);
            let Ok(Some((config, live))) = record.read() else { continue };
            if config.network().is_connected() {
                endpoints.extend(
                    record.endpoints(&live)?.into_iter().map(|endpoint| (id.clone(), config.name.clone(), endpoint)),
                );
            }
        }
        Ok(self.network().reassert(&endpoints)?)
    }

    /// Records what happened to a network.
    pub(crate) fn record_network_event(&self, action: &str, network: &NetworkConfig, container: Option<&str>) {
        let driver = network.driver.to_string();
        event::record_network(&self.paths().events(), action, &network.id, (&network.name, &driver), container);
    }
}

/// The id of a container's place on a network: the same whenever it is there.
pub(crate) fn endpoint_id(container: &str, network: &str) -> String {
    let halves = (0..64).map(|at| (container.as_bytes().get(at), network.as_bytes().get((at + 32) % 64)));
    let digit = |byte: Option<&u8>| byte.and_then(|byte| (*byte as char).to_digit(16)).unwrap_or(0);
    halves.filter_map(|(one, other)| char::from_digit(digit(one) ^ digit(other), 16)).collect()
}

fn summary(config: NetworkConfig, containers: &[crate::ContainerSummary]) -> NetworkSummary {
    let connected = containers.iter().filter_map(|container| {
        let endpoint = container.endpoints.iter().find(|endpoint| endpoint.network_id == config.id)?;
        Some(Connected { id: container.id.clone(), name: container.name.clone(), endpoint: endpoint.clone() })
    });
    let connected = connected.collect();
    let uses = |container: &&crate::ContainerSummary| {
        container.networks.iter().any(|name| *name == config.name || config.id == *name)
    };
    let used_by = containers.iter().filter(uses).map(|container| container.name.clone()).collect();
    NetworkSummary { config, containers: connected, used_by }
}

fn describe(summary: &NetworkSummary) -> Value {
    let network = &summary.config;
    let pools: Vec<Value> = network.pools.iter().map(describe_pool).collect();
    let containers: Map<String, Value> =
        summary.containers.iter().map(|connected| (connected.id.clone(), describe_connected(connected))).collect();
    let mut options: Map<String, Value> =
        network.options.iter().map(|(option, value)| (option.clone(), value.clone().into())).collect();
    if network.name == NetworkMode::Bridge.to_string()
        && let Some(bridge) = &network.bridge
    {
        options.insert("com.docker.network.bridge.default_bridge".into(), "true".into());
        options.insert("com.docker.network.bridge.name".into(), bridge.clone().into());
    }
    json!({
        "Name": network.name,
        "Id": network.id,
        "Created": jiff::Timestamp::from_nanosecond(network.created.into()).map_or_else(|_| String::new(), |time| format!("{time:.9}")),
        "Scope": "local",
        "Driver": network.driver.to_string(),
        "EnableIPv4": true,
        "EnableIPv6": network.ipv6,
        "IPAM": { "Driver": "default", "Options": Value::Null, "Config": pools },
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": false,
        "ConfigFrom": { "Network": "" },
        "ConfigOnly": false,
        "Containers": containers,
        "Options": options,
        "Labels": network.labels,
    })
}

fn describe_pool(pool: &Pool) -> Value {
    let mut value = json!({ "Subnet": pool.subnet.to_string() });
    if let Some(range) = pool.range {
        value["IPRange"] = range.to_string().into();
    }
    if let Some(gateway) = pool.gateway {
        value["Gateway"] = gateway.to_string().into();
    }
    if !pool.auxiliary.is_empty() {
        value["AuxiliaryAddresses"] = json!(pool.auxiliary);
    }
    value
}

fn describe_connected(connected: &Connected) -> Value {
    let endpoint = &connected.endpoint;
    let address = |ipv6| {
        endpoint.of_family(ipv6).map_or(String::new(), |address| format!("{}/{}", address.address, address.prefix_len))
    };
    json!({
        "Name": connected.name,
        "EndpointID": endpoint_id(&connected.id, &endpoint.network_id),
        "MacAddress": mac_text(endpoint.mac),
        "IPv4Address": address(false),
        "IPv6Address": address(true),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(subnets: &[&str]) -> NewNetwork {
        let subnets = subnets.iter().map(|text| text.parse().unwrap()).collect();
        NewNetwork { name: "net".into(), subnets, ipv6: true, ..NewNetwork::default() }
    }

    #[test]
    fn pools_are_put_together_as_docker_does() {
        let mut network = new(&["10.1.0.0/16", "fd00:1::/64"]);
        network.ranges = vec!["10.1.5.0/24".parse().unwrap()];
        network.gateways = vec!["10.1.0.254".parse().unwrap()];
        let pools = network.pools().unwrap();
        assert_eq!(pools[0].gateway.unwrap().to_string(), "10.1.0.254");
        assert_eq!(pools[0].range.unwrap().to_string(), "10.1.5.0/24");
        assert_eq!(pools[1].gateway.unwrap().to_string(), "fd00:1::1");
        network.gateways = vec!["10.2.0.1".parse().unwrap()];
        assert!(network.pools().is_err());
        for bad in [&["10.1.0.0/16", "10.2.0.0/16"][..], &["10.0.0.0/31"]] {
            assert!(new(bad).pools().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_checked() {
        for (name, good) in
            [("a", true), ("a.b-c_d", true), ("", false), ("-a", false), ("a/b", false), ("host", false)]
        {
            let network = NewNetwork { name: name.into(), ..NewNetwork::default() };
            assert_eq!(network.check().is_ok(), good, "{name}");
        }
        let mut network = new(&["fd00::/64"]);
        assert!(network.check().is_ok());
        network.ipv6 = false;
        assert!(network.check().is_err());
    }

    #[test]
    fn places_have_ids() {
        let (one, other) = ("a".repeat(64), "b".repeat(64));
        let id = endpoint_id(&one, &other);
        assert_eq!((id.len(), &id[..2]), (64, "11"));
    }
}
