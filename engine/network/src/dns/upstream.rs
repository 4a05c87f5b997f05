//! The resolvers that are asked for names of the world.

use super::config::DnsConfig;
use super::resolv_conf;
use crate::files;
use rustix::net::{AddressFamily, SocketType, netdevice};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

const PORT: u16 = 53;
/// How many are asked; as many as the C library would (MAXNS, resolv.conf(5)).
const MOST: usize = 3;

/// Those that the container was given, or else the host's as they are now: a laptop goes from one network to another.
pub(super) fn resolvers(config: &DnsConfig) -> Vec<SocketAddr> {
    if !config.servers.is_empty() {
        return config.servers.iter().take(MOST).map(|server| SocketAddr::new(*server, PORT)).collect();
    }
    // One that cannot be read names no resolvers, as if it were empty.
    of_host(&resolv_conf::host().unwrap_or_default())
}

fn of_host(resolv_conf: &str) -> Vec<SocketAddr> {
    let mut found: Vec<_> =
        resolv_conf.lines().filter_map(files::resolver).filter_map(socket_address).take(MOST).collect();
    if found.is_empty() {
        found.extend(files::PUBLIC_RESOLVERS.iter().filter_map(|address| socket_address(address)));
    }
    found
}

/// An address as it stands in resolv.conf, perhaps with the interface behind which it is.
fn socket_address(text: &str) -> Option<SocketAddr> {
    match text.split_once('%') {
        None => text.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, PORT)),
        Some((address, zone)) => {
            let scope = zone.parse().ok().or_else(|| index_of(zone))?;
            Some(SocketAddrV6::new(address.parse().ok()?, PORT, 0, scope).into())
        }
    }
}

fn index_of(interface: &str) -> Option<u32> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None).ok()?;
    netdevice::name_to_index(socket, interface).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(resolv_conf: &str) -> Vec<String> {
        of_host(resolv_conf).iter().map(SocketAddr::to_string).collect()
    }

    #[test]
    fn the_hosts_own_are_used_wherever_they_are() {
        assert_eq!(texts("nameserver 127.0.0.53\nsearch x\nnameserver ::1\n"), ["127.0.0.53:53", "[::1]:53"]);
        assert_eq!(texts("nameserver fe80::1%lo\nnameserver fe80::2%7"), ["[fe80::1%1]:53", "[fe80::2%7]:53"]);
        assert_eq!(texts("nameserver 10.0.0.1\n".repeat(5).as_str()).len(), 3);
    }

    #[test]
    fn public_ones_where_there_are_none() {
        for none in ["", "search x\n", "nameserver nowhere\n", "nameserver fe80::1%none-such\n"] {
            assert_eq!(texts(none), ["8.8.8.8:53", "8.8.4.4:53"], "{none}");
        }
    }

    #[test]
    fn those_that_were_asked_for_come_instead() {
        let servers = vec!["127.0.0.1".parse().unwrap()];
        assert_eq!(resolvers(&DnsConfig { servers, ..DnsConfig::default() }), ["127.0.0.1:53".parse().unwrap()]);
    }
}
