//! Published ports: the grammar of `-p`, and the choice of a free host port.

mod choose;
mod spec;

pub use choose::Taken;
pub(crate) use choose::{Families, Refused, Want, choose};
pub use spec::{InvalidPortSpec, PortSpec, Protocol};

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A container's port that is reachable at a port of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PublishedPort {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The address of the host to which it is bound; 0.0.0.0 for all of IPv4, :: for all of IPv6.
    pub host_ip: IpAddr,
    /// The port on the host.
    pub host_port: u16,
    /// The port in the container.
    pub container_port: u16,
}

impl PublishedPort {
    /// Whether both would claim the same packets.
    pub fn overlaps(&self, other: &PublishedPort) -> bool {
        let same_port = (self.protocol, self.host_port) == (other.protocol, other.host_port);
        let same_family = self.host_ip.is_ipv4() == other.host_ip.is_ipv4();
        let unspecified = self.host_ip.is_unspecified() || other.host_ip.is_unspecified();
        same_port && same_family && (self.host_ip == other.host_ip || unspecified)
    }
}

impl fmt::Display for PublishedPort {
    /// As `docker ps` does: `0.0.0.0:8088->80/tcp`, `[::]:8088->80/tcp`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = SocketAddr::new(self.host_ip, self.host_port);
        write!(f, "{host}->{}/{}", self.container_port, self.protocol)
    }
}
