//! What the kernel tells about connections and rules.

use porthole_network::ruleset::Family;

use super::draft::ChainName;
use crate::connection::Direction;
use crate::conntrack;
use crate::journey::Step;
use crate::packet::Decoded;

/// Something the kernel told about connections or rules.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Conntrack's table changed.
    Connection(conntrack::Change, conntrack::Entry),
    /// A packet met a rule, or entered a base chain.
    Trace(Trace),
    /// Messages were lost.
    Lost,
}

/// A trace message, its rule looked up.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) id: u32,
    pub(crate) chain: ChainName,
    pub(crate) packet: Option<Decoded>,
    pub(crate) connection: Option<(u32, Direction)>,
    /// None for what is not shown: the end of a chain, and our own rules.
    pub(crate) step: Option<Step>,
    /// When it was received, nanoseconds since 1970.
    pub(crate) time: u64,
}

/// The names of our own tables of trace rules begin with this; what they do is not shown.
pub(crate) const OWN_TABLE: &str = "porthole-trace";

/// Whether a chain is one of ours.
pub(crate) fn is_own(family: Family, table: &str) -> bool {
    family == Family::Inet && table.starts_with(OWN_TABLE)
}
