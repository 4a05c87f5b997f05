//! Forgetting connections that a change of published ports has made wrong.
//!
//! NAT is decided by a connection's first packet. A UDP client that goes on sending keeps its conntrack entry alive, so that it
//! would never see a port that was published meanwhile, or would go on sending to a container that is gone. (A TCP client starts a
//! new connection.)

use crate::error::Error;
use crate::firewall::Publication;
use crate::netlink::{Message, Requests, Result, Socket, attributes};
use crate::port::{Protocol, PublishedPort};
use netlink_packet_core::DefaultNla;
use netlink_packet_netfilter::conntrack::ConntrackMessage;
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily, NetfilterSubsystem,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// linux/netfilter/nfnetlink_conntrack.h
const NFGENMSG: usize = 4;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_IP_V6_SRC: u16 = 3;
const CTA_IP_V6_DST: u16 = 4;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;
const NLA_F_NESTED: u16 = 1 << 15;
const IPCTNL_MSG_CT_DELETE: u8 = 2;

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tuple {
    protocol: u8,
    source: SocketAddr,
    destination: SocketAddr,
}

/// A UDP connection as both sides see it.
#[derive(Clone, Copy, Debug)]
struct Connection {
    original: Tuple,
    reply: Tuple,
}

impl Connection {
    fn untranslated(&self) -> bool {
        self.original.source == self.reply.destination && self.original.destination == self.reply.source
    }
}

/// Forgets connections to ports that have just been published, which would go on past the rule.
pub(crate) fn forget_before(ports: &[PublishedPort]) -> std::result::Result<(), Error> {
    let udp: Vec<_> = ports.iter().filter(|port| port.protocol == Protocol::Udp).collect();
    let stale = |c: &Connection| {
        let to = c.original.destination;
        let hit = |p: &&PublishedPort| {
            p.host_port == to.port()
                && p.host_ip.is_ipv4() == to.is_ipv4()
                && (p.host_ip.is_unspecified() || p.host_ip == to.ip())
        };
        c.untranslated() && udp.iter().any(hit)
    };
    if udp.is_empty() { Ok(()) } else { forget(stale).map_err(failed) }
}

/// Forgets connections to containers through ports that are no longer published.
pub(crate) fn forget_after(published: &[Publication]) -> std::result::Result<(), Error> {
    let targets: Vec<_> = published.iter().filter(|p| p.port.protocol == Protocol::Udp).map(|p| p.target).collect();
    if targets.is_empty() { Ok(()) } else { forget(|c| targets.contains(&c.reply.source)).map_err(failed) }
}

fn failed(source: crate::netlink::Error) -> Error {
    Error::Firewall { source }
}

fn forget(stale: impl Fn(&Connection) -> bool) -> Result<()> {
    let mut socket = Socket::open(crate::netlink::Protocol::Netfilter)?;
    let mut originals: Vec<(NetfilterProtoFamily, Vec<u8>)> = Vec::new();
    // Those of both families.
    let get = message(NetfilterProtoFamily::Unspec, NetfilterMessageInner::Conntrack(ConntrackMessage::Get(vec![])));
    socket.dump_each(get, |entry| {
        let found = connection(&entry).filter(|c| c.original.protocol == Protocol::Udp.number() && stale(c));
        if let (Some(connection), Some(original)) = (found, attribute(&entry, CTA_TUPLE_ORIG)) {
            let ipv4 = connection.original.source.is_ipv4();
            let family = if ipv4 { NetfilterProtoFamily::IPv4 } else { NetfilterProtoFamily::IPv6 };
            originals.push((family, original.to_vec()));
        }
        Ok(())
    })?;
    for (family, original) in originals {
        let mut requests = Requests::new();
        requests.push(0, message(family, delete(original)));
        match socket.execute::<NetfilterMessage>(requests) {
            // It has just ended by itself.
            Err(error) if error.is(libc::ENOENT) => {}
            other => drop(other?),
        }
    }
    Ok(())
}

fn message(family: NetfilterProtoFamily, inner: NetfilterMessageInner) -> NetfilterMessage {
    NetfilterMessage::new(NetfilterHeader::new(family, 0, 0), inner)
}

fn delete(original: Vec<u8>) -> NetfilterMessageInner {
    NetfilterMessageInner::Other {
        subsys: NetfilterSubsystem::Conntrack,
        message_type: IPCTNL_MSG_CT_DELETE,
        attributes: vec![DefaultNla::new(CTA_TUPLE_ORIG | NLA_F_NESTED, original)],
    }
}

fn attribute<'a>(message: &Message<'a>, wanted: u16) -> Option<&'a [u8]> {
    find(message.payload().get(NFGENMSG..)?, wanted)
}

fn find(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

fn connection(entry: &Message<'_>) -> Option<Connection> {
    let original = tuple(attribute(entry, CTA_TUPLE_ORIG)?)?;
    let reply = tuple(attribute(entry, CTA_TUPLE_REPLY)?)?;
    Some(Connection { original, reply })
}

fn tuple(bytes: &[u8]) -> Option<Tuple> {
    let (ip, protocol) = (find(bytes, CTA_TUPLE_IP)?, find(bytes, CTA_TUPLE_PROTO)?);
    let v4 = |kind| find(ip, kind)?.first_chunk::<4>().map(|a| IpAddr::from(Ipv4Addr::from(*a)));
    let v6 = |kind| find(ip, kind)?.first_chunk::<16>().map(|a| IpAddr::from(Ipv6Addr::from(*a)));
    let port = |kind| find(protocol, kind)?.first_chunk().map(|p| u16::from_be_bytes(*p));
    Some(Tuple {
        protocol: *find(protocol, CTA_PROTO_NUM)?.first()?,
        source: SocketAddr::new(v4(CTA_IP_V4_SRC).or_else(|| v6(CTA_IP_V6_SRC))?, port(CTA_PROTO_SRC_PORT)?),
        destination: SocketAddr::new(v4(CTA_IP_V4_DST).or_else(|| v6(CTA_IP_V6_DST))?, port(CTA_PROTO_DST_PORT)?),
    })
}
