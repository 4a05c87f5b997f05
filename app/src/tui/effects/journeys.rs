//! From the journeys of the capture engine to what the trace page draws.

use super::engine;
use crate::tui::human;
use crate::tui::model::trace::{Hop, Journey, Rule, Snapshot};
use crate::tui::source::{Link, Networks};
use porthole_engine::Engine;
use porthole_engine::capture::{self, Author, Change, Direction, Endpoint, RuleRef, Step, Tap, TapKind, Verdict};
use porthole_engine::network::ruleset::Nat;
use porthole_widgets::detail::DetailRow;
use porthole_widgets::ladder::{self, ChangeKind, LadderHop, LadderRow, LadderTap, Seen};
use std::collections::HashMap;
use std::sync::Arc;

/// Packets shown; older ones are only in the recording.
const SHOWN: usize = 2000;

/// Converts snapshots, each journey only when it has changed.
pub struct Journeys {
    title: String,
    networks: Networks,
    /// The container's bridge.
    bridge: Option<Link>,
    address: String,
    pair: Option<(u32, u32)>,
    known: HashMap<u64, (Arc<capture::Journey>, Arc<Journey>)>,
}

impl Journeys {
    /// For a trace of a container.
    pub fn of(engine: &Engine, container: &str) -> Self {
        // Addresses are a help beside the names of the taps; a trace does without them too.
        let networks = engine::networks(engine).unwrap_or_default();
        let summary = engine.container(container).ok();
        let bridge = summary.as_ref().and_then(|summary| networks.bridge_named(summary.bridge.as_deref()?));
        let pair = summary.as_ref().and_then(|summary| networks.pairs.get(summary.host_interface.as_ref()?)).copied();
        let ports = summary.iter().flat_map(|summary| &summary.ports);
        let published =
            ports.map(|port| format!("publish {} → {container}:{}", port.host_port, port.container_port)).next();
        let address = summary.and_then(|summary| summary.address).map(|address| address.to_string());
        Self {
            title: published.unwrap_or_else(|| container.to_owned()),
            address: address.unwrap_or_default(),
            networks,
            bridge,
            pair,
            known: HashMap::new(),
        }
    }

    /// What is known now.
    pub fn convert(&mut self, snapshot: &capture::Snapshot) -> Arc<Snapshot> {
        let skipped = snapshot.journeys.len().saturating_sub(SHOWN);
        let mut known = HashMap::with_capacity(snapshot.journeys.len() - skipped);
        let mut journeys = Vec::with_capacity(snapshot.journeys.len() - skipped);
        for (index, journey) in snapshot.journeys.iter().enumerate().skip(skipped) {
            let same = self.known.remove(&journey.id).filter(|(before, _)| Arc::ptr_eq(before, journey));
            let number = usize::try_from(snapshot.evicted).unwrap_or(usize::MAX).saturating_add(index + 1);
            let entry = same.unwrap_or_else(|| (Arc::clone(journey), Arc::new(convert(journey, number))));
            journeys.push(Arc::clone(&entry.1));
            known.insert(journey.id, entry);
        }
        self.known = known;
        let dropped: u64 = snapshot.taps.iter().map(|tap| tap.dropped).sum();
        Arc::new(Snapshot {
            title: self.title.clone(),
            taps: snapshot.taps.iter().map(|status| self.tap(&status.tap)).collect(),
            journeys,
            lost: dropped,
        })
    }

    fn tap(&self, tap: &Tap) -> LadderTap {
        let bare = |address: &str| address.split('/').next().unwrap_or_default().to_owned();
        let address = |link: &Option<Link>| {
            link.as_ref().filter(|link| link.name == tap.interface).map(|link| bare(&link.address)).unwrap_or_default()
        };
        let bridge = self.bridge.as_ref().map_or("the bridge", |bridge| bridge.name.as_str());
        let (title, subtitle) = match tap.kind {
            TapKind::Outside => {
                (tap.label.clone(), self.networks.outside.map(|address| address.to_string()).unwrap_or_default())
            }
            TapKind::Uplink => (tap.label.clone(), address(&self.networks.uplink)),
            TapKind::Bridge => (tap.label.clone(), address(&self.bridge)),
            TapKind::Veth => (tap.label.clone(), format!("port of {bridge}")),
            TapKind::Container => (format!("{} · {}", tap.label, tap.interface), self.address.clone()),
            TapKind::Loopback => (tap.label.clone(), "127.0.0.1".to_owned()),
        };
        let pair = self.pair.filter(|_| tap.kind == TapKind::Veth);
        let detail = pair.map(|(host, inner)| format!("if {host}⇄{inner}")).unwrap_or_default();
        LadderTap { title, subtitle, detail }
    }
}

fn convert(journey: &capture::Journey, number: usize) -> Journey {
    let taps = journey.taps.len();
    let back = match (journey.hops.first(), journey.hops.last()) {
        (Some(first), Some(last)) => first.tap > last.tap,
        _ => false,
    };
    let (outer, inner) = ends(journey, back);
    let row = LadderRow {
        number,
        flags: journey.packet.to_string().replace(',', " "),
        outer: outer.map(|end| end.to_string()).unwrap_or_default(),
        inner: inner.map(|end| end.to_string()).unwrap_or_default(),
        back,
        hops: (0..taps).map(|tap| sighting(journey, tap, back)).collect(),
        latency: journey
            .hops
            .last()
            .filter(|last| last.offset > 0)
            .map(|last| human::offset(last.offset))
            .unwrap_or_default(),
        note: note(journey),
    };
    Journey {
        row,
        connection: journey.connection.as_ref().map_or(u64::MAX - journey.id, |connection| connection.serial),
        hops: (0..taps).map(|tap| card(journey, tap)).collect(),
        rules: journey.steps.iter().map(rule).collect(),
    }
}

/// Who talks to whom, as the two ends see it: the same for all packets of a connection, whatever NAT makes of them.
fn ends(journey: &capture::Journey, back: bool) -> (Option<Endpoint>, Option<Endpoint>) {
    let flow = match (&journey.connection, journey.direction) {
        (Some(connection), Some(Direction::Reply)) => Some(connection.original.reversed()),
        (Some(connection), _) => Some(connection.original),
        (None, _) => journey.hops.first().map(|hop| hop.flow),
    };
    let (source, destination) = (flow.map(|flow| flow.source), flow.map(|flow| flow.destination));
    if back { (destination, source) } else { (source, destination) }
}

/// Whether the packet was seen at a tap, and what the host changed before the next one.
fn sighting(journey: &capture::Journey, tap: usize, back: bool) -> LadderHop {
    let Some(at) = journey.hops.iter().position(|hop| hop.tap == tap) else {
        return LadderHop { seen: missed(journey, tap, back), change: None };
    };
    let changes = journey.hops.get(at + 1).map_or(&[][..], |next| &next.changes);
    LadderHop { seen: Seen::Yes, change: changes.iter().find_map(change) }
}

fn missed(journey: &capture::Journey, tap: usize, back: bool) -> Seen {
    let next = journey.hops.last().and_then(|last| if back { last.tap.checked_sub(1) } else { Some(last.tap + 1) });
    if journey.dropped_by().is_some() && next == Some(tap) {
        return Seen::Dropped;
    }
    let unsure = journey.unseen.iter().any(|unseen| unseen.tap == tap && !unseen.sure);
    // As long as more may come, nothing is said to be missing.
    if unsure || !journey.complete { Seen::Unsure } else { Seen::No }
}

fn change(change: &Change) -> Option<ladder::Change> {
    match change {
        Change::Destination { to, .. } => Some(ladder::Change { kind: ChangeKind::Dnat, text: to.to_string() }),
        Change::Source { to, .. } => Some(ladder::Change { kind: ChangeKind::Snat, text: to.to_string() }),
        _ => None,
    }
}

/// What did it, in a word or two.
fn note(journey: &capture::Journey) -> String {
    if let Some(step) = journey.dropped_by() {
        return format!("dropped by {}", handle(&step.rule));
    }
    match journey.rewrites.first().map(|rewrite| &rewrite.author) {
        Some(author) => by(author),
        None => String::new(),
    }
}

fn by(author: &Author) -> String {
    match author {
        Author::Rule(rule) => format!("rule {}", handle(rule)),
        Author::Entry { .. } => "ct entry".to_owned(),
    }
}

fn handle(rule: &RuleRef) -> String {
    rule.handle.map_or_else(|| "policy".to_owned(), |handle| format!("#{handle}"))
}

/// What was seen at a tap, beside what was seen at the one before.
fn card(journey: &capture::Journey, tap: usize) -> Hop {
    let Some(at) = journey.hops.iter().position(|hop| hop.tap == tap) else { return Hop::default() };
    let hop = &journey.hops[at];
    let before = at.checked_sub(1).map_or(hop, |before| &journey.hops[before]);
    let author = |nat| {
        let rewrite = journey.rewrites.iter().find(|rewrite| rewrite.nat == nat);
        let name = if nat == Nat::Destination { "DNAT" } else { "SNAT" };
        rewrite.map_or_else(|| name.to_owned(), |rewrite| format!("{name}, {}", by(&rewrite.author)))
    };
    let ttl = |hop: &capture::Hop| hop.ttl.map(|ttl| ttl.to_string()).unwrap_or_default();
    let macs = |hop: &capture::Hop| hop.link.map(|(source, to)| format!("{source} → {to}")).unwrap_or_default();
    let (source, destination) = (hop.flow.source.to_string(), hop.flow.destination.to_string());
    let facts = vec![
        fact("source", before.flow.source.to_string(), source, || author(Nat::Source)),
        fact("destination", before.flow.destination.to_string(), destination, || author(Nat::Destination)),
        fact("TTL", ttl(before), ttl(hop), || "the host routed".to_owned()),
        fact("link", macs(before), macs(hop), || "a new link".to_owned()),
        DetailRow::fact("length", human::count(hop.frame.original_length as usize, "byte", "bytes")),
        DetailRow::fact("payload", human::count(journey.packet.length as usize, "byte", "bytes")),
    ];
    let facts = facts.into_iter().filter(|fact| !fact.before.is_empty() || fact.after.is_some()).collect();
    Hop { offset: format!("+{}", human::offset(hop.offset)), facts, bytes: Arc::clone(&hop.frame.bytes) }
}

fn fact(key: &str, before: String, after: String, why: impl FnOnce() -> String) -> DetailRow {
    if before == after { DetailRow::fact(key, after) } else { DetailRow::change(key, before, after, why()) }
}

/// Table and chain; of our own table the chain alone, which is named as in every tutorial.
fn chain(rule: &RuleRef) -> String {
    if rule.table.starts_with("porthole") { rule.chain.clone() } else { format!("{} {}", rule.table, rule.chain) }
}

fn rule(step: &Step) -> Rule {
    let Step { rule, verdict } = step;
    let (text, fallback) = (rule.text.clone(), if rule.handle.is_none() { "policy" } else { "" });
    Rule {
        chain: chain(rule),
        handle: rule.handle.map(|handle| format!("#{handle}")).unwrap_or_default(),
        text: text.unwrap_or_else(|| fallback.to_owned()),
        verdict: match verdict {
            Verdict::Jump(chain) | Verdict::Goto(chain) => format!("→ {chain}"),
            Verdict::Continue => String::new(),
            verdict => verdict.to_string(),
        },
        decided: rule.nat.is_some() || *verdict == Verdict::Drop,
    }
}
