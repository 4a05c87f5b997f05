//! Reading of the ruleset, no more than is needed: which tables are ours, what they publish, who else drops.

use super::batch::Place;
use super::userdata::{Publication, bridge_in, comment_in};
use crate::netlink::{Error, Message, Result, Socket, attributes};
use crate::port::PublishedPort;
use crate::ruleset::Family;
use netlink_packet_netfilter::nftables::{
    ChainMessage, GenAttribute, GenMessage, NfTablesMessage, RuleAttribute, RuleMessage, SetElementList,
    SetElementMessage, TableMessage,
};
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily};
use std::fmt;

/// Length of `struct nfgenmsg`, which precedes the attributes.
const NFGENMSG: usize = 4;
const NFTA_TABLE_NAME: u16 = 1;
const NFTA_TABLE_USERDATA: u16 = 6;
const NFTA_RULE_CHAIN: u16 = 2;
const NFTA_RULE_HANDLE: u16 = 3;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_RULE_USERDATA: u16 = 7;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_POLICY: u16 = 5;
const NFTA_HOOK_HOOKNUM: u16 = 1;
const NF_INET_FORWARD: u32 = 2;
const NF_DROP: u32 = 0;
const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
const NFTA_SET_ELEM_KEY: u16 = 1;
const NFTA_DATA_VALUE: u16 = 1;
const NFTA_DATA_VERDICT: u16 = 2;
const NFTA_VERDICT_CODE: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_IMMEDIATE_DATA: u16 = 2;

/// A table with our mark, of this state root or another.
#[derive(Clone, Debug)]
pub(super) struct MarkedTable {
    pub family: Family,
    pub name: String,
    pub mark: String,
}

fn message(family: NetfilterProtoFamily, inner: NfTablesMessage) -> NetfilterMessage {
    NetfilterMessage::new(NetfilterHeader::new(family, 0, 0), inner)
}

/// The number of this version of the ruleset.
pub(super) fn generation(socket: &mut Socket) -> Result<u32> {
    let get = NfTablesMessage::GetGen(GenMessage { attributes: vec![] });
    let answers: Vec<NetfilterMessage> = socket.request(0, message(NetfilterProtoFamily::Unspec, get))?;
    let id = |answer: &NetfilterMessage| match &answer.inner {
        NetfilterMessageInner::NfTables(NfTablesMessage::NewGen(generation)) => {
            generation.attributes.iter().find_map(|a| if let GenAttribute::Id(id) = a { Some(*id) } else { None })
        }
        _ => None,
    };
    answers.iter().find_map(id).ok_or_else(|| Error::Decode("no generation in the answer".into()))
}

impl MarkedTable {
    pub fn place(&self) -> Place<'_> {
        Place { family: self.family, table: &self.name }
    }
}

/// The tables of either family whose comment starts with `prefix`.
pub(super) fn marked_tables(socket: &mut Socket, prefix: &str) -> Result<Vec<MarkedTable>> {
    let get = NfTablesMessage::GetTable(TableMessage { attributes: vec![] });
    let mut tables = Vec::new();
    socket.dump_each(message(NetfilterProtoFamily::Unspec, get), |table| {
        let family = family(&table).filter(|family| matches!(family, Family::Ip | Family::Ip6));
        let mark = value(&table, NFTA_TABLE_USERDATA).and_then(comment_in).filter(|mark| mark.starts_with(prefix));
        if let (Some(family), Some(name), Some(mark)) = (family, value(&table, NFTA_TABLE_NAME), mark) {
            tables.push(MarkedTable { family, name: string(name), mark: mark.to_owned() });
        }
        Ok(())
    })?;
    Ok(tables)
}

/// What the rules of a table publish; of one chain, or of all.
pub(super) fn published(socket: &mut Socket, at: Place<'_>, chain: Option<&str>) -> Result<Vec<Publication>> {
    rules(socket, at, chain, |rule| value(rule, NFTA_RULE_USERDATA).and_then(Publication::parse))
}

/// The handles of the rules of a chain that are there for a bridge, for the table of ours that is named.
pub(super) fn rules_of_bridge(
    socket: &mut Socket,
    at: Place<'_>,
    chain: &str,
    table: &str,
    bridge: &str,
) -> Result<Vec<u64>> {
    rules(socket, at, Some(chain), |rule| {
        let ours = value(rule, NFTA_RULE_USERDATA).and_then(bridge_in) == Some((table, bridge));
        let handle = value(rule, NFTA_RULE_HANDLE)?.first_chunk().map(|handle| u64::from_be_bytes(*handle));
        handle.filter(|_| ours)
    })
}

/// Reads the rules of a table, or of one chain; none if it is not there.
fn rules<T>(
    socket: &mut Socket,
    at: Place<'_>,
    chain: Option<&str>,
    read: impl Fn(&Message<'_>) -> Option<T>,
) -> Result<Vec<T>> {
    let mut attributes = vec![RuleAttribute::Table(at.table.into())];
    attributes.extend(chain.map(|chain| RuleAttribute::Chain(chain.into())));
    let get = NfTablesMessage::GetRule(RuleMessage { attributes });
    all(socket, &message(at.family.into(), get), |rule| {
        let wanted = chain.is_none_or(|chain| value(rule, NFTA_RULE_CHAIN).map(string).as_deref() == Some(chain));
        wanted.then(|| read(rule)).flatten().into_iter().collect()
    })
}

/// The keys of a set or map; none if it is not there.
pub(super) fn keys(socket: &mut Socket, at: Place<'_>, set: &str) -> Result<Vec<Vec<u8>>> {
    let attributes = vec![SetElementList::Table(at.table.into()), SetElementList::Set(set.into())];
    let get = NfTablesMessage::GetSetElement(SetElementMessage { attributes });
    all(socket, &message(at.family.into(), get), |answer| {
        let elements = value(answer, NFTA_SET_ELEM_LIST_ELEMENTS).unwrap_or_default();
        attributes_in(elements).filter_map(key).map(<[u8]>::to_vec).collect()
    })
}

/// What is read of each answer to a dump of one moment; nothing if what is asked for is not there.
fn all<T>(socket: &mut Socket, request: &NetfilterMessage, read: impl Fn(&Message<'_>) -> Vec<T>) -> Result<Vec<T>> {
    loop {
        let mut found = Vec::new();
        let dumped = socket.dump_each(request.clone(), |answer| {
            found.extend(read(&answer));
            Ok(())
        });
        match dumped {
            Ok(true) => return Ok(found),
            // The ruleset changed meanwhile.
            Ok(false) => continue,
            Err(error) if error.is(libc::ENOENT) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        }
    }
}

fn attributes_in(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    attributes(bytes).map(|(_, value)| value)
}

fn key(element: &[u8]) -> Option<&[u8]> {
    let key = attributes(element).find(|(kind, _)| *kind == NFTA_SET_ELEM_KEY)?.1;
    attributes(key).find(|(kind, _)| *kind == NFTA_DATA_VALUE).map(|(_, value)| value)
}

/// The ports that a table publishes, as the keys of its maps tell. The port in the container is not told.
pub(super) fn claimed(socket: &mut Socket, at: Place<'_>) -> Result<Vec<PublishedPort>> {
    let mut claimed = Vec::new();
    for map in [super::base::PUBLISHED, super::base::PUBLISHED_AT] {
        let keys = keys(socket, at, map)?;
        claimed.extend(keys.iter().filter_map(|key| super::base::port_of(at.family, key)));
    }
    Ok(claimed)
}

/// A base chain of others that drops all forwarded packets that no rule of it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dropping {
    pub family: Family,
    pub table: String,
    pub chain: String,
    /// Whether its policy does it, or its last rule, as firewalld's.
    by_policy: bool,
}

impl Dropping {
    pub fn place(&self) -> Place<'_> {
        Place { family: self.family, table: &self.table }
    }
}

impl fmt::Display for Dropping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.by_policy { "by policy" } else { "by its last rule" };
        write!(f, "table {}, chain {} drops forwarded packets {how}", self.table, self.chain)
    }
}

/// The base chains that drop the forwarded IP packets that none of their rules accepts.
pub(super) fn dropping_forward_chains(socket: &mut Socket) -> Result<Vec<Dropping>> {
    let get = NfTablesMessage::GetChain(ChainMessage { attributes: vec![] });
    let mut chains = Vec::new();
    socket.dump_each(message(NetfilterProtoFamily::Unspec, get), |chain| {
        let family = family(&chain).filter(|family| matches!(family, Family::Inet | Family::Ip | Family::Ip6));
        let hook = value(&chain, NFTA_CHAIN_HOOK)
            .and_then(|hook| attributes(hook).find(|(kind, _)| *kind == NFTA_HOOK_HOOKNUM));
        let forwards = hook.and_then(|(_, v)| number(v)) == Some(NF_INET_FORWARD);
        let by_policy = value(&chain, NFTA_CHAIN_POLICY).and_then(number) == Some(NF_DROP);
        if let (true, Some(family), Some(table), Some(name)) =
            (forwards, family, value(&chain, NFTA_CHAIN_TABLE), value(&chain, NFTA_CHAIN_NAME))
        {
            chains.push(Dropping { family, table: string(table), chain: string(name), by_policy });
        }
        Ok(())
    })?;
    let mut dropping = Vec::new();
    for chain in chains {
        if chain.by_policy || drops_at_last(socket, &chain)? {
            dropping.push(chain);
        }
    }
    Ok(dropping)
}

/// Whether a rule of a chain drops or rejects whatever comes to it.
fn drops_at_last(socket: &mut Socket, chain: &Dropping) -> Result<bool> {
    let dropping = rules(socket, chain.place(), Some(&chain.chain), |rule| {
        value(rule, NFTA_RULE_EXPRESSIONS).filter(|expressions| drop_all(expressions)).map(drop)
    })?;
    Ok(!dropping.is_empty())
}

/// Whether expressions drop or reject each packet: nothing but a counter or a log stands before.
fn drop_all(expressions: &[u8]) -> bool {
    let of = |bytes, wanted: u16| attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    let verdict = |data| of(of(of(data, NFTA_IMMEDIATE_DATA)?, NFTA_DATA_VERDICT)?, NFTA_VERDICT_CODE).and_then(number);
    for expression in attributes_in(expressions) {
        match (of(expression, NFTA_EXPR_NAME), of(expression, NFTA_EXPR_DATA)) {
            (Some(b"counter\0" | b"log\0"), _) => {}
            (Some(b"reject\0"), _) => return true,
            (Some(b"immediate\0"), Some(data)) => return verdict(data) == Some(NF_DROP),
            _ => return false,
        }
    }
    false
}

fn family(message: &Message<'_>) -> Option<Family> {
    Family::from_number(*message.payload().first()?)
}

fn value<'a>(message: &Message<'a>, wanted: u16) -> Option<&'a [u8]> {
    attributes(message.payload().get(NFGENMSG..)?).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

fn number(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|v| u32::from_be_bytes(*v))
}

fn string(value: &[u8]) -> String {
    String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned()
}
