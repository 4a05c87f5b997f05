//! A snapshot of links, for drawing how they hang together.

use crate::link::Mac;
use crate::netlink::{Protocol, Result, Socket};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};
use netlink_packet_route::route::{RouteAttribute, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A link and what it hangs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its index, unique in its network namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What the kernel calls its kind: `bridge`, `veth`; empty for a physical one.
    pub kind: String,
    /// The mark of whoever made it.
    pub alias: String,
    /// Whether it is up.
    pub up: bool,
    /// Its hardware address, if it is an Ethernet link.
    pub mac: Option<Mac>,
    /// The index of the bridge that it is a port of.
    pub master: Option<u32>,
    /// The other end of a veth pair.
    pub peer: Option<Peer>,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
}

/// The other end of a veth pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its index in its namespace.
    pub index: u32,
    /// The number by which its namespace is known here ([`nsid`]); `None` for this namespace itself.
    pub nsid: Option<i32>,
}

/// All links of the calling thread's network namespace with their addresses.
pub fn links() -> Result<Vec<Interface>> {
    links_by(&mut Socket::open(Protocol::Route)?)
}

/// All links of the network namespace in which the socket was opened.
pub fn links_by(socket: &mut Socket) -> Result<Vec<Interface>> {
    let mut get = LinkMessage::default();
    get.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    let links: Vec<RouteNetlinkMessage> = socket.dump(RouteNetlinkMessage::GetLink(get))?;
    let mut interfaces: Vec<Interface> = links.into_iter().filter_map(interface).collect();
    let addresses: Vec<RouteNetlinkMessage> =
        socket.dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()))?;
    for (index, address, prefix_len) in addresses.into_iter().filter_map(address) {
        if let Some(interface) = interfaces.iter_mut().find(|i| i.index == index) {
            interface.addresses.push((address, prefix_len));
        }
    }
    Ok(interfaces)
}

fn interface(message: RouteNetlinkMessage) -> Option<Interface> {
    let RouteNetlinkMessage::NewLink(message) = message else {
        return None;
    };
    let up = message.header.flags.contains(LinkFlags::Up);
    let mut interface = Interface { index: message.header.index, up, ..Interface::default() };
    let (mut peer, mut nsid) = (None, None);
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => interface.name = name,
            LinkAttribute::IfAlias(alias) => interface.alias = alias,
            LinkAttribute::Address(mac) => interface.mac = mac.try_into().ok(),
            LinkAttribute::Controller(master) => interface.master = Some(master),
            LinkAttribute::Link(index) => peer = Some(index),
            LinkAttribute::LinkNetNsId(id) => nsid = Some(id),
            LinkAttribute::LinkInfo(infos) => interface.kind = infos.iter().find_map(kind).unwrap_or_default(),
            _ => {}
        }
    }
    interface.peer = peer.filter(|_| interface.kind == "veth").map(|index| Peer { index, nsid });
    Some(interface)
}

fn kind(info: &LinkInfo) -> Option<String> {
    if let LinkInfo::Kind(kind) = info { Some(InfoKind::to_string(kind)) } else { None }
}

fn address(message: RouteNetlinkMessage) -> Option<(u32, IpAddr, u8)> {
    let RouteNetlinkMessage::NewAddress(message) = message else {
        return None;
    };
    let find = |wanted: fn(&AddressAttribute) -> Option<IpAddr>| message.attributes.iter().find_map(wanted);
    // Of a point-to-point link, IFA_ADDRESS is the other side's.
    let local = find(|a| if let AddressAttribute::Local(address) = a { Some(*address) } else { None });
    let address =
        local.or_else(|| find(|a| if let AddressAttribute::Address(address) = a { Some(*address) } else { None }))?;
    Some((message.header.index, address, message.header.prefix_len))
}

/// The interface by which the calling thread's network namespace reaches the rest of the world: that of the IPv4 default route
/// with the lowest metric.
pub fn uplink() -> Result<Option<Interface>> {
    let mut socket = Socket::open(Protocol::Route)?;
    let mut get = RouteMessage::default();
    get.header.address_family = AddressFamily::Inet;
    let routes: Vec<RouteNetlinkMessage> = socket.dump(RouteNetlinkMessage::GetRoute(get))?;
    let best = routes.iter().filter_map(default_route).min_by_key(|(metric, _)| *metric);
    let Some((_, index)) = best else {
        return Ok(None);
    };
    Ok(links_by(&mut socket)?.into_iter().find(|interface| interface.index == index))
}

/// Metric and outgoing interface of a default route of the main table.
fn default_route(message: &RouteNetlinkMessage) -> Option<(u32, u32)> {
    let RouteNetlinkMessage::NewRoute(route) = message else {
        return None;
    };
    let main = netlink_packet_route::route::RouteHeader::RT_TABLE_MAIN;
    if route.header.destination_prefix_length > 0 || route.header.table != main {
        return None;
    }
    let number = |wanted: fn(&RouteAttribute) -> Option<u32>| route.attributes.iter().find_map(wanted);
    let metric = number(|a| if let RouteAttribute::Priority(metric) = a { Some(*metric) } else { None });
    let index = number(|a| if let RouteAttribute::Oif(index) = a { Some(*index) } else { None })?;
    Some((metric.unwrap_or(0), index))
}

/// The number by which a network namespace is known in that of the socket: the kernel gives it one when a veth pair first joins
/// the two (RTM_GETNSID). `None` if it has none.
pub fn nsid(socket: &mut Socket, netns: BorrowedFd<'_>) -> Result<Option<i32>> {
    let mut get = NsidMessage::default();
    get.attributes.push(NsidAttribute::Fd(netns.as_raw_fd() as u32));
    let answers: Vec<RouteNetlinkMessage> = socket.request(0, RouteNetlinkMessage::GetNsId(get))?;
    let id = |answer: &RouteNetlinkMessage| match answer {
        RouteNetlinkMessage::NewNsId(message) => {
            message.attributes.iter().find_map(|a| if let NsidAttribute::Id(id) = a { Some(*id) } else { None })
        }
        _ => None,
    };
    Ok(answers.iter().find_map(id).filter(|id| *id >= 0))
}
