//! Expressions that load part of a packet, or a fact about it, into a register.

use super::value::Datatype;
use crate::ruleset::Family;

/// What a register holds, in nft's syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) text: String,
    pub(super) kind: Datatype,
}

impl Load {
    fn new(text: impl Into<String>, kind: Datatype) -> Self {
        Load { text: text.into(), kind }
    }
}

/// The header that an offset counts from (NFT_PAYLOAD_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Link,
    Network,
    Transport,
    Inner,
}

impl Base {
    pub(super) fn from_number(number: u32) -> Option<Self> {
        [Base::Link, Base::Network, Base::Transport, Base::Inner].get(number as usize).copied()
    }

    fn raw_name(self) -> &'static str {
        match self {
            Base::Link => "@ll",
            Base::Network => "@nh",
            Base::Transport => "@th",
            Base::Inner => "@ih",
        }
    }
}

/// A field of a protocol header.
struct Field {
    header: &'static str,
    name: &'static str,
    offset: u32,
    width: u32,
    kind: Datatype,
}

const fn field(header: &'static str, name: &'static str, offset: u32, width: u32, kind: Datatype) -> Field {
    Field { header, name, offset, width, kind }
}

const ETHER: &[Field] = &[
    field("ether", "daddr", 0, 6, Datatype::Mac),
    field("ether", "saddr", 6, 6, Datatype::Mac),
    field("ether", "type", 12, 2, Datatype::EtherType),
];

/// RFC 791 §3.1.
const IP: &[Field] = &[
    field("ip", "length", 2, 2, Datatype::Big),
    field("ip", "id", 4, 2, Datatype::Big),
    field("ip", "frag-off", 6, 2, Datatype::Big),
    field("ip", "ttl", 8, 1, Datatype::Big),
    field("ip", "protocol", 9, 1, Datatype::Protocol),
    field("ip", "checksum", 10, 2, Datatype::Big),
    field("ip", "saddr", 12, 4, Datatype::Ipv4),
    field("ip", "daddr", 16, 4, Datatype::Ipv4),
];

/// RFC 8200 §3.
const IP6: &[Field] = &[
    field("ip6", "length", 4, 2, Datatype::Big),
    field("ip6", "nexthdr", 6, 1, Datatype::Protocol),
    field("ip6", "hoplimit", 7, 1, Datatype::Big),
    field("ip6", "saddr", 8, 16, Datatype::Ipv6),
    field("ip6", "daddr", 24, 16, Datatype::Ipv6),
];

const ARP: &[Field] = &[
    field("arp", "htype", 0, 2, Datatype::Big),
    field("arp", "ptype", 2, 2, Datatype::EtherType),
    field("arp", "hlen", 4, 1, Datatype::Big),
    field("arp", "plen", 5, 1, Datatype::Big),
    field("arp", "saddr ether", 8, 6, Datatype::Mac),
    field("arp", "saddr ip", 14, 4, Datatype::Ipv4),
    field("arp", "daddr ether", 18, 6, Datatype::Mac),
    field("arp", "daddr ip", 24, 4, Datatype::Ipv4),
];

const TCP: &[Field] = &[
    field("tcp", "sport", 0, 2, Datatype::Port),
    field("tcp", "dport", 2, 2, Datatype::Port),
    field("tcp", "sequence", 4, 4, Datatype::Big),
    field("tcp", "ackseq", 8, 4, Datatype::Big),
    field("tcp", "flags", 13, 1, Datatype::TcpFlags),
    field("tcp", "window", 14, 2, Datatype::Big),
    field("tcp", "checksum", 16, 2, Datatype::Big),
    field("tcp", "urgptr", 18, 2, Datatype::Big),
];

const UDP: &[Field] = &[
    field("udp", "sport", 0, 2, Datatype::Port),
    field("udp", "dport", 2, 2, Datatype::Port),
    field("udp", "length", 4, 2, Datatype::Big),
    field("udp", "checksum", 6, 2, Datatype::Big),
];

const ICMP: &[Field] = &[
    field("icmp", "type", 0, 1, Datatype::IcmpKind),
    field("icmp", "code", 1, 1, Datatype::Big),
    field("icmp", "id", 4, 2, Datatype::Big),
    field("icmp", "sequence", 6, 2, Datatype::Big),
];

const ICMP6: &[Field] = &[
    field("icmpv6", "type", 0, 1, Datatype::Icmp6Kind),
    field("icmpv6", "code", 1, 1, Datatype::Big),
    field("icmpv6", "id", 4, 2, Datatype::Big),
    field("icmpv6", "sequence", 6, 2, Datatype::Big),
];

const ANY_TRANSPORT: &[Field] =
    &[field("th", "sport", 0, 2, Datatype::Port), field("th", "dport", 2, 2, Datatype::Port)];

/// A field of the packet. Network fields depend on the network protocol, transport fields on the transport protocol, as
/// far as earlier matches (or the table's family) settle it. A prefix match loads only the leading bytes of an address.
pub(super) fn payload(base: Base, offset: u32, width: u32, network: Option<Family>, transport: Option<u8>) -> Load {
    let fields = match (base, network, transport) {
        (Base::Link, ..) => ETHER,
        (Base::Network, Some(Family::Ip), _) => IP,
        (Base::Network, Some(Family::Ip6), _) => IP6,
        (Base::Network, Some(Family::Arp), _) => ARP,
        (Base::Transport, _, Some(6)) => TCP,
        (Base::Transport, _, Some(17)) => UDP,
        (Base::Transport, _, Some(1)) => ICMP,
        (Base::Transport, _, Some(58)) => ICMP6,
        (Base::Transport, ..) => ANY_TRANSPORT,
        _ => &[],
    };
    let covers = |field: &&Field| {
        field.offset == offset && (field.width == width || field.kind.is_address() && width < field.width)
    };
    match fields.iter().find(covers) {
        Some(field) => Load::new(format!("{} {}", field.header, field.name), field.kind),
        None => Load::new(format!("{},{},{}", base.raw_name(), offset * 8, width * 8), Datatype::Raw),
    }
}

/// A fact about the packet (NFT_META_*).
pub(super) fn meta(key: u32) -> Option<Load> {
    let (text, kind) = match key {
        0 => ("meta length", Datatype::Native),
        1 => ("meta protocol", Datatype::EtherType),
        2 => ("meta priority", Datatype::Native),
        3 => ("meta mark", Datatype::Mark),
        4 => ("iif", Datatype::Index),
        5 => ("oif", Datatype::Index),
        6 => ("iifname", Datatype::Name),
        7 => ("oifname", Datatype::Name),
        8 => ("iiftype", Datatype::Native),
        9 => ("oiftype", Datatype::Native),
        10 => ("meta skuid", Datatype::Native),
        11 => ("meta skgid", Datatype::Native),
        12 => ("meta nftrace", Datatype::Native),
        15 => ("meta nfproto", Datatype::NfProto),
        16 => ("meta l4proto", Datatype::Protocol),
        17 => ("meta ibrname", Datatype::Name),
        18 => ("meta obrname", Datatype::Name),
        19 => ("meta pkttype", Datatype::PacketKind),
        20 => ("meta cpu", Datatype::Native),
        21 => ("iifgroup", Datatype::Native),
        22 => ("oifgroup", Datatype::Native),
        23 => ("meta cgroup", Datatype::Native),
        26 => ("meta iifkind", Datatype::Name),
        27 => ("meta oifkind", Datatype::Name),
        _ => return None,
    };
    Some(Load::new(text, kind))
}

/// A fact about the packet's connection (NFT_CT_*); most can be asked for one direction of it.
pub(super) fn ct(key: u32, direction: Option<u8>) -> Option<Load> {
    let (text, kind) = match key {
        0 => ("state", Datatype::CtState),
        1 => ("direction", Datatype::CtDirection),
        2 => ("status", Datatype::CtStatus),
        3 => ("mark", Datatype::Mark),
        6 => ("helper", Datatype::Name),
        7 => ("l3proto", Datatype::NfProto),
        10 => ("protocol", Datatype::Protocol),
        11 => ("proto-src", Datatype::Port),
        12 => ("proto-dst", Datatype::Port),
        14 => ("packets", Datatype::Native),
        15 => ("bytes", Datatype::Native),
        17 => ("zone", Datatype::Native),
        19 => ("ip saddr", Datatype::Ipv4),
        20 => ("ip daddr", Datatype::Ipv4),
        21 => ("ip6 saddr", Datatype::Ipv6),
        22 => ("ip6 daddr", Datatype::Ipv6),
        23 => ("id", Datatype::Big),
        _ => return None,
    };
    Some(match direction {
        Some(0) => Load::new(format!("ct original {text}"), kind),
        Some(_) => Load::new(format!("ct reply {text}"), kind),
        None => Load::new(format!("ct {text}"), kind),
    })
}

/// The answer of the routing table (NFT_FIB_RESULT_*) about what NFTA_FIB_F_* names.
pub(super) fn fib(result: u32, flags: u32) -> Option<Load> {
    const PRESENT: u32 = 32;
    let names = [(1, "saddr"), (2, "daddr"), (4, "mark"), (8, "iif"), (16, "oif")];
    let about = names.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name);
    let about = about.collect::<Vec<_>>().join(" . ");
    let (text, kind) = match result {
        1 | 2 if flags & PRESENT != 0 => (if result == 1 { "oif" } else { "oifname" }, Datatype::Exists),
        1 => ("oif", Datatype::Index),
        2 => ("oifname", Datatype::Name),
        3 => ("type", Datatype::AddressKind),
        _ => return None,
    };
    Some(Load::new(format!("fib {about} {text}"), kind))
}
