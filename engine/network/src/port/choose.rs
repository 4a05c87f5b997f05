use super::{PortSpec, Protocol, PublishedPort};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;

/// Why a host port cannot be had. The wording is Docker's where Docker has one.
#[derive(Debug, thiserror::Error)]
pub enum Taken {
    /// A container has it.
    #[error("Bind for {} failed: port is already allocated by container {container}", SocketAddr::new(*host_ip, *port))]
    Container {
        /// The address asked for.
        host_ip: IpAddr,
        /// The port asked for.
        port: u16,
        /// Who has it.
        container: String,
    },
    /// Another program has it, or the address is not this host's.
    #[error("failed to bind host port {}/{protocol}: {}", SocketAddr::new(*host_ip, *port), reason(source))]
    Stranger {
        /// The address asked for.
        host_ip: IpAddr,
        /// The port asked for.
        port: u16,
        /// TCP or UDP.
        protocol: Protocol,
        /// What bind(2) said.
        source: io::Error,
    },
    /// No port of a range is free.
    #[error("no free host port for {0}: all ports are allocated")]
    All(PortSpec),
    /// An address of a family that the network has none of.
    #[error("cannot publish {0}: the network has no {1} addresses; give an address of the host of the other family")]
    NoFamily(PortSpec, &'static str),
}

/// The families of addresses that a container has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Families {
    pub ipv4: bool,
    pub ipv6: bool,
}

/// In Docker's words, which say nothing of error numbers.
fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EADDRINUSE) => "address already in use by another program on this host".into(),
        Some(libc::EADDRNOTAVAIL) => "cannot assign requested address: no interface of this host has it".into(),
        _ => error.to_string(),
    }
}

/// A port that was found free, and is kept from other programs while this lives.
#[derive(Debug)]
pub(crate) struct Want {
    /// The port.
    pub port: PublishedPort,
    /// Bound, so that nobody else binds it meanwhile.
    _probe: OwnedFd,
}

/// Chooses a host port for each specification, none of which is claimed by a container or bound by another program. One that
/// names no address has its port on all addresses of each family that the container has.
/// `ephemeral` tells the ports for those that name none.
pub(crate) fn choose(
    specs: &[PortSpec],
    claims: &[PublishedPort],
    ephemeral: impl Fn() -> RangeInclusive<u16>,
    families: Families,
) -> Result<Vec<Want>, Refused> {
    let mut wants: Vec<Want> = Vec::with_capacity(specs.len());
    for spec in specs {
        let addresses = addresses(spec, families)?;
        let candidates = spec.host_ports.clone().unwrap_or_else(&ephemeral);
        let choice = candidates.len() > 1;
        let mut result = Err(Taken::All(spec.clone()).into());
        for host_port in candidates {
            let port = |host_ip: &IpAddr| PublishedPort {
                protocol: spec.protocol,
                host_ip: *host_ip,
                host_port,
                container_port: spec.container_port,
            };
            result = addresses.iter().map(|ip| claim(port(ip), claims, &wants)).collect::<Result<Vec<_>, _>>();
            match &result {
                Err(Refused::Taken(Taken::Stranger { source, .. }))
                    if source.raw_os_error() != Some(libc::EADDRINUSE) =>
                {
                    break;
                }
                Err(_) if choice => result = Err(Taken::All(spec.clone()).into()),
                _ => break,
            }
        }
        wants.extend(result?);
    }
    Ok(wants)
}

/// Why a port was not chosen.
#[derive(Debug)]
pub(crate) enum Refused {
    /// What the user is told.
    Taken(Taken),
    /// A container has it: this one of the claims.
    Claimed { wanted: PublishedPort, by: PublishedPort },
    /// The same container asks for it twice.
    Twice(PublishedPort),
}

impl From<Taken> for Refused {
    fn from(taken: Taken) -> Refused {
        Refused::Taken(taken)
    }
}

fn addresses(spec: &PortSpec, families: Families) -> Result<Vec<IpAddr>, Taken> {
    let all = [(families.ipv4, IpAddr::from(Ipv4Addr::UNSPECIFIED)), (families.ipv6, Ipv6Addr::UNSPECIFIED.into())];
    match spec.host_ip {
        None => Ok(all.into_iter().filter_map(|(has, address)| has.then_some(address)).collect()),
        Some(IpAddr::V4(_)) if !families.ipv4 => Err(Taken::NoFamily(spec.clone(), "IPv4")),
        Some(IpAddr::V6(_)) if !families.ipv6 => Err(Taken::NoFamily(spec.clone(), "IPv6")),
        Some(address) => Ok(vec![address]),
    }
}

fn claim(port: PublishedPort, claims: &[PublishedPort], wants: &[Want]) -> Result<Want, Refused> {
    if let Some(by) = claims.iter().find(|claimed| claimed.overlaps(&port)) {
        return Err(Refused::Claimed { wanted: port, by: *by });
    }
    if wants.iter().any(|want| want.port.overlaps(&port)) {
        return Err(Refused::Twice(port));
    }
    let stranger =
        |source| Taken::Stranger { host_ip: port.host_ip, port: port.host_port, protocol: port.protocol, source };
    Ok(Want { port, _probe: probe(&port).map_err(stranger)? })
}

/// Binds the port as a server would. A TCP port in TIME_WAIT counts as free, hence SO_REUSEADDR (socket(7)).
fn probe(port: &PublishedPort) -> io::Result<OwnedFd> {
    let kind = match port.protocol {
        Protocol::Tcp => SocketType::STREAM,
        Protocol::Udp => SocketType::DGRAM,
    };
    let family = if port.host_ip.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    if family == AddressFamily::INET6 {
        rustix::net::sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if port.protocol == Protocol::Tcp {
        rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    rustix::net::bind(&socket, &SocketAddr::new(port.host_ip, port.host_port))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    fn specs(text: &str) -> Vec<PortSpec> {
        PortSpec::parse(text).unwrap()
    }

    const IPV4: Families = Families { ipv4: true, ipv6: false };

    fn told(refused: Refused) -> String {
        match refused {
            Refused::Taken(taken) => taken.to_string(),
            Refused::Claimed { wanted, by } => format!("{wanted} is claimed by {by}"),
            Refused::Twice(port) => format!("{port} twice"),
        }
    }

    fn chosen(text: &str, claims: &[PublishedPort], ephemeral: RangeInclusive<u16>) -> Result<Vec<u16>, String> {
        let wants = choose(&specs(text), claims, || ephemeral.clone(), IPV4).map_err(told)?;
        Ok(wants.iter().map(|w| w.port.host_port).collect())
    }

    fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[test]
    fn a_listening_program_has_its_port() {
        let (_held, port) = listener();
        let error = chosen(&format!("{port}:80"), &[], 1..=1).unwrap_err();
        assert_eq!(
            error,
            format!(
                "failed to bind host port 0.0.0.0:{port}/tcp: address already in use by another program on this host"
            )
        );
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(chosen(&format!("127.0.0.1:{port}:80/udp"), &[], 1..=1).is_err());
    }

    #[test]
    fn a_range_goes_round_what_is_taken() {
        let (_held, port) = listener();
        let free = |first: u16| (first..).find(|p| TcpListener::bind(("0.0.0.0", *p)).is_ok()).unwrap();
        let next = free(port.saturating_add(1));
        assert_eq!(chosen(&format!("{port}-{next}:80"), &[], 1..=1).unwrap(), [next]);
        assert_eq!(chosen("80", &[], port..=next).unwrap(), [next]);
        let only = chosen(&format!("{port}-{port}:80"), &[], 1..=1).unwrap_err();
        assert!(only.contains("already in use"), "{only}");
    }

    #[test]
    fn a_container_has_its_port() {
        let (listener, host_port) = listener();
        drop(listener);
        let port = PublishedPort {
            protocol: Protocol::Tcp,
            host_ip: Ipv4Addr::LOCALHOST.into(),
            host_port,
            container_port: 80,
        };
        let claims = [port];
        let error = chosen(&format!("{host_port}:80"), &claims, 1..=1).unwrap_err();
        assert_eq!(error, format!("0.0.0.0:{host_port}->80/tcp is claimed by 127.0.0.1:{host_port}->80/tcp"));
        assert!(chosen(&format!("{host_port}:80/udp"), &claims, 1..=1).is_ok());
        assert!(chosen("80", &claims, host_port..=host_port).is_err());
    }

    #[test]
    fn one_request_does_not_take_a_port_twice() {
        let (listener, port) = listener();
        drop(listener);
        let twice = [specs(&format!("{port}:80")), specs(&format!("{port}:81"))].concat();
        let error = told(choose(&twice, &[], || 1..=1, IPV4).unwrap_err());
        assert!(error.ends_with(" twice"), "{error}");
    }

    #[test]
    fn an_address_of_another_host_is_named_so() {
        let error = chosen("192.0.2.99::80", &[], 40000..=40010).unwrap_err();
        assert!(error.contains("cannot assign requested address"), "{error}");
        assert!(chosen("[::1]:80:80", &[], 1..=1).unwrap_err().contains("no IPv6"));
        let both = Families { ipv4: true, ipv6: true };
        let wants = choose(&specs("80"), &[], || 40011..=40099, both).unwrap();
        let addresses: Vec<_> = wants.iter().map(|want| want.port.host_ip.to_string()).collect();
        assert_eq!(addresses, ["0.0.0.0", "::"]);
        assert_eq!(wants[0].port.host_port, wants[1].port.host_port);
    }
}
