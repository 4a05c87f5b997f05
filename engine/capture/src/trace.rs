//! The kernel's trace messages: which rules a packet meets (NFTA_TRACE_* in `linux/netfilter/nf_tables.h`).

use porthole_network::ruleset::{Attributes, Family};

use crate::connection::Direction;
use crate::decode::decode_headers;
use crate::journey::Verdict;
use crate::packet::Decoded;

/// One trace message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// A number that the messages about one packet have in common for a while. The kernel hashes it from a buffer's address
    /// and the incoming interface, so others reuse it, and a bridge changes it half-way.
    pub(crate) id: u32,
    pub(crate) family: Family,
    pub(crate) table: String,
    pub(crate) chain: String,
    pub(crate) event: TraceEvent,
    /// The packet's headers: only in the first message of each base chain.
    pub(crate) packet: Option<Decoded>,
    /// The packet's connection, where conntrack has looked at it; since kernel 6.16.
    pub(crate) connection: Option<(u32, Direction)>,
}

/// What a message tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TraceEvent {
    /// A rule matched.
    Rule { handle: u64, verdict: Verdict },
    /// The end of a base chain was reached.
    Policy(Verdict),
    /// The end of a chain was reached without a match; of no interest.
    End,
}

/// Reads the attributes of a trace message about a chain of this family. (NFTA_TRACE_NFPROTO is the packet's family, which
/// for a table of family inet is another.)
pub(crate) fn message(family: Family, attributes: Attributes<'_>) -> Option<Message> {
    const TABLE: u16 = 1;
    const CHAIN: u16 = 2;
    const HANDLE: u16 = 3;
    const TYPE: u16 = 4;
    const VERDICT: u16 = 5;
    const ID: u16 = 6;
    const NETWORK_HEADER: u16 = 8;
    const TRANSPORT_HEADER: u16 = 9;
    const POLICY: u16 = 16;
    const CT_ID: u16 = 18;
    const CT_DIRECTION: u16 = 19;
    const TYPE_POLICY: u32 = 1;
    let event = match (attributes.u32(TYPE)?, attributes.u64(HANDLE)) {
        (TYPE_POLICY, _) if attributes.u32(POLICY)? == 0 => TraceEvent::Policy(Verdict::Drop),
        (TYPE_POLICY, _) => TraceEvent::Policy(Verdict::Accept),
        (_, Some(handle)) => TraceEvent::Rule { handle, verdict: verdict(attributes.nested(VERDICT))? },
        (_, None) => TraceEvent::End,
    };
    let headers = attributes.get(NETWORK_HEADER).zip(Some(attributes.get(TRANSPORT_HEADER).unwrap_or_default()));
    let direction = match attributes.u8(CT_DIRECTION) {
        Some(0) => Some(Direction::Original),
        Some(1) => Some(Direction::Reply),
        _ => None,
    };
    Some(Message {
        id: attributes.u32(ID)?,
        family,
        table: attributes.text(TABLE)?,
        chain: attributes.text(CHAIN)?,
        event,
        packet: headers.and_then(|(network, transport)| decode_headers(network, transport)),
        connection: attributes.u32(CT_ID).zip(direction),
    })
}

/// NFTA_VERDICT_*.
fn verdict(attributes: Attributes<'_>) -> Option<Verdict> {
    const CODE: u16 = 1;
    const CHAIN: u16 = 2;
    /// The low byte is the verdict, the rest an errno or a queue's number.
    const MASK: i32 = 0xff;
    let code = attributes.u32(CODE)? as i32;
    Some(match (code, code & MASK) {
        (-1 | -2, _) => Verdict::Continue,
        (-3, _) => Verdict::Jump(attributes.text(CHAIN)?),
        (-4, _) => Verdict::Goto(attributes.text(CHAIN)?),
        (-5, _) => Verdict::Return,
        (_, 0) => Verdict::Drop,
        (_, 1) => Verdict::Accept,
        (_, 2) => Verdict::Stolen,
        (_, 3) => Verdict::Queue,
        _ => return None,
    })
}
