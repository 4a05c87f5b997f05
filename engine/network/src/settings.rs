//! `networks.toml`: what the host's administrator says of networks.
//!
//! ```toml
//! [bridge]                                  # the network of containers that name none
//! name = "br0"                              # docker0 unless said otherwise; one that is there already is used as it is
//! address = "192.168.5.1/24"                # the bridge's address, and by it the subnet
//! range = "192.168.5.128/25"                # the part of the subnet from which addresses are chosen
//! mtu = 1400
//! icc = false                               # containers do not reach one another
//! masquerade = false                        # containers go out with their own addresses
//! bind = "127.0.0.1"                        # where ports are published that name no address
//! ipv6 = true                               # containers get IPv6 addresses too
//!
//! [[pool]]                                  # where subnets of networks are taken from
//! base = "10.200.0.0/16"
//! size = 24
//! ```

use crate::error::Error;
use crate::subnet::{Subnet, bridge_candidates};
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Where the file lies, and the variable that names another.
const PATH: &str = "/etc/porthole/networks.toml";
const VARIABLE: &str = "PORTHOLE_NETWORKS";

/// What is said of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// The network of containers that name none.
    pub bridge: BridgeSettings,
    #[serde(rename = "pool")]
    pools: Vec<PoolSettings>,
}

/// What is said of the default network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BridgeSettings {
    pub name: Option<String>,
    address: Option<String>,
    range: Option<Subnet>,
    mtu: Option<u32>,
    icc: Option<bool>,
    masquerade: Option<bool>,
    bind: Option<Ipv4Addr>,
    pub ipv6: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolSettings {
    base: Subnet,
    size: u8,
}

impl Settings {
    /// Reads the file; there need not be one unless the variable names it.
    pub fn read() -> Result<Settings, Error> {
        let named = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        let path = named.as_deref().unwrap_or(Path::new(PATH));
        let file = |source| Error::File { path: path.into(), source };
        match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => Ok(Settings::default()),
            Err(error) => Err(file(error)),
            Ok(text) => Settings::parse(&text).map_err(|problem| file(io::Error::other(problem))),
        }
    }

    fn parse(text: &str) -> Result<Settings, String> {
        let settings: Settings = toml::from_str(text).map_err(|error| {
            let line = text[..error.span().map_or(0, |span| span.start)].matches('\n').count() + 1;
            format!("line {line}: {}", error.message())
        })?;
        if let Some(address) = &settings.bridge.address {
            interface_address(address).ok_or_else(|| {
                format!(
                    "address = \"{address}\": want an address of a host with its prefix length, such as 192.168.5.1/24"
                )
            })?;
        }
        let (range, subnet) = (settings.bridge.range, settings.bridge.address());
        if range.is_some_and(|range| subnet.is_none_or(|(_, subnet)| !subnet.contains(range.network()))) {
            return Err("range: want a part of the subnet of address".into());
        }
        let too_small =
            |pool: &&PoolSettings| pool.size < pool.base.prefix_len() || pool.size > 30 || pool.base.is_ipv6();
        match settings.pools.iter().find(too_small) {
            Some(pool) => {
                Err(format!("pool {}: want an IPv4 network, and a size from its own prefix length to 30", pool.base))
            }
            None => Ok(settings),
        }
    }

    /// The subnets that a bridge may have, in the order in which they are tried.
    pub fn candidates(&self) -> Box<dyn Iterator<Item = Subnet> + '_> {
        if self.pools.is_empty() {
            return Box::new(bridge_candidates());
        }
        Box::new(self.pools.iter().flat_map(|pool| {
            let step = 1u128 << (32 - u32::from(pool.size));
            let count = 1u128 << u32::from(pool.size - pool.base.prefix_len());
            (0..count).map(move |n| Subnet::containing(pool.base.host(n * step), pool.size))
        }))
    }
}

impl BridgeSettings {
    /// The bridge's address, and its subnet.
    pub fn address(&self) -> Option<(IpAddr, Subnet)> {
        interface_address(self.address.as_deref()?)
    }

    /// The part of the subnet from which addresses are chosen.
    pub fn range(&self) -> Option<Subnet> {
        self.range
    }

    /// As options of a network, in Docker's words.
    pub fn options(&self) -> impl Iterator<Item = (&'static str, String)> {
        use crate::config::{BIND_ADDRESS, ICC, MASQUERADE, MTU};
        let options = [
            (MTU, self.mtu.map(|mtu| mtu.to_string())),
            (ICC, self.icc.map(|icc| icc.to_string())),
            (MASQUERADE, self.masquerade.map(|masquerade| masquerade.to_string())),
            (BIND_ADDRESS, self.bind.map(|address| address.to_string())),
        ];
        options.into_iter().filter_map(|(option, value)| Some((option, value?)))
    }
}

fn interface_address(text: &str) -> Option<(IpAddr, Subnet)> {
    let (address, prefix_len) = text.split_once('/')?;
    let (address, prefix_len): (IpAddr, u8) = (address.parse().ok()?, prefix_len.parse().ok()?);
    let subnet = Subnet::containing(address, prefix_len);
    (prefix_len <= 30 && address.is_ipv4() && address != subnet.network() && address != subnet.broadcast())
        .then_some((address, subnet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_and_refused() {
        let text = "[bridge]\nname = \"br0\"\naddress = \"192.168.5.1/24\"\nrange = \"192.168.5.128/25\"\nicc = false\n[[pool]]\nbase = \"10.200.0.0/16\"\nsize = 24\n";
        let settings = Settings::parse(text).unwrap();
        let (address, subnet) = settings.bridge.address().unwrap();
        assert_eq!((address.to_string().as_str(), subnet.to_string().as_str()), ("192.168.5.1", "192.168.5.0/24"));
        let candidates: Vec<_> = settings.candidates().map(|s| s.to_string()).collect();
        assert_eq!((candidates.len(), candidates[255].as_str()), (256, "10.200.255.0/24"));
        assert_eq!(settings.bridge.options().count(), 1);
        assert_eq!(Settings::default().candidates().next().unwrap().to_string(), "172.17.0.0/16");
        for bad in [
            "[bridge]\nadress = \"192.168.5.1/24\"",
            "[bridge]\naddress = \"192.168.5.0/24\"",
            "[bridge]\naddress = \"fd00::1/64\"",
            "[bridge]\nrange = \"10.0.0.0/8\"",
            "[[pool]]\nbase = \"10.0.0.0/16\"\nsize = 8",
            "bridge = 1",
        ] {
            assert!(Settings::parse(bad).is_err(), "{bad}");
        }
    }
}
