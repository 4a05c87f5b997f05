//! The traced request: every packet on every tap, hop by hop.

use porthole_tests::{Host, pause};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Instant;

/// What the trace of one request says.
struct Trace {
    journeys: Vec<Value>,
    table: String,
}

fn trace_of_a_request(host: &Host, flags: &str) -> Trace {
    host.ok("lab up");
    let output = host.porthole(&format!("trace --json {flags} -- porthole lab send"));
    output.ok();
    let journeys: Vec<Value> =
        output.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON alone")).collect();
    assert!(output.stderr.contains("seen on every tap"), "{}", output.stderr);
    let rules = host.tool("nft list tables");
    let table = rules.split_whitespace().find(|word| word.starts_with("porthole")).expect("our table").to_owned();
    Trace { journeys, table }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}"))
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap_or_else(|| panic!("{field} in {value}"))
}

fn is_reply(journey: &Value) -> bool {
    text(&journey["packet"], "direction") == "reply"
}

/// The hops of a journey in the order in which a request makes them.
fn inwards(journey: &Value) -> Vec<&Value> {
    let mut hops: Vec<&Value> = list(journey, "hops").iter().collect();
    if is_reply(journey) {
        hops.reverse();
    }
    hops
}

fn changes(hop: &Value) -> Vec<&str> {
    let translations = |change: &&str| change.contains("NAT");
    list(hop, "changes").iter().map(|change| change.as_str().unwrap()).filter(translations).collect()
}

#[test]
fn every_packet_is_seen_on_every_tap_and_joined() {
    let host = Host::empty();
    let Trace { journeys, .. } = trace_of_a_request(&host, "--container web");
    let settings = host.inspect("web")["NetworkSettings"].clone();
    let (bridge, veth) = (text(&settings, "Bridge").to_owned(), text(&settings, "HostInterface").to_owned());
    assert!(journeys.len() >= 9, "SYN, SYN-ACK, ACK, request, answer and FINs with their ACKs: {}", journeys.len());
    let expected =
        ["outside eth0", "uplink outside0", &format!("{bridge} {bridge}"), &format!("{veth} {veth}"), "web eth0"];
    for journey in &journeys {
        let seen: Vec<String> =
            inwards(journey).iter().map(|hop| format!("{} {}", text(hop, "tap"), text(hop, "interface"))).collect();
        assert_eq!(seen, expected, "{journey}");
        assert!(list(journey, "unseen").is_empty() && journey["dropped"] == false, "{journey}");
        let offsets: Vec<u64> = list(journey, "hops").iter().map(|hop| hop["offset_ns"].as_u64().unwrap()).collect();
        assert!(offsets[0] == 0 && offsets.is_sorted(), "{offsets:?}");
        let lives: Vec<u64> = inwards(journey).iter().map(|hop| hop["ttl"].as_u64().unwrap()).collect();
        let expected = if is_reply(journey) { [63, 63, 64, 64, 64] } else { [64, 64, 63, 63, 63] };
        assert_eq!(lives, expected, "the host routes once: {journey}");
    }
    let flags = |number: usize| text(&journeys[number]["packet"], "flags");
    assert_eq!([flags(0), flags(1), flags(2)], ["SYN", "SYN,ACK", "ACK"]);
    assert!(
        journeys.iter().any(is_reply)
            && journeys.iter().any(|journey| journey["packet"]["length"].as_u64() > Some(100))
    );
}

#[test]
fn addresses_change_where_the_kernel_changes_them() {
    let host = Host::empty();
    let Trace { journeys, .. } = trace_of_a_request(&host, "--publish 8088");
    let inside = format!("{}:80", host.address("web"));
    let outside = text(inwards(&journeys[0])[0], "source").to_owned();
    let host_address = text(inwards(&journeys[0])[0], "destination").to_owned();
    assert!(outside.starts_with("10.88.0.2:") && host_address == "10.88.0.1:8088", "{outside} {host_address}");
    for journey in &journeys {
        let (tap, change, ends) = if is_reply(journey) {
            (1, format!("SNAT {inside} → {host_address}"), ["source", "destination"])
        } else {
            (2, format!("DNAT {host_address} → {inside}"), ["destination", "source"])
        };
        for (number, hop) in inwards(journey).into_iter().enumerate() {
            let expected: &[&str] = if number == tap { &[&change] } else { &[] };
            assert_eq!(changes(hop), expected, "hop {number} of {journey}");
            assert_eq!(text(hop, ends[0]), if number < 2 { &host_address } else { &inside });
            assert_eq!(text(hop, ends[1]), outside);
        }
        assert_eq!(journey["connection"]["original"], format!("{outside} → {host_address}"));
        assert_eq!(journey["connection"]["reply"], format!("{inside} → {outside}"));
    }
    let ids: BTreeSet<u64> = journeys.iter().map(|journey| journey["connection"]["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), 1, "one request is one connection");
}

#[test]
fn the_first_packet_names_the_rule_and_later_ones_the_entry() {
    let host = Host::empty();
    let Trace { journeys, table } = trace_of_a_request(&host, "--container web");
    let dnat = format!("dnat to {}:80", host.address("web"));
    let translates = |rule: &&Value| rule["text"].as_str().is_some_and(|text| text.contains("dnat to"));
    let first: Vec<&Value> = list(&journeys[0], "rules").iter().filter(translates).collect();
    let [rule] = first[..] else { panic!("one rule translates: {}", journeys[0]) };
    assert_eq!(
        [text(rule, "family"), text(rule, "table"), text(rule, "chain"), text(rule, "text")],
        ["ip", &table, "tcp-8088", &dnat]
    );
    let handle = format!("# handle {}", rule["handle"]);
    let listed = host.tool("nft -a list ruleset");
    assert!(listed.lines().any(|line| line.contains(&dnat) && line.ends_with(&handle)), "{handle} in {listed}");
    let chains: Vec<&str> = list(&journeys[0], "rules").iter().map(|rule| text(rule, "chain")).collect();
    assert_eq!(chains, ["RAW", "PREROUTING", "DOCKER", "tcp-8088", "FORWARD", "TO-docker0", "POSTROUTING"]);
    assert_eq!(journeys[0]["rewrites"][0]["by"], "rule");
    for journey in &journeys[1..] {
        assert_eq!(list(journey, "rules").iter().filter(translates).count(), 0, "{journey}");
        let [rewrite] = list(journey, "rewrites") else { panic!("one address is rewritten: {journey}") };
        assert_eq!((&rewrite["by"], &rewrite["entry"]), (&"entry".into(), &journey["connection"]["id"]));
        assert_eq!(rewrite["rule"]["handle"], rule["handle"], "the rule that made the entry so");
        assert_eq!(rewrite["address"], if is_reply(journey) { "source" } else { "destination" });
    }
}

#[test]
fn the_recording_opens_in_tshark() {
    let host = Host::empty();
    let file = host.path("request.pcapng");
    let Trace { journeys, .. } = trace_of_a_request(&host, &format!("--container web -w {}", file.display()));
    let fields = "-T fields -e frame.interface_name -e frame.comment -e ip.dst";
    let packets = host.tool(&format!("tshark -r {} {fields}", file.display()));
    let packets: Vec<Vec<&str>> = packets.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(packets.len(), journeys.len() * 5);
    let interfaces: BTreeSet<&str> = packets.iter().map(|packet| packet[0]).collect();
    assert_eq!(interfaces.len(), 5, "{interfaces:?}");
    assert!(interfaces.contains("outside/eth0") && interfaces.contains("web/eth0"), "{interfaces:?}");
    assert!(packets.iter().all(|packet| packet[1].contains("packet ")), "each has a comment");
    let bridge: Vec<_> = packets.iter().filter(|packet| packet[1].contains("DNAT 10.88.0.1:8088")).collect();
    let requests = journeys.iter().filter(|journey| !is_reply(journey)).count();
    assert_eq!(bridge.len(), requests, "the hop where it happens says so");
    assert!(bridge.iter().all(|packet| packet[2] == host.address("web")));
}

#[test]
fn people_read_a_ladder() {
    let host = Host::empty();
    host.ok("lab up");
    let text = host.ok("trace --container web --count 2 -- porthole lab send");
    for part in
        ["#1 tcp SYN", "outside", "DNAT 10.88.0.1:8088", "tcp-8088 handle", "#2 tcp SYN,ACK", "SNAT", "conntrack"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("#3"), "{text}");
}

#[test]
fn a_dropped_packet_is_called_so() {
    let host = Host::empty();
    host.ok("lab up");
    let table = host.tool("nft list tables").split_whitespace().last().unwrap().to_owned();
    host.tool(&format!("nft insert rule ip {table} FORWARD tcp dport 80 counter drop"));
    let output = host.porthole("trace --json --container web --timeout 2 -- porthole lab send");
    let journeys: Vec<Value> =
        output.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON alone")).collect();
    let first = journeys.first().expect("the SYN was seen");
    assert_eq!(first["dropped"], true, "{first}");
    let last = list(first, "rules").last().unwrap();
    assert_eq!((text(last, "chain"), text(last, "verdict")), ("FORWARD", "drop"));
    let seen: Vec<&str> = list(first, "hops").iter().map(|hop| text(hop, "tap")).collect();
    assert_eq!(seen, ["outside", "uplink"]);
    assert_eq!(text(&list(first, "unseen")[0], "tap"), host.inspect("web")["NetworkSettings"]["Bridge"], "{first}");
}

#[test]
fn tracing_ends_when_it_should() {
    let host = Host::empty();
    host.ok("lab up");
    let start = Instant::now();
    host.ok("trace --container web --timeout 0.3");
    assert!(start.elapsed().as_millis() >= 300 && start.elapsed().as_secs() < 5);
    assert_eq!(host.porthole("trace -- sh -c 'exit 7'").code, 7, "the command's exit code is ours");
    let missing = host.porthole("trace -- /no/such/command");
    assert_eq!(missing.code, 127);
    assert!(missing.stderr.lines().last().unwrap().starts_with("porthole: /no/such/command: "), "{}", missing.stderr);
    let mut trace = host.start("trace --json");
    pause(300);
    host.ok("lab send");
    let first = trace.line();
    assert!(first.starts_with('{'), "a journey is printed when it has ended: {first}");
    trace.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(trace.wait(), 0);
}

#[test]
fn what_cannot_be_traced_is_told() {
    let host = Host::new();
    assert!(host.fails(1, "trace --container nobody").contains("No such container: nobody"));
    assert!(host.fails(1, "trace").contains("porthole lab up"));
    assert!(host.fails(1, "trace --publish 4321").contains("4321"));
    host.ok("run -d --name lone --net none box sleep 100");
    assert!(host.fails(1, "trace --container lone").contains("lone"));
    host.ok("stop -t 0 lone");
    assert!(host.fails(1, "trace --container lone").contains("not running"));
}
