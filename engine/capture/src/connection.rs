//! Connections as conntrack knows them, and the tuples under which their packets appear.

use std::collections::HashMap;
use std::sync::Arc;

use porthole_network::ruleset::Nat;

use crate::conntrack::{Change, Entry};
use crate::flow::{Flow, Protocol};
use crate::journey::RuleRef;

/// A connection: what conntrack recorded when its first packet passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// A number of this session, never used twice.
    pub serial: u64,
    /// The kernel's number (CTA_ID); none when the kernel did not tell it, as before 6.16 for a packet that was dropped.
    pub id: Option<u32>,
    /// The protocol.
    pub protocol: Protocol,
    /// The flow of its first packet, before any rewriting.
    pub original: Flow,
    /// The flow of the answers, before any rewriting. Its reverse is what the first packet becomes.
    pub reply: Flow,
    /// What the protocol's state machine says: `ESTABLISHED`.
    pub state: Option<&'static str>,
    /// Whether conntrack took it into its table, which it does when the first packet has passed every rule.
    pub confirmed: bool,
    /// Whether conntrack has removed it.
    pub ended: bool,
    /// The rule that chose the new destination, if the trace saw it.
    pub destination_rule: Option<Arc<RuleRef>>,
    /// The rule that chose the new source, if the trace saw it.
    pub source_rule: Option<Arc<RuleRef>>,
}

impl Connection {
    /// Whether packets get another destination on their way, and answers another source.
    pub fn has_destination_nat(&self) -> bool {
        self.original.destination != self.reply.source
    }

    /// Whether packets get another source on their way, and answers another destination.
    pub fn has_source_nat(&self) -> bool {
        self.original.source != self.reply.destination
    }

    /// The flow of packets in this direction as their sender sends them.
    pub fn sent(&self, direction: Direction) -> Flow {
        match direction {
            Direction::Original => self.original,
            Direction::Reply => self.reply,
        }
    }

    /// The flow between the two rewritings: destination changed, source not yet. A tap on a bridge sees it when
    /// `br_netfilter` runs PREROUTING inside the bridge.
    fn halfway(&self) -> Flow {
        Flow { destination: self.reply.source, ..self.original }
    }

    /// The rule that set up this rewriting of a packet in this direction: an answer's source is rewritten because the
    /// first packet's destination was.
    pub(crate) fn author(&self, direction: Direction, nat: Nat) -> Option<&Arc<RuleRef>> {
        match (direction, nat) {
            (Direction::Original, Nat::Destination) | (Direction::Reply, Nat::Source) => self.destination_rule.as_ref(),
            (Direction::Original, Nat::Source) | (Direction::Reply, Nat::Destination) => self.source_rule.as_ref(),
        }
    }
}

/// Which way a packet of a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// The way of the first packet.
    Original,
    /// The way of the answers.
    Reply,
}

/// How far the rewriting of a packet has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum View {
    /// As its sender sent it.
    Before,
    /// Destination rewritten, source not yet.
    Halfway,
    /// As its receiver gets it.
    After,
}

/// What a flow is to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) serial: u64,
    pub(crate) direction: Direction,
    pub(crate) view: View,
}

/// The connections of a session, found by any of the six flows that their packets can show.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    all: HashMap<u64, Arc<Connection>>,
    ids: HashMap<u32, u64>,
    places: HashMap<Flow, Place>,
    next: u64,
}

impl Connections {
    pub(crate) fn place(&self, flow: &Flow) -> Option<Place> {
        self.places.get(flow).copied()
    }

    pub(crate) fn get(&self, serial: u64) -> Option<&Arc<Connection>> {
        self.all.get(&serial)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.all.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Takes in an entry of conntrack's table. Returns the connection and the flows by which it can be found from now on.
    pub(crate) fn entry(&mut self, entry: &Entry, change: Change) -> (u64, Vec<Flow>) {
        // A new entry may be one that a trace message told of, or a new use of an old number.
        let known = self.ids.get(&entry.id).copied().or_else(|| self.unnumbered(&entry.original));
        let known = known.filter(|serial| {
            self.all
                .get(serial)
                .is_some_and(|known| !known.ended && (!known.confirmed || known.original == entry.original))
        });
        let serial = known.unwrap_or_else(|| self.insert(Some(entry.id), entry.original, entry.reply));
        self.ids.insert(entry.id, serial);
        let first_sight = known.is_none_or(|serial| !self.all[&serial].confirmed);
        if let Some(connection) = self.change(serial) {
            connection.id = Some(entry.id);
            connection.original = entry.original;
            connection.reply = entry.reply;
            connection.state = entry.state.or(connection.state);
            connection.confirmed = true;
            connection.ended = change == Change::Destroy;
        }
        if change == Change::Destroy {
            self.ids.remove(&entry.id);
        }
        (serial, if first_sight { self.place_views(serial) } else { Vec::new() })
    }

    /// A connection that only a trace message has told of, without the kernel's number.
    fn unnumbered(&self, original: &Flow) -> Option<u64> {
        let place = self.place(original)?;
        (self.all.get(&place.serial)?.id.is_none() && place.view == View::Before).then_some(place.serial)
    }

    /// Learns from a trace message that a packet of connection `id` shows this flow. This is how the packets of a connection
    /// that is never confirmed are known. Returns the connection if this is news.
    pub(crate) fn learn(&mut self, id: u32, direction: Direction, flow: Flow) -> Option<u64> {
        let serial = match self.ids.get(&id) {
            Some(serial) => *serial,
            None => {
                let original = if direction == Direction::Original { flow } else { flow.reversed() };
                let serial = self.insert(Some(id), original, original.reversed());
                self.ids.insert(id, serial);
                serial
            }
        };
        self.also(serial, direction, flow).then_some(serial)
    }

    /// The same from a kernel that does not tell the number: a packet that showed `first` now shows `flow`.
    pub(crate) fn learn_unnumbered(&mut self, first: Flow, flow: Flow) -> Option<u64> {
        let place = self.place(&first).unwrap_or_else(|| {
            let serial = self.insert(None, first, first.reversed());
            Place { serial, direction: Direction::Original, view: View::Before }
        });
        self.also(place.serial, place.direction, first);
        self.also(place.serial, place.direction, flow).then_some(place.serial)
    }

    /// Adds a flow of an unconfirmed connection. That of a confirmed one are all known, but for odd ones such as those of
    /// rules that rewrite addresses without conntrack.
    fn also(&mut self, serial: u64, direction: Direction, flow: Flow) -> bool {
        let known = self.places.get(&flow).is_some_and(|place| place.serial == serial);
        let first = self.all.get(&serial).is_some_and(|connection| connection.original == flow);
        if !known {
            let view = if first { View::Before } else { View::Halfway };
            self.places.insert(flow, Place { serial, direction, view });
        }
        !known
    }

    fn insert(&mut self, id: Option<u32>, original: Flow, reply: Flow) -> u64 {
        self.next += 1;
        let connection = Connection {
            serial: self.next,
            id,
            protocol: original.protocol,
            original,
            reply,
            state: None,
            confirmed: false,
            ended: false,
            destination_rule: None,
            source_rule: None,
        };
        self.all.insert(self.next, Arc::new(connection));
        self.next
    }

    /// Enters the six flows. Where two are the same the earlier view stands: nothing was rewritten between them.
    fn place_views(&mut self, serial: u64) -> Vec<Flow> {
        let Some(connection) = self.all.get(&serial) else { return Vec::new() };
        let halfway = connection.halfway();
        let (original, reply) = (connection.original, connection.reply);
        let views = [
            (original, Direction::Original, View::Before),
            (reply, Direction::Reply, View::Before),
            (reply.reversed(), Direction::Original, View::After),
            (original.reversed(), Direction::Reply, View::After),
            (halfway, Direction::Original, View::Halfway),
            (halfway.reversed(), Direction::Reply, View::Halfway),
        ];
        let mut flows: Vec<Flow> = Vec::with_capacity(views.len());
        for (flow, direction, view) in views {
            if !flows.contains(&flow) {
                self.places.insert(flow, Place { serial, direction, view });
                flows.push(flow);
            }
        }
        flows
    }

    /// Records the rule that set up a connection's rewriting, as seen on its first packet.
    pub(crate) fn credit(&mut self, serial: u64, nat: Nat, rule: &Arc<RuleRef>) {
        if let Some(connection) = self.change(serial) {
            let author = match nat {
                Nat::Destination => &mut connection.destination_rule,
                Nat::Source => &mut connection.source_rule,
            };
            author.get_or_insert_with(|| Arc::clone(rule));
        }
    }

    /// A connection to change; what snapshots hold stays as it was.
    fn change(&mut self, serial: u64) -> Option<&mut Connection> {
        self.all.get_mut(&serial).map(Arc::make_mut)
    }

    /// Whether there is a connection with this number of the kernel's.
    pub(crate) fn knows(&self, id: u32) -> bool {
        self.ids.contains_key(&id)
    }

    /// Forgets connections to which no journey refers and none will: those that ended, and those that were never confirmed,
    /// except the youngest, whose journeys may not have been made yet.
    pub(crate) fn forget(&mut self) {
        const YOUNGEST: u64 = 256;
        let young = self.next.saturating_sub(YOUNGEST);
        self.all.retain(|serial, connection| {
            *serial > young || connection.confirmed && !connection.ended || Arc::strong_count(connection) > 1
        });
        let all = &self.all;
        self.places.retain(|_, place| all.contains_key(&place.serial));
        self.ids.retain(|_, serial| all.contains_key(serial));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Endpoint;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn endpoint() -> impl Strategy<Value = Endpoint> {
        (0u8..6, 1u16..6).prop_map(|(host, port)| Endpoint::new(Ipv4Addr::new(10, 0, 0, host), port))
    }

    fn entry(id: u32, original: (Endpoint, Endpoint), reply: (Endpoint, Endpoint)) -> Entry {
        Entry {
            id,
            original: Flow::new(Protocol::Tcp, original.0, original.1),
            reply: Flow::new(Protocol::Tcp, reply.0, reply.1),
            state: None,
        }
    }

    proptest! {
        /// Whatever NAT did, each flow that a packet of the connection can show leads to it, and a flow and its reverse to
        /// opposite directions (unless they are the same).
        #[test]
        fn six_flows_lead_to_a_connection(a in endpoint(), b in endpoint(), c in endpoint(), d in endpoint()) {
            let entry = entry(7, (a, b), (c, d));
            let mut connections = Connections::default();
            let (serial, flows) = connections.entry(&entry, Change::New);
            let halfway = Flow { destination: c, ..entry.original };
            for flow in [entry.original, entry.reply, halfway] {
                for flow in [flow, flow.reversed()] {
                    prop_assert_eq!(connections.place(&flow).map(|place| place.serial), Some(serial));
                    prop_assert!(flows.contains(&flow));
                }
            }
            prop_assert_eq!(connections.place(&entry.original).unwrap().direction, Direction::Original);
            prop_assert_eq!(connections.place(&entry.original).unwrap().view, View::Before);
        }
    }

    #[test]
    fn what_a_trace_told_becomes_the_confirmed_connection() {
        let at = |host: u8, port| Endpoint::new(Ipv4Addr::new(10, 0, 0, host), port);
        let entry = entry(7, (at(2, 4000), at(1, 8088)), (at(3, 80), at(2, 4000)));
        for numbered in [true, false] {
            let mut connections = Connections::default();
            let halfway = Flow { destination: entry.reply.source, ..entry.original };
            let told = if numbered {
                connections.learn(7, Direction::Original, entry.original);
                connections.learn(7, Direction::Original, halfway).unwrap()
            } else {
                connections.learn_unnumbered(entry.original, halfway).unwrap()
            };
            assert!(!connections.get(told).unwrap().confirmed);
            let (serial, flows) = connections.entry(&entry, Change::New);
            assert_eq!(serial, told);
            assert_eq!(flows.len(), 4);
            assert!(connections.get(serial).unwrap().has_destination_nat());
            assert!(!connections.get(serial).unwrap().has_source_nat());
        }
    }

    #[test]
    fn a_number_used_again_is_another_connection() {
        let at = |host: u8, port| Endpoint::new(Ipv4Addr::new(10, 0, 0, host), port);
        let first = entry(7, (at(2, 4000), at(1, 80)), (at(1, 80), at(2, 4000)));
        let second = entry(7, (at(2, 4001), at(1, 80)), (at(1, 80), at(2, 4001)));
        let mut connections = Connections::default();
        let (a, _) = connections.entry(&first, Change::New);
        connections.entry(&first, Change::Destroy);
        let (b, _) = connections.entry(&second, Change::New);
        assert_ne!(a, b);
    }

    #[test]
    fn the_past_is_forgotten() {
        let at = |host: u8, port| Endpoint::new(Ipv4Addr::new(10, 0, 0, host), port);
        let mut connections = Connections::default();
        let mut first = None;
        for id in 1..=1000 {
            let port = 4000 + id as u16;
            let entry = entry(id, (at(2, port), at(1, 80)), (at(1, 80), at(2, port)));
            let (serial, _) = connections.entry(&entry, Change::New);
            let kept = first.get_or_insert_with(|| connections.get(serial).cloned());
            assert!(kept.is_some());
            connections.entry(&entry, Change::Destroy);
        }
        let alive = entry(1001, (at(2, 1), at(1, 80)), (at(1, 80), at(2, 1)));
        connections.entry(&alive, Change::New);
        connections.forget();
        assert_eq!(connections.len(), 256);
        assert!(connections.place(&alive.original).is_some());
        assert_eq!(connections.place(&first.unwrap().unwrap().original), None);
    }
}
