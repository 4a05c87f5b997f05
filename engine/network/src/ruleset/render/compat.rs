//! The xtables matches and targets that iptables-nft stores in its rules (`nft_compat`), in nft's syntax.
//!
//! Their contents are C structs of `linux/netfilter/xt_*.h` and `linux/netfilter_ipv4/ipt_*.h`, in host byte order but for
//! addresses and the ports of NAT.

use super::statement::{ICMP_CODES, nat_flags};
use super::value::{ADDRESS_KINDS, Datatype, address, protocol_name};
use super::{Attributes, Renderer};
use crate::ruleset::attribute::text;
use crate::ruleset::{Family, Nat};

const NAME: u16 = 1;
const REVISION: u16 = 2;
const INFO: u16 = 3;

impl Renderer<'_> {
    pub(super) fn compat_match(&mut self, attributes: Attributes<'_>) -> Option<()> {
        let (name, info) = (attributes.text(NAME)?, Info(attributes.get(INFO)?));
        let rendered = match (name.as_str(), attributes.u32(REVISION).unwrap_or(0)) {
            ("addrtype", 1) => address_kind(info),
            ("conntrack", 2 | 3) => conntrack(info),
            ("state", 0) => Some(vec![format!("ct state {}", ct_states(info.u32(0)?))]),
            ("tcp", 0) => tcp(info),
            ("udp", 0) => udp(info),
            ("multiport", 1) => self.multiport(info),
            ("comment", 0) => Some(vec![format!("comment \"{}\"", text(info.0))]),
            ("mark", 1) => mark(info),
            _ => None,
        };
        // Ports name the protocol themselves.
        if matches!(name.as_str(), "tcp" | "udp" | "multiport") && rendered.as_ref().is_some_and(|r| !r.is_empty()) {
            self.drop_match(|this| &mut this.transport_match);
        }
        for text in rendered.unwrap_or_else(|| vec![format!("<match {name}>")]) {
            self.push(text);
        }
        Some(())
    }

    pub(super) fn compat_target(&mut self, attributes: Attributes<'_>) -> Option<()> {
        let (name, info) = (attributes.text(NAME)?, Info(attributes.get(INFO)?));
        let revision = attributes.u32(REVISION).unwrap_or(0);
        self.rendered.nat = match name.as_str() {
            "DNAT" | "REDIRECT" => Some(Nat::Destination),
            "SNAT" | "MASQUERADE" => Some(Nat::Source),
            _ => self.rendered.nat,
        };
        // The first revision had IPv4 only, and a struct of its own.
        let range = if revision == 0 && self.family == Family::Ip { NatRange::v0(info) } else { NatRange::v1(info) };
        let to = |verb: &str| Some(format!("{verb}{}", range?.text(self.family)?));
        let rendered = match name.as_str() {
            "DNAT" => to("dnat"),
            "SNAT" => to("snat"),
            "MASQUERADE" => to("masquerade"),
            "REDIRECT" => to("redirect"),
            "REJECT" => reject(info, self.family),
            "LOG" => log(info),
            _ => None,
        };
        self.push(rendered.unwrap_or_else(|| format!("<target {name}>")));
        Some(())
    }

    /// struct xt_multiport_v1: flags, count, ports[15], range flags[15], invert.
    fn multiport(&self, info: Info<'_>) -> Option<Vec<String>> {
        let side = ["sport", "dport"].get(usize::from(info.u8(0)?))?;
        let count = usize::from(info.u8(1)?);
        let invert = if info.u8(47)? != 0 { "!= " } else { "" };
        let mut ports = Vec::new();
        let mut index = 0;
        while index < count {
            let first = info.u16(2 + 2 * index)?;
            if info.u8(32 + index)? != 0 {
                ports.push(format!("{first}-{}", info.u16(4 + 2 * index)?));
                index += 1;
            } else {
                ports.push(first.to_string());
            }
            index += 1;
        }
        let protocol = self.transport.map_or_else(|| "th".into(), protocol_name);
        Some(vec![format!("{protocol} {side} {invert}{{ {} }}", ports.join(", "))])
    }
}

/// A C struct.
#[derive(Clone, Copy)]
struct Info<'a>(&'a [u8]);

impl<'a> Info<'a> {
    fn u8(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn u16(self, at: usize) -> Option<u16> {
        Some(u16::from_ne_bytes(*self.0.get(at..)?.first_chunk()?))
    }

    /// In network byte order.
    fn be16(self, at: usize) -> Option<u16> {
        Some(u16::from_be_bytes(*self.0.get(at..)?.first_chunk()?))
    }

    fn u32(self, at: usize) -> Option<u32> {
        Some(u32::from_ne_bytes(*self.0.get(at..)?.first_chunk()?))
    }

    fn bytes(self, at: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(at..at + length)
    }
}

/// struct xt_addrtype_info_v1: source, dest (masks of 1 << RTN_*), flags.
fn address_kind(info: Info<'_>) -> Option<Vec<String>> {
    const INVERT_SOURCE: u32 = 1;
    const INVERT_DEST: u32 = 2;
    const LIMIT_IN: u32 = 4;
    const LIMIT_OUT: u32 = 8;
    let flags = info.u32(4)?;
    let limit = match flags & (LIMIT_IN | LIMIT_OUT) {
        0 => "",
        LIMIT_IN => " . iif",
        LIMIT_OUT => " . oif",
        _ => return None,
    };
    let side = |name: &str, mask: u16, invert: bool| {
        let kinds = ADDRESS_KINDS.iter().filter(|(kind, _)| mask >> kind & 1 == 1).map(|(_, name)| *name);
        let kinds: Vec<&str> = kinds.collect();
        let kinds = if kinds.len() == 1 { kinds[0].to_owned() } else { format!("{{ {} }}", kinds.join(", ")) };
        (mask != 0).then(|| format!("fib {name}{limit} type {}{kinds}", if invert { "!= " } else { "" }))
    };
    let source = side("saddr", info.u16(0)?, flags & INVERT_SOURCE != 0);
    let destination = side("daddr", info.u16(2)?, flags & INVERT_DEST != 0);
    Some(source.into_iter().chain(destination).collect())
}

/// struct xt_conntrack_mtinfo2 and 3, of which only a match of the state is known here.
fn conntrack(info: Info<'_>) -> Option<Vec<String>> {
    const MATCH_FLAGS: usize = 146;
    const INVERT_FLAGS: usize = 148;
    const STATE_MASK: usize = 150;
    const STATE: u16 = 1;
    if info.u16(MATCH_FLAGS)? != STATE {
        return None;
    }
    let invert = if info.u16(INVERT_FLAGS)? & STATE != 0 { "!= " } else { "" };
    Some(vec![format!("ct state {invert}{}", ct_states(info.u16(STATE_MASK)?.into()))])
}

/// XT_CONNTRACK_STATE_*.
fn ct_states(mask: u32) -> String {
    let names = [
        (1, "invalid"),
        (2, "established"),
        (4, "related"),
        (8, "new"),
        (64, "snat"),
        (128, "dnat"),
        (256, "untracked"),
    ];
    names.iter().filter(|(bit, _)| mask & bit != 0).map(|(_, name)| *name).collect::<Vec<_>>().join(",")
}

/// `tcp dport 80-90` from a pair of ports; nothing for all of them.
fn ports(name: &str, info: Info<'_>, at: usize, invert: bool) -> Option<Option<String>> {
    let (first, last) = (info.u16(at)?, info.u16(at + 2)?);
    let invert = if invert { "!= " } else { "" };
    Some(match (first, last) {
        (0, u16::MAX) => None,
        _ if first == last => Some(format!("{name} {invert}{first}")),
        _ => Some(format!("{name} {invert}{first}-{last}")),
    })
}

/// struct xt_tcp: spts[2], dpts[2], option, flg_mask, flg_cmp, invflags.
fn tcp(info: Info<'_>) -> Option<Vec<String>> {
    let (option, mask, compare, invert) = (info.u8(8)?, info.u8(9)?, info.u8(10)?, info.u8(11)?);
    if option != 0 {
        return None;
    }
    let flags = (mask != 0).then(|| {
        let invert = if invert & 4 != 0 { "!= " } else { "" };
        let kind = Datatype::TcpFlags;
        format!("tcp flags {invert}{} / {}", kind.format(&[compare]), kind.format(&[mask]))
    });
    let source = ports("tcp sport", info, 0, invert & 1 != 0)?;
    let destination = ports("tcp dport", info, 4, invert & 2 != 0)?;
    Some(source.into_iter().chain(destination).chain(flags).collect())
}

/// struct xt_udp: spts[2], dpts[2], invflags.
fn udp(info: Info<'_>) -> Option<Vec<String>> {
    let invert = info.u8(8)?;
    let source = ports("udp sport", info, 0, invert & 1 != 0)?;
    let destination = ports("udp dport", info, 4, invert & 2 != 0)?;
    Some(source.into_iter().chain(destination).collect())
}

/// struct xt_mark_mtinfo1: mark, mask, invert.
fn mark(info: Info<'_>) -> Option<Vec<String>> {
    let (mark, mask) = (info.u32(0)?, info.u32(4)?);
    let operator = if info.u8(8)? != 0 { "!= " } else { "" };
    Some(vec![match mask {
        u32::MAX => format!("meta mark {operator}0x{mark:08x}"),
        _ => format!("meta mark & 0x{mask:08x} {}0x{mark:08x}", if operator.is_empty() { "== " } else { operator }),
    }])
}

/// struct ipt_reject_info and ip6t_reject_info: the kind of answer.
fn reject(info: Info<'_>, family: Family) -> Option<String> {
    const TCP_RESET: u32 = 8;
    /// IPT_ICMP_* in order, as codes of ICMP destination unreachable.
    const CODES: [(u32, u8); 7] = [(0, 0), (1, 1), (2, 2), (3, 3), (5, 9), (6, 10), (9, 13)];
    match (info.u32(0)?, family) {
        (3, Family::Ip) => Some("reject".into()),
        (TCP_RESET, Family::Ip) => Some("reject with tcp reset".into()),
        (with, Family::Ip) => {
            let (_, code) = CODES.iter().find(|(number, _)| *number == with)?;
            let (_, name) = ICMP_CODES.iter().find(|(number, _)| number == code)?;
            Some(format!("reject with icmp {name}"))
        }
        _ => None,
    }
}

/// struct xt_log_info: level, logflags, prefix[30].
fn log(info: Info<'_>) -> Option<String> {
    let prefix = text(info.bytes(2, 30)?);
    Some(format!("log prefix \"{prefix}\""))
}

/// Where a NAT target sends packets: `struct nf_nat_range` and its forerunner.
#[derive(Clone, Copy)]
struct NatRange<'a> {
    flags: u32,
    first: &'a [u8],
    last: &'a [u8],
    first_port: u16,
    last_port: u16,
}

impl<'a> NatRange<'a> {
    /// struct nf_nat_ipv4_multi_range_compat, always of one range.
    fn v0(info: Info<'a>) -> Option<Self> {
        Some(NatRange {
            flags: info.u32(4)?,
            first: info.bytes(8, 4)?,
            last: info.bytes(12, 4)?,
            first_port: info.be16(16)?,
            last_port: info.be16(18)?,
        })
    }

    /// struct nf_nat_range, of which nf_nat_range2 is a continuation.
    fn v1(info: Info<'a>) -> Option<Self> {
        Some(NatRange {
            flags: info.u32(0)?,
            first: info.bytes(4, 16)?,
            last: info.bytes(20, 16)?,
            first_port: info.be16(36)?,
            last_port: info.be16(38)?,
        })
    }

    fn text(self, family: Family) -> Option<String> {
        /// NF_NAT_RANGE_MAP_IPS.
        const ADDRESSES: u32 = 1;
        /// NF_NAT_RANGE_PROTO_SPECIFIED.
        const PORTS: u32 = 2;
        let width = if family == Family::Ip6 { 16 } else { 4 };
        let address = match self.flags & ADDRESSES {
            0 => String::new(),
            _ => {
                let (first, last) = (address(self.first.get(..width)?)?, address(self.last.get(..width)?)?);
                let range = if first == last { first.to_string() } else { format!("{first}-{last}") };
                if width == 16 && self.flags & PORTS != 0 { format!("[{range}]") } else { range }
            }
        };
        let port = match (self.flags & PORTS, self.first_port == self.last_port) {
            (0, _) => String::new(),
            (_, true) => format!(":{}", self.first_port),
            (_, false) => format!(":{}-{}", self.first_port, self.last_port),
        };
        let to = if address.is_empty() && port.is_empty() { "" } else { " to " };
        Some(format!("{to}{address}{port}{}", nat_flags(Some(self.flags))))
    }
}
