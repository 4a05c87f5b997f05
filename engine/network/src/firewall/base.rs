//! The ruleset that bridges need before any port is published. Its chains are named as in Docker's tutorial: PREROUTING
//! and OUTPUT lead to DOCKER, POSTROUTING masquerades, FORWARD decides what may pass.
//!
//! What differs from bridge to bridge stands in maps and in chains of the bridge's own, so that packets take as many steps among
//! thirty bridges as with one; and so do published ports, of which each has a chain with one rule.

use super::Bridge;
use super::batch::{Base, Batch, Place, SetKind};
use super::expression::{self as is, Expression};
use super::userdata;
use crate::port::{Protocol, PublishedPort};
use crate::ruleset::Family;
use crate::subnet::Subnet;
use netlink_packet_netfilter::nftables::{InetHookNumber, Operator};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where packets to this host are looked up in the maps of published ports.
const DOCKER: &str = "DOCKER";
const RAW: &str = "RAW";
const PREROUTING: &str = "PREROUTING";
const OUTPUT: &str = "OUTPUT";
pub(super) const POSTROUTING: &str = "POSTROUTING";
const FORWARD: &str = "FORWARD";

/// The names of bridges.
pub(super) const BRIDGES: &str = "bridges";
/// What becomes of packets to a bridge.
const TO_BRIDGE: &str = "to_bridge";
/// What becomes of packets from an internal bridge.
const FROM_INTERNAL: &str = "from_internal";
/// Ports that are published on all addresses of the host.
pub(super) const PUBLISHED: &str = "published";
/// Ports that are published on one address.
pub(super) const PUBLISHED_AT: &str = "published_at";

/// libnftables' numbers of data types (`enum datatypes`).
const IPV4_ADDR: u32 = 7;
const IPV6_ADDR: u32 = 8;
const INET_PROTO: u32 = 12;
const INET_SERVICE: u32 = 13;
const IFNAME: u32 = 41;
/// By how many bits the types of a key's parts are shifted.
const TYPE_BITS: u32 = 6;

/// Adds the table to a batch; fails if there is one of this name.
pub(super) fn install(batch: &mut Batch, at: Place<'_>, mark: &str) {
    batch.add_table(at, mark);
    for (chain, base) in chains() {
        batch.add_chain(at, chain, base);
    }
    for (set, kind) in sets(at.family) {
        batch.add_set(at, set, kind);
    }
    for (chain, expressions, comment) in rules(at.family) {
        batch.add_rule(at, chain, expressions, userdata::comment(comment));
    }
}

fn chains() -> [(&'static str, Option<Base>); 6] {
    // Priorities as nft(8) names them: raw, dstnat, filter, srcnat.
    let base = |kind, hook, priority| Some(Base { kind, hook, priority });
    [
        (RAW, base("filter", InetHookNumber::PreRouting, -300)),
        (DOCKER, None),
        (PREROUTING, base("nat", InetHookNumber::PreRouting, -100)),
        (OUTPUT, base("nat", InetHookNumber::LocalOut, -100)),
        (FORWARD, base("filter", InetHookNumber::Forward, 0)),
        (POSTROUTING, base("nat", InetHookNumber::PostRouting, 100)),
    ]
}

fn sets(family: Family) -> [(&'static str, SetKind); 5] {
    let (address, address_len) = if family == Family::Ip6 { (IPV6_ADDR, 16) } else { (IPV4_ADDR, 4) };
    let port = INET_PROTO << TYPE_BITS | INET_SERVICE;
    let name = |verdicts| SetKind { key_type: IFNAME, key_len: 16, verdicts, host_order: true };
    [
        (BRIDGES, name(false)),
        (TO_BRIDGE, name(true)),
        (FROM_INTERNAL, name(true)),
        (PUBLISHED, SetKind { key_type: port, key_len: 8, verdicts: true, host_order: false }),
        (
            PUBLISHED_AT,
            SetKind {
                key_type: address << (2 * TYPE_BITS) | port,
                key_len: address_len + 8,
                verdicts: true,
                host_order: false,
            },
        ),
    ]
}

type Rule = (&'static str, Vec<Expression>, &'static str);

/// A rule with a counter.
fn rule(matches: Vec<Vec<Expression>>, verdict: Expression) -> Vec<Expression> {
    let mut expressions = matches.concat();
    expressions.extend([is::counter(), verdict]);
    expressions
}

fn loopback(family: Family) -> Subnet {
    match family {
        Family::Ip6 => Subnet::containing(Ipv6Addr::LOCALHOST, 128),
        _ => Subnet::containing(Ipv4Addr::LOCALHOST, 8),
    }
}

fn rules(family: Family) -> Vec<Rule> {
    let loopback = loopback(family);
    let ipv6 = family == Family::Ip6;
    let not_loopback = || is::to(Operator::NotEqual, loopback);
    let mut rules = vec![
        // A neighbour that sends to 127.0.0.1 must not be translated either.
        (
            PREROUTING,
            rule(vec![not_loopback(), is::to_this_host().into()], is::jump(DOCKER)),
            "published ports, from elsewhere",
        ),
        (DOCKER, is::address_and_port_map(PUBLISHED_AT, ipv6), "ports of one address of the host"),
        (DOCKER, is::port_map(PUBLISHED), "ports of all addresses of the host"),
        (FORWARD, is::input_map(FROM_INTERNAL).into(), "internal networks"),
        (FORWARD, is::output_map(TO_BRIDGE).into(), "to containers"),
        (FORWARD, rule(vec![is::input_in(BRIDGES).into()], is::accept()), "out"),
    ];
    if ipv6 {
        // What has ::1 for its source never leaves the loopback interface: there is no route_localnet for IPv6.
        let elsewhere = rule(vec![not_loopback(), is::to_this_host().into()], is::jump(DOCKER));
        rules.push((OUTPUT, elsewhere, "published ports, from this host"));
        return rules;
    }
    rules.extend([
        // route_localnet, which publishing on localhost needs, lets bridges carry packets for 127.0.0.0/8.
        (
            RAW,
            rule(vec![is::input_in(BRIDGES).into(), is::to(Operator::Equal, loopback)], is::drop()),
            "containers do not reach the host's loopback",
        ),
        (OUTPUT, rule(vec![is::to_this_host().into()], is::jump(DOCKER)), "published ports, from this host"),
        (
            POSTROUTING,
            rule(vec![is::from(loopback), is::output_in(BRIDGES).into(), is::translated().into()], is::masquerade()),
            "localhost to a published port",
        ),
    ]);
    rules
}

/// The chain that decides what may pass to a bridge.
fn chain_to(bridge: &str) -> String {
    format!("TO-{bridge}")
}

/// The chain that keeps in what comes from an internal bridge.
fn chain_from(bridge: &str) -> String {
    format!("FROM-{bridge}")
}

/// Adds what one bridge needs.
pub(super) fn add_bridge(batch: &mut Batch, at: Place<'_>, bridge: &Bridge<'_>) {
    let name = bridge.name;
    let key = is::interface(name);
    let to = chain_to(name);
    batch.add_chain(at, &to, None);
    for (expressions, comment) in rules_to(bridge) {
        batch.add_rule(at, &to, expressions, userdata::comment(comment));
    }
    if bridge.internal {
        let from = chain_from(name);
        batch.add_chain(at, &from, None);
        let leaves = rule(vec![is::output(Operator::NotEqual, name).into()], is::drop());
        batch.add_rule(at, &from, leaves, userdata::comment("no way out of an internal network"));
        batch.add_element(at, FROM_INTERNAL, &key, Some(&from));
    }
    batch.add_element(at, TO_BRIDGE, &key, Some(&to));
    batch.add_element(at, BRIDGES, &key, None);
    for (expressions, comment) in translations(at.family, bridge) {
        batch.add_rule(at, POSTROUTING, expressions, userdata::of_bridge(comment, at.table, name));
    }
}

fn rules_to(bridge: &Bridge<'_>) -> Vec<(Vec<Expression>, &'static str)> {
    let among = || vec![is::input(Operator::Equal, bridge.name).into()];
    let mut rules = vec![(rule(vec![is::established().into()], is::accept()), "replies")];
    // Before published ports: where bridged packets are shown to the rules of IP (br_netfilter), those between isolated ports are lost
    // whatever their address is translated to. So nowhere do they pass.
    if !bridge.icc {
        rules.push((rule(among(), is::drop()), "containers do not reach one another"));
    }
    if !bridge.internal {
        rules.push((rule(vec![is::translated().into()], is::accept()), "published ports"));
    }
    if bridge.icc {
        rules.push((rule(among(), is::accept()), "container to container"));
    }
    rules.push((rule(vec![], is::drop()), "no way in but by published ports"));
    rules
}

fn translations(family: Family, bridge: &Bridge<'_>) -> Vec<(Vec<Expression>, &'static str)> {
    let mut rules = Vec::new();
    let of_family = |subnet: &&Subnet| subnet.is_ipv6() == (family == Family::Ip6);
    for subnet in bridge.subnets.iter().filter(of_family) {
        let leaves = is::output(Operator::NotEqual, bridge.name);
        if bridge.masquerade && !bridge.internal {
            rules.push((
                rule(vec![is::from(*subnet), leaves.into()], is::masquerade()),
                "containers go out with the host's address",
            ));
        }
        let stays = is::output(Operator::Equal, bridge.name);
        rules.push((
            rule(vec![is::from(*subnet), stays.into(), is::translated().into()], is::masquerade()),
            "hairpin: the reply must come back this way",
        ));
    }
    rules
}

/// Removes what [`add_bridge`] added; the rules of POSTROUTING by their handles.
pub(super) fn remove_bridge(batch: &mut Batch, at: Place<'_>, bridge: &str, internal: bool, handles: &[u64]) {
    let key = is::interface(bridge);
    batch.delete_element(at, BRIDGES, &key);
    batch.delete_element(at, TO_BRIDGE, &key);
    if internal {
        batch.delete_element(at, FROM_INTERNAL, &key);
        batch.delete_chain(at, &chain_from(bridge));
    }
    batch.delete_chain(at, &chain_to(bridge));
    handles.iter().for_each(|handle| batch.delete_rule(at, POSTROUTING, *handle));
}

/// The chain of a published port: `tcp-8088`, `udp-127.0.0.1-53`. nft(8) takes no colon in a name.
pub(super) fn chain_of(port: &PublishedPort) -> String {
    match port.host_ip.is_unspecified() {
        true => format!("{}-{}", port.protocol, port.host_port),
        false => format!("{}-{}-{}", port.protocol, port.host_ip.to_string().replace(':', "_"), port.host_port),
    }
}

/// The map that a published port stands in, and its key there.
pub(super) fn element_of(port: &PublishedPort) -> (&'static str, Vec<u8>) {
    let [high, low] = port.host_port.to_be_bytes();
    let tail = [port.protocol.number(), 0, 0, 0, high, low, 0, 0];
    match port.host_ip.is_unspecified() {
        true => (PUBLISHED, tail.into()),
        false => (PUBLISHED_AT, [is::octets(port.host_ip).as_slice(), &tail].concat()),
    }
}

/// Reads what [`element_of`] wrote; the port in the container is not in it.
pub(super) fn port_of(family: Family, key: &[u8]) -> Option<PublishedPort> {
    let (address, tail) = key.split_at_checked(key.len().checked_sub(8)?)?;
    let host_ip = match (address.len(), family) {
        (0, Family::Ip6) => Ipv6Addr::UNSPECIFIED.into(),
        (0, _) => Ipv4Addr::UNSPECIFIED.into(),
        (4, _) => Ipv4Addr::from(*address.first_chunk::<4>()?).into(),
        _ => Ipv6Addr::from(*address.first_chunk::<16>()?).into(),
    };
    let protocol = Protocol::from_number(tail[0])?;
    Some(PublishedPort { protocol, host_ip, host_port: u16::from_be_bytes([tail[4], tail[5]]), container_port: 0 })
}

/// Publishes a port.
pub(super) fn publish(batch: &mut Batch, at: Place<'_>, port: &PublishedPort, target: SocketAddr, userdata: Vec<u8>) {
    let chain = chain_of(port);
    let (map, key) = element_of(port);
    batch.add_chain(at, &chain, None);
    let mut expressions = vec![is::counter()];
    expressions.extend(is::dnat(target));
    batch.add_rule(at, &chain, expressions, userdata);
    batch.add_element(at, map, &key, Some(&chain));
}

/// Takes a port back.
pub(super) fn unpublish(batch: &mut Batch, at: Place<'_>, port: &PublishedPort) {
    let (map, key) = element_of(port);
    batch.delete_element(at, map, &key);
    batch.delete_chain(at, &chain_of(port));
}

/// The rules by which a chain that drops by policy, not ours, lets the packets of a bridge pass. Ours has the last word on them
/// all the same: what one chain drops is dropped.
pub(super) fn let_pass(bridge: &str) -> [Vec<Expression>; 2] {
    let pass = |matches: [Expression; 2]| rule(vec![matches.into()], is::accept());
    [pass(is::input(Operator::Equal, bridge)), pass(is::output(Operator::Equal, bridge))]
}
