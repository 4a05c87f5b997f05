//! Reading the kernel's answers where they lie: no more than the map shows is taken out of them, and what is unknown is passed over.
//!
//! Numbers are those of `linux/if_link.h`, `linux/neighbour.h` and `linux/rtnetlink.h`; they are in the host's byte order.

use super::{Address, Far, Interface, Mac, Neighbour, NextHop, Port, Route, Station, StationState};
use crate::netlink::{Message, attributes};
use crate::ruleset::printable;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `NUD_*`.
const NUD_NOARP: u16 = 0x40;
const NUD_PERMANENT: u16 = 0x80;
/// USER_HZ, in which the kernel tells ages: 100 on every architecture that containers run on (`asm-generic/param.h`).
const TICKS: u32 = 100;

/// A fixed header, and the attributes behind it.
struct Parts<'a> {
    header: &'a [u8],
    attributes: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(bytes: &'a [u8], length: usize) -> Option<Parts<'a>> {
        let (header, attributes) = bytes.split_at_checked(length)?;
        Some(Parts { header, attributes })
    }

    fn get(&self, wanted: u16) -> Option<&'a [u8]> {
        find(self.attributes, wanted)
    }
}

fn find(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn is_set(bytes: &[u8], wanted: u16) -> bool {
    find(bytes, wanted).is_some_and(|value| value.first() != Some(&0))
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()),
        16 => Some(Ipv6Addr::from(*bytes.first_chunk::<16>()?).into()),
        _ => None,
    }
}

/// A link (`struct ifinfomsg`).
pub(super) fn interface(message: Message<'_>) -> Option<Interface> {
    const IFNAME: u16 = 3;
    const ADDRESS: u16 = 1;
    const MTU: u16 = 4;
    const LINK: u16 = 5;
    const MASTER: u16 = 10;
    const LINKINFO: u16 = 18;
    const ALIAS: u16 = 20;
    const LINK_NETNSID: u16 = 37;
    let link = Parts::of(message.payload(), 16)?;
    let number = |kind| link.get(kind).and_then(|value| u32_at(value, 0));
    let flags = u32_at(link.header, 8)?;
    let is_ethernet = u16_at(link.header, 2)? == libc::ARPHRD_ETHER;
    let mut interface = Interface {
        ifindex: u32_at(link.header, 4)?,
        ifname: printable(link.get(IFNAME)?),
        up: flags & libc::IFF_UP as u32 != 0,
        carrier: flags & libc::IFF_LOWER_UP as u32 != 0,
        mac: link.get(ADDRESS).filter(|_| is_ethernet).and_then(|mac| mac.try_into().ok()),
        mtu: number(MTU).unwrap_or(0),
        alias: link.get(ALIAS).map(printable).unwrap_or_default(),
        master: number(MASTER).filter(|master| *master != 0),
        ..Interface::default()
    };
    if flags & libc::IFF_LOOPBACK as u32 != 0 {
        interface.kind = "loopback".into();
    }
    describe(&mut interface, link.get(LINKINFO).unwrap_or_default());
    let netnsid = number(LINK_NETNSID).map(u32::cast_signed);
    let hangs = interface.kind == "veth" || interface.is_child();
    interface.link = number(LINK).filter(|_| hangs).map(|ifindex| Far { ifindex, netnsid, ..Far::default() });
    Some(interface)
}

/// What is said of the kind of a link (IFLA_LINKINFO).
fn describe(interface: &mut Interface, info: &[u8]) {
    const KIND: u16 = 1;
    const DATA: u16 = 2;
    const PORT_KIND: u16 = 4;
    const PORT_DATA: u16 = 5;
    const MODE: u16 = 1;
    const VLAN_ID: u16 = 1;
    if let Some(kind) = find(info, KIND) {
        interface.kind = printable(kind);
    }
    let data = find(info, DATA).unwrap_or_default();
    match interface.kind.as_str() {
        "macvlan" | "macvtap" => {
            let mode = find(data, MODE).and_then(|mode| u32_at(mode, 0));
            interface.mode = mode.map(|mode| named(mode, MACVLAN_MODES));
        }
        "ipvlan" | "ipvtap" => {
            let mode = find(data, MODE).and_then(|mode| u16_at(mode, 0));
            interface.mode = mode.map(|mode| named(mode.into(), IPVLAN_MODES));
        }
        "vlan" => interface.vlan = find(data, VLAN_ID).and_then(|id| u16_at(id, 0)),
        _ => {}
    }
    if find(info, PORT_KIND).is_some_and(|kind| printable(kind) == "bridge") {
        interface.port = find(info, PORT_DATA).map(port);
    }
}

const MACVLAN_MODES: &[(u32, &str)] = &[(1, "private"), (2, "vepa"), (4, "bridge"), (8, "passthru"), (16, "source")];
const IPVLAN_MODES: &[(u32, &str)] = &[(0, "l2"), (1, "l3"), (2, "l3s")];

fn named(number: u32, names: &[(u32, &str)]) -> String {
    names.iter().find(|(known, _)| *known == number).map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

/// `IFLA_BRPORT_*`.
fn port(data: &[u8]) -> Port {
    const STATE: u16 = 1;
    const HAIRPIN: u16 = 4;
    const LEARNING: u16 = 8;
    const FLOOD: u16 = 9;
    const NUMBER: u16 = 18;
    const ISOLATED: u16 = 33;
    const LOCKED: u16 = 39;
    /// `BR_STATE_*` in `linux/if_bridge.h`.
    const STATES: [&str; 5] = ["disabled", "listening", "learning", "forwarding", "blocking"];
    let state = find(data, STATE).and_then(|state| STATES.get(usize::from(*state.first()?)));
    Port {
        number: find(data, NUMBER).and_then(|number| u16_at(number, 0)).unwrap_or(0),
        state: state.copied().unwrap_or("unknown"),
        hairpin: is_set(data, HAIRPIN),
        isolated: is_set(data, ISOLATED),
        learning: is_set(data, LEARNING),
        flood: is_set(data, FLOOD),
        locked: is_set(data, LOCKED),
    }
}

/// An address (`struct ifaddrmsg`), and the number of its interface.
pub(super) fn address(message: Message<'_>) -> Option<(u32, Address)> {
    const ADDRESS: u16 = 1;
    const LOCAL: u16 = 2;
    let parts = Parts::of(message.payload(), 8)?;
    // Of a point-to-point link, IFA_ADDRESS is the other side's.
    let address = ip(parts.get(LOCAL).or_else(|| parts.get(ADDRESS))?)?;
    Some((u32_at(parts.header, 4)?, Address { address, prefix_len: parts.header[1] }))
}

/// The names of what `struct ndmsg` numbers; multicast and the like, which nobody is asked for, are left out, as by `ip neigh`.
pub(super) fn neighbour(message: Message<'_>) -> Option<Neighbour> {
    const DESTINATION: u16 = 1;
    const HARDWARE: u16 = 2;
    let parts = Parts::of(message.payload(), 12)?;
    let state = match u16_at(parts.header, 8)? {
        0x01 => "incomplete",
        0x02 => "reachable",
        0x04 => "stale",
        0x08 => "delay",
        0x10 => "probe",
        0x20 => "failed",
        NUD_PERMANENT => "permanent",
        _ => return None,
    };
    Some(Neighbour {
        address: ip(parts.get(DESTINATION)?)?,
        mac: parts.get(HARDWARE).and_then(|mac| mac.try_into().ok()),
        ifindex: u32_at(parts.header, 4)?,
        ifname: String::new(),
        state,
    })
}

/// An entry of a bridge's MAC table (`struct ndmsg`), and the number of the bridge.
pub(super) fn station(message: Message<'_>) -> Option<(u32, Station)> {
    const HARDWARE: u16 = 2;
    const CACHE: u16 = 3;
    const VLAN: u16 = 5;
    const MASTER: u16 = 9;
    let parts = Parts::of(message.payload(), 12)?;
    let bridge = parts.get(MASTER).and_then(|master| u32_at(master, 0))?;
    let mac: Mac = parts.get(HARDWARE)?.try_into().ok()?;
    let state = match u16_at(parts.header, 8)? {
        state if state & NUD_PERMANENT != 0 => StationState::Permanent,
        state if state & NUD_NOARP != 0 => StationState::Static,
        _ => StationState::Learned,
    };
    // `ndm_updated` of `struct nda_cacheinfo`.
    let updated = parts.get(CACHE).and_then(|cache| u32_at(cache, 8));
    let station = Station {
        mac,
        ifindex: u32_at(parts.header, 4)?,
        ifname: String::new(),
        state,
        vlan: parts.get(VLAN).and_then(|vlan| u16_at(vlan, 0)),
        age: updated.filter(|_| state == StationState::Learned).map(|ticks| ticks / TICKS),
    };
    Some((bridge, station))
}

/// `RTN_*`.
const ROUTE_KINDS: [&str; 10] = [
    "unspec",
    "unicast",
    "local",
    "broadcast",
    "anycast",
    "multicast",
    "blackhole",
    "unreachable",
    "prohibit",
    "throw",
];
/// `RTPROT_*`.
const PROTOCOLS: &[(u32, &str)] = &[
    (0, "unspec"),
    (1, "redirect"),
    (2, "kernel"),
    (3, "boot"),
    (4, "static"),
    (9, "ra"),
    (11, "zebra"),
    (12, "bird"),
    (16, "dhcp"),
];
/// `RT_TABLE_*`.
const TABLES: &[(u32, &str)] = &[(253, "default"), (254, "main"), (255, "local")];

/// A route (`struct rtmsg`); one that is only remembered of a packet (RTM_F_CLONED) is none.
pub(super) fn route(message: Message<'_>) -> Option<Route> {
    const DESTINATION: u16 = 1;
    const OIF: u16 = 4;
    const GATEWAY: u16 = 5;
    const PRIORITY: u16 = 6;
    const SOURCE: u16 = 7;
    const MULTIPATH: u16 = 9;
    const TABLE: u16 = 15;
    const CLONED: u32 = 0x200;
    let parts = Parts::of(message.payload(), 12)?;
    if u32_at(parts.header, 8)? & CLONED != 0 {
        return None;
    }
    let number = |kind| parts.get(kind).and_then(|value| u32_at(value, 0));
    let table = number(TABLE).unwrap_or_else(|| parts.header[4].into());
    let destination = parts.get(DESTINATION).and_then(ip);
    Some(Route {
        table: named(table, TABLES),
        kind: ROUTE_KINDS.get(usize::from(parts.header[7])).copied()?,
        destination: destination.map(|address| Address { address, prefix_len: parts.header[1] }),
        gateway: parts.get(GATEWAY).and_then(ip).or_else(|| via(parts.attributes)),
        ifindex: number(OIF),
        ifname: None,
        source: parts.get(SOURCE).and_then(ip),
        metric: number(PRIORITY),
        protocol: named(parts.header[5].into(), PROTOCOLS),
        nexthops: parts.get(MULTIPATH).map(next_hops).unwrap_or_default(),
    })
}

/// A gateway of another family than the route: `struct rtvia`.
fn via(attributes: &[u8]) -> Option<IpAddr> {
    const VIA: u16 = 18;
    ip(find(attributes, VIA)?.get(2..)?)
}

/// The list of `struct rtnexthop`.
fn next_hops(mut bytes: &[u8]) -> Vec<NextHop> {
    const HEADER: usize = 8;
    const GATEWAY: u16 = 5;
    let mut hops = Vec::new();
    while let Some(length) = u16_at(bytes, 0).map(usize::from) {
        let (Some(hop), Some(ifindex)) = (bytes.get(HEADER..length), u32_at(bytes, 4)) else { break };
        hops.push(NextHop { gateway: find(hop, GATEWAY).and_then(ip).or_else(|| via(hop)), ifindex });
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    hops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_ways_of_one_route() {
        let hop = |ifindex: u8, gateway: u8| [16, 0, 0, 0, ifindex, 0, 0, 0, 8, 0, 5, 0, 10, 0, 0, gateway];
        let mut bytes = [hop(2, 1), hop(3, 2)].concat();
        let hops = next_hops(&bytes);
        assert_eq!(hops.len(), 2);
        assert_eq!((hops[1].ifindex, hops[1].gateway), (3, Some("10.0.0.2".parse().unwrap())));
        bytes.truncate(20);
        assert_eq!(next_hops(&bytes).len(), 1, "one that is cut short");
    }

    #[test]
    fn vlans_and_ipvlans_tell_which() {
        let vlan = [9, 0, 1, 0, b'v', b'l', b'a', b'n', 0, 0, 0, 0, 12, 0, 2, 0, 6, 0, 1, 0, 10, 0, 0, 0];
        let mut interface = Interface::default();
        describe(&mut interface, &vlan);
        assert_eq!((interface.kind.as_str(), interface.vlan), ("vlan", Some(10)));
        let ipvlan = [10, 0, 1, 0, b'i', b'p', b'v', b'l', b'a', b'n', 0, 0, 12, 0, 2, 0, 6, 0, 1, 0, 1, 0, 0, 0];
        describe(&mut interface, &ipvlan);
        assert_eq!((interface.kind.as_str(), interface.mode.as_deref()), ("ipvlan", Some("l3")));
    }

    #[test]
    fn unknown_numbers_are_told_as_numbers() {
        assert_eq!(named(254, TABLES), "main");
        assert_eq!(named(1000, TABLES), "1000");
    }
}
