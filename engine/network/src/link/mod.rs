//! Making links, addresses and routes: the rtnetlink requests that the rest is built of (rtnetlink(7)).

pub mod address;
pub(crate) mod filtering;
pub mod mac;
pub mod route;
pub mod stacked;

pub use mac::{Mac, mac_of, mac_text, parse_mac};

use crate::netlink::{Error, Requests, Result, Socket};
use crate::subnet::Subnet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL};
use netlink_packet_route::link::{
    InfoBridge, InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind, InfoVeth, InfoVlan, LinkAttribute,
    LinkExtentMask, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The loopback interface has index 1 in every network namespace.
const LOOPBACK: u32 = 1;

/// The longest name of an interface (IFNAMSIZ of linux/if.h, without the final zero).
const LONGEST_NAME: usize = 15;

/// Whether the kernel takes a name for an interface (dev_valid_name of net/core/dev.c, and no wildcard).
pub(crate) fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ':' | '%');
    !matches!(text, "" | "." | "..") && text.len() <= LONGEST_NAME && text.chars().all(fits)
}

/// A link as a request for it answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    pub index: u32,
    pub name: String,
    pub alias: String,
    pub up: bool,
    /// The index of the other end of a veth pair, in its namespace; or of the parent of a VLAN or macvlan.
    pub peer: Option<u32>,
    /// The bridge that it is a port of.
    pub master: Option<u32>,
    /// What the kernel calls its kind: `bridge`, `veth`; empty for a physical one.
    pub kind: String,
    pub mac: Option<Mac>,
    pub mtu: Option<u32>,
    /// The number of a VLAN.
    pub vlan: Option<u16>,
    /// Whether a bridge tells VLANs apart.
    pub filters_vlans: Option<bool>,
    /// The VLAN of ports of a bridge that are in no other.
    pub default_vlan: Option<u16>,
}

impl From<LinkMessage> for Link {
    fn from(message: LinkMessage) -> Link {
        let up = message.header.flags.contains(LinkFlags::Up);
        let mut link = Link { index: message.header.index, up, ..Link::default() };
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::IfAlias(alias) => link.alias = alias,
                LinkAttribute::Link(peer) => link.peer = Some(peer),
                LinkAttribute::Controller(master) => link.master = Some(master),
                LinkAttribute::Address(mac) => link.mac = mac.try_into().ok(),
                LinkAttribute::Mtu(mtu) => link.mtu = Some(mtu),
                LinkAttribute::LinkInfo(infos) => infos.into_iter().for_each(|info| link.describe(info)),
                _ => {}
            }
        }
        link
    }
}

impl Link {
    fn describe(&mut self, info: LinkInfo) {
        match info {
            LinkInfo::Kind(kind) => self.kind = kind.to_string(),
            LinkInfo::Data(InfoData::Vlan(data)) => {
                self.vlan = data.iter().find_map(|info| if let InfoVlan::Id(id) = info { Some(*id) } else { None });
            }
            LinkInfo::Data(InfoData::Bridge(data)) => {
                for info in data {
                    match info {
                        InfoBridge::VlanFiltering(on) => self.filters_vlans = Some(on),
                        InfoBridge::VlanDefaultPvid(id) => self.default_vlan = Some(id).filter(|id| *id > 0),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

fn links_in(answers: Vec<RouteNetlinkMessage>) -> impl Iterator<Item = Link> {
    answers.into_iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewLink(message) => Some(Link::from(message)),
        _ => None,
    })
}

fn named(name: &str) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.into()));
    message
}

fn indexed(index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message
}

fn up(mut message: LinkMessage) -> LinkMessage {
    message.header.flags |= LinkFlags::Up;
    message.header.change_mask |= LinkFlags::Up;
    message
}

fn of_kind(mut message: LinkMessage, kind: InfoKind, data: Option<InfoData>) -> LinkMessage {
    let mut info = vec![LinkInfo::Kind(kind)];
    info.extend(data.map(LinkInfo::Data));
    message.attributes.push(LinkAttribute::LinkInfo(info));
    message
}

/// The link of this name, if there is one.
pub(crate) fn find(socket: &mut Socket, name: &str) -> Result<Option<Link>> {
    let mut message = named(name);
    // Statistics of virtual functions and the like are not wanted.
    message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    match socket.request(0, RouteNetlinkMessage::GetLink(message)) {
        Ok(answers) => Ok(links_in(answers).next()),
        Err(error) if error.is(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The hardware address of the link of this name; zeros if it has none.
pub(crate) fn mac_in(socket: &mut Socket, name: &str) -> Result<Mac> {
    let answers: Vec<RouteNetlinkMessage> = socket.request(0, RouteNetlinkMessage::GetLink(named(name)))?;
    let mac = |answer: &RouteNetlinkMessage| match answer {
        RouteNetlinkMessage::NewLink(message) => message.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::Address(bytes) => bytes.first_chunk::<6>().copied(),
            _ => None,
        }),
        _ => None,
    };
    Ok(answers.iter().find_map(mac).unwrap_or_default())
}

/// All links of the namespace.
pub(crate) fn all(socket: &mut Socket) -> Result<Vec<Link>> {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    Ok(links_in(socket.dump(RouteNetlinkMessage::GetLink(message))?).collect())
}

/// Makes a bridge that bears a mark, under a name that nobody else uses. Both in one system call: no kill leaves a bridge without
/// its mark.
pub(crate) fn add_bridge(socket: &mut Socket, name: &str, mac: Mac, mtu: Option<u32>, mark: &str) -> Result<()> {
    let mut create = of_kind(named(name), InfoKind::Bridge, None);
    create.attributes.push(LinkAttribute::Address(mac.into()));
    create.attributes.extend(mtu.map(LinkAttribute::Mtu));
    let mut label = named(name);
    label.attributes.push(LinkAttribute::IfAlias(mark.into()));
    let mut requests = Requests::new();
    requests.push(NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewLink(create));
    requests.push(0, RouteNetlinkMessage::SetLink(label));
    execute(socket, requests)
}

/// One end of a veth pair to be made.
pub(crate) struct End<'a> {
    pub name: &'a str,
    pub netns: BorrowedFd<'a>,
    pub mac: Option<Mac>,
}

/// Makes a veth pair: the host's end up and a port of the bridge `master`, the peer born inside its namespace, where
/// [`configure`] takes it up (it cannot be born so: until the pair is whole, veth refuses). Returns the host's end.
pub(crate) fn add_veth(socket: &mut Socket, host: &str, peer: &End<'_>, master: Option<Port>) -> Result<Link> {
    add_veth_with_mtu(socket, host, peer, master, None)
}

/// As [`add_veth`], with both ends of this MTU.
pub(crate) fn add_veth_with_mtu(
    socket: &mut Socket,
    host: &str,
    peer: &End<'_>,
    master: Option<Port>,
    mtu: Option<u32>,
) -> Result<Link> {
    let mut inner = named(peer.name);
    inner.attributes.push(LinkAttribute::NetNsFd(peer.netns.as_raw_fd()));
    inner.attributes.extend(peer.mac.map(|mac| LinkAttribute::Address(mac.into())));
    inner.attributes.extend(mtu.map(LinkAttribute::Mtu));
    let mut outer = up(of_kind(named(host), InfoKind::Veth, Some(InfoData::Veth(InfoVeth::Peer(inner)))));
    outer.attributes.extend(mtu.map(LinkAttribute::Mtu));
    outer.attributes.extend(master.map(|port| LinkAttribute::Controller(port.bridge)));
    let mut requests = Requests::new();
    requests.push(NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO, RouteNetlinkMessage::NewLink(outer));
    let hairpin = master.filter(|port| port.hairpin).map(|_| InfoBridgePort::HairpinMode(true));
    let isolated = master.filter(|port| port.isolated).map(|_| InfoBridgePort::Isolated(true));
    let settings: Vec<_> = hairpin.into_iter().chain(isolated).collect();
    if !settings.is_empty() {
        requests.push(0, RouteNetlinkMessage::NewLink(bridge_port(named(host), settings)));
    }
    let echoed = links_in(socket.execute(requests)?).find(|link| link.name == host && link.peer.is_some());
    match echoed {
        Some(link) => Ok(link),
        // Linux before 6.2 does not echo.
        None => find(socket, host)?.ok_or_else(|| Error::Decode(format!("no link {host} after it was made"))),
    }
}

/// A place on a bridge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Port {
    /// The bridge's index.
    pub bridge: u32,
    /// Whether packets may leave by the port by which they came in.
    pub hairpin: bool,
    /// Whether nothing passes between it and other such ports.
    pub isolated: bool,
}

fn bridge_port(mut message: LinkMessage, settings: Vec<InfoBridgePort>) -> LinkMessage {
    let data = InfoPortData::BridgePort(settings);
    message
        .attributes
        .push(LinkAttribute::LinkInfo(vec![LinkInfo::PortKind(InfoPortKind::Bridge), LinkInfo::PortData(data)]));
    message
}

/// Stops all traffic through a bridge port and makes the bridge forget who was behind it. Takes microseconds, where taking
/// the link down or away waits for RCU.
///
/// The port's state is no use for this: the kernel enables a port again when it learns of the carrier, up to a second late.
pub(crate) fn seal_port(socket: &mut Socket, name: &str) -> Result<()> {
    let settings = vec![
        // In: whoever is not known is not heard (since Linux 5.16; before, at least nothing is learnt from it).
        InfoBridgePort::Locked(true),
        InfoBridgePort::Learning(false),
        // Out: nothing for those not known, and nothing for all.
        InfoBridgePort::UnicastFlood(false),
        InfoBridgePort::MulticastFlood(false),
        InfoBridgePort::BroadcastFlood(false),
        InfoBridgePort::Flush,
    ];
    one(socket, 0, RouteNetlinkMessage::NewLink(bridge_port(named(name), settings)))
}

/// Makes links ready to send that have just got their carrier, in this order. By itself the kernel gets round to it a little later,
/// and drops what is sent meanwhile; but since Linux 6.8 it does so at once for a link that is asked about (rtnl_getlink).
pub(crate) fn settle(socket: &mut Socket, indices: &[u32]) -> Result<()> {
    let mut requests = Requests::new();
    for index in indices {
        requests.push(0, RouteNetlinkMessage::GetLink(indexed(*index)));
    }
    execute(socket, requests)
}

/// Renames a link that is down.
pub(crate) fn rename(socket: &mut Socket, index: u32, name: &str) -> Result<()> {
    let mut message = named(name);
    message.header.index = index;
    one(socket, 0, RouteNetlinkMessage::SetLink(message))
}

/// Takes a link up.
pub fn set_up(socket: &mut Socket, index: u32) -> Result<()> {
    one(socket, 0, RouteNetlinkMessage::SetLink(up(indexed(index))))
}

/// Takes the loopback of a fresh namespace up, through a socket in it.
pub fn set_loopback_up(socket: &mut Socket) -> Result<()> {
    set_up(socket, LOOPBACK)
}

/// Sets the MTU of a link.
pub fn set_mtu(socket: &mut Socket, index: u32, mtu: u32) -> Result<()> {
    let mut message = indexed(index);
    message.attributes.push(LinkAttribute::Mtu(mtu));
    one(socket, 0, RouteNetlinkMessage::SetLink(message))
}

/// Sets the hardware address of a link. Also if it is the same as before, the kernel tells the neighbours of it where the parameters
/// `arp_notify` and `ndisc_notify` of the link ask for that (ip-sysctl).
pub(crate) fn set_mac(socket: &mut Socket, index: u32, mac: Mac) -> Result<()> {
    let mut message = indexed(index);
    message.attributes.push(LinkAttribute::Address(mac.into()));
    one(socket, 0, RouteNetlinkMessage::SetLink(message))
}

/// Writes a mark into a link's alias.
pub(crate) fn set_alias(socket: &mut Socket, index: u32, alias: &str) -> Result<()> {
    let mut message = indexed(index);
    message.attributes.push(LinkAttribute::IfAlias(alias.into()));
    one(socket, 0, RouteNetlinkMessage::SetLink(message))
}

/// Removes a link. Takes 10 to 60 ms (RCU).
pub(crate) fn delete(socket: &mut Socket, index: u32) -> Result<()> {
    one(socket, 0, RouteNetlinkMessage::DelLink(indexed(index)))
}

/// What a container's interface gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup<'a> {
    /// Its index, in the container's namespace.
    pub index: u32,
    /// Its addresses, each with the number of its network bits.
    pub addresses: &'a [(IpAddr, u8)],
    /// The default gateways, at most one of a family.
    pub gateways: &'a [IpAddr],
    /// Default routes without a gateway: all that is not on the link itself goes out by it.
    pub routes: &'a [route::Route],
}

/// Makes an interface usable, through a socket in its namespace: loopback and the link up, its addresses and default routes.
pub(crate) fn configure(socket: &mut Socket, setup: &Setup<'_>) -> Result<()> {
    let mut requests = Requests::new();
    requests.push(0, RouteNetlinkMessage::SetLink(up(indexed(LOOPBACK))));
    for (address, prefix_len) in setup.addresses {
        requests.push(NLM_F_CREATE | NLM_F_EXCL, address::message(setup.index, *address, *prefix_len));
    }
    requests.push(0, RouteNetlinkMessage::SetLink(up(indexed(setup.index))));
    let gateways = setup.gateways.iter().map(|gateway| route::Route::default_via(*gateway, setup.index));
    for route in gateways.chain(setup.routes.iter().copied()) {
        requests.push(NLM_F_CREATE | NLM_F_EXCL, route.message());
    }
    execute(socket, requests)
}

/// The networks that the routes of this namespace lead to, of every table and family; without those by the link
/// `except`.
pub(crate) fn routed_subnets(socket: &mut Socket, except: Option<u32>) -> Result<Vec<Subnet>> {
    let mut subnets = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        let routes: Vec<RouteNetlinkMessage> = socket.dump(RouteNetlinkMessage::GetRoute(message))?;
        subnets.extend(routes.iter().filter_map(|route| destination(route, except)));
    }
    Ok(subnets)
}

fn destination(route: &RouteNetlinkMessage, except: Option<u32>) -> Option<Subnet> {
    let RouteNetlinkMessage::NewRoute(route) = route else {
        return None;
    };
    let by_it = |a: &RouteAttribute| matches!(a, RouteAttribute::Oif(index) if Some(*index) == except);
    if route.attributes.iter().any(by_it) {
        return None;
    }
    let prefix_len = route.header.destination_prefix_length;
    route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(Subnet::containing(*address, prefix_len)),
        RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(Subnet::containing(*address, prefix_len)),
        _ => None,
    })
}

fn one(socket: &mut Socket, flags: u16, message: RouteNetlinkMessage) -> Result<()> {
    socket.request::<_, RouteNetlinkMessage>(flags, message).map(drop)
}

fn execute(socket: &mut Socket, requests: Requests) -> Result<()> {
    socket.execute::<RouteNetlinkMessage>(requests).map(drop)
}
