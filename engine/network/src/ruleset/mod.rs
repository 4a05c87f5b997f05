//! The nftables ruleset of a network namespace, as the kernel holds it, with each rule as text.
//!
//! A trace message names a rule by table, chain and handle only. [`Ruleset`] turns that into what a person would read
//! in `nft -a list ruleset`, without running `nft`: tables, chains, rules and the contents of sets are dumped over
//! netlink ([`Ruleset::read`]) and their expressions are rendered in nft's syntax. Rules that iptables-nft stored as
//! xtables matches and targets are shown in the same syntax. An expression that the renderer does not know appears as
//! `<name>` and is never guessed.
//!
//! Numbers are those of `linux/netfilter/nf_tables.h`.

mod attribute;
mod dump;
mod iptables;
mod nft;
mod part;
mod render;
mod select;
mod sets;
#[cfg(test)]
mod tests;

pub(crate) use attribute::text as printable;
pub use attribute::{Attributes, Iter};
pub use dump::ReadError;
pub use iptables::Listing;
pub use select::Interest;

use std::fmt;

/// All tables of a network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// The kernel's number of this version of the ruleset; each transaction raises it.
    pub generation: u32,
    /// The tables in the kernel's order.
    pub tables: Vec<Table>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The address family whose packets it sees.
    pub family: Family,
    /// Its name, unique in its family.
    pub name: String,
    /// The kernel's number for it.
    pub handle: u64,
    /// Its sets and maps with names, if they were read ([`Ruleset::read_whole`]).
    pub sets: Vec<NamedSet>,
    /// Its chains in the kernel's order.
    pub chains: Vec<Chain>,
}

/// A set, or a map, that rules refer to by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSet {
    /// Its name, unique in its table.
    pub name: String,
    /// The kernel's number for it.
    pub handle: u64,
    /// The type of its keys: `ipv4_addr . inet_service`.
    pub key: String,
    /// The type of what keys are mapped to, `verdict` for one; `None` for a set.
    pub data: Option<String>,
    /// Whether its elements are ranges.
    pub has_ranges: bool,
    /// What is in it, in order of the keys.
    pub elements: Vec<Element>,
}

/// An element of a set or map, in nft's syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// `172.17.0.1 . tcp . 8088`.
    pub key: String,
    /// What a map has for it: `goto web`.
    pub value: Option<String>,
}

/// A chain of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Its name, unique in its table.
    pub name: String,
    /// The kernel's number for it.
    pub handle: u64,
    /// Where packets enter it; none for a chain that is only jumped to.
    pub base: Option<Base>,
    /// Its rules in order.
    pub rules: Vec<Rule>,
}

/// What makes a chain a base chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// `filter`, `nat` or `route`.
    pub kind: String,
    /// The hook, as nft calls it: `prerouting`, `forward`, …
    pub hook: &'static str,
    /// Chains at one hook run in order of priority, lowest first.
    pub priority: i32,
    /// What happens to packets that reach the end.
    pub policy: Policy,
    /// What the policy has decided on; iptables keeps count of that, nft does not.
    pub counter: Option<Counter>,
}

/// The fate of a packet that no rule of a base chain decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The packet goes on.
    Accept,
    /// The packet is gone.
    Drop,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The kernel's number for it, unique in its table.
    pub handle: u64,
    /// Its matches and statements in order.
    pub statements: Vec<Statement>,
    /// The comment that its author gave it.
    pub comment: Option<String>,
    /// What it does to addresses, if it is a NAT rule.
    pub nat: Option<Nat>,
}

/// One match or statement of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// In nft's syntax.
    Text(String),
    /// A counter, apart because its value changes with each packet.
    Counter(Counter),
}

/// What a rule's counter has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// Packets that reached it.
    pub packets: u64,
    /// Their bytes, from the network header on.
    pub bytes: u64,
}

/// Which address a NAT rule rewrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// `snat`, `masquerade`.
    Source,
    /// `dnat`, `redirect`.
    Destination,
}

/// The address family of a table (`NFPROTO_*` in `linux/netfilter.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4 and IPv6.
    Inet,
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// ARP.
    Arp,
    /// Frames through a bridge.
    Bridge,
    /// Frames at a device's ingress or egress.
    Netdev,
}

impl Family {
    /// From `NFPROTO_*`.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Family::Inet,
            2 => Family::Ip,
            3 => Family::Arp,
            5 => Family::Netdev,
            7 => Family::Bridge,
            10 => Family::Ip6,
            _ => return None,
        })
    }

    /// As nft writes it.
    pub fn name(self) -> &'static str {
        match self {
            Family::Inet => "inet",
            Family::Ip => "ip",
            Family::Ip6 => "ip6",
            Family::Arp => "arp",
            Family::Bridge => "bridge",
            Family::Netdev => "netdev",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Ruleset {
    /// A table by family and name.
    pub fn table(&self, family: Family, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.family == family && table.name == name)
    }
}

impl Table {
    /// A set or map by name.
    pub fn set(&self, name: &str) -> Option<&NamedSet> {
        self.sets.iter().find(|set| set.name == name)
    }

    /// A chain by name.
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.name == name)
    }
}

impl Chain {
    /// A rule by handle.
    pub fn rule(&self, handle: u64) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.handle == handle)
    }
}

impl Rule {
    /// The rule without its counter and comment: what it says, the same each time it is asked.
    pub fn text(&self) -> String {
        let texts = self.statements.iter().filter_map(|statement| match statement {
            Statement::Text(text) => Some(text.as_str()),
            Statement::Counter(_) => None,
        });
        texts.collect::<Vec<_>>().join(" ")
    }

    /// What its first counter has counted.
    pub fn counter(&self) -> Option<Counter> {
        self.statements.iter().find_map(|statement| match statement {
            Statement::Counter(counter) => Some(*counter),
            Statement::Text(_) => None,
        })
    }
}

/// The rule as `nft list` prints it.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, statement) in self.statements.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match statement {
                Statement::Text(text) => f.write_str(text)?,
                Statement::Counter(Counter { packets, bytes }) => {
                    write!(f, "counter packets {packets} bytes {bytes}")?;
                }
            }
        }
        match &self.comment {
            Some(comment) => write!(f, " comment \"{comment}\""),
            None => Ok(()),
        }
    }
}
