//! The ruleset that a bridge needs before any port is published. Its chains are named as in Docker's tutorial: PREROUTING
//! and OUTPUT lead to DOCKER, POSTROUTING masquerades, FORWARD decides what may pass.

use super::batch::{Base, Batch};
use super::expression::{self as is, Expression};
use super::userdata;
use crate::port::PublishedPort;
use crate::subnet::Subnet;
use netlink_packet_netfilter::nftables::{InetHookNumber, Operator};
use std::net::{Ipv4Addr, SocketAddrV4};

/// The chain of DNAT rules, one for each published port.
pub(super) const DOCKER: &str = "DOCKER";
const RAW: &str = "RAW";
const PREROUTING: &str = "PREROUTING";
const OUTPUT: &str = "OUTPUT";
const POSTROUTING: &str = "POSTROUTING";
const FORWARD: &str = "FORWARD";

/// Adds the table of a bridge to a batch; fails if there is one of this name.
pub(super) fn install(batch: &mut Batch, table: &str, mark: &str, bridge: &str, subnet: Subnet) {
    batch.add_table(table, mark);
    for (chain, base) in chains() {
        batch.add_chain(table, chain, base);
    }
    for (chain, expressions, comment) in rules(bridge, subnet) {
        batch.add_rule(table, chain, expressions, userdata::comment(comment));
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

type Rule = (&'static str, Vec<Expression>, &'static str);

fn rules(bridge: &str, subnet: Subnet) -> Vec<Rule> {
    let loopback = Subnet::containing(Ipv4Addr::LOCALHOST, 8);
    let from_bridge = || is::input(Operator::Equal, bridge);
    let to_bridge = || is::output(Operator::Equal, bridge);
    let rule = |chain, matches: Vec<Vec<Expression>>, verdict, comment| {
        let mut expressions = matches.concat();
        expressions.extend([is::counter(), verdict]);
        (chain, expressions, comment)
    };
    vec![
        // route_localnet, which publishing on localhost needs, lets the bridge carry packets for 127.0.0.0/8.
        rule(
            RAW,
            vec![from_bridge().into(), is::to(Operator::Equal, loopback)],
            is::drop(),
            "containers do not reach the host's loopback",
        ),
        // A neighbour that sends to 127.0.0.1 must not be translated either.
        rule(
            PREROUTING,
            vec![is::to(Operator::NotEqual, loopback), is::to_this_host().into()],
            is::jump(DOCKER),
            "published ports, from elsewhere",
        ),
        rule(OUTPUT, vec![is::to_this_host().into()], is::jump(DOCKER), "published ports, from this host"),
        rule(FORWARD, vec![to_bridge().into(), is::established().into()], is::accept(), "replies"),
        rule(FORWARD, vec![to_bridge().into(), is::translated().into()], is::accept(), "published ports"),
        rule(FORWARD, vec![from_bridge().into(), is::output(Operator::NotEqual, bridge).into()], is::accept(), "out"),
        rule(FORWARD, vec![from_bridge().into(), to_bridge().into()], is::accept(), "container to container"),
        rule(FORWARD, vec![to_bridge().into()], is::drop(), "no way in but by published ports"),
        rule(
            POSTROUTING,
            vec![is::from(subnet), is::output(Operator::NotEqual, bridge).into()],
            is::masquerade(),
            "containers go out with the host's address",
        ),
        rule(
            POSTROUTING,
            vec![is::from(subnet), to_bridge().into(), is::translated().into()],
            is::masquerade(),
            "hairpin: the reply must come back this way",
        ),
        rule(
            POSTROUTING,
            vec![is::from(loopback), to_bridge().into(), is::translated().into()],
            is::masquerade(),
            "localhost to a published port",
        ),
    ]
}

/// The rule that publishes a port.
pub(super) fn publish(port: &PublishedPort, target: SocketAddrV4) -> Vec<Expression> {
    let mut expressions = Vec::new();
    if !port.host_ip.is_unspecified() {
        expressions.extend(is::to_address(port.host_ip));
    }
    expressions.extend(is::to_port(port.protocol, port.host_port));
    expressions.push(is::counter());
    expressions.extend(is::dnat(target));
    expressions
}
