use super::Family;
use super::expression::Expression;
use crate::netlink::Requests;
use netlink_packet_core::{DefaultNla, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_netfilter::nftables::{
    ChainAttribute, ChainMessage, DataAttribute, Hook, InetHookNumber, ListAttribute, NfTablesMessage, RuleAttribute,
    RuleMessage, SetAttribute, SetElementAttribute, SetElementList, SetElementMessage, SetFlags, SetMessage,
    TableAttribute, TableMessage, Verdict, VerdictAttribute,
};
use netlink_packet_netfilter::none::ControlMessage;
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage, NetfilterProtoFamily};
use std::fmt;

/// nfnetlink.h: the subsystem that a batch is for, the type of its first message, and the attribute of that message by which
/// the batch is refused (ERESTART) unless the ruleset is still of this generation.
const NFNL_SUBSYS_NFTABLES: u16 = 10;
const NFNL_MSG_BATCH_BEGIN: u8 = 16;
const NFNL_BATCH_GENID: u16 = 1;
const POLICY_ACCEPT: u32 = 1;
/// NFT_DATA_VERDICT: what a verdict map maps to.
const DATA_VERDICT: u32 = 0xffff_ff00;

/// A change to the ruleset that the kernel carries out as a whole or not at all.
pub(super) struct Batch {
    requests: Requests,
    sets: u32,
}

/// A table of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub family: Family,
    pub table: &'a str,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family, self.table)
    }
}

/// What kind of set: its keys, as nft(8) names them, and whether each has a verdict.
#[derive(Clone, Copy, Debug)]
pub(super) struct SetKind {
    /// libnftables' numbers of the data types of which a key is made, six bits each.
    pub key_type: u32,
    /// In bytes; each part takes a multiple of four.
    pub key_len: u32,
    pub verdicts: bool,
    /// Whether nft(8) is to read keys in the host's order of bytes, as names of interfaces, or in the network's.
    pub host_order: bool,
}

/// Where packets enter a base chain.
pub(super) struct Base {
    /// `nat` or `filter`.
    pub kind: &'static str,
    pub hook: InetHookNumber,
    /// Chains at one hook run in order of priority, lowest first.
    pub priority: i32,
}

impl Batch {
    /// Begins a batch; with a `generation`, one that fails if the ruleset has changed since.
    pub fn new(generation: Option<u32>) -> Batch {
        let begin = match generation {
            None => ControlMessage::BatchBegin,
            Some(generation) => ControlMessage::Other {
                message_type: NFNL_MSG_BATCH_BEGIN,
                attributes: vec![DefaultNla::new(NFNL_BATCH_GENID, generation.to_be_bytes().to_vec())],
            },
        };
        let mut requests = Requests::new();
        requests.push_bracket(0, control(begin));
        Batch { requests, sets: 0 }
    }

    /// The whole batch, ready to be sent.
    pub fn finish(mut self) -> Requests {
        self.requests.push_bracket(0, control(ControlMessage::BatchEnd));
        self.requests
    }

    /// Adds a table; fails if there is one of this name.
    pub fn add_table(&mut self, at: Place<'_>, comment: &str) {
        let attributes =
            vec![TableAttribute::Name(at.table.into()), TableAttribute::UserData(super::userdata::comment(comment))];
        self.push(at, NLM_F_CREATE | NLM_F_EXCL, NfTablesMessage::NewTable(TableMessage { attributes }));
    }

    /// Removes a table with all that is in it.
    pub fn delete_table(&mut self, at: Place<'_>) {
        let attributes = vec![TableAttribute::Name(at.table.into())];
        self.push(at, 0, NfTablesMessage::DeleteTable(TableMessage { attributes }));
    }

    /// Adds a chain; without a base, one to jump to.
    pub fn add_chain(&mut self, at: Place<'_>, chain: &str, base: Option<Base>) {
        let mut attributes = vec![ChainAttribute::Table(at.table.into()), ChainAttribute::Name(chain.into())];
        if let Some(base) = base {
            let hook = vec![Hook::Number(base.hook.into()), Hook::Priority(base.priority as u32)];
            attributes.extend([
                ChainAttribute::Hook(hook),
                ChainAttribute::Type(base.kind.into()),
                ChainAttribute::Policy(POLICY_ACCEPT),
            ]);
        }
        self.push(at, NLM_F_CREATE, NfTablesMessage::NewChain(ChainMessage { attributes }));
    }

    /// Removes a chain with its rules, to which nothing jumps any more.
    pub fn delete_chain(&mut self, at: Place<'_>, chain: &str) {
        let attributes = vec![ChainAttribute::Table(at.table.into()), ChainAttribute::Name(chain.into())];
        self.push(at, 0, NfTablesMessage::DeleteChain(ChainMessage { attributes }));
    }

    /// Adds a rule at the end of a chain.
    pub fn add_rule(&mut self, at: Place<'_>, chain: &str, expressions: Vec<Expression>, userdata: Vec<u8>) {
        self.push_rule(at, NLM_F_APPEND, chain, expressions, userdata);
    }

    /// Adds a rule at the head of a chain.
    pub fn insert_rule(&mut self, at: Place<'_>, chain: &str, expressions: Vec<Expression>, userdata: Vec<u8>) {
        self.push_rule(at, 0, chain, expressions, userdata);
    }

    fn push_rule(&mut self, at: Place<'_>, place: u16, chain: &str, expressions: Vec<Expression>, userdata: Vec<u8>) {
        let attributes = vec![
            RuleAttribute::Table(at.table.into()),
            RuleAttribute::Chain(chain.into()),
            RuleAttribute::Expressions(expressions),
            RuleAttribute::UserData(userdata),
        ];
        self.push(at, NLM_F_CREATE | place, NfTablesMessage::NewRule(RuleMessage { attributes }));
    }

    /// Removes the rule with this handle.
    pub fn delete_rule(&mut self, at: Place<'_>, chain: &str, handle: u64) {
        let attributes = vec![
            RuleAttribute::Table(at.table.into()),
            RuleAttribute::Chain(chain.into()),
            RuleAttribute::Handle(handle),
        ];
        self.push(at, 0, NfTablesMessage::DeleteRule(RuleMessage { attributes }));
    }

    /// Adds a set or a verdict map.
    pub fn add_set(&mut self, at: Place<'_>, set: &str, kind: SetKind) {
        self.sets += 1;
        let mut attributes = vec![
            SetAttribute::Table(at.table.into()),
            SetAttribute::Name(set.into()),
            SetAttribute::Flags(if kind.verdicts { SetFlags::Map } else { SetFlags::empty() }),
            SetAttribute::KeyType(kind.key_type),
            SetAttribute::KeyLen(kind.key_len),
            SetAttribute::Id(self.sets),
            SetAttribute::UserData(super::userdata::byte_order(kind.host_order)),
        ];
        if kind.verdicts {
            attributes.push(SetAttribute::DataType(DATA_VERDICT));
        }
        self.push(at, NLM_F_CREATE, NfTablesMessage::NewSet(SetMessage { attributes }));
    }

    /// Adds an element to a set or, with a chain, to a verdict map: it goes to that chain. Fails if the key is there.
    pub fn add_element(&mut self, at: Place<'_>, set: &str, key: &[u8], chain: Option<&str>) {
        let verdict = chain.map(|chain| {
            let goto = vec![VerdictAttribute::Code(Verdict::Goto), VerdictAttribute::Chain(chain.into())];
            SetElementAttribute::Data(DataAttribute::Verdict(goto))
        });
        let message = elements(at, set, key, verdict);
        self.push(at, NLM_F_CREATE | NLM_F_EXCL, NfTablesMessage::NewSetElement(message));
    }

    /// Removes an element.
    pub fn delete_element(&mut self, at: Place<'_>, set: &str, key: &[u8]) {
        let message = elements(at, set, key, None);
        self.push(at, 0, NfTablesMessage::DeleteSetElement(message));
    }

    fn push(&mut self, at: Place<'_>, flags: u16, message: NfTablesMessage) {
        let header = NetfilterHeader::new(at.family.into(), 0, 0);
        self.requests.push(flags, NetfilterMessage::new(header, message));
    }
}

fn elements(at: Place<'_>, set: &str, key: &[u8], data: Option<SetElementAttribute>) -> SetElementMessage {
    let mut element = vec![SetElementAttribute::Key(DataAttribute::Value(key.into()))];
    element.extend(data);
    SetElementMessage {
        attributes: vec![
            SetElementList::Table(at.table.into()),
            SetElementList::Set(set.into()),
            SetElementList::Elements(vec![ListAttribute::Element(element)]),
        ],
    }
}

fn control(message: ControlMessage) -> NetfilterMessage {
    NetfilterMessage::new(NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, NFNL_SUBSYS_NFTABLES), message)
}
