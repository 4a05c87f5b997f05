//! Asking the kernel for the ruleset.

use std::collections::HashMap;

use netlink_packet_core::DefaultNla;
use netlink_packet_netfilter::nftables::{GenAttribute, NfTablesMessage};
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily};

use super::attribute::text;
use super::sets::{Set, Sets};
use super::{Attributes, Base, Chain, Counter, Family, Policy, Rule, Ruleset, Table, render};
use crate::netlink::{Error, Socket};

/// NFT_MSG_* of `linux/netfilter/nf_tables.h`.
const GET_TABLE: u8 = 1;
const GET_CHAIN: u8 = 4;
const GET_RULE: u8 = 7;
const GET_SET: u8 = 10;
const GET_ELEMENTS: u8 = 13;
const GET_GENERATION: u8 = 16;
/// Length of `struct nfgenmsg`, whose first byte is the family.
const HEADER: usize = 4;
/// How often a ruleset that changes while it is read is read again.
const ATTEMPTS: usize = 10;

/// Why the ruleset could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The kernel or the socket failed.
    #[error("reading the nftables ruleset: {0}")]
    Netlink(#[from] Error),
    /// Someone writes rules faster than they can be read.
    #[error("reading the nftables ruleset: it changed {ATTEMPTS} times while it was read; try again")]
    Unstable,
}

impl Ruleset {
    /// Reads the ruleset of the socket's network namespace: a state that the kernel really had, not a mixture. Sets with
    /// names of their own, which may be large, are not read.
    pub fn read(socket: &mut Socket) -> Result<Ruleset, ReadError> {
        read(socket, Depth::Rules)
    }

    /// As [`Ruleset::read`], with all sets and what is in them.
    pub fn read_whole(socket: &mut Socket) -> Result<Ruleset, ReadError> {
        read(socket, Depth::Sets)
    }
}

/// How much is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Rules,
    Sets,
}

fn read(socket: &mut Socket, depth: Depth) -> Result<Ruleset, ReadError> {
    for _ in 0..ATTEMPTS {
        let before = generation(socket)?;
        match contents(socket, before, depth) {
            // An object went between two of the dumps.
            Err(error) if error.is(libc::ENOENT) => continue,
            result => {
                let ruleset = result?;
                if generation(socket)? == before {
                    return Ok(ruleset);
                }
            }
        }
    }
    Err(ReadError::Unstable)
}

fn contents(socket: &mut Socket, generation: u32, depth: Depth) -> Result<Ruleset, Error> {
    let mut tables = tables(socket)?;
    let mut chains = chains(socket)?;
    let sets = sets(socket, depth)?;
    for (family, table, chain, rule) in rules(socket, &sets)? {
        if let Some(chain) = chains
            .get_mut(&(family, table))
            .and_then(|chains| chains.iter_mut().find(|candidate| candidate.name == chain))
        {
            chain.rules.push(rule);
        }
    }
    for table in &mut tables {
        table.chains = chains.remove(&(table.family, table.name.clone())).unwrap_or_default();
    }
    if depth == Depth::Sets {
        for ((family, table, name), set) in sets.iter().filter(|(_, set)| !set.is_anonymous()) {
            if let Some(table) = tables.iter_mut().find(|t| t.family == *family && t.name == *table) {
                table.sets.push(set.named(name));
            }
        }
        tables.iter_mut().for_each(|table| table.sets.sort_by_key(|set| set.handle));
    }
    Ok(Ruleset { generation, tables })
}

fn message(kind: u8, family: Option<Family>, attributes: Vec<DefaultNla>) -> NetfilterMessage {
    let family = family.map_or(NetfilterProtoFamily::Unspec, NetfilterProtoFamily::from);
    let header = NetfilterHeader::new(family, 0, 0);
    NetfilterMessage::new(header, NfTablesMessage::Other { message_type: kind, attributes })
}

/// Shows each object of a dump with its family. Objects of families that this module does not know are left out.
fn dump(
    socket: &mut Socket,
    request: NetfilterMessage,
    mut each: impl FnMut(Family, Attributes<'_>),
) -> Result<(), Error> {
    socket.dump_each(request, |object| {
        let (header, attributes) = object.payload().split_at_checked(HEADER).unwrap_or_default();
        if let Some(family) = header.first().and_then(|number| Family::from_number(*number)) {
            each(family, Attributes::new(attributes));
        }
        Ok(())
    })?;
    Ok(())
}

fn generation(socket: &mut Socket) -> Result<u32, Error> {
    let request = message(GET_GENERATION, None, vec![]);
    let answers: Vec<NetfilterMessage> = socket.request(0, request)?;
    let id = answers.iter().find_map(|answer| match &answer.inner {
        NetfilterMessageInner::NfTables(NfTablesMessage::NewGen(generation)) => {
            generation.attributes.iter().find_map(|attribute| match attribute {
                GenAttribute::Id(id) => Some(*id),
                _ => None,
            })
        }
        _ => None,
    });
    id.ok_or_else(|| Error::Decode("a ruleset without generation".into()))
}

fn tables(socket: &mut Socket) -> Result<Vec<Table>, Error> {
    const NAME: u16 = 1;
    const HANDLE: u16 = 4;
    let mut tables = Vec::new();
    dump(socket, message(GET_TABLE, None, vec![]), |family, table| {
        let (Some(name), Some(handle)) = (table.text(NAME), table.u64(HANDLE)) else {
            return;
        };
        tables.push(Table { family, name, handle, sets: Vec::new(), chains: Vec::new() });
    })?;
    Ok(tables)
}

fn chains(socket: &mut Socket) -> Result<HashMap<(Family, String), Vec<Chain>>, Error> {
    const TABLE: u16 = 1;
    const HANDLE: u16 = 2;
    const NAME: u16 = 3;
    let mut chains: HashMap<_, Vec<Chain>> = HashMap::new();
    dump(socket, message(GET_CHAIN, None, vec![]), |family, chain| {
        let (Some(table), Some(name), Some(handle)) = (chain.text(TABLE), chain.text(NAME), chain.u64(HANDLE)) else {
            return;
        };
        let chain = Chain { name, handle, base: base(family, chain), rules: Vec::new() };
        chains.entry((family, table)).or_default().push(chain);
    })?;
    Ok(chains)
}

fn base(family: Family, chain: Attributes<'_>) -> Option<Base> {
    const HOOK: u16 = 4;
    const POLICY: u16 = 5;
    const TYPE: u16 = 7;
    const HOOK_NUMBER: u16 = 1;
    const HOOK_PRIORITY: u16 = 2;
    const COUNTERS: u16 = 8;
    const BYTES: u16 = 1;
    const PACKETS: u16 = 2;
    let counters = chain.nested(COUNTERS);
    let hook = chain.nested(HOOK);
    let names: &[&str] = match family {
        Family::Arp => &["input", "output", "forward"],
        Family::Netdev => &["ingress", "egress"],
        _ => &["prerouting", "input", "forward", "output", "postrouting", "ingress"],
    };
    Some(Base {
        kind: chain.text(TYPE)?,
        hook: names.get(hook.u32(HOOK_NUMBER)? as usize)?,
        priority: hook.u32(HOOK_PRIORITY)? as i32,
        policy: if chain.u32(POLICY) == Some(0) { Policy::Drop } else { Policy::Accept },
        counter: counters.u64(PACKETS).zip(counters.u64(BYTES)).map(|(packets, bytes)| Counter { packets, bytes }),
    })
}

fn sets(socket: &mut Socket, depth: Depth) -> Result<Sets, Error> {
    const TABLE: u16 = 1;
    const NAME: u16 = 2;
    const ELEMENTS: u16 = 3;
    let mut sets = Sets::new();
    dump(socket, message(GET_SET, None, vec![]), |family, set| {
        if let (Some(table), Some(name)) = (set.text(TABLE), set.text(NAME)) {
            sets.insert((family, table, name), Set::new(set));
        }
    })?;
    // In a rule only sets without a name of their own are shown by content.
    let wanted = |set: &Set| depth == Depth::Sets || set.is_anonymous();
    for ((family, table, name), set) in sets.iter_mut().filter(|(_, set)| wanted(set)) {
        let request = message(GET_ELEMENTS, Some(*family), vec![nul(TABLE, table), nul(NAME, name)]);
        dump(socket, request, |_, elements| set.add(elements.nested(ELEMENTS)))?;
    }
    Ok(sets)
}

fn nul(kind: u16, text: &str) -> DefaultNla {
    DefaultNla::new(kind, [text.as_bytes(), &[0]].concat())
}

type Located = (Family, String, String, Rule);

fn rules(socket: &mut Socket, sets: &Sets) -> Result<Vec<Located>, Error> {
    const TABLE: u16 = 1;
    const CHAIN: u16 = 2;
    const HANDLE: u16 = 3;
    const EXPRESSIONS: u16 = 4;
    const USER_DATA: u16 = 7;
    let mut rules = Vec::new();
    dump(socket, message(GET_RULE, None, vec![]), |family, rule| {
        let (Some(table), Some(chain), Some(handle)) = (rule.text(TABLE), rule.text(CHAIN), rule.u64(HANDLE)) else {
            return;
        };
        let rendered = render::render(family, &table, rule.nested(EXPRESSIONS), sets);
        let comment = rule.get(USER_DATA).and_then(comment);
        let rule = Rule { handle, statements: rendered.statements, comment, nat: rendered.nat };
        rules.push((family, table, chain, rule));
    })?;
    Ok(rules)
}

/// The comment in a rule's user data: nft's own list of type, length, value.
fn comment(mut data: &[u8]) -> Option<String> {
    const COMMENT: u8 = 0;
    while let [kind, length, rest @ ..] = data {
        let (value, rest) = rest.split_at_checked(usize::from(*length))?;
        if *kind == COMMENT {
            return Some(text(value));
        }
        data = rest;
    }
    None
}
