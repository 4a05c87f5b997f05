//! What a network is, as it was asked for.

use crate::link;
use crate::link::stacked::{IpvlanFlag, IpvlanMode, MacvlanMode};
use crate::subnet::Subnet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// What a network is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// A bridge of ours, behind NAT.
    #[default]
    Bridge,
    /// Interfaces with hardware addresses of their own on an interface of the host.
    Macvlan,
    /// Interfaces that share the hardware address of an interface of the host.
    Ipvlan,
    /// The host's own interfaces.
    Host,
    /// A loopback only.
    None,
}

impl FromStr for Driver {
    type Err = ();

    fn from_str(text: &str) -> Result<Driver, ()> {
        let all = [Driver::Bridge, Driver::Macvlan, Driver::Ipvlan, Driver::Host, Driver::None];
        all.into_iter().find(|driver| driver.to_string() == text).ok_or(())
    }
}

impl fmt::Display for Driver {
    /// As Docker writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Driver::Bridge => "bridge",
            Driver::Macvlan => "macvlan",
            Driver::Ipvlan => "ipvlan",
            Driver::Host => "host",
            Driver::None => "null",
        })
    }
}

/// A subnet of a network, and what is given to containers of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// The subnet.
    pub subnet: Subnet,
    /// The part of it from which addresses are chosen; all of it if `None`.
    pub range: Option<Subnet>,
    /// The address of the router.
    pub gateway: Option<IpAddr>,
    /// Addresses that others have, by name.
    pub auxiliary: BTreeMap<String, IpAddr>,
}

impl Pool {
    /// All of a subnet; the gateway is its first host.
    pub fn whole(subnet: Subnet) -> Pool {
        Pool { subnet, range: None, gateway: Some(subnet.host(1)), auxiliary: BTreeMap::new() }
    }

    /// The addresses that no container gets.
    pub fn reserved(&self) -> impl Iterator<Item = IpAddr> {
        self.gateway.iter().chain(self.auxiliary.values()).copied()
    }
}

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkConfig {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Unique among the networks of a state root.
    pub name: String,
    /// When it was made, in nanoseconds since 1970.
    pub created: i64,
    /// What it is made of.
    pub driver: Driver,
    /// Its subnets: at most one of a family.
    pub pools: Vec<Pool>,
    /// Whether containers get IPv6 addresses.
    pub ipv6: bool,
    /// Whether nothing leaves it.
    pub internal: bool,
    /// As it was asked for; there is no swarm to attach to.
    pub attachable: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What its driver was asked for, in Docker's words.
    pub options: BTreeMap<String, String>,
    /// The name of its bridge, once that is known.
    pub bridge: Option<String>,
    /// Whether the bridge was there before, and stays.
    pub adopted: bool,
}

/// An option that no driver has, or a value that it does not take.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidOption {
    /// No driver has it.
    #[error("unknown option \"{option}\" of a {driver} network: want one of {known}")]
    Unknown {
        /// The option.
        option: String,
        /// The driver.
        driver: Driver,
        /// Those that it has.
        known: String,
    },
    /// It takes something else.
    #[error("invalid value \"{value}\" of option {option}: want {wanted}")]
    Value {
        /// The option.
        option: String,
        /// What was given.
        value: String,
        /// What can be.
        wanted: &'static str,
    },
}

const BRIDGE_NAME: &str = "com.docker.network.bridge.name";
pub(crate) const ICC: &str = "com.docker.network.bridge.enable_icc";
pub(crate) const MASQUERADE: &str = "com.docker.network.bridge.enable_ip_masquerade";
pub(crate) const BIND_ADDRESS: &str = "com.docker.network.bridge.host_binding_ipv4";
pub(crate) const MTU: &str = "com.docker.network.driver.mtu";
/// Whether it is the network of containers that name none; Docker writes it, nobody sets it.
pub(crate) const DEFAULT_BRIDGE: &str = "com.docker.network.bridge.default_bridge";
const PARENT: &str = "parent";
const MACVLAN_MODE: &str = "macvlan_mode";
const IPVLAN_MODE: &str = "ipvlan_mode";
const IPVLAN_FLAG: &str = "ipvlan_flag";

impl NetworkConfig {
    /// Refuses options that its driver does not have, and values that they do not take.
    pub fn check_options(&self) -> Result<(), InvalidOption> {
        let known: &[&str] = match self.driver {
            Driver::Bridge => &[BRIDGE_NAME, ICC, MASQUERADE, BIND_ADDRESS, MTU, DEFAULT_BRIDGE],
            Driver::Macvlan => &[PARENT, MACVLAN_MODE, MTU],
            Driver::Ipvlan => &[PARENT, IPVLAN_MODE, IPVLAN_FLAG, MTU],
            Driver::Host | Driver::None => &[],
        };
        for (option, value) in &self.options {
            if !known.contains(&option.as_str()) {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(InvalidOption::Unknown { option: option.clone(), driver: self.driver, known });
            }
            let wanted = wanted(option, value).map_or(Ok(()), Err);
            wanted.map_err(|wanted| InvalidOption::Value { option: option.clone(), value: value.clone(), wanted })?;
        }
        Ok(())
    }

    fn option(&self, option: &str) -> Option<&str> {
        self.options.get(option).map(String::as_str)
    }

    /// The name that its bridge is to have; `None` for any.
    pub fn wanted_bridge(&self) -> Option<&str> {
        self.option(BRIDGE_NAME)
    }

    /// Whether its containers reach one another.
    pub fn icc(&self) -> bool {
        self.option(ICC).and_then(boolean).unwrap_or(true)
    }

    /// Whether what leaves it gets the host's address.
    pub fn masquerade(&self) -> bool {
        self.option(MASQUERADE).and_then(boolean).unwrap_or(true)
    }

    /// The address of the host at which ports are published that name none.
    pub fn bind_address(&self) -> Option<IpAddr> {
        self.option(BIND_ADDRESS)?.parse().ok().filter(|address: &IpAddr| !address.is_unspecified())
    }

    /// The MTU of its interfaces; the kernel's choice if `None`.
    pub fn mtu(&self) -> Option<u32> {
        self.option(MTU)?.parse().ok()
    }

    /// The interface of the host on which macvlan and ipvlan interfaces stand.
    pub fn parent(&self) -> Option<&str> {
        self.option(PARENT)
    }

    /// How macvlan interfaces reach each other.
    pub fn macvlan_mode(&self) -> MacvlanMode {
        self.option(MACVLAN_MODE).and_then(|mode| mode.parse().ok()).unwrap_or_default()
    }

    /// What ipvlan interfaces have of their own, and how they reach each other.
    pub fn ipvlan_mode(&self) -> (IpvlanMode, IpvlanFlag) {
        let mode = self.option(IPVLAN_MODE).and_then(|mode| mode.parse().ok()).unwrap_or_default();
        (mode, self.option(IPVLAN_FLAG).and_then(|flag| flag.parse().ok()).unwrap_or_default())
    }

    /// The first twelve digits of the id.
    pub fn short_id(&self) -> &str {
        &self.id[..self.id.len().min(12)]
    }

    /// Whether it is there without having been made: bridge, host and none.
    pub fn is_predefined(&self) -> bool {
        PREDEFINED.contains(&self.name.as_str())
    }

    /// Its subnets.
    pub fn subnets(&self) -> Vec<Subnet> {
        self.pools.iter().map(|pool| pool.subnet).collect()
    }
}

/// The networks that there are without having been made.
pub const PREDEFINED: [&str; 3] = ["bridge", "host", "none"];

/// What an option takes, if it does not take this.
fn wanted(option: &str, value: &str) -> Option<&'static str> {
    let (fits, wanted) = match option {
        ICC | MASQUERADE | DEFAULT_BRIDGE => (boolean(value).is_some(), "true or false"),
        BIND_ADDRESS => (value.parse::<Ipv4Addr>().is_ok(), "an IPv4 address of this host"),
        MTU => (value.parse::<u32>().is_ok_and(|mtu| (68..=65535).contains(&mtu)), "a number from 68 to 65535"),
        MACVLAN_MODE => (value.parse::<MacvlanMode>().is_ok(), "bridge, private, vepa or passthru"),
        IPVLAN_MODE => (value.parse::<IpvlanMode>().is_ok(), "l2, l3 or l3s"),
        IPVLAN_FLAG => (value.parse::<IpvlanFlag>().is_ok(), "bridge, private or vepa"),
        _ => (link::is_name(value), "a name of at most 15 characters without blanks and slashes"),
    };
    (!fits).then_some(wanted)
}

/// As Go's strconv.ParseBool reads it.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(driver: Driver, option: &str, value: &str) -> NetworkConfig {
        NetworkConfig { driver, options: BTreeMap::from([(option.into(), value.into())]), ..NetworkConfig::default() }
    }

    #[test]
    fn options_are_dockers() {
        let network = with(Driver::Bridge, ICC, "false");
        assert!(!network.icc() && network.masquerade() && network.check_options().is_ok());
        assert_eq!(with(Driver::Bridge, MTU, "1400").mtu(), Some(1400));
        assert_eq!(with(Driver::Macvlan, MACVLAN_MODE, "vepa").macvlan_mode(), MacvlanMode::Vepa);
        for (driver, option, value) in [
            (Driver::Bridge, PARENT, "eth0"),
            (Driver::Macvlan, ICC, "true"),
            (Driver::Bridge, "com.example", "1"),
            (Driver::Bridge, ICC, "perhaps"),
            (Driver::Bridge, MTU, "12"),
            (Driver::Bridge, BRIDGE_NAME, "a name with blanks"),
            (Driver::Bridge, BIND_ADDRESS, "::1"),
            (Driver::Macvlan, MACVLAN_MODE, "l2"),
            (Driver::Macvlan, PARENT, "0123456789abcdef"),
        ] {
            assert!(with(driver, option, value).check_options().is_err(), "{driver} {option}={value}");
        }
    }

    #[test]
    fn drivers_are_dockers() {
        for text in ["bridge", "macvlan", "ipvlan", "host", "null"] {
            assert_eq!(text.parse::<Driver>().unwrap().to_string(), text);
        }
        assert!("overlay".parse::<Driver>().is_err());
    }
}
