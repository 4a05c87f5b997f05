use super::{PortSpec, Protocol, PublishedPort};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;

/// Why a host port cannot be had. The wording is Docker's where Docker has one.
#[derive(Debug, thiserror::Error)]
pub enum Taken {
    /// A container has it.
    #[error("Bind for {host_ip}:{port} failed: port is already allocated by container {container}")]
    Container {
        /// The address asked for.
        host_ip: Ipv4Addr,
        /// The port asked for.
        port: u16,
        /// Who has it.
        container: String,
    },
    /// Another program has it, or the address is not this host's.
    #[error("failed to bind host port {host_ip}:{port}/{protocol}: {}", reason(source))]
    Stranger {
        /// The address asked for.
        host_ip: Ipv4Addr,
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
    /// An IPv6 address, on a network that has none.
    #[error("cannot publish {0}: network bridge has no IPv6 addresses; give an IPv4 address of the host")]
    NoIpv6(PortSpec),
}

/// In Docker's words, which say nothing of error numbers.
fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EADDRINUSE) => "address already in use by another program on this host".into(),
        Some(libc::EADDRNOTAVAIL) => "cannot assign requested address: no interface of this host has it".into(),
        _ => error.to_string(),
    }
}

/// A port that some container has.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The port.
    pub port: PublishedPort,
    /// Who has it.
    pub container: String,
}

/// A port that was found free, and is kept from other programs while this lives.
#[derive(Debug)]
pub(crate) struct Want {
    /// The port.
    pub port: PublishedPort,
    /// Bound, so that nobody else binds it meanwhile.
    _probe: OwnedFd,
}

/// Chooses a host port for each specification, none of which is claimed by a container or bound by another program.
/// `ephemeral` tells the ports for those that name none.
pub(crate) fn choose(
    specs: &[PortSpec],
    claims: &[Claim],
    ephemeral: impl Fn() -> RangeInclusive<u16>,
    container: &str,
) -> Result<Vec<Want>, Taken> {
    let mut wants: Vec<Want> = Vec::with_capacity(specs.len());
    for spec in specs {
        let host_ip = match spec.host_ip {
            None => Ipv4Addr::UNSPECIFIED,
            Some(IpAddr::V4(ip)) => ip,
            Some(IpAddr::V6(_)) => return Err(Taken::NoIpv6(spec.clone())),
        };
        let candidates = spec.host_ports.clone().unwrap_or_else(&ephemeral);
        let choice = candidates.len() > 1;
        let mut result = Err(Taken::All(spec.clone()));
        for host_port in candidates {
            let port =
                PublishedPort { protocol: spec.protocol, host_ip, host_port, container_port: spec.container_port };
            result = claim(port, claims, &wants, container);
            match &result {
                Err(Taken::Stranger { source, .. }) if source.raw_os_error() != Some(libc::EADDRINUSE) => {
                    break;
                }
                Err(_) if choice => result = Err(Taken::All(spec.clone())),
                _ => break,
            }
        }
        wants.push(result?);
    }
    Ok(wants)
}

fn claim(port: PublishedPort, claims: &[Claim], wants: &[Want], container: &str) -> Result<Want, Taken> {
    let theirs = claims.iter().find(|c| c.port.overlaps(&port)).map(|c| c.container.as_str());
    let ours = wants.iter().any(|w| w.port.overlaps(&port)).then_some(container);
    if let Some(container) = theirs.or(ours) {
        return Err(Taken::Container { host_ip: port.host_ip, port: port.host_port, container: container.into() });
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
    let socket = rustix::net::socket_with(AddressFamily::INET, kind, SocketFlags::CLOEXEC, None)?;
    if port.protocol == Protocol::Tcp {
        rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    rustix::net::bind(&socket, &SocketAddrV4::new(port.host_ip, port.host_port))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    fn specs(text: &str) -> Vec<PortSpec> {
        PortSpec::parse(text).unwrap()
    }

    fn chosen(text: &str, claims: &[Claim], ephemeral: RangeInclusive<u16>) -> Result<Vec<u16>, String> {
        let wants = choose(&specs(text), claims, || ephemeral.clone(), "me").map_err(|e| e.to_string())?;
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
        let port =
            PublishedPort { protocol: Protocol::Tcp, host_ip: Ipv4Addr::LOCALHOST, host_port, container_port: 80 };
        let claims = [Claim { port, container: "web".into() }];
        let error = chosen(&format!("{host_port}:80"), &claims, 1..=1).unwrap_err();
        assert_eq!(error, format!("Bind for 0.0.0.0:{host_port} failed: port is already allocated by container web"));
        assert!(chosen(&format!("{host_port}:80/udp"), &claims, 1..=1).is_ok());
        assert!(chosen("80", &claims, host_port..=host_port).is_err());
    }

    #[test]
    fn one_request_does_not_take_a_port_twice() {
        let (listener, port) = listener();
        drop(listener);
        let twice = [specs(&format!("{port}:80")), specs(&format!("{port}:81"))].concat();
        let error = choose(&twice, &[], || 1..=1, "me").unwrap_err().to_string();
        assert!(error.ends_with("allocated by container me"), "{error}");
    }

    #[test]
    fn an_address_of_another_host_is_named_so() {
        let error = chosen("192.0.2.99::80", &[], 40000..=40010).unwrap_err();
        assert!(error.contains("cannot assign requested address"), "{error}");
        assert!(chosen("[::1]:80:80", &[], 1..=1).unwrap_err().contains("no IPv6"));
    }
}
