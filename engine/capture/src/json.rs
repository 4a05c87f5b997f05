//! A journey as one line of JSON.
//!
//! ```json
//! {"connection":{"id":3780919891,"protocol":"tcp","original":"10.88.0.2:40110 → 10.88.0.1:8088",
//!                "reply":"172.17.0.2:80 → 10.88.0.2:40110"},
//!  "packet":{"direction":"original","flags":"SYN","length":0,"sequence":1602170807,"acknowledgement":0,"ip_id":1737},
//!  "hops":[{"tap":"outside","interface":"eth0","offset_ns":0,"source":"10.88.0.2:40110",
//!           "destination":"10.88.0.1:8088","ttl":64,"changes":[]}, …],
//!  "rules":[{"family":"ip","table":"nat","chain":"DOCKER","handle":6,
//!            "text":"tcp dport 8088 dnat to 172.17.0.2:80","verdict":"accept"}, …],
//!  "rewrites":[{"address":"destination","by":"rule","entry":null,"rule":{…}}],
//!  "unseen":[{"tap":"web","sure":true}],"dropped":false,"rules_lost":false}
//! ```
//!
//! `changes` are texts such as `DNAT 10.88.0.1:8088 → 172.17.0.2:80`, `SNAT …` and `ttl 64 → 63`. `connection` is null when
//! conntrack knows none; `handle` is null for the policy of a chain; `text` is null for a rule that was gone before it could
//! be read. Where no rule ran because a connection's entry did the rewriting, `by` is `entry`, and `rule` is the rule that
//! made the entry so.

use porthole_network::ruleset::Nat;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::connection::Direction;
use crate::flow::{Endpoint, Flow, Protocol};
use crate::journey::{Author, Hop, Journey, RuleRef, Step};
use crate::packet::Content;

#[derive(serde::Serialize)]
struct ConnectionLine {
    id: Option<u32>,
    protocol: Protocol,
    original: Flow,
    reply: Flow,
}

#[derive(serde::Serialize)]
struct PacketLine {
    protocol: Protocol,
    direction: Option<&'static str>,
    flags: String,
    length: u32,
    sequence: Option<u32>,
    acknowledgement: Option<u32>,
    ip_id: u16,
}

#[derive(serde::Serialize)]
struct HopLine<'a> {
    tap: &'a str,
    interface: &'a str,
    offset_ns: u64,
    source: Endpoint,
    destination: Endpoint,
    ttl: Option<u8>,
    changes: Vec<String>,
}

#[derive(serde::Serialize)]
struct RuleLine<'a> {
    family: &'static str,
    table: &'a str,
    chain: &'a str,
    handle: Option<u64>,
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<String>,
}

#[derive(serde::Serialize)]
struct RewriteLine<'a> {
    address: &'static str,
    by: &'static str,
    entry: Option<u32>,
    rule: Option<RuleLine<'a>>,
}

#[derive(serde::Serialize)]
struct UnseenLine<'a> {
    tap: &'a str,
    sure: bool,
}

impl Serialize for Journey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let connection = self.connection.as_ref().map(|connection| ConnectionLine {
            id: connection.id,
            protocol: connection.protocol,
            original: connection.original,
            reply: connection.reply,
        });
        let hops: Vec<_> = self.hops.iter().map(|hop| self.hop_line(hop)).collect();
        let rules: Vec<_> = self.steps.iter().map(step_line).collect();
        let rewrites: Vec<_> = self.rewrites.iter().map(|rewrite| rewrite_line(rewrite.nat, &rewrite.author)).collect();
        let unseen: Vec<_> = self
            .unseen
            .iter()
            .map(|unseen| UnseenLine { tap: &self.taps[unseen.tap].label, sure: unseen.sure })
            .collect();
        let mut line = serializer.serialize_struct("Journey", 8)?;
        line.serialize_field("connection", &connection)?;
        line.serialize_field("packet", &self.packet_line())?;
        line.serialize_field("hops", &hops)?;
        line.serialize_field("rules", &rules)?;
        line.serialize_field("rewrites", &rewrites)?;
        line.serialize_field("unseen", &unseen)?;
        line.serialize_field("dropped", &self.dropped_by().is_some())?;
        line.serialize_field("rules_lost", &self.rules_lost)?;
        line.end()
    }
}

impl Journey {
    fn packet_line(&self) -> PacketLine {
        let (sequence, acknowledgement) = match self.packet.content {
            Content::Tcp { sequence, acknowledgement, .. } => (Some(sequence), Some(acknowledgement)),
            Content::Icmp { sequence, .. } => (Some(sequence.into()), None),
            _ => (None, None),
        };
        PacketLine {
            protocol: self.protocol,
            direction: self.direction.map(|direction| match direction {
                Direction::Original => "original",
                Direction::Reply => "reply",
            }),
            flags: self.packet.to_string(),
            length: self.packet.length,
            sequence,
            acknowledgement,
            ip_id: self.packet.ip_id,
        }
    }

    fn hop_line<'a>(&'a self, hop: &Hop) -> HopLine<'a> {
        let tap = self.tap(hop);
        HopLine {
            tap: &tap.label,
            interface: &tap.interface,
            offset_ns: hop.offset,
            source: hop.flow.source,
            destination: hop.flow.destination,
            ttl: hop.ttl,
            changes: hop.changes.iter().map(ToString::to_string).collect(),
        }
    }
}

fn rule_line(rule: &RuleRef, verdict: Option<String>) -> RuleLine<'_> {
    RuleLine {
        family: rule.family.name(),
        table: &rule.table,
        chain: &rule.chain,
        handle: rule.handle,
        text: rule.text.as_deref(),
        verdict,
    }
}

fn step_line(step: &Step) -> RuleLine<'_> {
    rule_line(&step.rule, Some(step.verdict.to_string()))
}

fn rewrite_line(nat: Nat, author: &Author) -> RewriteLine<'_> {
    let address = match nat {
        Nat::Source => "source",
        Nat::Destination => "destination",
    };
    match author {
        Author::Rule(rule) => RewriteLine { address, by: "rule", entry: None, rule: Some(rule_line(rule, None)) },
        Author::Entry { id, rule } => {
            let rule = rule.as_deref().map(|rule| rule_line(rule, None));
            RewriteLine { address, by: "entry", entry: *id, rule }
        }
    }
}
