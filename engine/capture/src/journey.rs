//! The journey of a packet: where it was seen, what changed between, and which rules it met.

use std::fmt;
use std::sync::Arc;

use porthole_network::ruleset::{Family, Nat};

use crate::connection::{Connection, Direction};
use crate::flow::{Endpoint, Flow, Protocol};
use crate::packet::{Frame, Identity, Mac};

/// What kind of place a tap is at; in the order in which a packet from outside passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TapKind {
    /// Another machine's interface.
    Outside,
    /// The host's interface towards other machines.
    Uplink,
    /// The host's loopback interface.
    Loopback,
    /// A bridge.
    Bridge,
    /// The host's end of a container's veth pair.
    Veth,
    /// The interface inside a container.
    Container,
}

/// A place where packets are seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// What a person calls it: `outside`, `web`.
    pub label: String,
    /// What kind of place it is.
    pub kind: TapKind,
    /// The interface's name in its own network namespace.
    pub interface: String,
}

/// A packet's journey past the taps, as far as it is known: later versions of the same journey may know more until it is
/// [`complete`](Journey::complete).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journey {
    /// A number of this session, the same in all versions.
    pub id: u64,
    /// The session's taps, in the order in which a packet from outside passes them.
    pub taps: Arc<[Tap]>,
    /// The connection that the packet belongs to; none if conntrack knows none.
    pub connection: Option<Arc<Connection>>,
    /// Its direction in the connection.
    pub direction: Option<Direction>,
    /// Its protocol.
    pub protocol: Protocol,
    /// What identifies it.
    pub packet: Identity,
    /// When it was first seen: kernel time in nanoseconds since 1970.
    pub time: u64,
    /// Where it was seen, in order of time.
    pub hops: Vec<Hop>,
    /// Where it was expected and not seen.
    pub unseen: Vec<Unseen>,
    /// The rules that it met, in order.
    pub steps: Vec<Step>,
    /// Who rewrote its addresses.
    pub rewrites: Vec<Rewrite>,
    /// Whether the kernel lost trace messages meanwhile, so that rules may be missing.
    pub rules_lost: bool,
    /// Whether nothing more can come.
    pub complete: bool,
}

/// One sighting of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Index of the tap.
    pub tap: usize,
    /// When: nanoseconds after the first sighting.
    pub offset: u64,
    /// Its source and destination there.
    pub flow: Flow,
    /// Its time to live (hop limit) there; none for ARP.
    pub ttl: Option<u8>,
    /// Its source and destination on the link.
    pub link: Option<(Mac, Mac)>,
    /// What had changed since the hop before.
    pub changes: Vec<Change>,
    /// Its bytes.
    pub frame: Frame,
}

/// What changed in a packet between two hops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The destination was rewritten.
    Destination {
        /// What it was.
        from: Endpoint,
        /// What it became.
        to: Endpoint,
    },
    /// The source was rewritten.
    Source {
        /// What it was.
        from: Endpoint,
        /// What it became.
        to: Endpoint,
    },
    /// The packet that an ICMP error quotes was rewritten too.
    Quoted {
        /// The flow of the quoted packet's connection.
        from: Flow,
        /// What it became.
        to: Flow,
    },
    /// A router lowered the time to live.
    Ttl {
        /// What it was.
        from: u8,
        /// What it became.
        to: u8,
    },
    /// The packet went on to another link, so that other machines are named in its link header.
    Link {
        /// Source and destination before.
        from: (Mac, Mac),
        /// Source and destination after.
        to: (Mac, Mac),
    },
    /// The same bytes travelled in segments of another size (GSO, GRO).
    Segments {
        /// The length of the payload before.
        from: u32,
        /// The length of the payload after.
        to: u32,
    },
}

impl Change {
    /// Which address NAT rewrote, if this is NAT's work.
    pub fn nat(&self) -> Option<Nat> {
        match self {
            Change::Destination { .. } => Some(Nat::Destination),
            Change::Source { .. } => Some(Nat::Source),
            _ => None,
        }
    }
}

/// `DNAT 10.88.0.1:8088 → 172.17.0.2:80`; with `{:#}` the details of links are left out.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Destination { from, to } => write!(f, "DNAT {from} → {to}"),
            Change::Source { from, to } => write!(f, "SNAT {from} → {to}"),
            Change::Quoted { from, to } => write!(f, "quoted {} → {}", from.reversed(), to.reversed()),
            Change::Ttl { from, to } => write!(f, "ttl {from} → {to}"),
            Change::Link { .. } if f.alternate() => f.write_str("mac"),
            Change::Link { from, to } => write!(f, "mac {} > {} → {} > {}", from.0, from.1, to.0, to.1),
            Change::Segments { from, to } => write!(f, "segment {from} → {to} bytes"),
        }
    }
}

/// A tap that was expected to see a packet and did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// Index of the tap.
    pub tap: usize,
    /// Whether that says anything: false if the tap lost packets at that time, or was closed.
    pub sure: bool,
}

/// A rule, or the policy of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRef {
    /// The table's family.
    pub family: Family,
    /// The table.
    pub table: String,
    /// The chain.
    pub chain: String,
    /// The rule's handle; none for a policy.
    pub handle: Option<u64>,
    /// The rule in nft's syntax; none if it was gone before it could be read.
    pub text: Option<String>,
    /// What it does to addresses.
    pub nat: Option<Nat>,
}

/// `ip nat DOCKER handle 6: tcp dport 8088 dnat to 172.17.0.2:80`.
impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RuleRef { family, table, chain, .. } = self;
        write!(f, "{family} {table} {chain}")?;
        if let Some(handle) = self.handle {
            write!(f, " handle {handle}")?;
        }
        match &self.text {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}

/// A rule that a packet matched, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The rule or policy.
    pub rule: Arc<RuleRef>,
    /// What it decided.
    pub verdict: Verdict,
}

/// What a rule decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The packet leaves this base chain and goes on to the next.
    Accept,
    /// The packet is gone.
    Drop,
    /// The next rule is asked.
    Continue,
    /// The rules of another chain are asked, then the next rule.
    Jump(String),
    /// The rules of another chain are asked instead of the next rule.
    Goto(String),
    /// The chain that jumped here goes on.
    Return,
    /// A program decides (NF_QUEUE).
    Queue,
    /// The kernel has taken the packet elsewhere.
    Stolen,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Accept => f.pad("accept"),
            Verdict::Drop => f.pad("drop"),
            Verdict::Continue => f.pad("continue"),
            Verdict::Jump(chain) => f.pad(&format!("jump {chain}")),
            Verdict::Goto(chain) => f.pad(&format!("goto {chain}")),
            Verdict::Return => f.pad("return"),
            Verdict::Queue => f.pad("queue"),
            Verdict::Stolen => f.pad("stolen"),
        }
    }
}

/// A rewriting of addresses and its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// Which address.
    pub nat: Nat,
    /// Who did it.
    pub author: Author,
}

/// NAT rules see only the first packet of a connection; the entry in conntrack's table rewrites all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// A rule, on the first packet.
    Rule(Arc<RuleRef>),
    /// The connection's entry.
    Entry {
        /// The entry's number.
        id: Option<u32>,
        /// The rule that made it so, if the trace saw it.
        rule: Option<Arc<RuleRef>>,
    },
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Author::Rule(rule) => write!(f, "by rule {rule}"),
            Author::Entry { id, rule } => {
                f.write_str("by conntrack entry")?;
                if let Some(id) = id {
                    write!(f, " {id}")?;
                }
                match rule {
                    Some(rule) => write!(f, " (created by rule {rule})"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Journey {
    /// The step that ended the journey, if a rule or policy dropped the packet.
    pub fn dropped_by(&self) -> Option<&Step> {
        self.steps.iter().find(|step| step.verdict == Verdict::Drop)
    }

    /// Whether every tap that was expected to see the packet did.
    pub fn seen_everywhere(&self) -> bool {
        self.unseen.is_empty()
    }

    /// The first hop at a tap.
    pub fn hop_at(&self, tap: usize) -> Option<&Hop> {
        self.hops.iter().find(|hop| hop.tap == tap)
    }

    /// The tap of a hop.
    pub fn tap(&self, hop: &Hop) -> &Tap {
        &self.taps[hop.tap]
    }
}
