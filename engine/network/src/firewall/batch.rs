use super::expression::Expression;
use crate::netlink::Requests;
use netlink_packet_core::{DefaultNla, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_netfilter::nftables::{
    ChainAttribute, ChainMessage, Hook, InetHookNumber, NfTablesMessage, RuleAttribute, RuleMessage, TableAttribute,
    TableMessage,
};
use netlink_packet_netfilter::none::ControlMessage;
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage, NetfilterProtoFamily};

/// nfnetlink.h: the subsystem that a batch is for, the type of its first message, and the attribute of that message by which
/// the batch is refused (ERESTART) unless the ruleset is still of this generation.
const NFNL_SUBSYS_NFTABLES: u16 = 10;
const NFNL_MSG_BATCH_BEGIN: u8 = 16;
const NFNL_BATCH_GENID: u16 = 1;
const POLICY_ACCEPT: u32 = 1;

/// A change to the ruleset that the kernel carries out as a whole or not at all.
pub(super) struct Batch {
    requests: Requests,
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
        Batch { requests }
    }

    /// The whole batch, ready to be sent.
    pub fn finish(mut self) -> Requests {
        self.requests.push_bracket(0, control(ControlMessage::BatchEnd));
        self.requests
    }

    /// Adds a table; fails if there is one of this name.
    pub fn add_table(&mut self, table: &str, comment: &str) {
        let attributes =
            vec![TableAttribute::Name(table.into()), TableAttribute::UserData(super::userdata::comment(comment))];
        self.push(NLM_F_CREATE | NLM_F_EXCL, NfTablesMessage::NewTable(TableMessage { attributes }));
    }

    /// Removes a table with all that is in it.
    pub fn delete_table(&mut self, table: &str) {
        let attributes = vec![TableAttribute::Name(table.into())];
        self.push(0, NfTablesMessage::DeleteTable(TableMessage { attributes }));
    }

    /// Adds a chain; without a base, one to jump to.
    pub fn add_chain(&mut self, table: &str, chain: &str, base: Option<Base>) {
        let mut attributes = vec![ChainAttribute::Table(table.into()), ChainAttribute::Name(chain.into())];
        if let Some(base) = base {
            let hook = vec![Hook::Number(base.hook.into()), Hook::Priority(base.priority as u32)];
            attributes.extend([
                ChainAttribute::Hook(hook),
                ChainAttribute::Type(base.kind.into()),
                ChainAttribute::Policy(POLICY_ACCEPT),
            ]);
        }
        self.push(NLM_F_CREATE, NfTablesMessage::NewChain(ChainMessage { attributes }));
    }

    /// Adds a rule at the end of a chain.
    pub fn add_rule(&mut self, table: &str, chain: &str, expressions: Vec<Expression>, userdata: Vec<u8>) {
        let attributes = vec![
            RuleAttribute::Table(table.into()),
            RuleAttribute::Chain(chain.into()),
            RuleAttribute::Expressions(expressions),
            RuleAttribute::UserData(userdata),
        ];
        self.push(NLM_F_CREATE | NLM_F_APPEND, NfTablesMessage::NewRule(RuleMessage { attributes }));
    }

    /// Removes the rule with this handle.
    pub fn delete_rule(&mut self, table: &str, chain: &str, handle: u64) {
        let attributes =
            vec![RuleAttribute::Table(table.into()), RuleAttribute::Chain(chain.into()), RuleAttribute::Handle(handle)];
        self.push(0, NfTablesMessage::DeleteRule(RuleMessage { attributes }));
    }

    fn push(&mut self, flags: u16, message: NfTablesMessage) {
        let header = NetfilterHeader::new(NetfilterProtoFamily::IPv4, 0, 0);
        self.requests.push(flags, NetfilterMessage::new(header, message));
    }
}

fn control(message: ControlMessage) -> NetfilterMessage {
    NetfilterMessage::new(NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, NFNL_SUBSYS_NFTABLES), message)
}
