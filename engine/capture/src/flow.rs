//! Who talks to whom: the addresses and ports in a packet's headers.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Serialize, Serializer};

/// What a packet carries above IP (or ARP).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP (RFC 9293).
    Tcp,
    /// UDP (RFC 768).
    Udp,
    /// ICMP (RFC 792).
    Icmp,
    /// ICMPv6 (RFC 4443).
    Icmpv6,
    /// ARP (RFC 826).
    Arp,
    /// Another one, by its IP protocol number.
    Other(u8),
}

impl Protocol {
    /// From an IP protocol number (IPPROTO_*).
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Protocol::Icmp,
            6 => Protocol::Tcp,
            17 => Protocol::Udp,
            58 => Protocol::Icmpv6,
            other => Protocol::Other(other),
        }
    }

    /// Whether its packets have ports.
    pub fn has_ports(self) -> bool {
        matches!(self, Protocol::Tcp | Protocol::Udp)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Protocol::Tcp => f.pad("tcp"),
            Protocol::Udp => f.pad("udp"),
            Protocol::Icmp => f.pad("icmp"),
            Protocol::Icmpv6 => f.pad("icmpv6"),
            Protocol::Arp => f.pad("arp"),
            Protocol::Other(number) => write!(f, "ip-{number}"),
        }
    }
}

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One end: an address, and a port where the protocol has ports (0 where it has none).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// The IP address.
    pub address: IpAddr,
    /// The port, or 0.
    pub port: u16,
}

impl Endpoint {
    /// An address with a port.
    pub fn new(address: impl Into<IpAddr>, port: u16) -> Self {
        Endpoint { address: address.into(), port }
    }
}

/// `10.0.0.1:80`, `[fd00::1]:80`, or the address alone.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            0 => f.pad(&self.address.to_string()),
            port => f.pad(&SocketAddr::new(self.address, port).to_string()),
        }
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One direction of a conversation, as the headers of one packet show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// The protocol.
    pub protocol: Protocol,
    /// The sender.
    pub source: Endpoint,
    /// The receiver.
    pub destination: Endpoint,
    /// The identifier of an ICMP echo, which conntrack treats like a port; otherwise 0.
    pub echo: u16,
}

impl Flow {
    /// A flow of a protocol other than ICMP.
    pub fn new(protocol: Protocol, source: Endpoint, destination: Endpoint) -> Self {
        Flow { protocol, source, destination, echo: 0 }
    }

    /// The flow of the answers.
    #[must_use]
    pub fn reversed(self) -> Self {
        Flow { source: self.destination, destination: self.source, ..self }
    }
}

/// `10.0.0.2:40110 → 10.0.0.1:8088`.
impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} → {}", self.source, self.destination))
    }
}

impl Serialize for Flow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn reads_well() {
        let client = Endpoint::new(Ipv4Addr::new(10, 0, 0, 2), 40110);
        let server = Endpoint::new(Ipv6Addr::LOCALHOST, 80);
        let flow = Flow::new(Protocol::Tcp, client, server);
        assert_eq!(flow.to_string(), "10.0.0.2:40110 → [::1]:80");
        assert_eq!(flow.reversed().to_string(), "[::1]:80 → 10.0.0.2:40110");
        assert_eq!(Endpoint::new(Ipv6Addr::LOCALHOST, 0).to_string(), "::1");
    }
}
