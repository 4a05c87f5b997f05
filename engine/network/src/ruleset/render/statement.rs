//! Statements: what a rule does with a packet that it matched.

use super::value::Datatype;
use super::{Operand, Renderer};
use crate::ruleset::{Attributes, Counter, Family, Nat};

/// A verdict (NF_* in `linux/netfilter.h`, NFT_* in `linux/netfilter/nf_tables.h`).
pub(super) fn verdict(code: i32, chain: Option<&str>) -> Option<String> {
    Some(match (code, chain) {
        (0, _) => "drop".into(),
        (1, _) => "accept".into(),
        (3, _) => "queue".into(),
        (-1, _) => "continue".into(),
        (-2, _) => "break".into(),
        (-3, Some(chain)) => format!("jump {chain}"),
        (-4, Some(chain)) => format!("goto {chain}"),
        (-5, _) => "return".into(),
        _ => return None,
    })
}

impl Renderer<'_> {
    /// A statement by its expression's name; none if it, or a form of it, is unknown.
    pub(super) fn statement(&mut self, name: &str, attributes: Attributes<'_>) -> Option<()> {
        let text = match name {
            "counter" => {
                const BYTES: u16 = 1;
                const PACKETS: u16 = 2;
                let (packets, bytes) = (attributes.u64(PACKETS)?, attributes.u64(BYTES)?);
                self.count(Counter { packets, bytes });
                return Some(());
            }
            "nat" => self.nat(attributes)?,
            "masq" => {
                self.rendered.nat = Some(Nat::Source);
                self.to_port("masquerade", attributes.u32(2), attributes.u32(3), attributes.u32(1))?
            }
            "redir" => {
                self.rendered.nat = Some(Nat::Destination);
                self.to_port("redirect", attributes.u32(1), attributes.u32(2), attributes.u32(3))?
            }
            "limit" => limit(attributes)?,
            "log" => log(attributes)?,
            "reject" => self.reject(attributes)?,
            "notrack" => "notrack".into(),
            "objref" => object(attributes)?,
            "connlimit" => {
                let over = if attributes.u32(2).unwrap_or(0) & 1 != 0 { "over " } else { "" };
                format!("ct count {over}{}", attributes.u32(1)?)
            }
            _ => return None,
        };
        self.push(text);
        Some(())
    }

    fn nat(&mut self, attributes: Attributes<'_>) -> Option<String> {
        const TYPE: u16 = 1;
        const FAMILY: u16 = 2;
        const ADDRESS: u16 = 3;
        const ADDRESS_MAX: u16 = 4;
        const PORT: u16 = 5;
        const PORT_MAX: u16 = 6;
        const FLAGS: u16 = 7;
        let (verb, nat) = match attributes.u32(TYPE)? {
            0 => ("snat", Nat::Source),
            1 => ("dnat", Nat::Destination),
            _ => return None,
        };
        self.rendered.nat = Some(nat);
        let family = Family::from_number(attributes.u32(FAMILY)? as u8)?;
        let kind = if family == Family::Ip6 { Datatype::Ipv6 } else { Datatype::Ipv4 };
        let mut text = verb.to_owned();
        // A table of both families has to say which of them the address is of.
        if self.family == Family::Inet && attributes.get(ADDRESS).is_some() {
            text += &format!(" {family}");
        }
        let address = self.bounds(attributes.u32(ADDRESS), attributes.u32(ADDRESS_MAX), kind)?;
        let port = self.bounds(attributes.u32(PORT), attributes.u32(PORT_MAX), Datatype::Port)?;
        text += &match (address, port) {
            (Some(address), Some(port)) if kind == Datatype::Ipv6 => {
                format!(" to [{address}]:{port}")
            }
            (Some(address), Some(port)) => format!(" to {address}:{port}"),
            (Some(address), None) => format!(" to {address}"),
            (None, Some(port)) => format!(" to :{port}"),
            (None, None) => String::new(),
        };
        Some(text + &nat_flags(attributes.u32(FLAGS)))
    }

    fn to_port(&self, verb: &str, port: Option<u32>, last: Option<u32>, flags: Option<u32>) -> Option<String> {
        let port = self.bounds(port, last, Datatype::Port)?.map(|port| format!(" to :{port}"));
        Some(format!("{verb}{}{}", port.unwrap_or_default(), nat_flags(flags)))
    }

    /// What one or two registers hold, as `first-last`. The outer option is about rendering, the inner about presence.
    fn bounds(&self, first: Option<u32>, last: Option<u32>, kind: Datatype) -> Option<Option<String>> {
        let Some(first) = first else {
            return Some(None);
        };
        let last = last.filter(|last| *last != first);
        if let (Some(Operand::Constant(first)), Some(last)) = (self.get(first), last) {
            let Operand::Constant(last) = self.get(last)? else {
                return None;
            };
            return Some(Some(kind.format_range(&first, &last)));
        }
        Some(Some(self.operand(first, kind)?))
    }

    fn reject(&mut self, attributes: Attributes<'_>) -> Option<String> {
        const TYPE: u16 = 1;
        const CODE: u16 = 2;
        const PORT_UNREACHABLE: [&str; 3] = ["icmp", "icmpv6", "icmpx"];
        let code = attributes.u8(CODE);
        let (protocol, names): (&str, &[(u8, &str)]) = match (attributes.u32(TYPE)?, self.network) {
            (1, _) => return Some("reject with tcp reset".into()),
            (2, _) => (PORT_UNREACHABLE[2], ICMPX_CODES),
            (0, Some(Family::Ip6)) => (PORT_UNREACHABLE[1], ICMP6_CODES),
            (0, _) => (PORT_UNREACHABLE[0], ICMP_CODES),
            _ => return None,
        };
        let (_, name) = names.iter().find(|(number, _)| Some(*number) == code)?;
        // What nft takes when a rule says no more than `reject`.
        if *name == "port-unreachable" && (protocol == "icmpx" || self.family != Family::Inet) {
            return Some("reject".into());
        }
        Some(format!("reject with {protocol} {name}"))
    }
}

/// NF_NAT_RANGE_* in `linux/netfilter/nf_nat.h`.
pub(super) fn nat_flags(flags: Option<u32>) -> String {
    let names = [(4, "random"), (16, "fully-random"), (8, "persistent")];
    let set = names.iter().filter(|(flag, _)| flags.unwrap_or(0) & flag != 0).map(|(_, name)| *name);
    let set = set.collect::<Vec<_>>().join(",");
    if set.is_empty() { set } else { format!(" {set}") }
}

/// ICMP destination unreachable (RFC 792, RFC 1122 §3.2.2.1).
pub(super) const ICMP_CODES: &[(u8, &str)] = &[
    (0, "net-unreachable"),
    (1, "host-unreachable"),
    (2, "prot-unreachable"),
    (3, "port-unreachable"),
    (9, "net-prohibited"),
    (10, "host-prohibited"),
    (13, "admin-prohibited"),
];

/// RFC 4443 §3.1.
const ICMP6_CODES: &[(u8, &str)] = &[
    (0, "no-route"),
    (1, "admin-prohibited"),
    (3, "addr-unreachable"),
    (4, "port-unreachable"),
    (5, "policy-fail"),
    (6, "reject-route"),
];

/// NFT_REJECT_ICMPX_*.
const ICMPX_CODES: &[(u8, &str)] =
    &[(0, "no-route"), (1, "port-unreachable"), (2, "host-unreachable"), (3, "admin-prohibited")];

fn limit(attributes: Attributes<'_>) -> Option<String> {
    const RATE: u16 = 1;
    const UNIT: u16 = 2;
    const BURST: u16 = 3;
    const TYPE: u16 = 4;
    const FLAGS: u16 = 5;
    /// The burst that nft sets when a rule names none.
    const DEFAULT_BURST: u32 = 5;
    let unit = match attributes.u64(UNIT)? {
        1 => "second",
        60 => "minute",
        3600 => "hour",
        86400 => "day",
        604_800 => "week",
        _ => return None,
    };
    let over = if attributes.u32(FLAGS).unwrap_or(0) & 1 != 0 { "over " } else { "" };
    let (rate, burst) = (attributes.u64(RATE)?, attributes.u32(BURST).unwrap_or(0));
    Some(match attributes.u32(TYPE).unwrap_or(0) {
        0 if burst == DEFAULT_BURST => format!("limit rate {over}{rate}/{unit}"),
        0 => format!("limit rate {over}{rate}/{unit} burst {burst} packets"),
        1 if burst == 0 => format!("limit rate {over}{}/{unit}", size(rate)),
        1 => format!("limit rate {over}{}/{unit} burst {}", size(rate), size(burst.into())),
        _ => return None,
    })
}

/// A number of bytes in the largest unit that divides it.
fn size(bytes: u64) -> String {
    match bytes {
        1.. if bytes.is_multiple_of(1 << 20) => format!("{} mbytes", bytes >> 20),
        1.. if bytes.is_multiple_of(1 << 10) => format!("{} kbytes", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

fn log(attributes: Attributes<'_>) -> Option<String> {
    const GROUP: u16 = 1;
    const PREFIX: u16 = 2;
    const SNAPLEN: u16 = 3;
    const THRESHOLD: u16 = 4;
    const LEVEL: u16 = 5;
    const FLAGS: u16 = 6;
    /// syslog(3), from the most severe; `warn` is nft's default.
    const LEVELS: [&str; 9] = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug", "audit"];
    const WARN: u32 = 4;
    let mut text = String::from("log");
    if let Some(prefix) = attributes.text(PREFIX) {
        text += &format!(" prefix \"{prefix}\"");
    }
    if let Some(group) = attributes.u16(GROUP) {
        text += &format!(" group {group}");
    }
    if let Some(snaplen) = attributes.u32(SNAPLEN) {
        text += &format!(" snaplen {snaplen}");
    }
    if let Some(threshold) = attributes.u16(THRESHOLD) {
        text += &format!(" queue-threshold {threshold}");
    }
    if let Some(level) = attributes.u32(LEVEL).filter(|level| *level != WARN) {
        text += &format!(" level {}", LEVELS.get(level as usize)?);
    }
    match attributes.u32(FLAGS).unwrap_or(0) {
        0 => {}
        0x1f => text += " flags all",
        _ => return None,
    }
    Some(text)
}

fn object(attributes: Attributes<'_>) -> Option<String> {
    const TYPE: u16 = 1;
    const NAME: u16 = 2;
    let name = attributes.text(NAME)?;
    Some(match attributes.u32(TYPE)? {
        1 => format!("counter name \"{name}\""),
        2 => format!("quota name \"{name}\""),
        3 => format!("ct helper set \"{name}\""),
        4 => format!("limit name \"{name}\""),
        7 => format!("ct timeout set \"{name}\""),
        9 => format!("ct expectation set \"{name}\""),
        10 => format!("synproxy name \"{name}\""),
        _ => return None,
    })
}
