//! What stays the same when a packet crosses a router or a NAT, and what is shown of it.

use std::fmt;
use std::sync::Arc;

use crate::flow::Flow;

/// Bytes as a tap saw them, from the link header on, perhaps cut short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The bytes that were captured.
    pub bytes: Arc<[u8]>,
    /// How long the frame really was.
    pub original_length: u32,
}

/// A hardware address.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The flags of a TCP segment, as in its header (RFC 9293 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// SYN.
    pub const SYN: TcpFlags = TcpFlags(0x02);
    /// ACK.
    pub const ACK: TcpFlags = TcpFlags(0x10);
}

/// `SYN,ACK`.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        let set = NAMES.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1);
        f.pad(&set.map(|(_, name)| *name).collect::<Vec<_>>().join(","))
    }
}

/// What a packet says at the layer above IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// A TCP segment.
    Tcp {
        /// Its flags.
        flags: TcpFlags,
        /// The number of its first byte.
        sequence: u32,
        /// The next byte that its sender expects.
        acknowledgement: u32,
    },
    /// A UDP datagram.
    Udp,
    /// An ICMP or ICMPv6 message.
    Icmp {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
        /// The sequence number of an echo, otherwise 0.
        sequence: u16,
    },
    /// An ARP request (1) or reply (2).
    Arp {
        /// The operation.
        operation: u16,
    },
    /// A fragment that is not the first of its datagram.
    Fragment {
        /// Where its bytes belong, in units of 8.
        offset: u16,
    },
    /// Anything else.
    Other,
}

/// What identifies a packet within its connection and direction: none of it is changed by routing or NAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The identification field of IPv4, often 0; always 0 for IPv6.
    pub ip_id: u16,
    /// What it says above IP.
    pub content: Content,
    /// The length of what it carries above that.
    pub length: u32,
}

/// What a person calls it: `SYN,ACK`, `echo request`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Tcp { flags, .. } => flags.fmt(f),
            Content::Icmp { kind, code, .. } => icmp_name(kind, code, f),
            Content::Arp { operation: 1 } => f.pad("request"),
            Content::Arp { operation: 2 } => f.pad("reply"),
            Content::Arp { operation } => write!(f, "operation {operation}"),
            Content::Fragment { offset } => write!(f, "fragment at {}", u32::from(offset) * 8),
            Content::Udp | Content::Other => f.pad(""),
        }
    }
}

/// The types of ICMP and ICMPv6 do not overlap in what is named here (RFC 792, RFC 4443).
fn icmp_name(kind: u8, code: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (kind, code) {
        (8 | 128, _) => f.pad("echo request"),
        (0 | 129, _) => f.pad("echo reply"),
        (3, 0) => f.pad("network unreachable"),
        (3, 1) | (1, 3) => f.pad("host unreachable"),
        (3, 3) | (1, 4) => f.pad("port unreachable"),
        (3, 4) | (2, _) => f.pad("packet too big"),
        (3, 9 | 10 | 13) | (1, 1) => f.pad("prohibited"),
        (3, _) | (1, _) => write!(f, "unreachable, code {code}"),
        (11, _) => f.pad("time exceeded"),
        _ => write!(f, "type {kind} code {code}"),
    }
}

/// A packet as it was seen at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// Index of the tap.
    pub(crate) tap: usize,
    /// Kernel time, nanoseconds since 1970.
    pub(crate) time: u64,
    pub(crate) decoded: Decoded,
    pub(crate) frame: Frame,
}

/// What the headers of a packet say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) flow: Flow,
    /// The connection that it belongs to. Differs from `flow` for an ICMP error, which belongs to the connection of the
    /// packet that it quotes.
    pub(crate) belongs: Flow,
    pub(crate) identity: Identity,
    /// Hash of (the start of) what it carries; 0 if it is empty or, for ICMP errors, rewritten by NAT.
    pub(crate) hash: u64,
    /// Time to live, or hop limit; none for ARP.
    pub(crate) ttl: Option<u8>,
    /// Source and destination on the link.
    pub(crate) link: Option<(Mac, Mac)>,
}
