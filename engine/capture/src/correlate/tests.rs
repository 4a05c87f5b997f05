use std::fs::File;
use std::net::Ipv4Addr;
use std::path::Path;

use etherparse::PacketBuilder;
use pcap_file::pcapng::{Block, PcapNgReader};
use porthole_network::ruleset::{Family, Nat};
use proptest::prelude::*;

use super::*;
use crate::conntrack::{Change, Entry};
use crate::decode::{Link, decode};
use crate::flow::Endpoint;
use crate::journey::{Author, Rewrite, RuleRef, TapKind, Unseen};
use crate::packet::Frame;

const MILLISECOND: u64 = 1_000_000;
const NO_LIMIT: Budget = Budget { bytes: usize::MAX, packets: usize::MAX };

fn taps() -> Vec<(&'static str, TapKind)> {
    vec![
        ("outside", TapKind::Outside),
        ("uplink", TapKind::Uplink),
        ("docker0", TapKind::Bridge),
        ("veth", TapKind::Veth),
        ("web", TapKind::Container),
    ]
}

fn correlator(budget: Budget) -> Correlator {
    let tap = |(label, kind): &(&str, TapKind)| Tap { label: (*label).into(), kind: *kind, interface: "eth0".into() };
    let places = taps().iter().map(|(_, kind)| Place { kind: *kind, addresses: Vec::new() }).collect();
    let interest = Interest { focus: Vec::new(), arp: false };
    Correlator::new(taps().iter().map(tap).collect(), places, interest, budget)
}

/// The packets of a recorded session, in order of time.
fn sample(name: &str) -> Vec<Sighting> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let mut reader = PcapNgReader::new(File::open(path).unwrap()).unwrap();
    let mut sightings = Vec::new();
    while let Some(block) = reader.next_block() {
        if let (Block::EnhancedPacket(packet), _) = block.unwrap() {
            let time = packet.timestamp.as_nanos() as u64;
            sightings.push(sighting(packet.interface_id as usize, time, &packet.data));
        }
    }
    sightings.sort_by_key(|sighting| sighting.time);
    sightings
}

fn sighting(tap: usize, time: u64, bytes: &[u8]) -> Sighting {
    let original_length = bytes.len() as u32;
    let decoded = decode(Link::Ethernet, bytes, original_length).unwrap();
    Sighting { tap, time, decoded, frame: Frame { bytes: bytes.into(), original_length } }
}

fn end(text: &str) -> Endpoint {
    let address: std::net::SocketAddrV4 = text.parse().unwrap();
    Endpoint::new(*address.ip(), address.port())
}

fn entry(id: u32, original: (&str, &str), reply: (&str, &str)) -> Entry {
    let flow = |(from, to): (&str, &str)| Flow::new(Protocol::Tcp, end(from), end(to));
    Entry { id, original: flow(original), reply: flow(reply), state: None }
}

fn dnat() -> Entry {
    entry(586549571, ("10.10.0.2:50872", "10.10.0.1:8088"), ("172.17.0.2:80", "10.10.0.2:50872"))
}

fn masquerade() -> Entry {
    entry(1184554959, ("172.17.0.2:35252", "10.10.0.2:9000"), ("10.10.0.2:9000", "10.10.0.1:35252"))
}

fn rule(chain: &str, handle: u64, text: &str, nat: Option<Nat>) -> Arc<RuleRef> {
    let table = if nat.is_some() { "nat" } else { "filter" };
    let (table, chain, text) = (table.into(), chain.into(), Some(text.into()));
    Arc::new(RuleRef { family: Family::Ip, table, chain, handle: Some(handle), text, nat })
}

/// The traces of the first packet of the DNAT sample: as it is before DNAT in PREROUTING, and after it in FORWARD.
fn traces(sightings: &[Sighting], numbered: bool) -> Vec<Event> {
    let trace = |sighting: &Sighting, rule: Arc<RuleRef>, first: bool| {
        Event::Trace(Trace {
            id: 99,
            chain: (Family::Ip, rule.table.clone(), rule.chain.clone()),
            packet: first.then_some(Decoded { hash: 0, ..sighting.decoded }),
            connection: numbered.then_some((dnat().id, Direction::Original)),
            step: Some(Step { rule, verdict: Verdict::Accept }),
            time: sighting.time + MILLISECOND,
        })
    };
    let publish = rule("DOCKER", 6, "tcp dport 8088 dnat to 172.17.0.2:80", Some(Nat::Destination));
    vec![
        trace(&sightings[1], rule("PREROUTING", 7, "fib daddr type local jump DOCKER", None), true),
        trace(&sightings[1], publish, false),
        trace(&sightings[2], rule("FORWARD", 3, "tcp dport 80 accept", None), true),
    ]
}

enum Input {
    Sighting(Sighting),
    Event(Event),
}

/// Feeds inputs in this order and returns the finished journeys.
fn run(correlator: &mut Correlator, inputs: Vec<Input>) -> Vec<Arc<Journey>> {
    let start = inputs.iter().find_map(|input| match input {
        Input::Sighting(sighting) => Some(sighting.time),
        Input::Event(_) => None,
    });
    let now = start.unwrap_or(0);
    for input in inputs {
        match input {
            Input::Sighting(sighting) => correlator.sighting(now, sighting),
            Input::Event(event) => correlator.event(now, event),
        }
        correlator.advance(now);
    }
    correlator.advance(now + LATE);
    assert_eq!(correlator.deadline(), None, "all is closed");
    correlator.journeys()
}

fn join(sightings: Vec<Sighting>, entry: Entry) -> Vec<Arc<Journey>> {
    let event = Input::Event(Event::Connection(Change::New, entry));
    let inputs = [event].into_iter().chain(sightings.into_iter().map(Input::Sighting));
    run(&mut correlator(NO_LIMIT), inputs.collect())
}

fn labels(journey: &Journey) -> Vec<&str> {
    journey.hops.iter().map(|hop| journey.tap(hop).label.as_str()).collect()
}

const INWARDS: [&str; 5] = ["outside", "uplink", "docker0", "veth", "web"];

#[test]
fn a_recorded_request_through_a_published_port() {
    let journeys = join(sample("dnat.pcapng"), dnat());
    assert_eq!(journeys.len(), 12);
    assert!(journeys.iter().all(|journey| journey.hops.len() == 5 && journey.seen_everywhere()));
    let texts: Vec<String> = journeys.iter().take(6).map(|journey| journey.to_string()).collect();
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn a_recorded_masqueraded_request() {
    let journeys = join(sample("masquerade.pcapng"), masquerade());
    assert_eq!(journeys.len(), 12);
    assert!(journeys.iter().all(|journey| journey.hops.len() == 5 && journey.seen_everywhere()));
    let first = serde_json::to_string_pretty(&*journeys[0]).unwrap();
    insta::assert_snapshot!(first);
}

#[test]
fn rules_and_their_author_with_and_without_the_kernels_numbers() {
    for numbered in [true, false] {
        let sightings = sample("dnat.pcapng");
        let traces = traces(&sightings, numbered);
        let entry = Input::Event(Event::Connection(Change::New, dnat()));
        let inputs = traces.into_iter().map(Input::Event).chain([entry]);
        let inputs = inputs.chain(sightings.into_iter().map(Input::Sighting)).collect();
        let journeys = run(&mut correlator(NO_LIMIT), inputs);
        assert_eq!(journeys.len(), 12);
        let first = &journeys[0];
        assert_eq!(labels(first), INWARDS);
        assert_eq!(first.steps.iter().map(|step| step.rule.handle.unwrap()).collect::<Vec<_>>(), [7, 6, 3]);
        let [Rewrite { nat: Nat::Destination, author: Author::Rule(rule) }] = first.rewrites.as_slice() else {
            panic!("{:?}", first.rewrites)
        };
        for journey in &journeys[1..] {
            let author = Author::Entry { id: Some(dnat().id), rule: Some(Arc::clone(rule)) };
            assert_eq!(journey.rewrites[0].author, author);
        }
    }
}

#[test]
fn a_dropped_packet_is_one_journey_though_conntrack_never_confirms_it() {
    for numbered in [true, false] {
        let mut sightings = sample("dnat.pcapng");
        let mut traces = traces(&sightings, numbered);
        sightings.truncate(2);
        if let Some(Event::Trace(trace)) = traces.last_mut() {
            trace.step.as_mut().unwrap().verdict = Verdict::Drop;
        }
        let inputs = sightings.into_iter().map(Input::Sighting).chain(traces.into_iter().map(Input::Event));
        let journeys = run(&mut correlator(NO_LIMIT), inputs.collect());
        let [journey] = journeys.as_slice() else { panic!("{journeys:#?}") };
        assert_eq!(labels(journey), ["outside", "uplink"]);
        assert_eq!(journey.unseen.len(), 3);
        assert_eq!(journey.steps.len(), 3);
        assert_eq!(journey.dropped_by().unwrap().rule.handle, Some(3));
        assert!(!journey.connection.as_ref().unwrap().confirmed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Threads race: whatever comes in first, the same journeys come out.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        order in Just((0..64usize).collect::<Vec<_>>()).prop_shuffle(),
        numbered in any::<bool>(),
    ) {
        let sightings = sample("dnat.pcapng");
        // The netlink socket keeps its own order; it mingles with the packets in any way.
        let events = traces(&sightings, numbered).into_iter().chain([Event::Connection(Change::New, dnat())]);
        let mut events = events.map(Input::Event);
        let mut packets: Vec<Option<Input>> = sightings.into_iter().map(|s| Some(Input::Sighting(s))).collect();
        let inputs = order.iter().filter_map(|&place| match packets.get_mut(place) {
            Some(packet) => packet.take(),
            None => events.next(),
        });
        let inputs: Vec<Input> = inputs.collect();
        prop_assert_eq!(inputs.len(), 64);
        let journeys = run(&mut correlator(NO_LIMIT), inputs);
        prop_assert_eq!(journeys.len(), 12);
        for journey in &journeys {
            prop_assert_eq!(journey.hops.len(), 5);
            prop_assert_eq!(journey.rewrites.len(), 1);
            prop_assert!(journey.seen_everywhere());
        }
        prop_assert_eq!(journeys[0].steps.len(), 3);
        prop_assert!(matches!(journeys[0].rewrites[0].author, Author::Rule(_)));
    }
}

/// A TCP segment from `10.0.0.2:4000` to `10.0.0.1:80`.
fn segment(tap: usize, time: u64, sequence: u32, payload: &[u8]) -> Sighting {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64)
        .tcp(4000, 80, sequence, 1000)
        .write(&mut frame, payload)
        .unwrap();
    sighting(tap, time, &frame)
}

fn run_sightings(sightings: Vec<Sighting>) -> Vec<Arc<Journey>> {
    run(&mut correlator(NO_LIMIT), sightings.into_iter().map(Input::Sighting).collect())
}

#[test]
fn repetitions_are_journeys_of_their_own() {
    let time = 1000 * MILLISECOND;
    let pass = |start: u64| (0..5).map(move |tap| segment(tap, start + tap as u64, 7, b"same"));
    // Soon after, and after the retransmission timer.
    let all = pass(time).chain(pass(time + 2 * MILLISECOND)).chain(pass(time + 200 * MILLISECOND));
    // Tap by tap, as the capture thread reads them.
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|sighting| sighting.tap);
    let journeys = run_sightings(all);
    assert_eq!(journeys.iter().map(|journey| journey.hops.len()).collect::<Vec<_>>(), [5, 5, 5]);
    assert_eq!(journeys[1].time, time + 2 * MILLISECOND);
}

#[test]
fn segments_cut_otherwise_are_joined_by_their_bytes() {
    let time = 1000 * MILLISECOND;
    // Two small ones become one large one at the bridge, and two again in the container.
    let journeys = run_sightings(vec![
        segment(0, time, 1000, &[1; 100]),
        segment(0, time + 10, 1100, &[2; 100]),
        segment(2, time + 20, 1000, &[[1; 100], [2; 100]].concat()),
        segment(4, time + 30, 1000, &[1; 100]),
        segment(4, time + 40, 1100, &[2; 100]),
    ]);
    assert_eq!(journeys.len(), 2);
    for journey in &journeys {
        assert_eq!(labels(journey), ["outside", "docker0", "web"]);
        let changes: Vec<String> = journey.hops.iter().flat_map(|hop| &hop.changes).map(ToString::to_string).collect();
        assert_eq!(changes, ["segment 100 → 200 bytes", "segment 200 → 100 bytes"]);
    }
}

#[test]
fn a_hairpin_passes_the_same_tap_twice() {
    let frame = |tap, time, from: (u8, u16), to: (u8, u16)| {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv4([172, 17, 0, from.0], [172, 17, 0, to.0], 64)
            .tcp(from.1, to.1, 1, 1000)
            .syn()
            .write(&mut frame, &[])
            .unwrap();
        sighting(tap, time, &frame)
    };
    // The container asks for the published port of the bridge's address and is sent back to itself: destination rewritten
    // before the bridge, source after it.
    let entry = entry(5, ("172.17.0.2:4000", "172.17.0.1:8088"), ("172.17.0.2:80", "172.17.0.1:4000"));
    let journeys = join(
        vec![
            frame(4, 1, (2, 4000), (1, 8088)),
            frame(3, 2, (2, 4000), (1, 8088)),
            frame(2, 3, (2, 4000), (2, 80)),
            frame(3, 4, (1, 4000), (2, 80)),
            frame(4, 5, (1, 4000), (2, 80)),
        ],
        entry,
    );
    let [journey] = journeys.as_slice() else { panic!("{journeys:#?}") };
    assert_eq!(labels(journey), ["web", "veth", "docker0", "veth", "web"]);
    assert!(journey.seen_everywhere());
    assert_eq!(journey.hops[2].changes[0].to_string(), "DNAT 172.17.0.1:8088 → 172.17.0.2:80");
    assert_eq!(journey.hops[3].changes[0].to_string(), "SNAT 172.17.0.2:4000 → 172.17.0.1:4000");
}

#[test]
fn a_tap_that_lost_packets_says_nothing_about_absence() {
    let mut correlator = correlator(NO_LIMIT);
    let time = 1000 * MILLISECOND;
    correlator.tap_lost(3, time, time + 100);
    let journeys = run(&mut correlator, (0..3).map(|tap| Input::Sighting(segment(tap, time, 1, b"x"))).collect());
    assert_eq!(journeys[0].unseen, [Unseen { tap: 3, sure: false }, Unseen { tap: 4, sure: true }]);
}

#[test]
fn the_oldest_journeys_make_room() {
    let mut correlator = correlator(Budget { bytes: usize::MAX, packets: 4 });
    let sightings = (0..3).flat_map(|n| (0..2).map(move |tap| segment(tap, 1000 + n, n as u32 * 10, b"x")));
    let journeys = run(&mut correlator, sightings.map(Input::Sighting).collect());
    assert_eq!((journeys.len(), correlator.evicted(), correlator.completed()), (2, 1, 3));
    assert_eq!(journeys[0].time, 1001);
}

#[test]
fn lost_messages_are_marked_on_the_journeys_of_that_time() {
    let mut correlator = correlator(NO_LIMIT);
    let first = Input::Sighting(segment(0, 1000, 1, b"x"));
    let journeys = run(&mut correlator, vec![first, Input::Event(Event::Lost)]);
    assert!(journeys[0].rules_lost && correlator.lost() == 1);
    assert!(journeys[0].to_string().contains("rules may be missing"));
}

#[test]
fn what_is_out_of_focus_is_not_shown() {
    let focus = Focus::port(Protocol::Tcp, None, 8088, Endpoint::new(Ipv4Addr::new(172, 17, 0, 2), 80));
    for (arp, focus, expected) in [(false, vec![focus], 0), (false, vec![], 1)] {
        let mut correlator = correlator(NO_LIMIT);
        correlator.interest = Interest { focus, arp };
        let mut other = segment(0, 1000, 1, b"x");
        other.decoded.flow.destination.port = 81;
        other.decoded.belongs = other.decoded.flow;
        assert_eq!(run(&mut correlator, vec![Input::Sighting(other)]).len(), expected);
    }
}

#[test]
fn a_packet_is_shown_before_it_is_complete() {
    let mut correlator = correlator(NO_LIMIT);
    let time = 1000 * MILLISECOND;
    correlator.sighting(time, segment(0, time, 1, b"x"));
    assert!(!correlator.advance(time), "its connection may yet become known");
    assert_eq!(correlator.deadline(), Some(time + GRACE));
    assert!(correlator.advance(time + GRACE));
    let early = correlator.journeys();
    assert!(!early[0].complete);
    correlator.sighting(time + GRACE, segment(1, time + 1, 1, b"x"));
    assert!(correlator.advance(time + GRACE));
    let later = correlator.journeys();
    assert_eq!((later[0].id, later[0].hops.len()), (early[0].id, 2));
    assert!(correlator.advance(time + GRACE + LATE));
    assert!(correlator.journeys()[0].complete);
}
