//! Constants in nft's syntax.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ruleset::attribute::text;

/// What the bytes of a constant mean: decided by the load that they are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ruleset) enum Datatype {
    Ipv4,
    Ipv6,
    Mac,
    EtherType,
    /// A TCP or UDP port.
    Port,
    /// IPPROTO_*.
    Protocol,
    /// NFPROTO_*.
    NfProto,
    /// An interface name, shorter than IFNAMSIZ if it is a prefix.
    Name,
    /// RTN_*.
    AddressKind,
    PacketKind,
    CtState,
    CtStatus,
    CtDirection,
    Mark,
    TcpFlags,
    IcmpKind,
    Icmp6Kind,
    /// An interface's index: its name is not in the ruleset.
    Index,
    /// 1 if there is such a thing (`fib … oif exists`).
    Exists,
    /// An integer in network byte order.
    Big,
    /// An integer in host byte order.
    Native,
    /// Bytes of no known meaning.
    Raw,
}

impl Datatype {
    /// From nft's own number for a type, which it leaves with each set (`enum datatypes` in nftables' `datatype.h`), and
    /// nft's name for it. An integer of a type that is not known here is shown as bytes.
    pub(in crate::ruleset) fn of_set(number: u32) -> (Datatype, &'static str) {
        match number {
            7 => (Datatype::Ipv4, "ipv4_addr"),
            8 => (Datatype::Ipv6, "ipv6_addr"),
            9 => (Datatype::Mac, "ether_addr"),
            10 => (Datatype::EtherType, "ether_type"),
            12 => (Datatype::Protocol, "inet_proto"),
            13 => (Datatype::Port, "inet_service"),
            14 => (Datatype::IcmpKind, "icmp_type"),
            19 => (Datatype::Mark, "mark"),
            26 => (Datatype::CtState, "ct_state"),
            28 => (Datatype::CtStatus, "ct_status"),
            41 => (Datatype::Name, "ifname"),
            _ => (Datatype::Raw, "integer"),
        }
    }

    /// A set of flags, which nft joins by commas.
    pub(super) fn is_flags(self) -> bool {
        matches!(self, Datatype::CtState | Datatype::CtStatus | Datatype::TcpFlags)
    }

    pub(super) fn is_address(self) -> bool {
        matches!(self, Datatype::Ipv4 | Datatype::Ipv6)
    }

    /// How many bytes the kernel compares; none when that varies.
    fn width(self) -> Option<usize> {
        Some(match self {
            Datatype::Ipv4 => 4,
            Datatype::Ipv6 => 16,
            Datatype::Mac => 6,
            Datatype::Port | Datatype::EtherType => 2,
            _ => return None,
        })
    }

    /// The integer in these bytes, by this type's byte order.
    fn number(self, bytes: &[u8]) -> Option<u64> {
        if bytes.len() > 8 {
            return None;
        }
        let native = !matches!(self, Datatype::Big | Datatype::Port | Datatype::EtherType);
        let shift = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if native && cfg!(target_endian = "little") {
            bytes.iter().rev().fold(0, shift)
        } else {
            bytes.iter().fold(0, shift)
        })
    }

    /// The names of this type's numbers.
    fn names(self) -> &'static [(u64, &'static str)] {
        match self {
            Datatype::Protocol => PROTOCOLS,
            Datatype::NfProto => &[(2, "ipv4"), (10, "ipv6")],
            Datatype::EtherType => &[(0x0800, "ip"), (0x0806, "arp"), (0x86dd, "ip6"), (0x8100, "8021q")],
            Datatype::AddressKind => ADDRESS_KINDS,
            Datatype::PacketKind => &[(0, "host"), (1, "broadcast"), (2, "multicast"), (3, "other")],
            Datatype::CtState => &[(1, "invalid"), (2, "established"), (4, "related"), (8, "new"), (64, "untracked")],
            Datatype::CtStatus => CT_STATUSES,
            Datatype::CtDirection => &[(0, "original"), (1, "reply")],
            Datatype::TcpFlags => {
                &[(1, "fin"), (2, "syn"), (4, "rst"), (8, "psh"), (16, "ack"), (32, "urg"), (64, "ecn"), (128, "cwr")]
            }
            Datatype::IcmpKind => ICMP_KINDS,
            Datatype::Icmp6Kind => ICMP6_KINDS,
            Datatype::Exists => &[(0, "missing"), (1, "exists")],
            _ => &[],
        }
    }

    /// A constant of this type.
    pub(super) fn format(self, bytes: &[u8]) -> String {
        match self {
            Datatype::Ipv4 | Datatype::Ipv6 => match address(bytes) {
                Some(address) => address.to_string(),
                None => hex(bytes),
            },
            Datatype::Mac => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
            Datatype::Name => name(bytes),
            Datatype::Raw => hex(bytes),
            _ => match self.number(bytes) {
                Some(number) => self.format_number(number, bytes.len()),
                None => hex(bytes),
            },
        }
    }

    fn format_number(self, number: u64, width: usize) -> String {
        if let Some((_, name)) = self.names().iter().find(|(value, _)| *value == number) {
            return (*name).to_owned();
        }
        match self {
            _ if self.is_flags() => self.format_flags(number),
            Datatype::Mark | Datatype::EtherType => {
                format!("0x{number:0digits$x}", digits = width * 2)
            }
            _ => number.to_string(),
        }
    }

    fn format_flags(self, number: u64) -> String {
        let named = self.names().iter().filter(|(flag, _)| number & flag != 0);
        let (rest, mut names) = named.fold((number, Vec::new()), |(rest, mut names), (flag, name)| {
            names.push((*name).to_owned());
            (rest & !flag, names)
        });
        if rest != 0 || names.is_empty() {
            names.push(format!("{rest:#x}"));
        }
        names.join(",")
    }

    /// The prefix length if this mask selects the leading bits of an address.
    pub(super) fn prefix_length(self, mask: &[u8]) -> Option<u32> {
        (self.is_address() && Some(mask.len()) == self.width()).then_some(())?;
        let ones: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
        let leading = mask.iter().take_while(|byte| **byte == 0xff).count() as u32 * 8
            + mask.iter().find(|byte| **byte != 0xff).map_or(0, |byte| byte.leading_ones());
        (ones == leading).then_some(leading)
    }

    /// A constant that may be shorter than the type: the kernel is given only the bytes of a prefix that falls on a
    /// byte boundary.
    pub(super) fn format_prefix(self, bytes: &[u8]) -> String {
        match self.width() {
            Some(width) if self.is_address() && bytes.len() < width => {
                let mut whole = bytes.to_vec();
                whole.resize(width, 0);
                format!("{}/{}", self.format(&whole), bytes.len() * 8)
            }
            _ => self.format(bytes),
        }
    }

    /// A range of constants, as a prefix where it is one.
    pub(super) fn format_range(self, first: &[u8], last: &[u8]) -> String {
        if first == last {
            return self.format(first);
        }
        let mask: Vec<u8> = first.iter().zip(last).map(|(a, b)| !(a ^ b)).collect();
        let whole = first.iter().zip(&mask).all(|(byte, mask)| byte & !mask == 0)
            && last.iter().zip(&mask).all(|(byte, mask)| byte | mask == 0xff);
        match self.prefix_length(&mask) {
            Some(length) if whole => format!("{}/{length}", self.format(first)),
            _ => format!("{}-{}", self.format(first), self.format(last)),
        }
    }
}

/// The address in four or sixteen bytes.
pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()),
        16 => Some(Ipv6Addr::from(*bytes.first_chunk::<16>()?).into()),
        _ => None,
    }
}

/// An interface's name in quotes; a prefix of names ends in `*`.
fn name(bytes: &[u8]) -> String {
    let wildcard = if bytes.len() < libc::IFNAMSIZ && !bytes.contains(&0) { "*" } else { "" };
    format!("\"{}{wildcard}\"", text(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The name of a transport protocol (`/etc/protocols`).
pub(super) fn protocol_name(number: u8) -> String {
    Datatype::Protocol.format(&[number])
}

const PROTOCOLS: &[(u64, &str)] = &[
    (1, "icmp"),
    (2, "igmp"),
    (6, "tcp"),
    (17, "udp"),
    (33, "dccp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (132, "sctp"),
    (136, "udplite"),
];

/// RTN_* in `linux/rtnetlink.h`.
pub(super) const ADDRESS_KINDS: &[(u64, &str)] = &[
    (0, "unspec"),
    (1, "unicast"),
    (2, "local"),
    (3, "broadcast"),
    (4, "anycast"),
    (5, "multicast"),
    (6, "blackhole"),
    (7, "unreachable"),
    (8, "prohibit"),
];

/// IPS_* in `linux/netfilter/nf_conntrack_common.h`.
const CT_STATUSES: &[(u64, &str)] =
    &[(1, "expected"), (2, "seen-reply"), (4, "assured"), (8, "confirmed"), (16, "snat"), (32, "dnat"), (512, "dying")];

const ICMP_KINDS: &[(u64, &str)] = &[
    (0, "echo-reply"),
    (3, "destination-unreachable"),
    (4, "source-quench"),
    (5, "redirect"),
    (8, "echo-request"),
    (9, "router-advertisement"),
    (10, "router-solicitation"),
    (11, "time-exceeded"),
    (12, "parameter-problem"),
    (13, "timestamp-request"),
    (14, "timestamp-reply"),
];

const ICMP6_KINDS: &[(u64, &str)] = &[
    (1, "destination-unreachable"),
    (2, "packet-too-big"),
    (3, "time-exceeded"),
    (4, "parameter-problem"),
    (128, "echo-request"),
    (129, "echo-reply"),
    (130, "mld-listener-query"),
    (131, "mld-listener-report"),
    (132, "mld-listener-done"),
    (133, "nd-router-solicit"),
    (134, "nd-router-advert"),
    (135, "nd-neighbor-solicit"),
    (136, "nd-neighbor-advert"),
    (137, "nd-redirect"),
    (143, "mld2-listener-report"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_prefixes() {
        assert_eq!(Datatype::Ipv4.format_prefix(&[172, 17]), "172.17.0.0/16");
        assert_eq!(Datatype::Ipv4.prefix_length(&[255, 255, 240, 0]), Some(20));
        assert_eq!(Datatype::Ipv4.prefix_length(&[255, 0, 255, 0]), None);
        assert_eq!(Datatype::Ipv4.format_range(&[10, 0, 0, 0], &[10, 255, 255, 255]), "10.0.0.0/8");
        assert_eq!(Datatype::Ipv4.format_range(&[10, 0, 0, 1], &[10, 0, 0, 9]), "10.0.0.1-10.0.0.9");
    }

    #[test]
    fn flags_and_names() {
        assert_eq!(Datatype::CtState.format(&6u32.to_ne_bytes()), "established,related");
        assert_eq!(Datatype::TcpFlags.format(&[0x12]), "syn,ack");
        assert_eq!(Datatype::Name.format(b"docker0\0\0\0\0\0\0\0\0\0"), "\"docker0\"");
        assert_eq!(Datatype::Name.format(b"veth"), "\"veth*\"");
        assert_eq!(Datatype::Mark.format(&0x12u32.to_ne_bytes()), "0x00000012");
    }
}
