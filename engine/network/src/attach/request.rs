//! What is asked of an interface, and how it is written.

use crate::link::Mac;
use crate::link::stacked::{MacvlanMode, VlanId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The longest name of an interface (IFNAMSIZ of linux/if.h, without the final zero).
const LONGEST_NAME: usize = 15;

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
        if host_bits(destination, prefix_len) != 0 {
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
        if is_interface_name(text) {
            return Ok(InterfaceName(text.into()));
        }
        let wanted = "up to 15 characters without blanks, slashes and colons";
        Err(InvalidText { what: "interface name", text: text.into(), wanted })
    }
}

/// Whether the kernel takes a name for an interface (dev_valid_name of net/core/dev.c, and no wildcard).
pub(super) fn is_interface_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ':' | '%');
    !matches!(text, "" | "." | "..") && text.len() <= LONGEST_NAME && text.chars().all(fits)
}

/// Reads a hardware address, six numbers of two hexadecimal digits. That of a group can be nobody's own.
pub fn parse_mac(text: &str) -> Result<Mac, InvalidText> {
    let invalid = |wanted| InvalidText { what: "hardware address", text: text.into(), wanted };
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = |part: &str| if digits(part) { u8::from_str_radix(part, 16).ok() } else { None };
    let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
    let mac: Option<Mac> = bytes.and_then(|bytes| bytes.try_into().ok());
    let mac = mac.ok_or_else(|| invalid("six numbers such as 02:42:c0:a8:01:02"))?;
    // The lowest bit of the first byte tells groups (IEEE 802).
    if mac[0] & 1 == 1 || mac == [0; 6] {
        return Err(invalid("the address of a single host: an even first number, and not all zero"));
    }
    Ok(mac)
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

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

fn host_mask(address: IpAddr, prefix_len: u8) -> u128 {
    1u128.checked_shl((width(address) - prefix_len).into()).map_or(u128::MAX, |bit| bit - 1)
}

fn host_bits(address: IpAddr, prefix_len: u8) -> u128 {
    bits(address) & host_mask(address, prefix_len)
}

fn same_network(one: IpAddr, other: IpAddr, prefix_len: u8) -> bool {
    one.is_ipv4() == other.is_ipv4() && (bits(one) ^ bits(other)) & !host_mask(one, prefix_len) == 0
}

fn is_of_a_host(address: IpAddr, prefix_len: u8) -> bool {
    let last_two = width(address) - 1;
    let (own, all) = (host_bits(address, prefix_len), host_mask(address, prefix_len));
    // Networks of one or two addresses have hosts only (RFC 3021, RFC 6164); IPv6 has no broadcast.
    let is_host = prefix_len >= last_two || own != 0 && (address.is_ipv6() || own != all);
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
    fn names_and_hardware_addresses_are_read_and_refused() {
        assert_eq!(parse_mac("02:42:C0:a8:01:02").unwrap(), [2, 0x42, 0xc0, 0xa8, 1, 2]);
        for bad in
            ["", "02:42:c0:a8:01", "02:42:c0:a8:01:02:03", "2:42:c0:a8:1:2", "03:00:00:00:00:01", "00:00:00:00:00:00"]
        {
            assert!(parse_mac(bad).is_err(), "{bad}");
        }
        for (name, good) in [("eth1", true), ("fifteen-letters", true), ("sixteen-letters-", false), ("a b", false)] {
            assert_eq!(name.parse::<InterfaceName>().is_ok(), good, "{name}");
        }
    }
}
