//! Joins what the taps saw, what conntrack knows and what the rules did into journeys.
//!
//! Nothing in a packet survives NAT under one name, so the join is by two things that do: the connection, found by any of
//! the six flows that its packets can show ([`Connections`]), and the packet's identity within it ([`Identity`]: sequence
//! numbers, IP identification, lengths, a hash of the payload). Trace messages carry the same headers and join the same
//! way, never by the kernel's trace id alone. Until its connection is known, a packet waits under its own flow.
//!
//! All of this is pure: time comes in as a number, results go out as versions of journeys.

mod draft;
mod event;
mod finished;
mod index;
mod path;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::connection::{Connection, Connections, Direction};
use crate::conntrack;
use crate::flow::{Flow, Protocol};
use crate::focus::Focus;
use crate::journey::{Journey, Step, Tap, Verdict};
use crate::packet::{Decoded, Identity, Sighting};
use draft::{Context, Draft, Owner, range};
pub(crate) use event::{Event, OWN_TABLE, Trace, is_own};
pub(crate) use finished::Budget;
use finished::Finished;
use index::Index;
pub(crate) use path::Place;
use path::{TapSet, expects};

/// How long a journey stays open for hops and rules that come in late, in nanoseconds.
pub(crate) const LATE: u64 = 250_000_000;
/// How long a packet may wait for its connection to become known before it is shown without.
const GRACE: u64 = 60_000_000;
/// The kernel reuses trace ids; what an id meant this long ago means nothing now.
const TRACE_MEMORY: u64 = 1_000_000_000;
/// Connections of the past are kept for late packets until there are this many, or twice as many as are needed.
const CONNECTIONS: usize = 4096;

/// What the messages with one trace id are about at the moment.
#[derive(Debug)]
struct Traced {
    draft: u64,
    flow: Flow,
    identity: Identity,
    time: u64,
}

/// What is shown.
#[derive(Clone, Debug)]
pub(crate) struct Interest {
    /// Which connections; all if empty.
    pub(crate) focus: Vec<Focus>,
    /// Whether ARP is.
    pub(crate) arp: bool,
}

#[derive(Debug)]
pub(crate) struct Correlator {
    taps: Arc<[Tap]>,
    places: Vec<Place>,
    interest: Interest,
    now: u64,
    connections: Connections,
    /// At how many connections those of the past are forgotten.
    connections_limit: usize,
    /// Whether something changed beside the journeys.
    news: bool,
    /// Which taps have seen packets of a connection.
    seen_at: HashMap<u64, TapSet>,
    /// Journeys that can still grow, by number.
    open: BTreeMap<u64, Draft>,
    index: Index,
    traced: HashMap<u32, Traced>,
    finished: Finished,
    lost: u64,
    next: u64,
    /// When each tap lost packets: from one look at its counters to the next.
    losses: Vec<Vec<(u64, u64)>>,
}

impl Correlator {
    pub(crate) fn new(taps: Arc<[Tap]>, places: Vec<Place>, interest: Interest, budget: Budget) -> Self {
        Correlator {
            losses: vec![Vec::new(); taps.len()],
            taps,
            places,
            interest,
            now: 0,
            connections: Connections::default(),
            connections_limit: CONNECTIONS,
            news: false,
            seen_at: HashMap::new(),
            open: BTreeMap::new(),
            index: Index::default(),
            traced: HashMap::new(),
            finished: Finished::new(budget),
            lost: 0,
            next: 0,
        }
    }

    /// Takes in a packet that a tap saw.
    pub(crate) fn sighting(&mut self, now: u64, sighting: Sighting) {
        self.now = now;
        let owner = self.owner(&sighting.decoded.belongs);
        if let Owner::Connection(serial, _) = owner {
            self.seen_at.entry(serial).or_default().insert(sighting.tap);
        }
        let identity = sighting.decoded.identity;
        let same = self.index.same(owner, identity).iter();
        let fitting = same.copied().find(|id| self.open[id].admits(&sighting));
        let Some(id) = fitting else {
            if self.see_resegmented(owner, &sighting) {
                return;
            }
            let id = self.begin(owner, identity, sighting.time);
            self.see(id, sighting, identity.length);
            return;
        };
        self.see(id, sighting, identity.length);
    }

    fn see(&mut self, id: u64, sighting: Sighting, length: u32) {
        let now = self.now;
        if let Some(draft) = self.open.get_mut(&id) {
            draft.hash.get_or_insert(sighting.decoded.hash);
            draft.see(sighting, length, now);
        }
    }

    /// A segment of TCP that fits no journey whole may be part of one, or hold several: segmentation and its opposite
    /// happen between taps.
    fn see_resegmented(&mut self, owner: Owner, sighting: &Sighting) -> bool {
        let Some((start, end)) = range(&sighting.decoded.identity) else { return false };
        let Decoded { flow, belongs, .. } = sighting.decoded;
        let near = self.index.near(owner, start, end);
        let parts: Vec<u64> = near
            .filter(|id| {
                let draft = &self.open[id];
                draft.range().is_some_and(|(first, last)| first < end && start < last)
                    && draft.time.abs_diff(sighting.time) <= draft::WINDOW
                    && !draft.was_at(sighting.tap, &flow, &belongs)
            })
            .collect();
        for id in &parts {
            self.see(*id, sighting.clone(), end - start);
        }
        !parts.is_empty()
    }

    /// Takes in what the kernel told.
    pub(crate) fn event(&mut self, now: u64, event: Event) {
        self.now = now;
        match event {
            Event::Connection(change, entry) => self.connection(change, &entry),
            Event::Trace(trace) => self.trace(trace),
            Event::Lost => {
                self.lost += 1;
                for draft in self.open.values_mut() {
                    draft.rules_lost = true;
                    draft.dirty = true;
                }
            }
        }
    }

    fn connection(&mut self, change: conntrack::Change, entry: &conntrack::Entry) {
        if !self.in_focus(&entry.original) && !self.in_focus(&entry.reply) {
            return;
        }
        self.news = true;
        let (serial, flows) = self.connections.entry(entry, change);
        if !flows.is_empty() {
            // What a trace had told of it was less than is known now.
            let owned = |draft: &&mut Draft| matches!(draft.owner, Owner::Connection(owner, _) if owner == serial);
            self.open.values_mut().filter(owned).for_each(|draft| draft.dirty = true);
            self.adopt(flows);
        }
        if self.connections.len() > self.connections_limit {
            self.connections.forget();
            self.connections_limit = CONNECTIONS.max(self.connections.len() * 2);
            let connections = &self.connections;
            self.seen_at.retain(|serial, _| connections.get(*serial).is_some());
        }
    }

    fn trace(&mut self, trace: Trace) {
        let about = match trace.packet {
            Some(packet) => self.enter_chain(&trace, &packet),
            None => self.traced.get(&trace.id).map(|traced| traced.draft),
        };
        let Some(id) = about else { return };
        if let Some(traced) = self.traced.get_mut(&trace.id) {
            traced.time = trace.time;
        }
        let Some(step) = trace.step else { return };
        self.next += 1;
        let (order, now) = (self.next, self.now);
        let Some(owner) = self.open.get(&id).map(|draft| draft.owner) else { return };
        self.credit(owner, &step);
        let Some(draft) = self.open.get_mut(&id) else { return };
        draft.steps.push((order, step));
        draft.touch(now);
    }

    /// A packet enters a base chain: finds the journey that it is, or begins one. None if the packet is of no interest:
    /// others can trace packets too.
    fn enter_chain(&mut self, trace: &Trace, packet: &Decoded) -> Option<u64> {
        let before = self
            .traced
            .remove(&trace.id)
            .filter(|traced| traced.identity == packet.identity && trace.time.abs_diff(traced.time) <= draft::WINDOW);
        let known = trace.connection.is_some_and(|(id, _)| self.connections.knows(id))
            || self.connections.place(&packet.belongs).is_some();
        if !known && before.is_none() && !self.in_focus(&packet.belongs) {
            return None;
        }
        let learned = match (trace.connection, &before) {
            (Some((id, direction)), _) => self.connections.learn(id, direction, packet.belongs),
            (None, Some(before)) if before.flow != packet.belongs => {
                self.connections.learn_unnumbered(before.flow, packet.belongs)
            }
            (None, _) => None,
        };
        if learned.is_some() {
            let flows = before.iter().map(|before| before.flow).chain([packet.belongs]);
            self.adopt(flows.collect());
        }
        let owner = self.owner(&packet.belongs);
        let same = self.index.same(owner, packet.identity).iter();
        let fitting = same.rev().copied().find(|id| self.open[id].admits_chain(&trace.chain, trace.time));
        let id = fitting.unwrap_or_else(|| self.begin(owner, packet.identity, trace.time));
        if let Some(draft) = self.open.get_mut(&id) {
            draft.chains.push(trace.chain.clone());
        }
        let traced = Traced { draft: id, flow: packet.belongs, identity: packet.identity, time: trace.time };
        self.traced.insert(trace.id, traced);
        Some(id)
    }

    fn owner(&self, flow: &Flow) -> Owner {
        match self.connections.place(flow) {
            Some(place) => Owner::Connection(place.serial, place.direction),
            None => Owner::Flow(*flow),
        }
    }

    fn begin(&mut self, owner: Owner, identity: Identity, time: u64) -> u64 {
        self.next += 1;
        let draft = Draft::new(self.next, owner, identity, time, self.now);
        self.index.add(&draft);
        self.open.insert(draft.id, draft);
        self.next
    }

    /// Gives journeys that waited under these flows to the connection that the flows now lead to.
    fn adopt(&mut self, flows: Vec<Flow>) {
        for id in self.index.waiting(&flows) {
            let Some(mut draft) = self.open.remove(&id) else { continue };
            self.index.remove(&draft);
            if let Owner::Flow(flow) = draft.owner {
                draft.owner = self.owner(&flow);
            }
            if let Owner::Connection(serial, _) = draft.owner {
                let seen_at = self.seen_at.entry(serial).or_default();
                draft.seen.iter().for_each(|seen| seen_at.insert(seen.sighting.tap));
            }
            draft.dirty = true;
            self.settle(draft);
        }
    }

    /// Puts a journey under its new owner: into one that is the same packet's, if there is one.
    fn settle(&mut self, draft: Draft) {
        for (_, step) in &draft.steps {
            self.credit(draft.owner, step);
        }
        let same = self.index.same(draft.owner, draft.identity).iter();
        let same = same.copied().find(|id| self.open[id].fits(&draft));
        match same.and_then(|same| self.open.get_mut(&same)) {
            Some(same) => {
                for traced in self.traced.values_mut().filter(|traced| traced.draft == draft.id) {
                    traced.draft = same.id;
                }
                same.merge(draft);
            }
            None => {
                self.index.add(&draft);
                self.open.insert(draft.id, draft);
            }
        }
    }

    /// Remembers the NAT rule that the first packet of a connection met.
    fn credit(&mut self, owner: Owner, step: &Step) {
        if let (Owner::Connection(serial, Direction::Original), Some(nat), Verdict::Accept) =
            (owner, step.rule.nat, &step.verdict)
        {
            self.connections.credit(serial, nat, &step.rule);
        }
    }

    /// Notes that a tap lost packets between two looks at its counters.
    pub(crate) fn tap_lost(&mut self, tap: usize, from: u64, to: u64) {
        self.losses[tap].push((from, to));
    }

    /// Closes journeys to which nothing was added for long, and makes versions of those that changed. Returns whether there
    /// is anything new.
    pub(crate) fn advance(&mut self, now: u64) -> bool {
        self.now = now;
        self.traced.retain(|_, traced| now.saturating_sub(traced.time) < TRACE_MEMORY);
        let due = |draft: &Draft| now.saturating_sub(draft.touched) >= LATE;
        let closing: Vec<u64> = self.open.values().filter(|draft| due(draft)).map(|draft| draft.id).collect();
        let mut news = std::mem::take(&mut self.news);
        for id in closing {
            news |= self.close(id);
        }
        let changed = self.open.values().filter(|draft| draft.dirty).map(|draft| draft.id);
        for id in changed.collect::<Vec<_>>() {
            news |= self.publish(id);
        }
        news
    }

    /// When [`advance`](Correlator::advance) next has something to do by the mere passing of time.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let due = |draft: &Draft| match (&draft.version, draft.owner) {
            (None, Owner::Flow(_)) if self.now < draft.begun + GRACE => draft.begun + GRACE,
            _ => draft.touched + LATE,
        };
        self.open.values().map(due).min()
    }

    /// Closes everything: nothing more will come.
    pub(crate) fn finish(&mut self, now: u64) {
        self.now = now;
        for id in self.open.keys().copied().collect::<Vec<_>>() {
            self.close(id);
        }
    }

    fn close(&mut self, id: u64) -> bool {
        let Some(draft) = self.open.remove(&id) else { return false };
        self.index.remove(&draft);
        if !self.is_of_interest(&draft) {
            return false;
        }
        let journey = Arc::new(self.version(&draft, true));
        self.finished.push(journey);
        true
    }

    fn publish(&mut self, id: u64) -> bool {
        let Some(draft) = self.open.get(&id) else { return false };
        let waiting = matches!(draft.owner, Owner::Flow(_)) && self.now < draft.begun + GRACE;
        let only_traced = draft.seen.is_empty() && self.now < draft.begun + GRACE;
        if waiting || only_traced || !self.is_of_interest(draft) {
            return false;
        }
        let version = Arc::new(self.version(draft, false));
        if let Some(draft) = self.open.get_mut(&id) {
            draft.version = Some(version);
            draft.dirty = false;
        }
        true
    }

    fn version(&self, draft: &Draft, complete: bool) -> Journey {
        let connection = match draft.owner {
            Owner::Connection(serial, _) => self.connections.get(serial),
            Owner::Flow(_) => None,
        };
        let expected = self.expected(draft, connection);
        let context = Context { taps: &self.taps, connection, expected: &expected, complete };
        draft::journey(draft, &context)
    }

    fn expected(&self, draft: &Draft, connection: Option<&Arc<Connection>>) -> Vec<(usize, bool)> {
        let first = draft.seen.iter().min_by_key(|seen| seen.sighting.time).map(|seen| &seen.sighting);
        if first.is_some_and(|first| first.decoded.flow.protocol == Protocol::Arp) {
            return Vec::new();
        }
        let seen_before = match draft.owner {
            Owner::Connection(serial, _) => self.seen_at.get(&serial).copied().unwrap_or_default(),
            Owner::Flow(_) => TapSet::default(),
        };
        let mut flows: Vec<Flow> = draft.flows().copied().collect();
        flows.extend(connection.into_iter().flat_map(|connection| [connection.original, connection.reply]));
        let first = first.map(|first| first.tap);
        (0..self.taps.len())
            .filter(|tap| expects(&self.places, *tap, first, seen_before, &flows))
            .map(|tap| (tap, !self.lost_then(tap, draft.time)))
            .collect()
    }

    fn lost_then(&self, tap: usize, time: u64) -> bool {
        self.losses[tap].iter().any(|(from, to)| time + LATE >= *from && time <= *to)
    }

    fn in_focus(&self, flow: &Flow) -> bool {
        let Interest { focus, arp } = &self.interest;
        match flow.protocol {
            Protocol::Arp => *arp,
            _ => focus.is_empty() || focus.iter().any(|focus| focus.matches(flow)),
        }
    }

    fn is_of_interest(&self, draft: &Draft) -> bool {
        match draft.owner {
            // A connection known only from a trace, perhaps of somebody else's trace rule, has yet to show that it is.
            Owner::Connection(serial, _) => self.connections.get(serial).is_some_and(|connection| {
                connection.confirmed || draft.flows().chain([&connection.original]).any(|flow| self.in_focus(flow))
            }),
            Owner::Flow(_) => draft.flows().any(|flow| self.in_focus(flow)),
        }
    }

    /// All journeys, oldest first.
    pub(crate) fn journeys(&self) -> Vec<Arc<Journey>> {
        let open = self.open.values().filter_map(|draft| draft.version.as_ref());
        let mut journeys: Vec<_> = self.finished.iter().chain(open).map(Arc::clone).collect();
        journeys.sort_by_key(|journey| (journey.time, journey.id));
        journeys
    }

    /// All connections, oldest first.
    pub(crate) fn connections(&self) -> Vec<Arc<Connection>> {
        let mut connections: Vec<_> = self.connections.iter().map(Arc::clone).collect();
        connections.sort_by_key(|connection| connection.serial);
        connections
    }

    /// How many journeys had to make room for newer ones.
    pub(crate) fn evicted(&self) -> u64 {
        self.finished.evicted()
    }

    /// How often the kernel lost messages.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// How many journeys are complete, those that were evicted included.
    pub(crate) fn completed(&self) -> u64 {
        self.finished.count()
    }

    /// How many journeys can still grow.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }
}
