//! Comparisons of something loaded with a constant.

use super::load::Load;
use super::value::Datatype;
use crate::ruleset::Family;

/// The kind of link that has Ethernet headers.
const ARPHRD_ETHER: u16 = libc::ARPHRD_ETHER;

/// What a comparison says about the protocols of the packet.
pub(super) enum Settled {
    Ethernet,
    Network(Family),
    Transport(u8),
}

/// See [`Settled`].
pub(super) fn settles(load: &str, operation: u32, value: &[u8]) -> Option<Settled> {
    match (load, operation, value) {
        ("iiftype", 0, value) if *value == ARPHRD_ETHER.to_ne_bytes() => Some(Settled::Ethernet),
        ("meta l4proto" | "ip protocol" | "ip6 nexthdr", 0, &[protocol]) => Some(Settled::Transport(protocol)),
        ("meta nfproto", 0, &[family]) => Family::from_number(family).map(Settled::Network),
        ("ether type" | "meta protocol", 0, [0x08, 0x00]) => Some(Settled::Network(Family::Ip)),
        ("ether type" | "meta protocol", 0, [0x86, 0xdd]) => Some(Settled::Network(Family::Ip6)),
        ("ether type" | "meta protocol", 0, [0x08, 0x06]) => Some(Settled::Network(Family::Arp)),
        _ => None,
    }
}

/// NFT_CMP_*; equality needs no operator.
fn operator(operation: u32) -> Option<&'static str> {
    ["", "!= ", "< ", "<= ", "> ", ">= "].get(operation as usize).copied()
}

/// `tcp dport != 80`.
pub(super) fn comparison(load: &Load, operation: u32, value: &[u8]) -> Option<String> {
    let equal = if load.kind == Datatype::TcpFlags && operation == 0 { "== " } else { operator(operation)? };
    Some(format!("{} {equal}{}", load.text, load.kind.format_prefix(value)))
}

/// `ct state new`, `ip saddr 10.0.0.0/8`, `meta mark & 0xff == 1`.
pub(super) fn masked_comparison(load: &Load, mask: &[u8], operation: u32, value: &[u8]) -> Option<String> {
    let Load { text, kind } = load;
    if let Some(length) = kind.prefix_length(mask) {
        return Some(format!("{text} {}{}/{length}", operator(operation)?, kind.format(value)));
    }
    let zero = value.iter().all(|byte| *byte == 0);
    match operation {
        // Any of these flags.
        1 if kind.is_flags() && zero => Some(format!("{text} {}", kind.format(mask))),
        0 if kind.is_flags() && zero => Some(format!("{text} ! {}", kind.format(mask))),
        0 if *kind == Datatype::TcpFlags => Some(format!("{text} {} / {}", kind.format(value), kind.format(mask))),
        1 if *kind == Datatype::TcpFlags => Some(format!("{text} != {} / {}", kind.format(value), kind.format(mask))),
        0 => Some(format!("{text} & {} == {}", kind.format(mask), kind.format(value))),
        _ => Some(format!("{text} & {} {}{}", kind.format(mask), operator(operation)?, kind.format(value))),
    }
}
