//! Conntrack's messages (`linux/netfilter/nfnetlink_conntrack.h`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use porthole_network::ruleset::Attributes;

use crate::flow::{Endpoint, Flow, Protocol};

/// An entry of conntrack's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: u32,
    pub(crate) original: Flow,
    pub(crate) reply: Flow,
    pub(crate) state: Option<&'static str>,
}

/// What happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It was made, or is there in a dump.
    New,
    /// Its state or the like changed.
    Update,
    /// It was removed.
    Destroy,
}

/// Reads the attributes of a conntrack message.
pub(crate) fn entry(attributes: Attributes<'_>) -> Option<Entry> {
    const TUPLE_ORIG: u16 = 1;
    const TUPLE_REPLY: u16 = 2;
    const PROTOINFO: u16 = 4;
    const ID: u16 = 12;
    const PROTOINFO_TCP: u16 = 1;
    const TCP_STATE: u16 = 1;
    let tcp = attributes.nested(PROTOINFO).nested(PROTOINFO_TCP);
    Some(Entry {
        id: attributes.u32(ID)?,
        original: flow(attributes.nested(TUPLE_ORIG))?,
        reply: flow(attributes.nested(TUPLE_REPLY))?,
        state: tcp.u8(TCP_STATE).and_then(|state| TCP_STATES.get(usize::from(state)).copied()),
    })
}

/// TCP_CONNTRACK_* in `linux/netfilter/nf_conntrack_tcp.h`, named as conntrack(8) does.
const TCP_STATES: [&str; 10] = [
    "NONE",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
];

/// CTA_TUPLE_*.
fn flow(tuple: Attributes<'_>) -> Option<Flow> {
    const IP: u16 = 1;
    const PROTO: u16 = 2;
    const NUMBER: u16 = 1;
    const SOURCE_PORT: u16 = 2;
    const DESTINATION_PORT: u16 = 3;
    const ICMP_ID: u16 = 4;
    const ICMPV6_ID: u16 = 7;
    let (ip, proto) = (tuple.nested(IP), tuple.nested(PROTO));
    let protocol = Protocol::from_number(proto.u8(NUMBER)?);
    let port = |kind| if protocol.has_ports() { proto.u16(kind).unwrap_or(0) } else { 0 };
    Some(Flow {
        protocol,
        source: Endpoint::new(address(ip, 1, 3)?, port(SOURCE_PORT)),
        destination: Endpoint::new(address(ip, 2, 4)?, port(DESTINATION_PORT)),
        echo: proto.u16(ICMP_ID).or(proto.u16(ICMPV6_ID)).unwrap_or(0),
    })
}

/// CTA_IP_V4_* or CTA_IP_V6_*.
fn address(ip: Attributes<'_>, v4: u16, v6: u16) -> Option<IpAddr> {
    let four = || Some(Ipv4Addr::from(*ip.get(v4)?.first_chunk::<4>()?).into());
    let six = || Some(Ipv6Addr::from(*ip.get(v6)?.first_chunk::<16>()?).into());
    four().or_else(six)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::from((value.len() as u16 + 4).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn tuple(kind: u16, source: [u8; 4], destination: [u8; 4], proto: &[Vec<u8>]) -> Vec<u8> {
        let ip = attribute(1, &[attribute(1, &source), attribute(2, &destination)].concat());
        attribute(kind, &[ip, attribute(2, &proto.concat())].concat())
    }

    #[test]
    fn reads_a_tcp_entry() {
        let tcp = |from: u16, to: u16| {
            [attribute(1, &[6]), attribute(2, &from.to_be_bytes()), attribute(3, &to.to_be_bytes())]
        };
        let message = [
            tuple(1, [10, 0, 0, 2], [10, 0, 0, 1], &tcp(4000, 8088)),
            tuple(2, [172, 17, 0, 2], [10, 0, 0, 2], &tcp(80, 4000)),
            attribute(4, &attribute(1, &attribute(1, &[3]))),
            attribute(12, &7u32.to_be_bytes()),
        ]
        .concat();
        let entry = entry(Attributes::new(&message)).unwrap();
        assert_eq!(entry.original.to_string(), "10.0.0.2:4000 → 10.0.0.1:8088");
        assert_eq!(entry.reply.to_string(), "172.17.0.2:80 → 10.0.0.2:4000");
        assert_eq!((entry.id, entry.state), (7, Some("ESTABLISHED")));
    }

    #[test]
    fn reads_an_echo_entry() {
        let echo = [attribute(1, &[1]), attribute(4, &77u16.to_be_bytes()), attribute(5, &[8]), attribute(6, &[0])];
        let message = [
            tuple(1, [10, 0, 0, 2], [10, 0, 0, 1], &echo),
            tuple(2, [10, 0, 0, 1], [10, 0, 0, 2], &echo),
            attribute(12, &7u32.to_be_bytes()),
        ]
        .concat();
        let entry = entry(Attributes::new(&message)).unwrap();
        assert_eq!((entry.original.echo, entry.original.source.port), (77, 0));
        assert_eq!(entry.reply, entry.original.reversed());
    }
}
