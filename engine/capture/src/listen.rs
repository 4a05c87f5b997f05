//! One netlink socket for what the kernel tells about connections and rules.
//!
//! One socket and not several, because only then is the order of the messages the order in which things happened: conntrack
//! announces a connection after the trace of its first packet and before that of the answer.

use std::collections::HashMap;
use std::sync::Arc;

use netlink_packet_netfilter::conntrack::ConntrackMessage;
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage, NetfilterProtoFamily};
use porthole_network::netlink::{self, Message, Protocol, Socket};
use porthole_network::ruleset::{Attributes, Family, ReadError, Ruleset};

use crate::conntrack::{self, Change, Entry};
use crate::correlate::{Event, Trace, is_own};
use crate::error::Error;
use crate::flow::Flow;
use crate::journey::{RuleRef, Step};
use crate::tap::now;
use crate::trace::{self, TraceEvent};

/// NFNLGRP_* in `linux/netfilter/nfnetlink.h`: conntrack's new, update and destroy, the ruleset's changes, and traces.
const GROUPS: [u32; 5] = [1, 2, 3, 7, 9];
/// Room for about ten thousand trace messages.
const RECEIVE_BUFFER: usize = 8 << 20;
/// Length of `struct nfgenmsg`.
const HEADER: usize = 4;

/// NFNL_SUBSYS_* and the message types in them, as in `nlmsg_type`.
const CONNTRACK_NEW: u16 = 0x0100;
const CONNTRACK_DELETE: u16 = 0x0102;
const RULES_NEW_GENERATION: u16 = 0x0a0f;
const RULES_TRACE: u16 = 0x0a11;
/// NLM_F_CREATE | NLM_F_EXCL: tells a new connection from an update of one.
const NEW: u16 = 0x600;

/// The listener: created inside the host's network namespace, used on any thread.
pub(crate) struct Listener {
    events: Socket,
    /// For questions, so that their answers do not mingle with events.
    questions: Socket,
    rules: Rules,
}

impl Listener {
    /// Listens from now on, in the calling thread's network namespace.
    pub(crate) fn open() -> Result<Self, Error> {
        let events = Socket::open(Protocol::Netfilter).map_err(Error::Listen)?;
        events.set_receive_buffer(RECEIVE_BUFFER).map_err(Error::Listen)?;
        for group in GROUPS {
            events.join(group).map_err(Error::Listen)?;
        }
        let mut questions = Socket::open(Protocol::Netfilter).map_err(Error::Listen)?;
        let rules = Rules::read(&mut questions)?;
        Ok(Listener { events, questions, rules })
    }

    /// To be polled.
    pub(crate) fn socket(&self) -> &Socket {
        &self.events
    }

    /// The connections that exist: those made before somebody listened announce nothing.
    pub(crate) fn connections(&mut self) -> Result<Vec<Event>, Error> {
        let entries = dump(&mut self.questions)?.into_iter();
        Ok(entries.map(|entry| Event::Connection(Change::New, entry)).collect())
    }

    /// Reads all waiting messages.
    pub(crate) fn read(&mut self) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        loop {
            match self.events.receive() {
                Ok(None) => return Ok(events),
                Ok(Some(datagram)) => {
                    for message in datagram.messages() {
                        let event = event(&message, &mut self.rules, &mut self.questions)?;
                        events.extend(event);
                    }
                }
                Err(netlink::Error::Overrun) => {
                    events.push(Event::Lost);
                    events.extend(self.connections()?);
                }
                Err(error) => return Err(Error::Listen(error)),
            }
        }
    }
}

/// A connection in conntrack's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackedConnection {
    /// The flow of its first packet.
    pub original: Flow,
    /// The flow of the answers.
    pub reply: Flow,
    /// What the protocol's state machine says: `ESTABLISHED`.
    pub state: Option<&'static str>,
}

/// The connections in conntrack's table of the calling thread's network namespace.
pub fn tracked_connections() -> Result<Vec<TrackedConnection>, Error> {
    let mut socket = Socket::open(Protocol::Netfilter).map_err(Error::Listen)?;
    let tracked = |Entry { original, reply, state, .. }| TrackedConnection { original, reply, state };
    Ok(dump(&mut socket)?.into_iter().map(tracked).collect())
}

fn dump(socket: &mut Socket) -> Result<Vec<Entry>, Error> {
    let header = NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, 0);
    let request = NetfilterMessage::new(header, ConntrackMessage::Get(Vec::new()));
    let mut entries = Vec::new();
    let dumped = socket.dump_each(request, |message| {
        entries.extend(conntrack::entry(attributes(&message)));
        Ok(())
    });
    dumped.map_err(Error::Listen)?;
    Ok(entries)
}

fn attributes<'a>(message: &Message<'a>) -> Attributes<'a> {
    Attributes::new(message.payload().get(HEADER..).unwrap_or_default())
}

/// `nfgen_family`.
fn family(message: &Message<'_>) -> Option<Family> {
    Family::from_number(*message.payload().first()?)
}

fn event(message: &Message<'_>, rules: &mut Rules, questions: &mut Socket) -> Result<Option<Event>, Error> {
    let attributes = attributes(message);
    Ok(match message.kind() {
        CONNTRACK_NEW => {
            let change = if message.flags() & NEW != 0 { Change::New } else { Change::Update };
            conntrack::entry(attributes).map(|entry| Event::Connection(change, entry))
        }
        CONNTRACK_DELETE => conntrack::entry(attributes).map(|entry| Event::Connection(Change::Destroy, entry)),
        RULES_NEW_GENERATION => {
            rules.stale = true;
            None
        }
        RULES_TRACE => match family(message).and_then(|family| trace::message(family, attributes)) {
            Some(message) => Some(Event::Trace(resolve(message, rules, questions)?)),
            None => None,
        },
        _ => None,
    })
}

/// Looks up the rule that a trace message names.
fn resolve(message: trace::Message, rules: &mut Rules, questions: &mut Socket) -> Result<Trace, Error> {
    let trace::Message { id, family, table, chain, event, packet, connection } = message;
    let chain = (family, table, chain);
    let step = match event {
        _ if is_own(family, &chain.1) => None,
        TraceEvent::Rule { handle, verdict } => Some(Step { rule: rules.rule(&chain, handle, questions)?, verdict }),
        TraceEvent::Policy(verdict) => Some(Step { rule: rules.policy(&chain), verdict }),
        TraceEvent::End => None,
    };
    Ok(Trace { id, chain, packet, connection, step, time: now() })
}

type ChainName = (Family, String, String);

/// The rules' texts by chain and handle; a handle of none is the policy.
#[derive(Default)]
struct Rules {
    known: HashMap<ChainName, HashMap<Option<u64>, Arc<RuleRef>>>,
    /// Whether the ruleset has changed since it was read.
    stale: bool,
}

impl Rules {
    fn read(questions: &mut Socket) -> Result<Self, ReadError> {
        let ruleset = Ruleset::read(questions)?;
        let mut known: HashMap<ChainName, HashMap<_, _>> = HashMap::new();
        for table in &ruleset.tables {
            for chain in &table.chains {
                let rules = known.entry((table.family, table.name.clone(), chain.name.clone())).or_default();
                rules.extend(chain.rules.iter().map(|rule| {
                    let reference = RuleRef {
                        family: table.family,
                        table: table.name.clone(),
                        chain: chain.name.clone(),
                        handle: Some(rule.handle),
                        text: Some(rule.text()),
                        nat: rule.nat,
                    };
                    (Some(rule.handle), Arc::new(reference))
                }));
            }
        }
        Ok(Rules { known, stale: false })
    }

    fn rule(&mut self, chain: &ChainName, handle: u64, questions: &mut Socket) -> Result<Arc<RuleRef>, ReadError> {
        if self.stale {
            *self = Rules::read(questions)?;
        }
        Ok(self.get_or_name(chain, Some(handle)))
    }

    fn policy(&mut self, chain: &ChainName) -> Arc<RuleRef> {
        self.get_or_name(chain, None)
    }

    fn get_or_name(&mut self, chain: &ChainName, handle: Option<u64>) -> Arc<RuleRef> {
        let (family, table, name) = chain;
        let named = || {
            let (table, chain) = (table.clone(), name.clone());
            Arc::new(RuleRef { family: *family, table, chain, handle, text: None, nat: None })
        };
        Arc::clone(self.known.entry(chain.clone()).or_default().entry(handle).or_insert_with(named))
    }
}
