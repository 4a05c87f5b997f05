//! A container's places on networks: taken when it starts, given back when it has ended, and changed while it runs.

use super::config::{ContainerConfig, EndpointConfig, NetworkMode};
use super::names_service::write_dns;
use super::record::{self, Record};
use super::start::{open_netns, write_in_place};
use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_network::dns::{self, DnsNetwork, EndpointNames, Link};
use porthole_network::{Connected, Driver, Endpoint, EndpointRequest, NetworkConfig, PortSpec, hosts_file};
use porthole_runtime::client::MonitorClient;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

impl Engine {
    /// Connects a container that is about to run to its networks. Answers with what the user should know.
    pub(super) fn join_networks(
        &self,
        record: &Record,
        config: &ContainerConfig,
        netns: BorrowedFd<'_>,
        ports: &[PortSpec],
    ) -> Result<Vec<String>> {
        let mut wanted = Vec::new();
        for asked in config.endpoints() {
            wanted.push((self.network().find(&asked.network)?, asked));
        }
        let (mut endpoints, mut rules_were_missing): (Vec<Endpoint>, _) = (Vec::new(), false);
        let publishes = wanted.iter().position(|(network, _)| network.driver == Driver::Bridge && !network.internal);
        let leads_out = wanted.iter().position(|(network, _)| !network.internal);
        for (at, (network, asked)) in wanted.iter().enumerate() {
            let request = EndpointRequest {
                network,
                container: &record.id,
                name: &config.name,
                netns,
                interface: &format!("eth{at}"),
                default_route: leads_out == Some(at),
                addresses: &asked.addresses,
                mac: asked.mac,
                ports: if publishes == Some(at) { ports } else { &[] },
            };
            // What was connected before is given back by who undoes the start.
            let connected = self.network().connect(&request)?;
            endpoints.push(connected.endpoint);
            rules_were_missing |= connected.rules_were_missing;
        }
        record.write_endpoints(&endpoints)?;
        if rules_were_missing {
            self.reassert_firewall()?;
        }
        self.tell_names(record, config, &endpoints)?;
        Ok(endpoints.into_iter().flat_map(|endpoint| endpoint.warnings).collect())
    }

    /// Gives back a container's places on networks.
    pub(super) fn leave_networks(&self, record: &Record, config: Option<&ContainerConfig>) -> Result<()> {
        let networks = self.network().networks()?;
        let named = |network: &&NetworkConfig| config.is_none_or(|config| is_asked_for(config, network));
        for network in networks.iter().filter(|network| !network.is_predefined()).filter(named) {
            dns::remove(&self.network().directory(network), &record.id)?;
        }
        // Who was killed while it connected the container may have left more than was recorded.
        let recorded = record.recorded_endpoints()?;
        let all = config.map_or(usize::MAX, |config| config.endpoints().len());
        let known = Some(recorded).filter(|recorded| recorded.len() == all);
        self.network().disconnect(&record.id, known.as_deref())?;
        record.remove_endpoints()
    }

    /// Tells the container, its resolver and its neighbours on user-defined networks who is where.
    fn tell_names(&self, record: &Record, config: &ContainerConfig, endpoints: &[Endpoint]) -> Result<()> {
        let asked = &config.host.resolution;
        let own: Vec<IpAddr> =
            endpoints.iter().flat_map(|endpoint| &endpoint.addresses).map(|own| own.address).collect();
        let mut further = asked.hosts(endpoints.iter().find_map(Endpoint::gateway));
        let (mut networks, mut links) = (Vec::new(), Vec::new());
        for endpoint in endpoints {
            let network = self.network().find(&endpoint.network)?;
            let settings = config.endpoints().into_iter().find(|asked| names(asked, &network)).unwrap_or_default();
            if network.is_predefined() {
                further.extend(self.linked_hosts(&settings)?);
                continue;
            }
            links.extend(self.links(&settings)?);
            let directory = self.network().directory(&network);
            let addresses = endpoint.addresses.iter().map(|own| own.address).collect();
            let known = EndpointNames {
                container: record.id.clone(),
                name: config.name.clone(),
                aliases: settings.aliases,
                addresses,
            };
            dns::write(&directory, &known)?;
            networks.push(DnsNetwork { name: network.name, directory, internal: network.internal });
        }
        // In place, not by rename: the file may be bound into the container already.
        write_in_place(&record.path("hosts"), &hosts_file(&config.hostname, &own, &further))?;
        write_dns(record.directory(), asked, &networks, &links)
    }

    /// Tells the neighbours of a running container its new name.
    pub(super) fn tell_new_name(&self, record: &Record, name: &str, endpoints: &[Endpoint]) -> Result<()> {
        for endpoint in endpoints {
            let network = self.network().find(&endpoint.network)?;
            let directory = self.network().directory(&network);
            let known = dns::all(&directory)?.into_iter().find(|known| known.container == record.id);
            if let Some(known) = known {
                dns::write(&directory, &EndpointNames { name: name.to_owned(), ..known })?;
            }
        }
        Ok(())
    }

    /// The containers that a container of a user-defined network knows by further names. They need not run yet.
    fn links(&self, settings: &EndpointConfig) -> Result<Vec<Link>> {
        settings
            .links
            .iter()
            .map(|link| {
                let (name, alias) = link_parts(link);
                Ok(Link { alias: alias.to_owned(), container: self.find(name)?.id })
            })
            .collect()
    }

    /// The addresses of the containers that a container of the default network is linked to: they must run.
    fn linked_hosts(&self, settings: &EndpointConfig) -> Result<Vec<(String, IpAddr)>> {
        let mut hosts = Vec::new();
        for link in &settings.links {
            let (name, alias) = link_parts(link);
            let other = self.find(name)?;
            let endpoints = other.endpoints(&other.live()?)?;
            let on_bridge = endpoints.iter().find(|endpoint| endpoint.network == "bridge");
            let address = on_bridge.and_then(Endpoint::address).ok_or_else(|| {
                Error::InvalidOption(format!(
                    "Cannot link to a non running container, or one that is not on network bridge: {name}"
                ))
            })?;
            let other = other.existing_config()?;
            let mut names = vec![alias.to_owned(), other.short_id().to_owned(), other.name];
            names.dedup();
            hosts.extend(names.into_iter().map(|name| (name, address)));
        }
        Ok(hosts)
    }

    /// Connects a container to one more network, at once if it runs.
    pub fn connect_network(&self, network: &str, container: &str, mut asked: EndpointConfig) -> Result<()> {
        let network = self.network().find(network)?;
        let record = self.find(container)?;
        let _lock = record.lock()?;
        let mut config = record.existing_config()?;
        refuse_connection(&config, &network)?;
        asked.network.clone_from(&network.name);
        let endpoints = config.endpoints();
        if endpoints.iter().any(|other| names(other, &network)) {
            return Err(Error::InvalidOption(format!(
                "endpoint with name {} already exists in network {}",
                config.name, network.name
            )));
        }
        let live = record.live()?;
        let before = config.clone();
        config.host.endpoints = [endpoints, vec![asked.clone()]].concat();
        if config.host.network == NetworkMode::None {
            config.host.network = NetworkMode::Network(network.name.clone());
            config.host.endpoints = vec![asked.clone()];
        }
        // Written down first: whoever is killed now leaves a container that gives back what it has.
        record.write_config(&config)?;
        if record::is_active(live.state.status) {
            match self.connect_running(&record, &config, &live, &network, &asked) {
                Ok(endpoint) => endpoint.warnings.iter().for_each(|warning| eprintln!("WARNING: {warning}")),
                Err(error) => {
                    record.write_config(&before)?;
                    return Err(error);
                }
            }
        }
        self.record_network_event("connect", &network, Some(&config.id));
        Ok(())
    }

    fn connect_running(
        &self,
        record: &Record,
        config: &ContainerConfig,
        live: &record::Live,
        network: &NetworkConfig,
        asked: &EndpointConfig,
    ) -> Result<Endpoint> {
        let init = live.state.init.ok_or_else(|| Error::NotRunning(config.name.clone()))?;
        let netns = open_netns(init)?;
        let mut endpoints = record.endpoints(live)?;
        let is_free = |name: &String| endpoints.iter().all(|endpoint| endpoint.interface != *name);
        let interface = (0..).map(|n| format!("eth{n}")).find(is_free).unwrap_or_default();
        let Connected { endpoint, rules_were_missing } = self.network().connect(&EndpointRequest {
            network,
            container: &record.id,
            name: &config.name,
            netns: netns.as_fd(),
            interface: &interface,
            default_route: !network.internal && !endpoints.iter().any(|endpoint| endpoint.default_route),
            addresses: &asked.addresses,
            mac: asked.mac,
            ports: &[],
        })?;
        endpoints.push(endpoint.clone());
        let told = record.write_endpoints(&endpoints).and_then(|()| self.tell_names(record, config, &endpoints));
        let told = told.and_then(|()| if rules_were_missing { self.reassert_firewall() } else { Ok(()) });
        if let Err(error) = told.and_then(|()| self.reload_names(record, config)) {
            // The first error counts; what stays behind goes with the container.
            let _ = self.network().detach(&record.id, &endpoint, netns.as_fd());
            endpoints.pop();
            let _ = record.write_endpoints(&endpoints);
            return Err(error);
        }
        Ok(endpoint)
    }

    fn reload_names(&self, record: &Record, config: &ContainerConfig) -> Result<()> {
        self.ask(record, config, MonitorClient::reload)
    }

    /// Takes a container off a network, at once if it runs. With `force` one that is not there is no error.
    pub fn disconnect_network(&self, network: &str, container: &str, force: bool) -> Result<()> {
        let network = self.network().find(network)?;
        let record = self.find(container)?;
        let _lock = record.lock()?;
        let mut config = record.existing_config()?;
        let endpoints = config.endpoints();
        if !endpoints.iter().any(|asked| names(asked, &network)) {
            return match force {
                true => Ok(()),
                false => Err(Error::InvalidOption(format!(
                    "container {} is not connected to network {}",
                    config.name, network.name
                ))),
            };
        }
        config.host.endpoints = endpoints.into_iter().filter(|asked| !names(asked, &network)).collect();
        config.host.network = match config.host.endpoints.first() {
            None => NetworkMode::None,
            Some(first) => first.network.parse().unwrap_or_default(),
        };
        let live = record.live()?;
        if record::is_active(live.state.status) {
            self.disconnect_running(&record, &config, &live, &network)?;
        }
        record.write_config(&config)?;
        self.record_network_event("disconnect", &network, Some(&config.id));
        Ok(())
    }

    fn disconnect_running(
        &self,
        record: &Record,
        config: &ContainerConfig,
        live: &record::Live,
        network: &NetworkConfig,
    ) -> Result<()> {
        let init = live.state.init.ok_or_else(|| Error::NotRunning(config.name.clone()))?;
        let netns = open_netns(init)?;
        let (gone, mut kept): (Vec<_>, Vec<_>) =
            record.endpoints(live)?.into_iter().partition(|endpoint| endpoint.network_id == network.id);
        if !network.is_predefined() {
            dns::remove(&self.network().directory(network), &record.id)?;
        }
        for endpoint in &gone {
            self.network().detach(&record.id, endpoint, netns.as_fd())?;
        }
        if gone.iter().any(|endpoint| endpoint.default_route)
            && let Some(next) = kept.iter_mut().find(|endpoint| endpoint.gateway().is_some())
        {
            self.network().set_default_route(netns.as_fd(), next)?;
            next.default_route = true;
        }
        record.write_endpoints(&kept)?;
        self.tell_names(record, config, &kept)?;
        self.reload_names(record, config)
    }
}

/// Whether what a container asks for is meant for this network.
fn names(asked: &EndpointConfig, network: &NetworkConfig) -> bool {
    asked.network == network.name || (asked.network.len() >= 12 && network.id.starts_with(&asked.network))
}

fn is_asked_for(config: &ContainerConfig, network: &NetworkConfig) -> bool {
    config.endpoints().iter().any(|asked| names(asked, network))
}

/// `NAME:ALIAS`, or the name for both.
fn link_parts(link: &str) -> (&str, &str) {
    link.split_once(':').unwrap_or((link, link))
}

fn refuse_connection(config: &ContainerConfig, network: &NetworkConfig) -> Result<()> {
    let refuse = |text: String| Err(Error::InvalidOption(text));
    match (&config.host.network, network.driver) {
        (NetworkMode::Host, _) | (_, Driver::Host) => {
            refuse("container sharing network namespace with the host cannot be connected to any other network".to_owned())
        }
        (NetworkMode::Container(_), _) => refuse(
            "container sharing network namespace with another container or host cannot be connected to any other network"
                .to_owned(),
        ),
        (_, Driver::None) => {
            refuse("container cannot be connected to multiple networks with one of the networks in private (none) mode".to_owned())
        }
        _ => Ok(()),
    }
}
