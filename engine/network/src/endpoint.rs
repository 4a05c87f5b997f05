//! A container's place on a network: what it asks for, and what it got.

use crate::config::NetworkConfig;
use crate::link::Mac;
use crate::port::{PortSpec, PublishedPort};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::os::fd::BorrowedFd;

/// What a container wants of a network.
#[derive(Clone, Debug)]
pub struct EndpointRequest<'a> {
    /// The network.
    pub network: &'a NetworkConfig,
    /// The container's id.
    pub container: &'a str,
    /// The container's name, for comments and errors.
    pub name: &'a str,
    /// The container's network namespace.
    pub netns: BorrowedFd<'a>,
    /// The name of its interface, in the namespace.
    pub interface: &'a str,
    /// Whether all that is not on a network of its own goes out by this one.
    pub default_route: bool,
    /// The addresses that it is to have; any free one of a family for which there is none.
    pub addresses: &'a [IpAddr],
    /// The hardware address that it is to have; one that follows from the address if `None`.
    pub mac: Option<Mac>,
    /// The ports to publish.
    pub ports: &'a [PortSpec],
}

/// An address on a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// The number of its network bits.
    pub prefix_len: u8,
    /// The router of its subnet, if there is one.
    pub gateway: Option<IpAddr>,
}

/// A container's place on a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The name of the network.
    pub network: String,
    /// Its id.
    pub network_id: String,
    /// The name of the container's interface, in its namespace.
    pub interface: String,
    /// The name of the bridge; empty if there is none.
    pub bridge: String,
    /// The container's addresses, IPv4 first.
    pub addresses: Vec<Address>,
    /// The hardware address of the container's interface.
    pub mac: Mac,
    /// The host's end of the container's link; empty if there is none.
    pub host_interface: String,
    /// The index of the host's end, or of the parent of the interface.
    pub ifindex: u32,
    /// Whether the container's default route goes by this network.
    pub default_route: bool,
    /// The ports as they were published.
    pub ports: Vec<PublishedPort>,
    /// What stands in the way of the container's packets and what was done about it, a line each.
    pub warnings: Vec<String>,
}

/// What connecting a container brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// Its place.
    pub endpoint: Endpoint,
    /// Whether somebody had removed rules that other containers miss too: see [`Network::reassert`].
    ///
    /// [`Network::reassert`]: crate::Network::reassert
    pub rules_were_missing: bool,
}

impl Endpoint {
    /// Its address of a family.
    pub fn of_family(&self, ipv6: bool) -> Option<&Address> {
        self.addresses.iter().find(|address| address.address.is_ipv6() == ipv6)
    }

    /// Its first address: the IPv4 one if it has one.
    pub fn address(&self) -> Option<IpAddr> {
        self.addresses.first().map(|address| address.address)
    }

    /// The router of its first address.
    pub fn gateway(&self) -> Option<IpAddr> {
        self.addresses.first()?.gateway
    }
}
