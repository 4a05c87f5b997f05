use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A transport protocol whose ports can be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// The protocol number in the IP header (IANA).
    pub fn number(self) -> u8 {
        match self {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
        }
    }

    /// The protocol with this number in the IP header.
    pub(crate) fn from_number(number: u8) -> Option<Protocol> {
        [Protocol::Tcp, Protocol::Udp].into_iter().find(|protocol| protocol.number() == number)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        })
    }
}

impl FromStr for Protocol {
    type Err = ();

    fn from_str(text: &str) -> Result<Protocol, ()> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Ok(Protocol::Tcp),
            "udp" => Ok(Protocol::Udp),
            _ => Err(()),
        }
    }
}

/// One container port to publish, as `docker run -p` asks for it:
/// `[[host address:][host port[-host port]]:]container port[-container port][/protocol]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PortSpec {
    /// TCP unless said otherwise.
    pub protocol: Protocol,
    /// The host's address to bind to; all of them if `None`.
    pub host_ip: Option<IpAddr>,
    /// The host ports of which one is taken; any free one if `None`.
    pub host_ports: Option<RangeInclusive<u16>>,
    /// The port in the container.
    pub container_port: u16,
}

/// A text that does not fit the grammar of `-p`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidPortSpec {
    /// The container's part is empty.
    #[error("no port specified: {0}: want [[HOST ADDRESS:][HOST PORT]:]CONTAINER PORT[/tcp|udp]")]
    Empty(String),
    /// Not a number from 1 to 65535, or a range that runs backwards.
    #[error("invalid port \"{port}\" in {spec}: want a number from 1 to 65535, or a range such as 8000-8005")]
    Port {
        /// The whole text.
        spec: String,
        /// The bad part.
        port: String,
    },
    /// Not an IP address.
    #[error("invalid IP address \"{address}\" in {spec}: want one of this host, such as 127.0.0.1 or [::1]")]
    Address {
        /// The whole text.
        spec: String,
        /// The bad part.
        address: String,
    },
    /// A protocol whose ports cannot be published.
    #[error("invalid protocol \"{protocol}\" in {spec}: want tcp or udp")]
    Protocol {
        /// The whole text.
        spec: String,
        /// The bad part.
        protocol: String,
    },
    /// A range on each side, of different lengths.
    #[error("invalid ranges in {0}: the host's range and the container's must have the same length")]
    Lengths(String),
}

impl PortSpec {
    /// Reads one `-p` argument. Ranges become one specification for each container port.
    pub fn parse(spec: &str) -> Result<Vec<PortSpec>, InvalidPortSpec> {
        let (rest, protocol) = match spec.rsplit_once('/') {
            Some((rest, name)) => {
                let unknown = |()| InvalidPortSpec::Protocol { spec: spec.into(), protocol: name.into() };
                (rest, name.parse().map_err(unknown)?)
            }
            None => (spec, Protocol::Tcp),
        };
        let (host, container) = rest.rsplit_once(':').unwrap_or(("", rest));
        if container.is_empty() {
            return Err(InvalidPortSpec::Empty(spec.into()));
        }
        // `HOST PORT` alone, or `ADDRESS:HOST PORT` where either may be empty.
        let (address, ports) = host.rsplit_once(':').unwrap_or(("", host));
        let host_ip = if address.is_empty() { None } else { Some(parse_address(spec, address)?) };
        let host_ports = if ports.is_empty() { None } else { Some(parse_range(spec, ports)?) };
        pair(spec, host_ports, parse_range(spec, container)?).map(|pairs| {
            let port = |(host_ports, container_port)| PortSpec { protocol, host_ip, host_ports, container_port };
            pairs.into_iter().map(port).collect()
        })
    }
}

type Pair = (Option<RangeInclusive<u16>>, u16);

/// Pairs host ports with container ports: one to one; one container port may have a whole range to choose from.
fn pair(
    spec: &str,
    host: Option<RangeInclusive<u16>>,
    container: RangeInclusive<u16>,
) -> Result<Vec<Pair>, InvalidPortSpec> {
    match host {
        Some(host) if container.len() == 1 => Ok(vec![(Some(host), *container.start())]),
        Some(host) if host.len() == container.len() => Ok(host.zip(container).map(|(h, c)| (Some(h..=h), c)).collect()),
        Some(_) => Err(InvalidPortSpec::Lengths(spec.into())),
        None => Ok(container.map(|c| (None, c)).collect()),
    }
}

fn parse_address(spec: &str, text: &str) -> Result<IpAddr, InvalidPortSpec> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| InvalidPortSpec::Address { spec: spec.into(), address: text.into() })
}

fn parse_range(spec: &str, text: &str) -> Result<RangeInclusive<u16>, InvalidPortSpec> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (parse_port(first), parse_port(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err(InvalidPortSpec::Port { spec: spec.into(), port: text.into() }),
    }
}

fn parse_port(text: &str) -> Option<u16> {
    // `u16::from_str` would take "+80".
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten().filter(|port| *port > 0)
}

impl fmt::Display for PortSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host_ip {
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]:")?,
            Some(IpAddr::V4(ip)) => write!(f, "{ip}:")?,
            None => {}
        }
        match &self.host_ports {
            Some(ports) if ports.len() == 1 => write!(f, "{}:", ports.start())?,
            Some(ports) => write!(f, "{}-{}:", ports.start(), ports.end())?,
            None if self.host_ip.is_some() => f.write_str(":")?,
            None => {}
        }
        write!(f, "{}/{}", self.container_port, self.protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(spec: &str) -> Vec<String> {
        PortSpec::parse(spec).unwrap().iter().map(PortSpec::to_string).collect()
    }

    #[test]
    fn the_forms_of_docker() {
        assert_eq!(texts("80"), ["80/tcp"]);
        assert_eq!(texts("8088:80"), ["8088:80/tcp"]);
        assert_eq!(texts("127.0.0.1::80"), ["127.0.0.1::80/tcp"]);
        assert_eq!(texts("127.0.0.1:8088:80/UDP"), ["127.0.0.1:8088:80/udp"]);
        assert_eq!(texts("[::1]:8088:80"), ["[::1]:8088:80/tcp"]);
        assert_eq!(texts("::1:8088:80"), ["[::1]:8088:80/tcp"]);
        assert_eq!(texts(":80"), ["80/tcp"]);
        assert_eq!(texts("8000-8002:80-82"), ["8000:80/tcp", "8001:81/tcp", "8002:82/tcp"]);
        assert_eq!(texts("8000-8005:80"), ["8000-8005:80/tcp"]);
        assert_eq!(texts("80-81/udp"), ["80/udp", "81/udp"]);
    }

    #[test]
    fn refuses_what_docker_refuses() {
        for bad in [
            "",
            ":",
            "8088:",
            "0",
            "80:0",
            "65536",
            "+80",
            "8-7",
            "80/sctp2",
            "1-3:1-2",
            "1:1-2",
            "x:80",
            "1.2.3:1:80",
            "a:1:2",
            " 80",
            "80/",
            "1:2:3:4",
        ] {
            assert!(PortSpec::parse(bad).is_err(), "{bad:?} gave {:?}", PortSpec::parse(bad));
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = PortSpec::parse(&text);
        }

        #[test]
        fn text_and_back(ip: Option<IpAddr>, first in 1u16.., span in 0u16..9, has_host: bool, container in 1u16.., udp: bool) {
            let host_ports = has_host.then(|| first..=first.saturating_add(span));
            let protocol = if udp { Protocol::Udp } else { Protocol::Tcp };
            let spec = PortSpec { protocol, host_ip: ip, host_ports, container_port: container };
            prop_assert_eq!(PortSpec::parse(&spec.to_string()).unwrap(), vec![spec]);
        }
    }
}
