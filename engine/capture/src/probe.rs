//! The rules that make the kernel trace the packets in focus.
//!
//! They live in a table of our own with the owner flag: nobody else can change it, `nft flush ruleset` passes it by, and it
//! goes when its socket is closed, even by SIGKILL. They change nothing but the trace bit of a packet. Each has a rate limit,
//! because tracing every packet of a fast flow would slow it to a third.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use netlink_packet_core::{DefaultNla, NLM_F_APPEND, NLM_F_CREATE};
use netlink_packet_netfilter::nftables::{
    ChainAttribute, ChainMessage, Cmp, DataAttribute, ExpressionAttribute, Expressions, Hook, Immediate,
    InetHookNumber, ListAttribute, Meta, MetaKey, NfTablesMessage, Operator, Payload, Register, RuleAttribute,
    RuleMessage, TableAttribute, TableFlags, TableMessage,
};
use netlink_packet_netfilter::none::ControlMessage;
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage, NetfilterProtoFamily};
use porthole_network::netlink::{self, Protocol as Netlink, Requests, Socket};

use crate::correlate::OWN_TABLE;
use crate::flow::Protocol;
use crate::focus::{Focus, Side};

/// Before everything else: raw is -300.
const FIRST: i32 = -350;
/// Just after conntrack (-200) has found the packet's connection.
const AFTER_CONNTRACK: i32 = -190;
/// NFNL_SUBSYS_NFTABLES, which a batch names.
const SUBSYSTEM: u16 = 10;

type Expression = ListAttribute<ExpressionAttribute>;

/// The trace rules, which are there as long as this is.
#[derive(Debug)]
pub(crate) struct Probe {
    _owner: Socket,
}

impl Probe {
    /// Adds trace rules for this focus in the calling thread's network namespace; each traces at most `rate` packets a
    /// second.
    pub(crate) fn set(focus: &[Focus], rate: u32) -> Result<Self, netlink::Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let table = format!("{OWN_TABLE}-{}-{number}", std::process::id());
        let mut owner = Socket::open(Netlink::Netfilter)?;
        owner.execute::<NetfilterMessage>(batch(&table, focus, rate))?;
        Ok(Probe { _owner: owner })
    }
}

fn batch(table: &str, focus: &[Focus], rate: u32) -> Requests {
    let mut requests = Requests::new();
    let bracket = NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, SUBSYSTEM);
    requests.push_bracket(0, NetfilterMessage::new(bracket.clone(), ControlMessage::BatchBegin));
    let mut push = |flags, message: NfTablesMessage| {
        let header = NetfilterHeader::new(NetfilterProtoFamily::Inet, 0, 0);
        requests.push(flags, NetfilterMessage::new(header, message));
    };
    let attributes = vec![TableAttribute::Name(table.into()), TableAttribute::Flags(TableFlags::Owner)];
    push(NLM_F_CREATE, NfTablesMessage::NewTable(TableMessage { attributes }));
    let hooks = [("prerouting", InetHookNumber::PreRouting), ("output", InetHookNumber::LocalOut)];
    for (name, hook) in hooks {
        for (chain, priority, rules) in [
            (name.to_owned(), FIRST, by_header(focus)),
            (format!("{name}-known"), AFTER_CONNTRACK, by_connection(focus)),
        ] {
            if rules.is_empty() {
                continue;
            }
            push(NLM_F_CREATE, NfTablesMessage::NewChain(base_chain(table, &chain, hook, priority)));
            for mut expressions in rules {
                expressions.extend(traced(rate));
                let attributes = vec![
                    RuleAttribute::Table(table.into()),
                    RuleAttribute::Chain(chain.clone()),
                    RuleAttribute::Expressions(expressions),
                ];
                push(NLM_F_CREATE | NLM_F_APPEND, NfTablesMessage::NewRule(RuleMessage { attributes }));
            }
        }
    }
    requests.push_bracket(0, NetfilterMessage::new(bracket, ControlMessage::BatchEnd));
    requests
}

fn base_chain(table: &str, chain: &str, hook: InetHookNumber, priority: i32) -> ChainMessage {
    let hook = vec![Hook::Number(hook.into()), Hook::Priority(priority as u32)];
    let attributes = vec![
        ChainAttribute::Table(table.into()),
        ChainAttribute::Name(chain.into()),
        ChainAttribute::Hook(hook),
        ChainAttribute::Type("filter".into()),
    ];
    ChainMessage { attributes }
}

/// Matches on the headers as they arrive: each side as source and as destination.
fn by_header(focus: &[Focus]) -> Vec<Vec<Expression>> {
    let mut rules = Vec::new();
    for focus in focus {
        for side in focus.published.iter().chain(&focus.container) {
            for end in [End::Source, End::Destination] {
                rules.push(matching(focus.protocol, side, end));
            }
        }
    }
    rules
}

/// Matches on the connection, for a whole container: the answers to its masqueraded packets carry the host's address until
/// NAT has seen them.
fn by_connection(focus: &[Focus]) -> Vec<Vec<Expression>> {
    let whole = focus.iter().filter_map(|focus| match focus.container {
        Some(Side { address: Some(address), port: None }) => Some((focus.protocol, address)),
        _ => None,
    });
    whole
        .flat_map(|(protocol, address)| {
            [0, 1].map(|direction| {
                let mut rule = protocol.and_then(transport).unwrap_or_default();
                rule.extend(connection_source(direction, address));
                rule
            })
        })
        .collect()
}

#[derive(Clone, Copy)]
enum End {
    Source,
    Destination,
}

fn matching(protocol: Option<Protocol>, side: &Side, end: End) -> Vec<Expression> {
    const NETWORK: u32 = 1;
    const TRANSPORT: u32 = 2;
    let mut rule = protocol.and_then(transport).unwrap_or_default();
    if let Some(address) = side.address {
        // Offsets in the headers of RFC 791 and RFC 8200.
        let (offset, octets) = match (address, end) {
            (IpAddr::V4(address), End::Source) => (12, address.octets().to_vec()),
            (IpAddr::V4(address), End::Destination) => (16, address.octets().to_vec()),
            (IpAddr::V6(address), End::Source) => (8, address.octets().to_vec()),
            (IpAddr::V6(address), End::Destination) => (24, address.octets().to_vec()),
        };
        rule.extend([meta(MetaKey::Nfproto), equals(vec![network_family(address)])]);
        rule.extend([payload(NETWORK, offset, octets.len() as u32), equals(octets)]);
    }
    if let Some(port) = side.port {
        let offset = match end {
            End::Source => 0,
            End::Destination => 2,
        };
        rule.extend([payload(TRANSPORT, offset, 2), equals(port.to_be_bytes().to_vec())]);
    }
    rule
}

/// `meta l4proto tcp`.
fn transport(protocol: Protocol) -> Option<Vec<Expression>> {
    let number = match protocol {
        Protocol::Icmp => 1,
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Icmpv6 => 58,
        Protocol::Other(number) => number,
        Protocol::Arp => return None,
    };
    Some(vec![meta(MetaKey::L4Proto), equals(vec![number])])
}

/// `ct original ip saddr ADDRESS`, or `ct reply` for direction 1.
fn connection_source(direction: u8, address: IpAddr) -> Vec<Expression> {
    const DREG: u16 = 1;
    const KEY: u16 = 2;
    const DIRECTION: u16 = 3;
    const SOURCE_IP: u32 = 19;
    const SOURCE_IP6: u32 = 21;
    let (key, octets) = match address {
        IpAddr::V4(address) => (SOURCE_IP, address.octets().to_vec()),
        IpAddr::V6(address) => (SOURCE_IP6, address.octets().to_vec()),
    };
    let load = other(
        "ct",
        vec![
            DefaultNla::new(DREG, u32::from(Register::Reg1).to_be_bytes().to_vec()),
            DefaultNla::new(KEY, key.to_be_bytes().to_vec()),
            DefaultNla::new(DIRECTION, vec![direction]),
        ],
    );
    vec![meta(MetaKey::Nfproto), equals(vec![network_family(address)]), load, equals(octets)]
}

/// NFPROTO_IPV4 or NFPROTO_IPV6.
fn network_family(address: IpAddr) -> u8 {
    if address.is_ipv4() { 2 } else { 10 }
}

/// `limit rate RATE/second meta nftrace set 1`.
fn traced(rate: u32) -> [Expression; 3] {
    const RATE: u16 = 1;
    const UNIT: u16 = 2;
    const BURST: u16 = 3;
    const SECOND: u64 = 1;
    let limit = other(
        "limit",
        vec![
            DefaultNla::new(RATE, u64::from(rate).to_be_bytes().to_vec()),
            DefaultNla::new(UNIT, SECOND.to_be_bytes().to_vec()),
            DefaultNla::new(BURST, rate.to_be_bytes().to_vec()),
        ],
    );
    let one = vec![Immediate::DestinationRegister(Register::Reg1), Immediate::Data(DataAttribute::Value(vec![1]))];
    let set = vec![Meta::Key(MetaKey::NftraceBit), Meta::SourceRegister(Register::Reg1)];
    [limit, Expressions::Immediate(one).into(), Expressions::Meta(set).into()]
}

fn meta(key: MetaKey) -> Expression {
    Expressions::Meta(vec![Meta::Key(key), Meta::DestinationRegister(Register::Reg1)]).into()
}

fn payload(base: u32, offset: u32, length: u32) -> Expression {
    Expressions::Payload(vec![
        Payload::DestinationRegister(Register::Reg1),
        Payload::Base(base),
        Payload::Offset(offset),
        Payload::Len(length),
    ])
    .into()
}

fn equals(value: Vec<u8>) -> Expression {
    Expressions::Cmp(vec![
        Cmp::SourceRegister(Register::Reg1),
        Cmp::Op(Operator::Equal),
        Cmp::Data(DataAttribute::Value(value)),
    ])
    .into()
}

fn other(name: &str, attributes: Vec<DefaultNla>) -> Expression {
    Expressions::Other { expression_type: name.into(), attributes }.into()
}
