//! The network as the kernel has it: every link, address, route, MAC table and neighbour of the host, of the containers and
//! of whoever else is linked with them, whoever made them. Nothing is changed.
//!
//! The types here are also the document that `porthole network map --json` prints. Fields are only ever added to it; one
//! that would be empty is left out. Names are those of `ip -j` where it has one.

mod decode;
mod namespaces;
mod read;
mod words;

pub use namespaces::Known;
pub use read::read;

use crate::link::{Mac, mac_text};
use serde::{Serialize, Serializer};
use std::net::IpAddr;

/// What can go wrong while the map is drawn.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused to tell.
    #[error("read the network of {namespace}: {source}")]
    Netlink {
        /// The network namespace.
        namespace: String,
        /// Why.
        source: crate::netlink::Error,
    },
    /// A namespace or the list of processes cannot be opened.
    #[error("look for network namespaces in {}: {source}", path.display())]
    Namespace {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The host's network namespace, which comes first, and all that belong to containers or are linked with one that is here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Map {
    /// The namespaces.
    pub namespaces: Vec<Namespace>,
}

/// A network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Namespace {
    /// The inode by which it is known everywhere: `readlink /proc/PID/ns/net`.
    pub inode: u64,
    /// Whether it is the one in which the map was drawn.
    pub host: bool,
    /// Of one without a container: its name in a directory such as `/run/netns`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The containers in it: none, one, or several that share it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Owner>,
    /// The process in it with the lowest number, if there is no better name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// Its interfaces, in the kernel's order.
    pub interfaces: Vec<Interface>,
    /// Its routes of all tables.
    pub routes: Vec<Route>,
    /// Whom it knows on its links: ARP and NDP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub neighbours: Vec<Neighbour>,
}

/// A container that a namespace belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// Who runs it.
    pub engine: Engine,
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Who runs a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// This program.
    Porthole,
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its name (`/proc/PID/comm`).
    pub command: String,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Its number in its namespace.
    pub ifindex: u32,
    /// Its name.
    pub ifname: String,
    /// What the kernel calls its kind: `bridge`, `veth`, `macvlan`; `loopback`; empty for a physical one.
    pub kind: String,
    /// Whether it was taken up.
    pub up: bool,
    /// Whether it has a carrier.
    pub carrier: bool,
    /// Its hardware address, if it is an Ethernet link.
    #[serde(serialize_with = "mac", skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// The largest packet that it carries.
    pub mtu: u32,
    /// The mark of whoever made it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alias: String,
    /// Its addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// The link that it hangs on: the other end of a veth pair, the parent of a macvlan, ipvlan or VLAN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<Far>,
    /// How a macvlan or ipvlan meets its siblings: `bridge`, `private`, `l2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Its VLAN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// The number of the bridge or bond that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<u32>,
    /// Its place on a bridge, if that is its master.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<Port>,
    /// The MAC table of a bridge.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fdb: Vec<Station>,
}

/// An interface seen from another, maybe in another namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Far {
    /// Its number (`iflink`).
    pub ifindex: u32,
    /// By what number its namespace is known in this one; none if it is this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netnsid: Option<i32>,
    /// The inode of its namespace; none if nobody gives access to that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<u64>,
    /// Its name, if its namespace is on the map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ifname: Option<String>,
    /// The names of the containers in its namespace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<String>,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// How many of its bits are the network's.
    pub prefix_len: u8,
}

/// A place on a bridge (`IFLA_BRPORT_*`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Its number on the bridge, from 1.
    pub number: u16,
    /// `forwarding`, `disabled`, `blocking`, …
    pub state: &'static str,
    /// Whether a frame may leave by the port by which it came.
    pub hairpin: bool,
    /// Whether it reaches only ports that are not isolated.
    pub isolated: bool,
    /// Whether the bridge learns who is behind it.
    pub learning: bool,
    /// Whether frames to unknown addresses leave by it.
    pub flood: bool,
    /// Whether only known senders are heard.
    pub locked: bool,
}

/// An entry of the MAC table of a bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Station {
    /// The hardware address.
    #[serde(serialize_with = "some_mac")]
    pub mac: Mac,
    /// The port behind which it is; the bridge itself for its own.
    pub ifindex: u32,
    /// The name of that.
    pub ifname: String,
    /// How it came there.
    pub state: StationState,
    /// The VLAN in which it was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// How many seconds ago a frame came from it; of learnt ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<u32>,
}

/// How an address came into a MAC table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StationState {
    /// From a frame; it is forgotten after a while.
    Learned,
    /// The address of a port itself.
    Permanent,
    /// By hand.
    Static,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// `main`, `local`, `default`, or a number.
    pub table: String,
    /// `unicast`, `local`, `broadcast`, `blackhole`, …
    pub kind: &'static str,
    /// Where it leads; none for everywhere: the default route.
    pub destination: Option<Address>,
    /// By whom; none if it is on the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// By which interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ifindex: Option<u32>,
    /// The name of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ifname: Option<String>,
    /// The address with which packets leave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// The lower, the sooner it is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// Who made it: `kernel`, `boot`, `static`, `ra`, `dhcp`, or a number.
    pub protocol: String,
    /// The other ways of a route with several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nexthops: Vec<NextHop>,
}

/// One way of a route that has several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextHop {
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// By which interface.
    pub ifindex: u32,
}

/// An address on a link, and the hardware address behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Neighbour {
    /// The address.
    pub address: IpAddr,
    /// Its hardware address; none while or because nobody answers.
    #[serde(serialize_with = "mac", skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// On which interface.
    pub ifindex: u32,
    /// The name of that.
    pub ifname: String,
    /// `reachable`, `stale`, `failed`, …
    pub state: &'static str,
}

impl Map {
    /// The namespace with this inode.
    pub fn namespace(&self, inode: u64) -> Option<&Namespace> {
        self.namespaces.iter().find(|namespace| namespace.inode == inode)
    }

    /// The host's own.
    pub fn host(&self) -> Option<&Namespace> {
        self.namespaces.first()
    }

    /// The other end of a link, and where it is, if that is on the map.
    pub fn far(&self, far: &Far) -> Option<(&Namespace, &Interface)> {
        let namespace = self.namespace(far.namespace?)?;
        Some((namespace, namespace.interface(far.ifindex)?))
    }

    /// The links whose parent is this one: macvlan, ipvlan and VLANs, in whatever namespace they are.
    pub fn children(&self, inode: u64, ifindex: u32) -> impl Iterator<Item = (&Namespace, &Interface)> {
        let all = self.namespaces.iter().flat_map(|namespace| namespace.interfaces.iter().map(move |i| (namespace, i)));
        all.filter(move |(_, interface)| {
            let far = interface.link.as_ref().filter(|_| interface.is_child());
            far.is_some_and(|far| far.namespace == Some(inode) && far.ifindex == ifindex)
        })
    }
}

impl Namespace {
    /// The interface with this number.
    pub fn interface(&self, ifindex: u32) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.ifindex == ifindex)
    }

    /// The ports of a bridge.
    pub fn ports(&self, bridge: u32) -> impl Iterator<Item = &Interface> {
        self.interfaces.iter().filter(move |interface| interface.master == Some(bridge))
    }

    /// What people call it: the containers in it, its name, a process in it.
    pub fn title(&self) -> String {
        let names: Vec<&str> = self.containers.iter().map(|owner| owner.name.as_str()).collect();
        match (&self.name, &self.process) {
            _ if self.host => "host".to_owned(),
            _ if !names.is_empty() => names.join(", "),
            (Some(name), _) => name.clone(),
            (None, Some(process)) => format!("{} ({})", process.command, process.pid),
            (None, None) => format!("netns {}", self.inode),
        }
    }
}

impl Interface {
    /// Whether it is a bridge.
    pub fn is_bridge(&self) -> bool {
        self.kind == "bridge"
    }

    /// Whether it is a link upon another, rather than one end of a pair.
    pub fn is_child(&self) -> bool {
        matches!(self.kind.as_str(), "macvlan" | "macvtap" | "ipvlan" | "ipvtap" | "vlan")
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

fn mac<S: Serializer>(mac: &Option<Mac>, serializer: S) -> Result<S::Ok, S::Error> {
    mac.map(mac_text).serialize(serializer)
}

fn some_mac<S: Serializer>(mac: &Mac, serializer: S) -> Result<S::Ok, S::Error> {
    mac_text(*mac).serialize(serializer)
}
