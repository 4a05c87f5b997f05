//! The networks of a new container: `--network` and what goes with it.

use clap::Args;
use porthole_engine::network::{Mac, parse_mac};
use porthole_engine::{EndpointConfig, NetworkMode};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

// Options of `run` and `create`.
#[derive(Debug, Args)]
pub struct NetworkingArgs {
    /// Connect a container to a network; several networks by several of these
    #[arg(
        long = "network",
        alias = "net",
        value_name = "NAME|bridge|host|none|container:NAME|name=NAME,ip=ADDRESS,alias=NAME,mac-address=MAC"
    )]
    network: Vec<String>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Container MAC address, such as 92:d0:c6:0a:29:33
    #[arg(long, value_name = "MAC")]
    mac_address: Option<String>,
    /// Add a network-scoped alias for the container
    #[arg(long, alias = "net-alias", value_name = "NAME")]
    network_alias: Vec<String>,
}

// What a container asks of a network, on the command line of `run` and of `network connect`.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// IPv4 address, such as 172.30.100.104
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<Ipv4Addr>,
    /// IPv6 address, such as fd00::33
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<Ipv6Addr>,
    /// Add a link to another container
    #[arg(long, value_name = "CONTAINER[:ALIAS]")]
    link: Vec<String>,
}

impl PlaceArgs {
    /// What is asked of a network.
    pub fn settings(&self, network: &str, aliases: &[String]) -> EndpointConfig {
        let addresses = self.ip.map(IpAddr::from).into_iter().chain(self.ip6.map(IpAddr::from));
        EndpointConfig {
            network: network.to_owned(),
            addresses: addresses.collect(),
            mac: None,
            aliases: aliases.to_vec(),
            links: self.link.clone(),
        }
    }
}

impl NetworkingArgs {
    /// The container's network mode, and what it asks of each of its networks.
    pub fn networks(&self) -> Result<(NetworkMode, Vec<EndpointConfig>), String> {
        let named = self.network.iter().map(|word| parse(word)).collect::<Result<Vec<_>, _>>()?;
        let mode: NetworkMode = named.first().map_or("", |first| first.network.as_str()).parse()?;
        let common = self.place.settings(&mode.to_string(), &self.network_alias);
        let mac = self.mac_address.as_deref().map(hardware_address).transpose()?;
        let asks = EndpointConfig { mac, ..common };
        let plain = EndpointConfig { network: asks.network.clone(), ..EndpointConfig::default() };
        if !mode.is_connected() {
            return match asks == plain && named.len() < 2 && named.iter().all(is_plain) {
                true => Ok((mode, Vec::new())),
                false => Err(format!(
                    "conflicting options: addresses, names and further networks do not go with the network mode {mode}"
                )),
            };
        }
        if let Some(other) = named.iter().skip(1).find(|other| !is_network(&other.network)) {
            return Err(format!(
                "conflicting options: cannot attach both user-defined and non-user-defined network-modes: {}",
                other.network
            ));
        }
        let mut endpoints = if named.is_empty() { vec![plain] } else { named };
        for endpoint in &mut endpoints {
            if endpoint.network.is_empty() || endpoint.network == "default" {
                "bridge".clone_into(&mut endpoint.network);
            }
        }
        let first = &mut endpoints[0];
        first.addresses.extend(asks.addresses);
        first.aliases.extend(asks.aliases);
        first.links.extend(asks.links);
        first.mac = first.mac.or(asks.mac);
        endpoints.iter().try_for_each(check)?;
        // What asks for nothing special follows from the mode alone.
        let special = endpoints.len() > 1 || !is_plain(&endpoints[0]);
        Ok((mode, if special { endpoints } else { Vec::new() }))
    }
}

fn is_plain(endpoint: &EndpointConfig) -> bool {
    *endpoint == EndpointConfig { network: endpoint.network.clone(), ..EndpointConfig::default() }
}

/// Whether it is one of several networks that a container can be on.
fn is_network(name: &str) -> bool {
    name.parse::<NetworkMode>().is_ok_and(|mode| mode.is_connected())
}

fn check(endpoint: &EndpointConfig) -> Result<(), String> {
    let is_default = endpoint.network == "bridge";
    if is_default && !endpoint.addresses.is_empty() {
        return Err(
            "invalid config for network bridge: user specified IP address is supported on user defined networks only"
                .into(),
        );
    }
    if is_default && !endpoint.aliases.is_empty() {
        return Err(
            "invalid config for network bridge: network-scoped aliases are only supported for user-defined networks"
                .into(),
        );
    }
    let of = |ipv6: bool| endpoint.addresses.iter().filter(|address| address.is_ipv6() == ipv6).count();
    if of(false) > 1 || of(true) > 1 {
        return Err(format!("conflicting options: several addresses of one family on network {}", endpoint.network));
    }
    Ok(())
}

/// A network by name, or `name=NAME,ip=…,ip6=…,alias=…,mac-address=…`.
fn parse(word: &str) -> Result<EndpointConfig, String> {
    if !word.contains('=') {
        return Ok(EndpointConfig { network: word.to_owned(), ..EndpointConfig::default() });
    }
    let mut endpoint = EndpointConfig::default();
    for field in word.split(',') {
        let (key, value) =
            field.split_once('=').ok_or_else(|| format!("invalid network option \"{field}\": want KEY=VALUE"))?;
        let address = || value.parse::<IpAddr>().map_err(|_| format!("invalid IP address: {value}"));
        match key.trim().to_ascii_lowercase().as_str() {
            "name" => value.clone_into(&mut endpoint.network),
            "alias" => endpoint.aliases.push(value.to_owned()),
            "link" => endpoint.links.push(value.to_owned()),
            "ip" | "ip6" => endpoint.addresses.push(address()?),
            "mac-address" => endpoint.mac = Some(hardware_address(value)?),
            _ => {
                return Err(format!(
                    "invalid network option \"{key}\": want name, ip, ip6, alias, link or mac-address"
                ));
            }
        }
    }
    match endpoint.network.is_empty() {
        true => Err(format!("network name is missing in \"{word}\"")),
        false => Ok(endpoint),
    }
}

/// As Docker, with hyphens too.
fn hardware_address(text: &str) -> Result<Mac, String> {
    parse_mac(&text.replace('-', ":")).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        networking: NetworkingArgs,
    }

    fn networks(line: &str) -> Result<(NetworkMode, Vec<EndpointConfig>), String> {
        let words = std::iter::once("run").chain(line.split_whitespace());
        Line::try_parse_from(words).map_err(|error| error.to_string())?.networking.networks()
    }

    #[test]
    fn one_network_or_several() {
        assert_eq!(networks("").unwrap(), (NetworkMode::Bridge, vec![]));
        assert_eq!(networks("--net web").unwrap(), (NetworkMode::Network("web".into()), vec![]));
        let (mode, endpoints) = networks(
            "--network web --ip 10.0.0.5 --network-alias w --network name=db,alias=d,mac-address=02:00:00:00:00:09",
        )
        .unwrap();
        assert_eq!((mode.to_string().as_str(), endpoints.len()), ("web", 2));
        assert_eq!(
            (endpoints[0].addresses[0].to_string().as_str(), endpoints[0].aliases[0].as_str()),
            ("10.0.0.5", "w")
        );
        assert_eq!((endpoints[1].network.as_str(), endpoints[1].mac), ("db", Some([2, 0, 0, 0, 0, 9])));
        let (_, endpoints) = networks("--mac-address 02:00:00:00:00:01").unwrap();
        assert_eq!((endpoints[0].network.as_str(), endpoints[0].mac), ("bridge", Some([2, 0, 0, 0, 0, 1])));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for bad in [
            "--ip 10.0.0.5",
            "--network-alias w",
            "--network host --ip 10.0.0.5",
            "--network none --network web",
            "--network web --network host",
            "--network web --ip 10.0.0.256",
            "--network web --mac-address 01:00:00:00:00:01",
            "--network web --mac-address 2:0:0:0:0:1",
            "--network ip=10.0.0.5",
            "--network name=web,speed=1",
            "--network name=web,ip=10.0.0.1 --ip 10.0.0.2",
        ] {
            assert!(networks(bad).is_err(), "{bad}");
        }
    }
}
