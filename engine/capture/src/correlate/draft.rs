//! A journey while its parts come in.

use std::sync::Arc;

use porthole_network::ruleset::{Family, Nat};

use crate::connection::{Connection, Direction};
use crate::flow::Flow;
use crate::journey::{Author, Change, Hop, Journey, Rewrite, Step, Tap, Unseen, Verdict};
use crate::packet::{Content, Identity, Sighting};

/// Sightings of one packet lie at most this far apart, in nanoseconds. Less than the least time after which TCP repeats a
/// segment (200 ms in Linux), far more than the way through a host takes.
pub(super) const WINDOW: u64 = 150_000_000;

/// Whose packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// A connection's, by its serial number, in this direction.
    Connection(u64, Direction),
    /// Nobody's that is known: packets with this flow.
    Flow(Flow),
}

/// A chain by family, table and name.
pub(super) type ChainName = (Family, String, String);

/// A sighting within a draft.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) sighting: Sighting,
    /// How much of the payload was seen, when it was cut into other segments than the draft's.
    pub(super) length: u32,
}

#[derive(Debug)]
pub(super) struct Draft {
    pub(super) id: u64,
    pub(super) owner: Owner,
    pub(super) identity: Identity,
    /// The hash of the payload; none until it was seen.
    pub(super) hash: Option<u64>,
    /// The earliest sighting, or before that the time of the first trace message.
    pub(super) time: u64,
    pub(super) seen: Vec<Seen>,
    /// The steps, each with its place in the order of arrival.
    pub(super) steps: Vec<(u64, Step)>,
    /// The base chains that the packet has entered.
    pub(super) chains: Vec<ChainName>,
    pub(super) rules_lost: bool,
    /// When something was last added.
    pub(super) touched: u64,
    /// When it was begun.
    pub(super) begun: u64,
    /// Whether something was added since the last version was made.
    pub(super) dirty: bool,
    /// The last version made.
    pub(super) version: Option<Arc<Journey>>,
}

impl Draft {
    pub(super) fn new(id: u64, owner: Owner, identity: Identity, time: u64, now: u64) -> Self {
        Draft {
            id,
            owner,
            identity,
            hash: None,
            time,
            seen: Vec::new(),
            steps: Vec::new(),
            chains: Vec::new(),
            rules_lost: false,
            touched: now,
            begun: now,
            dirty: true,
            version: None,
        }
    }

    /// Whether this sighting can be of this packet. The same flow at the same tap again is a repetition.
    pub(super) fn admits(&self, sighting: &Sighting) -> bool {
        let decoded = &sighting.decoded;
        self.time.abs_diff(sighting.time) <= WINDOW
            && self.hash.is_none_or(|hash| hash == decoded.hash)
            && !self.was_at(sighting.tap, &decoded.flow, &decoded.belongs)
    }

    /// Whether this trace of a base chain can be of this packet.
    pub(super) fn admits_chain(&self, chain: &ChainName, time: u64) -> bool {
        self.time.abs_diff(time) <= WINDOW && !self.chains.contains(chain)
    }

    pub(super) fn was_at(&self, tap: usize, flow: &Flow, belongs: &Flow) -> bool {
        self.seen.iter().any(|seen| {
            let other = &seen.sighting;
            other.tap == tap && other.decoded.flow == *flow && other.decoded.belongs == *belongs
        })
    }

    pub(super) fn see(&mut self, sighting: Sighting, length: u32, now: u64) {
        self.time = match self.seen.is_empty() {
            true => sighting.time,
            false => self.time.min(sighting.time),
        };
        self.seen.push(Seen { sighting, length });
        self.touch(now);
    }

    pub(super) fn touch(&mut self, now: u64) {
        self.touched = now;
        self.dirty = true;
    }

    /// Whether the other draft can be of the same packet.
    pub(super) fn fits(&self, other: &Draft) -> bool {
        self.time.abs_diff(other.time) <= WINDOW
            && (self.hash.is_none() || other.hash.is_none() || self.hash == other.hash)
            && other.seen.iter().all(|seen| {
                let Sighting { tap, decoded, .. } = &seen.sighting;
                !self.was_at(*tap, &decoded.flow, &decoded.belongs)
            })
            && other.chains.iter().all(|chain| !self.chains.contains(chain))
    }

    pub(super) fn merge(&mut self, other: Draft) {
        self.time = match (self.seen.is_empty(), other.seen.is_empty()) {
            (true, false) => other.time,
            (false, true) => self.time,
            _ => self.time.min(other.time),
        };
        self.hash = self.hash.or(other.hash);
        self.seen.extend(other.seen);
        self.steps.extend(other.steps);
        self.steps.sort_by_key(|(order, _)| *order);
        self.chains.extend(other.chains);
        self.rules_lost |= other.rules_lost;
        self.touched = self.touched.max(other.touched);
        self.begun = self.begun.min(other.begun);
        self.dirty = true;
    }

    /// The first byte of a TCP segment's payload and the one after its last; none if it carries none.
    pub(super) fn range(&self) -> Option<(u32, u32)> {
        range(&self.identity)
    }

    /// Every flow under which the packet was seen.
    pub(super) fn flows(&self) -> impl Iterator<Item = &Flow> {
        let owner = match &self.owner {
            Owner::Flow(flow) => Some(flow),
            Owner::Connection(..) => None,
        };
        owner.into_iter().chain(self.seen.iter().map(|seen| &seen.sighting.decoded.belongs))
    }
}

/// See [`Draft::range`].
pub(super) fn range(identity: &Identity) -> Option<(u32, u32)> {
    match identity.content {
        Content::Tcp { sequence, .. } if identity.length > 0 => {
            Some((sequence, sequence.checked_add(identity.length)?))
        }
        _ => None,
    }
}

/// What finishing a draft needs to know.
pub(super) struct Context<'a> {
    pub(super) taps: &'a Arc<[Tap]>,
    pub(super) connection: Option<&'a Arc<Connection>>,
    /// The taps that are expected to see the packet, each with whether it can be relied on.
    pub(super) expected: &'a [(usize, bool)],
    pub(super) complete: bool,
}

/// Makes a journey of a draft.
pub(super) fn journey(draft: &Draft, context: &Context<'_>) -> Journey {
    let direction = match draft.owner {
        Owner::Connection(_, direction) => Some(direction),
        Owner::Flow(_) => None,
    };
    let hops = hops(draft, direction);
    let unseen: Vec<Unseen> = context
        .expected
        .iter()
        .filter(|(tap, _)| !hops.iter().any(|hop| hop.tap == *tap))
        .map(|(tap, sure)| Unseen { tap: *tap, sure: *sure })
        .collect();
    let steps: Vec<Step> = draft.steps.iter().map(|(_, step)| step.clone()).collect();
    let protocol = match (draft.seen.first(), &draft.owner, context.connection) {
        (Some(seen), ..) => seen.sighting.decoded.flow.protocol,
        (None, Owner::Flow(flow), _) => flow.protocol,
        (None, _, Some(connection)) => connection.protocol,
        (None, _, None) => crate::Protocol::Other(0),
    };
    Journey {
        id: draft.id,
        taps: Arc::clone(context.taps),
        connection: context.connection.cloned(),
        direction,
        protocol,
        packet: draft.identity,
        time: draft.time,
        rewrites: rewrites(&hops, &steps, direction, context.connection),
        hops,
        unseen,
        steps,
        rules_lost: draft.rules_lost,
        complete: context.complete,
    }
}

/// The sightings in order of time. Two taps may show the same nanosecond: then the order of the taps decides.
fn hops(draft: &Draft, direction: Option<Direction>) -> Vec<Hop> {
    let mut seen: Vec<&Seen> = draft.seen.iter().collect();
    let inwards = |seen: &[&Seen]| match (
        seen.iter().min_by_key(|seen| seen.sighting.time),
        seen.iter().max_by_key(|seen| seen.sighting.time),
    ) {
        (Some(first), Some(last)) if first.sighting.time != last.sighting.time => {
            first.sighting.tap <= last.sighting.tap
        }
        _ => direction != Some(Direction::Reply),
    };
    let inwards = inwards(&seen);
    seen.sort_by_key(|seen| {
        let tap = seen.sighting.tap;
        (seen.sighting.time, if inwards { tap } else { usize::MAX - tap })
    });
    let mut hops: Vec<Hop> = Vec::with_capacity(seen.len());
    let mut before: Option<&Seen> = None;
    for seen in seen {
        let Sighting { tap, time, decoded, frame } = &seen.sighting;
        hops.push(Hop {
            tap: *tap,
            offset: time - draft.time,
            flow: decoded.flow,
            ttl: decoded.ttl,
            link: decoded.link,
            changes: before.map_or_else(Vec::new, |before| changes(before, seen)),
            frame: frame.clone(),
        });
        before = Some(seen);
    }
    hops
}

fn changes(before: &Seen, after: &Seen) -> Vec<Change> {
    let (a, b) = (&before.sighting.decoded, &after.sighting.decoded);
    let mut changes = Vec::new();
    if a.flow.destination != b.flow.destination {
        changes.push(Change::Destination { from: a.flow.destination, to: b.flow.destination });
    }
    if a.flow.source != b.flow.source {
        changes.push(Change::Source { from: a.flow.source, to: b.flow.source });
    }
    if a.belongs != a.flow && a.belongs != b.belongs {
        changes.push(Change::Quoted { from: a.belongs, to: b.belongs });
    }
    if let (Some(from), Some(to)) = (a.ttl, b.ttl)
        && from != to
    {
        changes.push(Change::Ttl { from, to });
    }
    if let (Some(from), Some(to)) = (a.link, b.link)
        && from != to
    {
        changes.push(Change::Link { from, to });
    }
    if before.length != after.length {
        changes.push(Change::Segments { from: before.length, to: after.length });
    }
    changes
}

/// Who did each rewriting: the NAT rule that the packet met, or else the connection's entry.
fn rewrites(
    hops: &[Hop],
    steps: &[Step],
    direction: Option<Direction>,
    connection: Option<&Arc<Connection>>,
) -> Vec<Rewrite> {
    let between = hops.iter().flat_map(|hop| &hop.changes).filter_map(Change::nat);
    let before = hops
        .first()
        .zip(connection)
        .zip(direction)
        .map(|((hop, connection), direction)| rewritten_before(hop, connection.sent(direction)));
    let by_rules = steps.iter().filter(|step| step.verdict == Verdict::Accept).filter_map(|step| step.rule.nat);
    let mut kinds: Vec<Nat> = Vec::new();
    for nat in before.into_iter().flatten().flatten().chain(between).chain(by_rules) {
        if !kinds.contains(&nat) {
            kinds.push(nat);
        }
    }
    let rule = |nat: Nat| {
        let matching = |step: &&Step| step.rule.nat == Some(nat) && step.verdict == Verdict::Accept;
        steps.iter().find(matching).map(|step| Arc::clone(&step.rule))
    };
    let author = |nat: Nat| match rule(nat) {
        Some(rule) => Author::Rule(rule),
        None => Author::Entry {
            id: connection.and_then(|connection| connection.id),
            rule: connection
                .zip(direction)
                .and_then(|(connection, direction)| connection.author(direction, nat).cloned()),
        },
    };
    kinds.into_iter().map(|nat| Rewrite { nat, author: author(nat) }).collect()
}

/// What had been rewritten when a packet was first seen: that of a program on the host passes no tap before.
fn rewritten_before(first: &Hop, sent: Flow) -> [Option<Nat>; 2] {
    let destination = first.flow.destination.address != sent.destination.address;
    let source = first.flow.source.address != sent.source.address;
    [destination.then_some(Nat::Destination), source.then_some(Nat::Source)]
}
