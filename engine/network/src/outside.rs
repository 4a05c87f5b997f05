//! The lab's machine outside: a network namespace of its own, joined to the host by a veth pair, from which published ports are
//! reached as another machine would reach them.
//!
//! The namespace is held by a bind mount under `/run/netns`, so that `ip netns exec` works with it (ip-netns(8)).

use crate::error::Error;
use crate::link::{self, End, Setup, address};
use crate::netlink::{self, Protocol, Socket};
use crate::network::{Network, route_socket};
use crate::subnet::{self, Subnet};
use crate::{mark, netns, topology};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Where ip(8) looks for named network namespaces.
const NETNS: &str = "/run/netns";
/// The name of the interface inside.
const INTERFACE: &str = "eth0";

/// The machine outside, and how it is joined to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// The namespace; its last component is the name for `ip netns exec`.
    pub netns_path: PathBuf,
    /// The host's end of the link.
    pub host_interface: String,
    /// The host's address on the link.
    pub host_address: Ipv4Addr,
    /// The address of the machine outside; its interface is eth0.
    pub address: Ipv4Addr,
}

/// Makes the machine outside, or finds it.
pub fn up(network: &Network) -> Result<Outside, Error> {
    let _lock = network.lock()?;
    if let Some(outside) = status(network)? {
        return Ok(outside);
    }
    remove(network)?;
    make(network).inspect_err(|_| {
        // The first error counts.
        let _ = remove(network);
    })
}

/// The machine outside, if it is there and joined.
pub fn status(network: &Network) -> Result<Option<Outside>, Error> {
    let path = path(network);
    let Some(netns) = open(&path)? else {
        return Ok(None);
    };
    let mark = link_mark(network);
    let links = topology::links().map_err(|e| failed("list links", e))?;
    let Some(host) = links.into_iter().find(|l| l.alias == mark && l.up) else {
        return Ok(None);
    };
    let mut inside =
        Socket::open_in(netns.as_fd(), Protocol::Route).map_err(|e| failed("enter the machine outside", e))?;
    let inner = topology::links_by(&mut inside).map_err(|e| failed("list links outside", e))?;
    let inner = inner.into_iter().find(|l| l.name == INTERFACE && l.up);
    let ipv4 = |interface: &topology::Interface| {
        interface.addresses.iter().find_map(|(address, _)| if let IpAddr::V4(ip) = address { Some(*ip) } else { None })
    };
    let addresses = ipv4(&host).zip(inner.as_ref().and_then(ipv4));
    Ok(addresses.map(|(host_address, address)| Outside {
        netns_path: path,
        host_interface: host.name,
        host_address,
        address,
    }))
}

/// Removes the machine outside with its link. That there is none is no error.
pub fn down(network: &Network) -> Result<(), Error> {
    let _lock = network.lock()?;
    remove(network)
}

fn make(network: &Network) -> Result<Outside, Error> {
    let path = path(network);
    let namespace = |source| Error::Namespace { path: path.clone(), source };
    netns::create(&path).map_err(namespace)?;
    let netns = netns::open(&path).map_err(namespace)?;
    let mut socket = route_socket()?;
    let used = link::routed_subnets(&mut socket, None).map_err(|e| failed("list routes", e))?;
    let subnet = subnet::first_free(candidates(), &used).ok_or(Error::NoSubnet)?;
    let (host_address, address) = (host(subnet, 1), host(subnet, 2));
    let name = free_name(&mut socket)?;
    let join = |e| failed(&format!("join {name} to the machine outside"), e);
    let peer = End { name: INTERFACE, netns: netns.as_fd(), mac: None };
    let host = link::add_veth(&mut socket, &name, &peer, None).map_err(join)?;
    let prefix_len = subnet.prefix_len();
    address::add(&mut socket, host.index, host_address.into(), prefix_len).map_err(join)?;
    let mut inside = Socket::open_in(netns.as_fd(), Protocol::Route).map_err(join)?;
    let setup = Setup {
        index: host.peer.unwrap_or_default(),
        addresses: &[(address.into(), prefix_len)],
        gateways: &[host_address.into()],
        routes: &[],
    };
    link::configure(&mut inside, &setup).map_err(join)?;
    link::settle(&mut socket, &[host.index]).map_err(join)?;
    // The mark says that all of it is done.
    link::set_alias(&mut socket, host.index, &link_mark(network)).map_err(join)?;
    Ok(Outside { netns_path: path, host_interface: name, host_address, address })
}

fn remove(network: &Network) -> Result<(), Error> {
    let mut socket = route_socket()?;
    let mark = link_mark(network);
    for host in link::all(&mut socket).map_err(|e| failed("list links", e))?.iter().filter(|l| l.alias == mark) {
        link::delete(&mut socket, host.index).map_err(|e| failed(&format!("remove {}", host.name), e))?;
    }
    let path = path(network);
    netns::remove(&path).map_err(|source| Error::Namespace { path, source })
}

/// `porthole-outside`, with a suffix of its own for each state root but the default one.
fn path(network: &Network) -> PathBuf {
    Path::new(NETNS).join(mark::name("porthole-outside", network.root()))
}

fn link_mark(network: &Network) -> String {
    format!("{} outside", network.mark())
}

fn open(path: &Path) -> Result<Option<OwnedFd>, Error> {
    if !netns::is_one(path) {
        return Ok(None);
    }
    netns::open(path).map(Some).map_err(|source| Error::Namespace { path: path.into(), source })
}

/// A host of one of the [`candidates`], which are of IPv4.
fn host(subnet: Subnet, n: u128) -> Ipv4Addr {
    match subnet.host(n) {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

/// 10.88.0.0/24 and those after it.
fn candidates() -> impl Iterator<Item = Subnet> {
    (88..=127).flat_map(|b| (0..=255).map(move |c| Subnet::containing(Ipv4Addr::new(10, b, c, 0), 24)))
}

fn free_name(socket: &mut Socket) -> Result<String, Error> {
    let links = link::all(socket).map_err(|e| failed("list links", e))?;
    let mut names = (0u32..).map(|n| format!("outside{n}"));
    Ok(names.find(|name| links.iter().all(|l| l.name != *name)).expect("the numbers do not run out"))
}

fn failed(what: &str, source: netlink::Error) -> Error {
    Error::Link { what: what.into(), source }
}
