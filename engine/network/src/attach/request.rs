//! What is asked of an interface, and how it is written.

use crate::link::stacked::{MacvlanMode, VlanId};
use crate::link::{self, Mac};
use crate::subnet::{Subnet, width};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An interface to be attached to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceRequest {
    /// The bridge that it becomes a port of, or the interface that it stands on as a macvlan.
    pub link: String,
    /// Its address.
    pub address: InterfaceAddress,
    /// Its hardware address; made of the address if there is none.
    pub mac: Option<Mac>,
    /// The VLAN that it is in.
    pub vlan: Option<VlanId>,
    /// Its name; the first free one from `eth1` on if there is none.
    pub name: Option<InterfaceName>,
    /// Further routes by it.
    pub routes: Vec<RouteRequest>,
    /// How a macvlan reaches others of its parent.
    pub mode: Option<MacvlanMode>,
}

/// A text that does not say what it should.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid {what} \"{text}\": want {wanted}")]
pub struct InvalidText {
    what: &'static str,
    text: String,
    wanted: &'static str,
}

/// `ADDRESS/BITS[@GATEWAY]`, as pipework takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// The number of network bits.
    pub prefix_len: u8,
    /// The router that the default route leads to.
    pub gateway: Option<IpAddr>,
}

impl FromStr for InterfaceAddress {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<InterfaceAddress, InvalidText> {
        let invalid = |wanted| InvalidText { what: "address", text: text.into(), wanted };
        let shape = || invalid("ADDRESS/BITS[@GATEWAY] such as 192.168.1.2/24@192.168.1.1");
        let (own, gateway) = split_at_sign(text);
        let (address, prefix_len) = prefix(own).ok_or_else(shape)?;
        let gateway: Option<IpAddr> = gateway.map(str::parse).transpose().map_err(|_| shape())?;
        if !is_of_a_host(address, prefix_len) {
            return Err(invalid("the address of a host, and neither of a network, of a group nor of all"));
        }
        if gateway.is_some_and(|gateway| gateway == address || !same_network(address, gateway, prefix_len)) {
            return Err(invalid("a gateway that is another address of the same network"));
        }
        Ok(InterfaceAddress { address, prefix_len, gateway })
    }
}

/// `NETWORK/BITS[@ROUTER]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteRequest {
    /// The network.
    pub destination: IpAddr,
    /// The number of its network bits, at least one.
    pub prefix_len: u8,
    /// The router; without one the network is on the link.
    pub via: Option<IpAddr>,
}

impl FromStr for RouteRequest {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<RouteRequest, InvalidText> {
        let invalid = |wanted| InvalidText { what: "route", text: text.into(), wanted };
        let shape = || invalid("NETWORK/BITS[@ROUTER] such as 10.5.0.0/16@192.168.1.254");
        let (network, via) = split_at_sign(text);
        let alone = |address: IpAddr| (address, width(address));
        let network = prefix(network).or_else(|| network.parse().ok().map(alone));
        let (destination, prefix_len) = network.ok_or_else(shape)?;
        let via: Option<IpAddr> = via.map(str::parse).transpose().map_err(|_| shape())?;
        if prefix_len == 0 {
            return Err(invalid("a network; the default route is given with the address, as ADDRESS/BITS@GATEWAY"));
        }
        if destination != Subnet::containing(destination, prefix_len).network() {
            return Err(invalid("a network, whose bits after the first BITS are zero"));
        }
        if via.is_some_and(|via| via.is_ipv4() != destination.is_ipv4()) {
            return Err(invalid("a router of the network's family"));
        }
        Ok(RouteRequest { destination, prefix_len, via })
    }
}

impl fmt::Display for RouteRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.destination, self.prefix_len)?;
        self.via.map_or(Ok(()), |via| write!(f, "@{via}"))
    }
}

/// A name that an interface may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceName(String);

impl InterfaceName {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InterfaceName {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<InterfaceName, InvalidText> {
        if link::is_name(text) {
            return Ok(InterfaceName(text.into()));
        }
        let wanted = "up to 15 characters without blanks, slashes and colons";
        Err(InvalidText { what: "interface name", text: text.into(), wanted })
    }
}

fn split_at_sign(text: &str) -> (&str, Option<&str>) {
    text.split_once('@').map_or((text, None), |(before, after)| (before, Some(after)))
}

fn prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    // Unlike the parser of numbers, ip(8) takes no sign.
    let bits: u8 = bits.parse().ok().filter(|_| bits.bytes().all(|byte| byte.is_ascii_digit()))?;
    (bits <= width(address)).then_some((address, bits))
}

fn same_network(one: IpAddr, other: IpAddr, prefix_len: u8) -> bool {
    Subnet::containing(one, prefix_len).contains(other)
}

fn is_of_a_host(address: IpAddr, prefix_len: u8) -> bool {
    let (last_two, subnet) = (width(address) - 1, Subnet::containing(address, prefix_len));
    // Networks of one or two addresses have hosts only (RFC 3021, RFC 6164); IPv6 has no broadcast.
    let is_one_of_many = address != subnet.network() && (address.is_ipv6() || address != subnet.broadcast());
    let is_host = prefix_len >= last_two || is_one_of_many;
    is_host && !address.is_multicast() && !address.is_unspecified() && !address.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_pipework_does() {
        let read: InterfaceAddress = "192.168.1.2/24@192.168.1.1".parse().unwrap();
        assert_eq!((read.prefix_len, read.gateway.unwrap().to_string()), (24, "192.168.1.1".to_owned()));
        for good in ["10.0.0.0/31", "10.0.0.1/32", "fd00::2/64@fd00::1", "fd00::/127", "10.0.0.255/16"] {
            assert!(good.parse::<InterfaceAddress>().is_ok(), "{good}");
        }
    }

    #[test]
    fn bad_addresses_are_refused() {
        for bad in [
            "",
            "10.0.0.2",
            "10.0.0.2/",
            "10.0.0.2/33",
            "10.0.0.2/+8",
            "10.0.0.300/24",
            "10.0.0.0/24",
            "10.0.0.255/24",
            "224.0.0.1/4",
            "127.0.0.2/8",
            "fd00::/64",
            "ff02::1/64",
            "10.0.0.2/24@",
            "10.0.0.2/24@10.0.1.1",
            "10.0.0.2/24@10.0.0.2",
            "10.0.0.2/24@fd00::1",
        ] {
            assert!(bad.parse::<InterfaceAddress>().is_err(), "{bad}");
        }
        let text = "10.0.0.2/24@10.0.1.1".parse::<InterfaceAddress>().unwrap_err().to_string();
        let wanted = "want a gateway that is another address of the same network";
        assert_eq!(text, format!("invalid address \"10.0.0.2/24@10.0.1.1\": {wanted}"));
    }

    #[test]
    fn routes_are_read_and_refused() {
        for good in ["10.5.0.0/16@192.168.1.254", "10.5.0.0/16", "fd01::/64@fd00::1"] {
            assert_eq!(good.parse::<RouteRequest>().unwrap().to_string(), good);
        }
        assert_eq!("10.5.0.1".parse::<RouteRequest>().unwrap().to_string(), "10.5.0.1/32");
        for bad in ["", "default", "0.0.0.0/0@10.0.0.1", "10.5.0.1/16", "10.5.0.0/16@fd00::1", "10.5.0.0/16@x"] {
            assert!(bad.parse::<RouteRequest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_read_and_refused() {
        for (name, good) in [("eth1", true), ("fifteen-letters", true), ("sixteen-letters-", false), ("a b", false)] {
            assert_eq!(name.parse::<InterfaceName>().is_ok(), good, "{name}");
        }
    }
}
