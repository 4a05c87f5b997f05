//! What one match or statement says, taken apart again from nft's syntax: only as far as other spellings, and the question of
//! whom a rule concerns, need it.

use super::{Rule, Statement};

/// A match or statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// The interface by which a packet came.
    In(Not, &'a str),
    /// That by which it leaves.
    Out(Not, &'a str),
    /// Its source: an address, prefix, range or set.
    Source(Not, &'a str),
    /// Its destination.
    Destination(Not, &'a str),
    /// Its transport protocol.
    Protocol(Not, &'a str),
    /// A port of it.
    Port {
        /// `tcp`, `udp`; `th` for whatever protocol the packet has.
        protocol: &'a str,
        /// Whether it is that of the destination.
        destination: bool,
        /// Whether the packet must not have it.
        not: Not,
        /// A port, range or set.
        ports: &'a str,
    },
    /// What happens is looked up in a map, which stands here or has a name.
    VerdictMap {
        /// The parts of the key: `ip daddr`, `th dport`.
        keys: Vec<&'a str>,
        /// `@name`, or the elements in braces.
        map: &'a str,
    },
    /// Rules of another chain follow; the packet may come back.
    Jump(&'a str),
    /// The same without coming back.
    Goto(&'a str),
    /// Something else, in nft's words.
    Other(&'a str),
}

/// Whether a match is turned round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Not(pub(super) bool);

impl<'a> Part<'a> {
    /// Takes one apart.
    pub(super) fn parse(text: &'a str) -> Part<'a> {
        if let Some((keys, map)) = text.split_once(" vmap ") {
            return Part::VerdictMap { keys: keys.split(" . ").collect(), map };
        }
        type Make<'a> = fn(Not, &'a str) -> Part<'a>;
        let simple: [(&str, Make<'a>); 9] = [
            ("iifname ", Part::In),
            ("oifname ", Part::Out),
            ("ip saddr ", Part::Source),
            ("ip6 saddr ", Part::Source),
            ("ip daddr ", Part::Destination),
            ("ip6 daddr ", Part::Destination),
            ("meta l4proto ", Part::Protocol),
            ("ip protocol ", Part::Protocol),
            ("ip6 nexthdr ", Part::Protocol),
        ];
        for (prefix, make) in simple {
            if let Some((not, value)) = text.strip_prefix(prefix).and_then(operand) {
                return make(not, value);
            }
        }
        port(text).or_else(|| leads(text)).unwrap_or(Part::Other(text))
    }
}

/// What something is compared with; `None` when that is more than equal or not.
fn operand(text: &str) -> Option<(Not, &str)> {
    let (not, value) = match text.strip_prefix("!= ") {
        Some(value) => (Not(true), value),
        None => (Not(false), text),
    };
    (!value.starts_with(['.', '&', '<', '>', '!'])).then_some((not, value))
}

fn port(text: &str) -> Option<Part<'_>> {
    let (protocol, rest) = text.split_once(' ')?;
    let (side, rest) = rest.split_once(' ')?;
    let destination = match side {
        "dport" => true,
        "sport" => false,
        _ => return None,
    };
    let (not, ports) = operand(rest)?;
    Some(Part::Port { protocol, destination, not, ports })
}

fn leads(text: &str) -> Option<Part<'_>> {
    text.strip_prefix("jump ").map(Part::Jump).or_else(|| text.strip_prefix("goto ").map(Part::Goto))
}

/// The chain that a verdict leads to.
pub(super) fn chain_of(verdict: &str) -> Option<&str> {
    match leads(verdict)? {
        Part::Jump(chain) | Part::Goto(chain) => Some(chain),
        _ => None,
    }
}

/// The elements of a map that stands in the rule: key and verdict.
pub(super) fn written_elements(map: &str) -> impl Iterator<Item = (&str, &str)> {
    let inside = map.strip_prefix("{ ").and_then(|map| map.strip_suffix(" }")).unwrap_or_default();
    inside.split(", ").filter_map(|element| element.split_once(" : "))
}

impl Rule {
    /// Its matches and statements but for counters.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.statements.iter().filter_map(|statement| match statement {
            Statement::Text(text) => Some(Part::parse(text)),
            Statement::Counter(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_apart_what_it_knows() {
        assert_eq!(Part::parse("iifname != \"docker0\""), Part::In(Not(true), "\"docker0\""));
        assert_eq!(Part::parse("ip saddr 172.17.0.0/16"), Part::Source(Not(false), "172.17.0.0/16"));
        let port = Part::Port { protocol: "tcp", destination: true, not: Not(false), ports: "8088" };
        assert_eq!(Part::parse("tcp dport 8088"), port);
        assert_eq!(Part::parse("goto web"), Part::Goto("web"));
        let keys = vec!["ip daddr", "meta l4proto", "th dport"];
        let map = "@published";
        assert_eq!(Part::parse("ip daddr . meta l4proto . th dport vmap @published"), Part::VerdictMap { keys, map });
        for text in ["ip saddr . tcp dport @pairs", "tcp dport > 1024", "meta mark & 0xff == 1", "accept"] {
            assert_eq!(Part::parse(text), Part::Other(text));
        }
        assert_eq!(written_elements("{ 22 : accept, 80 : goto web }").nth(1), Some(("80", "goto web")));
    }
}
