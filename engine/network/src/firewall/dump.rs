//! Reading of the ruleset, no more than is needed: which tables are ours, what they publish, who else drops.

use super::userdata::{Publication, comment_in};
use crate::netlink::{Error, Message, Result, Socket, attributes};
use netlink_packet_netfilter::nftables::{
    ChainMessage, GenAttribute, GenMessage, NfTablesMessage, RuleAttribute, RuleMessage, TableMessage,
};
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily};

/// Length of `struct nfgenmsg`, which precedes the attributes.
const NFGENMSG: usize = 4;
const NFTA_TABLE_NAME: u16 = 1;
const NFTA_TABLE_USERDATA: u16 = 6;
const NFTA_RULE_HANDLE: u16 = 3;
const NFTA_RULE_USERDATA: u16 = 7;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_POLICY: u16 = 5;
const NFTA_HOOK_HOOKNUM: u16 = 1;
const NF_INET_FORWARD: u32 = 2;
const NF_DROP: u32 = 0;
const NFPROTO_INET: u8 = 1;
const NFPROTO_IPV4: u8 = 2;

/// A table with our mark, of this state root or another.
#[derive(Debug)]
pub(super) struct MarkedTable {
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

/// The tables whose comment starts with `prefix`.
pub(super) fn marked_tables(socket: &mut Socket, prefix: &str) -> Result<Vec<MarkedTable>> {
    let get = NfTablesMessage::GetTable(TableMessage { attributes: vec![] });
    let mut tables = Vec::new();
    socket.dump_each(message(NetfilterProtoFamily::IPv4, get), |table| {
        let mark = value(&table, NFTA_TABLE_USERDATA).and_then(comment_in).filter(|mark| mark.starts_with(prefix));
        if let (Some(name), Some(mark)) = (value(&table, NFTA_TABLE_NAME), mark) {
            tables.push(MarkedTable { name: string(name), mark: mark.to_owned() });
        }
        Ok(())
    })?;
    Ok(tables)
}

/// What the rules of a chain publish, with their handles.
pub(super) fn published(socket: &mut Socket, table: &str, chain: &str) -> Result<Vec<(u64, Publication)>> {
    loop {
        let attributes = vec![RuleAttribute::Table(table.into()), RuleAttribute::Chain(chain.into())];
        let get = NfTablesMessage::GetRule(RuleMessage { attributes });
        let mut found = Vec::new();
        let dumped = socket.dump_each(message(NetfilterProtoFamily::IPv4, get), |rule| {
            let handle = value(&rule, NFTA_RULE_HANDLE).and_then(|v| v.first_chunk().map(|v| u64::from_be_bytes(*v)));
            let publication = value(&rule, NFTA_RULE_USERDATA).and_then(Publication::parse);
            found.extend(handle.zip(publication));
            Ok(())
        });
        match dumped {
            Ok(true) => return Ok(found),
            // The ruleset changed meanwhile.
            Ok(false) => continue,
            // No such table or chain.
            Err(error) if error.is(libc::ENOENT) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        }
    }
}

/// The base chains that drop forwarded IPv4 packets by policy, as `table TABLE, chain CHAIN`.
pub(super) fn dropping_forward_chains(socket: &mut Socket) -> Result<Vec<String>> {
    let get = NfTablesMessage::GetChain(ChainMessage { attributes: vec![] });
    let mut chains = Vec::new();
    socket.dump_each(message(NetfilterProtoFamily::Unspec, get), |chain| {
        let for_ipv4 = matches!(chain.payload().first(), Some(&(NFPROTO_INET | NFPROTO_IPV4)));
        let hook = value(&chain, NFTA_CHAIN_HOOK)
            .and_then(|hook| attributes(hook).find(|(kind, _)| *kind == NFTA_HOOK_HOOKNUM));
        let forwards = hook.and_then(|(_, v)| number(v)) == Some(NF_INET_FORWARD);
        let drops = value(&chain, NFTA_CHAIN_POLICY).and_then(number) == Some(NF_DROP);
        if let (true, Some(table), Some(name)) =
            (for_ipv4 && forwards && drops, value(&chain, NFTA_CHAIN_TABLE), value(&chain, NFTA_CHAIN_NAME))
        {
            chains.push(format!("table {}, chain {}", string(table), string(name)));
        }
        Ok(())
    })?;
    Ok(chains)
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
