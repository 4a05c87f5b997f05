//! Sessions on real traffic: a client, a router with a bridge, and a container, each a network namespace made for the test.
//! They need root, and `ip`, `nft` and `tshark` to build the scene and to check results.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use porthole_capture::*;
use porthole_network::netns;
use porthole_network::ruleset::{Family, Nat};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 2);
const HOST: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 1);
const CONTAINER: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 2);

const RULES: &str = r#"
table ip nat {
  chain DOCKER {
    iifname "docker0" counter return
    tcp dport 8088 counter dnat to 172.17.0.2:80
    udp dport 5353 counter dnat to 172.17.0.2:53
    tcp dport 9999 counter dnat to 172.17.0.2:99
  }
  chain PREROUTING {
    type nat hook prerouting priority dstnat;
    fib daddr type local counter jump DOCKER
  }
  chain OUTPUT {
    type nat hook output priority -100;
    fib daddr type local counter jump DOCKER
  }
  chain POSTROUTING {
    type nat hook postrouting priority srcnat;
    ip saddr 172.17.0.0/16 oifname != "docker0" counter masquerade
  }
}
table ip filter {
  chain FORWARD {
    type filter hook forward priority filter; policy drop;
    oifname "docker0" ct state established,related counter accept
    oifname "docker0" tcp dport 80 counter accept
    oifname "docker0" udp dport 53 counter accept
    iifname "docker0" oifname != "docker0" counter accept
  }
}
"#;

/// The scene; removed when dropped.
struct Scene {
    name: String,
}

impl Scene {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let scene = Scene { name: format!("phcap{}-{number}", std::process::id()) };
        let [c, r, s] = ["c", "r", "s"].map(|part| scene.netns(part));
        for netns in [&c, &r, &s] {
            ip(&format!("netns add {netns}"));
            ip(&format!("-n {netns} link set lo up"));
        }
        ip(&format!("link add eth0 netns {c} type veth peer name up0 netns {r}"));
        ip(&format!("link add eth0 netns {s} type veth peer name vethsrv netns {r}"));
        ip(&format!("-n {r} link add docker0 type bridge"));
        ip(&format!("-n {r} link set vethsrv master docker0"));
        ip(&format!("-n {r} addr add 10.10.0.1/24 dev up0"));
        ip(&format!("-n {r} addr add 172.17.0.1/16 dev docker0"));
        ip(&format!("-n {c} addr add 10.10.0.2/24 dev eth0"));
        ip(&format!("-n {s} addr add 172.17.0.2/16 dev eth0"));
        for (netns, link) in [(&c, "eth0"), (&s, "eth0"), (&r, "up0"), (&r, "vethsrv"), (&r, "docker0")] {
            ip(&format!("-n {netns} link set {link} up"));
        }
        ip(&format!("-n {c} route add default via 10.10.0.1"));
        ip(&format!("-n {s} route add default via 172.17.0.1"));
        scene.visit("r", || std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
        scene.nft(&["-f", "-"], RULES);
        scene
    }

    fn netns(&self, part: &str) -> String {
        format!("{}-{part}", self.name)
    }

    fn path(&self, part: &str) -> PathBuf {
        format!("/run/netns/{}", self.netns(part)).into()
    }

    fn visit<T>(&self, part: &str, work: impl FnOnce() -> T) -> T {
        let netns = netns::open(&self.path(part)).unwrap();
        netns::visit(netns.as_fd(), work).unwrap()
    }

    fn nft(&self, arguments: &[&str], input: &str) -> String {
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.netns("r"), "nft"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "nft {arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn taps(&self) -> Vec<TapSpec> {
        let taps = [
            ("outside", TapKind::Outside, "eth0", "c"),
            ("uplink", TapKind::Uplink, "up0", "r"),
            ("docker0", TapKind::Bridge, "docker0", "r"),
            ("veth", TapKind::Veth, "vethsrv", "r"),
            ("web", TapKind::Container, "eth0", "s"),
        ];
        let spec = |(label, kind, interface, part): (&str, _, &str, _)| TapSpec {
            label: label.into(),
            kind,
            interface: interface.into(),
            netns: Netns::Path(self.path(part)),
            addresses: Vec::new(),
            process: None,
        };
        taps.map(spec).into()
    }

    fn session(&self, focus: Vec<Focus>) -> Session {
        Session::start(SessionConfig::new(self.taps(), focus, Netns::Path(self.path("r")))).unwrap()
    }

    /// Answers one HTTP request a connection in the container, until the scene ends.
    fn serve(&self, port: u16) {
        let listener = self.visit("s", || TcpListener::bind((CONTAINER, port)).unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                std::thread::spawn(move || {
                    // A client that goes away early is not this server's concern.
                    let _ = stream.read(&mut [0; 1024]);
                    let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello from the container\n");
                });
            }
        });
    }

    fn get(&self, part: &str, address: (Ipv4Addr, u16)) -> String {
        let mut stream = self
            .visit(part, || TcpStream::connect_timeout(&SocketAddr::from(address), Duration::from_secs(3)).unwrap());
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The handle of the rule whose text contains `part`, as nft says.
    fn handle(&self, part: &str) -> u64 {
        let listing = self.nft(&["-a", "list", "ruleset"], "");
        let line = listing.lines().find(|line| line.contains(part)).unwrap();
        line.rsplit_once("# handle ").unwrap().1.parse().unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for part in ["c", "r", "s"] {
            ip(&format!("netns del {}", self.netns(part)));
        }
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

fn published() -> Focus {
    Focus::port(Protocol::Tcp, None, 8088, Endpoint::new(CONTAINER, 80))
}

fn idle(session: &Session) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let until = Until { idle: Some(Duration::from_millis(100)), deadline: Some(deadline), ..Until::default() };
    assert_eq!(session.wait(until), Waited::Idle);
}

fn labels(journey: &Journey) -> Vec<&str> {
    journey.hops.iter().map(|hop| journey.tap(hop).label.as_str()).collect()
}

fn changes(journey: &Journey, hop: usize) -> Vec<String> {
    journey.hops[hop].changes.iter().map(|change| format!("{change:#}")).collect()
}

const INWARDS: [&str; 5] = ["outside", "uplink", "docker0", "veth", "web"];
const OUTWARDS: [&str; 5] = ["web", "veth", "docker0", "uplink", "outside"];

#[test]
fn packets_after_a_long_silence_are_waited_for() {
    let scene = Scene::new();
    scene.serve(80);
    let session = scene.session(vec![published()]);
    std::thread::sleep(Duration::from_millis(300));
    scene.get("c", (HOST, 8088));
    idle(&session);
    let snapshot = session.snapshot();
    assert!(snapshot.journeys.len() >= 8, "{} journeys", snapshot.journeys.len());
    assert!(snapshot.journeys.iter().all(|journey| journey.complete));
}

#[test]
fn a_request_through_a_published_port() {
    let scene = Scene::new();
    scene.serve(80);
    let session = scene.session(vec![published()]);
    assert!(scene.get("c", (HOST, 8088)).contains("hello"));
    idle(&session);
    let recording = session.finish();
    let journeys = recording.journeys();
    assert!(journeys.len() >= 8, "{} journeys", journeys.len());
    for journey in journeys {
        println!("{journey}\n");
        let inwards = journey.direction == Some(Direction::Original);
        assert_eq!(labels(journey), if inwards { INWARDS } else { OUTWARDS });
        assert!(journey.complete && journey.seen_everywhere());
        let client = journey.hops[if inwards { 0 } else { 4 }].flow;
        let client = if inwards { client.source } else { client.destination };
        let (at, nat) = match inwards {
            true => (2, format!("DNAT {HOST}:8088 → {CONTAINER}:80")),
            false => (3, format!("SNAT {CONTAINER}:80 → {HOST}:8088")),
        };
        assert_eq!(changes(journey, at), [nat, "ttl 64 → 63".into(), "mac".into()]);
        for other in (1..5).filter(|hop| *hop != at) {
            assert_eq!(changes(journey, other), [] as [&str; 0]);
        }
        let connection = journey.connection.as_ref().unwrap();
        assert_eq!(connection.original.to_string(), format!("{client} → {HOST}:8088"));
        assert_eq!(connection.reply.to_string(), format!("{CONTAINER}:80 → {client}"));
        assert!(connection.id.is_some());
    }

    // The first packet met the NAT rule, and nft agrees about its handle.
    let first = &journeys[0];
    assert_eq!(first.packet.to_string(), "SYN");
    let handle = scene.handle("dnat to 172.17.0.2:80");
    let [Rewrite { nat: Nat::Destination, author: Author::Rule(rule) }] = first.rewrites.as_slice() else {
        panic!("{:?}", first.rewrites)
    };
    assert_eq!((rule.family, rule.table.as_str(), rule.chain.as_str()), (Family::Ip, "nat", "DOCKER"));
    assert_eq!((rule.handle, rule.text.as_deref()), (Some(handle), Some("tcp dport 8088 dnat to 172.17.0.2:80")));
    let steps: Vec<String> = first.steps.iter().map(|step| format!("{} {}", step.rule.chain, step.verdict)).collect();
    assert_eq!(steps, ["PREROUTING jump DOCKER", "DOCKER accept", "FORWARD accept", "POSTROUTING accept"]);

    // All others were rewritten by the entry that this rule made.
    let entry = first.connection.as_ref().unwrap().id;
    for journey in &journeys[1..] {
        let [rewrite] = journey.rewrites.as_slice() else { panic!("{:?}", journey.rewrites) };
        assert_eq!(rewrite.author, Author::Entry { id: entry, rule: Some(rule.clone()) });
        assert_eq!(journey.steps.len(), 1, "only FORWARD: {:?}", journey.steps);
    }
    assert!(recording.snapshot.taps.iter().all(|tap| tap.received >= 8 && tap.dropped == 0));
}

#[test]
fn a_journey_as_json() {
    let scene = Scene::new();
    scene.serve(80);
    let session = scene.session(vec![published()]);
    scene.get("c", (HOST, 8088));
    idle(&session);
    let recording = session.finish();
    let line = serde_json::to_string(&*recording.journeys()[0]).unwrap();
    assert!(!line.contains('\n'));
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(value["connection"]["id"].is_u64());
    assert_eq!(value["connection"]["protocol"], "tcp");
    assert_eq!(value["packet"]["flags"], "SYN");
    assert_eq!(value["packet"]["length"], 0);
    assert_eq!(value["hops"].as_array().unwrap().len(), 5);
    assert_eq!(value["hops"][0]["offset_ns"], 0);
    assert_eq!(value["hops"][2]["tap"], "docker0");
    assert_eq!(value["hops"][2]["destination"], "172.17.0.2:80");
    assert_eq!(value["hops"][2]["ttl"], 63);
    assert_eq!(value["hops"][2]["changes"][0], "DNAT 10.10.0.1:8088 → 172.17.0.2:80");
    assert_eq!(value["rules"][1]["family"], "ip");
    assert_eq!(value["rules"][1]["table"], "nat");
    assert_eq!(value["rules"][1]["chain"], "DOCKER");
    assert_eq!(value["rules"][1]["handle"], scene.handle("dnat to 172.17.0.2:80"));
    assert_eq!(value["rules"][1]["text"], "tcp dport 8088 dnat to 172.17.0.2:80");
    assert_eq!(value["rules"][1]["verdict"], "accept");
}

#[test]
fn a_masqueraded_request_of_a_container() {
    let scene = Scene::new();
    let listener = scene.visit("c", || TcpListener::bind((CLIENT, 9000)).unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
        stream.write_all(b"hello from outside").unwrap();
    });
    let session = scene.session(vec![Focus::container(CONTAINER.into())]);
    assert_eq!(scene.get("s", (CLIENT, 9000)), "hello from outside");
    server.join().unwrap();
    idle(&session);
    let recording = session.finish();
    let journeys = recording.journeys();
    assert!(journeys.len() >= 8);
    for journey in journeys {
        println!("{journey}\n");
        let outwards = journey.direction == Some(Direction::Original);
        assert_eq!(labels(journey), if outwards { OUTWARDS } else { INWARDS });
        let nat = if outwards { Nat::Source } else { Nat::Destination };
        let [rewrite] = journey.rewrites.as_slice() else { panic!("{:?}", journey.rewrites) };
        assert_eq!(rewrite.nat, nat);
        assert!(!journey.steps.is_empty());
    }
    let Author::Rule(rule) = &journeys[0].rewrites[0].author else { panic!("{:?}", journeys[0].rewrites) };
    assert_eq!(rule.handle, Some(scene.handle("masquerade")));
    assert!(journeys[0].hops[3].changes[0].to_string().starts_with("SNAT 172.17.0.2:"));
    for journey in &journeys[1..] {
        assert!(matches!(&journey.rewrites[0].author, Author::Entry { rule: Some(by), .. } if by == rule));
    }
}

#[test]
fn a_dropped_packet_says_which_policy_dropped_it() {
    let scene = Scene::new();
    let session = scene.session(vec![Focus::port(Protocol::Tcp, None, 9999, Endpoint::new(CONTAINER, 99))]);
    scene.visit("c", || {
        let address = SocketAddr::from((HOST, 9999));
        TcpStream::connect_timeout(&address, Duration::from_millis(300)).unwrap_err();
    });
    idle(&session);
    let recording = session.finish();
    let journey = &recording.journeys()[0];
    println!("{journey}");
    assert_eq!(labels(journey), ["outside", "uplink"]);
    let unseen: Vec<_> =
        journey.unseen.iter().map(|unseen| (journey.taps[unseen.tap].label.as_str(), unseen.sure)).collect();
    assert_eq!(unseen, [("docker0", true), ("veth", true), ("web", true)]);
    let drop = journey.dropped_by().unwrap();
    assert_eq!((drop.rule.chain.as_str(), drop.rule.handle), ("FORWARD", None));
    // The rewriting happened before the drop, though no tap could see it.
    assert!(journey.steps.iter().any(|step| step.rule.handle == Some(scene.handle("dnat to 172.17.0.2:99"))));
    assert!(matches!(journey.rewrites.as_slice(), [Rewrite { nat: Nat::Destination, author: Author::Rule(_) }]));
    let text = journey.to_string();
    assert!(text.contains("DROPPED by ip filter FORWARD"), "{text}");
    assert!(text.contains("unseen"), "{text}");
    let json = serde_json::to_value(&**journey).unwrap();
    assert_eq!(json["dropped"], true);
    assert_eq!(json["unseen"][0]["tap"], "docker0");
}

#[test]
fn a_udp_question_and_the_error_that_answers_it() {
    let scene = Scene::new();
    let focus = Focus::port(Protocol::Udp, None, 5353, Endpoint::new(CONTAINER, 53));
    let session = scene.session(vec![focus]);
    // Nothing listens on port 53 in the container.
    let socket = scene.visit("c", || UdpSocket::bind((CLIENT, 0)).unwrap());
    socket.connect((HOST, 5353)).unwrap();
    socket.send(b"question").unwrap();
    assert!(socket.recv(&mut [0; 16]).is_err());
    idle(&session);
    let recording = session.finish();
    for journey in recording.journeys() {
        println!("{journey}\n");
    }
    let [question, error] = recording.journeys() else { panic!("{} journeys", recording.journeys().len()) };
    assert_eq!(labels(question), INWARDS);
    assert_eq!((question.protocol, question.packet.length), (Protocol::Udp, 8));
    assert_eq!(labels(error), OUTWARDS);
    assert_eq!((error.protocol, error.packet.to_string()), (Protocol::Icmp, "port unreachable".into()));
    assert_eq!(error.connection.as_ref().unwrap().serial, question.connection.as_ref().unwrap().serial);
    let changes: Vec<String> =
        error.hops.iter().flat_map(|hop| &hop.changes).map(|change| format!("{change:#}")).collect();
    assert!(changes.iter().any(|change| change == "SNAT 172.17.0.2 → 10.10.0.1"), "{changes:?}");
    assert!(changes.iter().any(|change| change.starts_with("quoted 10.10.0.2:")), "{changes:?}");
}

#[test]
fn a_request_from_the_host_itself() {
    let scene = Scene::new();
    scene.serve(80);
    let session = scene.session(vec![published()]);
    assert!(scene.get("r", (HOST, 8088)).contains("hello"));
    idle(&session);
    let recording = session.finish();
    for journey in recording.journeys() {
        println!("{journey}\n");
        assert_eq!(journey.unseen, [], "the request never leaves the host");
        let inwards = journey.direction == Some(Direction::Original);
        assert_eq!(labels(journey), if inwards { ["docker0", "veth", "web"] } else { ["web", "veth", "docker0"] });
    }
    // The rule in OUTPUT rewrote it before any tap saw it.
    let first = &recording.journeys()[0];
    assert_eq!(first.hops[0].flow.destination, Endpoint::new(CONTAINER, 80));
    let [Rewrite { nat: Nat::Destination, author: Author::Rule(rule) }] = first.rewrites.as_slice() else {
        panic!("{:?}", first.rewrites)
    };
    assert_eq!(rule.handle, Some(scene.handle("dnat to 172.17.0.2:80")));
}

#[test]
fn a_request_over_ipv6() {
    let scene = Scene::new();
    for (part, address, link) in [
        ("c", "fd10::2/64", "eth0"),
        ("r", "fd10::1/64", "up0"),
        ("r", "fd17::1/64", "docker0"),
        ("s", "fd17::2/64", "eth0"),
    ] {
        ip(&format!("-n {} addr add {address} dev {link} nodad", scene.netns(part)));
    }
    ip(&format!("-n {} -6 route add default via fd10::1", scene.netns("c")));
    ip(&format!("-n {} -6 route add default via fd17::1", scene.netns("s")));
    scene.visit("r", || std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap());
    scene.nft(&["-f", "-"], "table ip6 nat { chain PREROUTING { type nat hook prerouting priority dstnat; tcp dport 8088 dnat to [fd17::2]:80; }; }");
    let container: std::net::Ipv6Addr = "fd17::2".parse().unwrap();
    let listener = scene.visit("s", || TcpListener::bind((container, 80)).unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            stream.unwrap().write_all(b"hello").unwrap();
        }
    });
    let get = || {
        let mut stream = scene.visit("c", || TcpStream::connect("[fd10::1]:8088").unwrap());
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "hello");
    };
    // Links that were just made lose the first packets until the neighbours have found one another.
    get();
    let session = scene.session(vec![Focus::port(Protocol::Tcp, None, 8088, Endpoint::new(container, 80))]);
    get();
    idle(&session);
    let recording = session.finish();
    for journey in recording.journeys() {
        println!("{journey}\n");
        let inwards = journey.direction == Some(Direction::Original);
        assert_eq!(labels(journey), if inwards { INWARDS } else { OUTWARDS });
        assert_eq!(journey.rewrites.len(), 1);
    }
    let first = recording.journeys().iter().find(|journey| journey.packet.to_string() == "SYN").unwrap();
    let Author::Rule(rule) = &first.rewrites[0].author else { panic!("{first}") };
    assert_eq!((rule.family, rule.text.as_deref()), (Family::Ip6, Some("tcp dport 8088 dnat to [fd17::2]:80")));
}

#[test]
fn forty_requests_at_once_are_all_joined() {
    let scene = Scene::new();
    scene.serve(80);
    let session = scene.session(vec![published()]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..5).for_each(|_| assert!(scene.get("c", (HOST, 8088)).contains("hello"))));
        }
    });
    idle(&session);
    let recording = session.finish();
    assert_eq!(recording.snapshot.connections.len(), 40);
    for journey in recording.journeys() {
        let inwards = journey.direction == Some(Direction::Original);
        assert_eq!(labels(journey), if inwards { INWARDS } else { OUTWARDS }, "{journey}");
        assert!(!journey.steps.is_empty() && journey.rewrites.len() == 1, "{journey}");
    }
    assert!(recording.journeys().len() >= 320, "{}", recording.journeys().len());
}

#[test]
fn tshark_reads_the_recording() {
    let scene = Scene::new();
    scene.serve(80);
    let session = scene.session(vec![published()]);
    scene.get("c", (HOST, 8088));
    idle(&session);
    let recording = session.finish();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("request.pcapng");
    recording.write_pcapng(&file).unwrap();
    let output = Command::new("tshark")
        .args(["-n", "-T", "fields", "-e", "frame.interface_name", "-e", "ip.dst", "-e", "frame.comment", "-r"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    println!("{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), recording.journeys().len() * 5);
    assert!(lines[0].starts_with("outside/eth0\t10.10.0.1\tpacket 1, hop 1 of 5"));
    assert!(lines[2].contains("DNAT 10.10.0.1:8088 → 172.17.0.2:80"));
    assert!(lines[2].contains("rewritten by rule ip nat DOCKER handle"));
    let missing = recording.write_pcapng(&directory.path().join("none/such")).unwrap_err();
    assert!(missing.to_string().contains("none/such"));
}

#[test]
fn a_journey_is_there_soon_and_the_descriptor_tells() {
    let scene = Scene::new();
    scene.serve(80);
    let session = scene.session(vec![published()]);
    // What starting changed has been seen.
    session.acknowledge();
    let start = Instant::now();
    scene.get("c", (HOST, 8088));
    loop {
        let mut fds = [rustix::event::PollFd::from_borrowed_fd(session.changes(), rustix::event::PollFlags::IN)];
        let timeout = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
        assert_eq!(rustix::event::poll(&mut fds, Some(&timeout)).unwrap(), 1, "no news for a second");
        session.acknowledge();
        let snapshot = session.snapshot();
        if snapshot.journeys.first().is_some_and(|journey| journey.hops.len() == 5 && !journey.steps.is_empty()) {
            break;
        }
    }
    let elapsed = start.elapsed();
    println!("first journey after {elapsed:?}");
    assert!(elapsed < Duration::from_millis(150), "{elapsed:?}");
}

#[test]
fn trace_rules_go_with_the_session() {
    let scene = Scene::new();
    let ruleset = || scene.nft(&["list", "ruleset"], "");
    let before = ruleset();
    let session = scene.session(vec![published(), Focus::container(CONTAINER.into())]);
    let during = ruleset();
    assert!(during.contains("table inet porthole-trace"), "{during}");
    assert!(during.contains("limit rate 1000/second"), "{during}");
    drop(session);
    assert_eq!(ruleset(), before);
}

#[test]
fn a_killed_session_leaves_nothing() {
    let scene = Scene::new();
    let before = scene.nft(&["list", "ruleset"], "");
    // This test binary again, running the helper below.
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hold_a_session", "--ignored", "--nocapture"])
        .env("PORTHOLE_TEST_SCENE", &scene.name)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !scene.nft(&["list", "ruleset"], "").contains("porthole-trace") {
        assert!(Instant::now() < deadline, "no session was started");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(scene.nft(&["list", "ruleset"], ""), before);
}

#[test]
#[ignore = "a helper of a_killed_session_leaves_nothing"]
fn hold_a_session() {
    let Ok(name) = std::env::var("PORTHOLE_TEST_SCENE") else { return };
    // The scene belongs to the test that started this one.
    let scene = std::mem::ManuallyDrop::new(Scene { name });
    let _session = scene.session(vec![published()]);
    std::thread::sleep(Duration::from_secs(30));
}

#[test]
fn a_tap_closes_when_its_interface_goes() {
    let scene = Scene::new();
    let session = scene.session(vec![published()]);
    ip(&format!("-n {} link del vethsrv", scene.netns("r")));
    let deadline = Instant::now() + Duration::from_secs(5);
    while session.snapshot().taps.iter().filter(|tap| tap.closed.is_some()).count() < 2 {
        assert!(Instant::now() < deadline, "{:?}", session.snapshot().taps);
        std::thread::sleep(Duration::from_millis(10));
    }
    session.close_tap(0);
    while session.snapshot().taps[0].closed.is_none() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(10));
    }
    // The others go on.
    assert!(session.finish().snapshot.taps[2].closed.is_none());
}

#[test]
fn what_is_missing_is_named() {
    let scene = Scene::new();
    let start = |change: &dyn Fn(&mut SessionConfig)| {
        let mut config = SessionConfig::new(scene.taps(), vec![published()], Netns::Path(scene.path("r")));
        change(&mut config);
        Session::start(config).unwrap_err().to_string()
    };
    let no_interface = start(&|config| config.taps[1].interface = "none0".into());
    assert!(no_interface.contains("none0 (uplink)"), "{no_interface}");
    let no_netns = start(&|config| config.host_netns = Netns::Path("/run/netns/none-such".into()));
    assert!(no_netns.contains("/run/netns/none-such"), "{no_netns}");
    // Nothing of the failed sessions is left.
    assert!(!scene.nft(&["list", "ruleset"], "").contains("porthole-trace"));
}

#[test]
fn the_container_asks_for_its_own_published_port() {
    let scene = Scene::new();
    scene.serve(80);
    // Hairpin: the bridge sends a frame back through the port it came from, and the rules let it.
    ip(&format!("-n {} link set vethsrv type bridge_slave hairpin on", scene.netns("r")));
    scene.nft(&["-f", "-"], HAIRPIN);
    let session = scene.session(vec![published()]);
    assert!(scene.get("s", (HOST, 8088)).contains("hello"));
    idle(&session);
    let recording = session.finish();
    let journeys = recording.journeys();
    for journey in journeys {
        println!("{journey}\n");
        // With br_netfilter the bridge shows the packet once, half-way rewritten; without, before and after.
        let labels = labels(journey);
        let (first, middle, last) = (&labels[..2], &labels[2..labels.len() - 2], &labels[labels.len() - 2..]);
        assert_eq!((first, last), (&["web", "veth"][..], &["veth", "web"][..]), "{journey}");
        assert!(middle == ["docker0"] || middle == ["docker0", "docker0"], "{journey}");
        assert!(journey.seen_everywhere());
        assert_eq!(journey.rewrites.len(), 2, "{journey}");
    }
    assert_eq!(recording.snapshot.connections.len(), 1);
    let connection = &recording.snapshot.connections[0];
    assert!(connection.has_source_nat() && connection.has_destination_nat());
    assert!(connection.source_rule.is_some() && connection.destination_rule.is_some());
}

const HAIRPIN: &str = r#"
flush chain ip nat DOCKER
add rule ip nat DOCKER tcp dport 8088 dnat to 172.17.0.2:80
insert rule ip nat POSTROUTING ip saddr 172.17.0.2 ip daddr 172.17.0.2 masquerade
"#;

/// Datagrams a second through the published port and the session's processor time, in one line each:
/// `cargo test --release -p porthole-capture --test live -- --ignored --nocapture rates`.
#[test]
#[ignore = "a measurement"]
fn rates() {
    for rate in [1_000u32, 10_000, 50_000] {
        let scene = Scene::new();
        let _sink = scene.visit("s", || UdpSocket::bind((CONTAINER, 53)).unwrap());
        let focus = Focus::port(Protocol::Udp, None, 5353, Endpoint::new(CONTAINER, 53));
        let mut config = SessionConfig::new(scene.taps(), vec![focus], Netns::Path(scene.path("r")));
        config.memory = 1 << 30;
        let begun = Instant::now();
        let session = Session::start(config).unwrap();
        println!("started in {:?}", begun.elapsed());
        let socket = scene.visit("c", || UdpSocket::bind((CLIENT, 0)).unwrap());
        socket.connect((HOST, 5353)).unwrap();
        let (before, own) = (cpu(), thread_cpu());
        let start = Instant::now();
        let total = rate * 3;
        for number in 0..total {
            socket.send(&u64::from(number).to_be_bytes()).unwrap();
            let due = start + Duration::from_secs(1) * (number + 1) / rate;
            std::thread::sleep(due.saturating_duration_since(Instant::now()).min(Duration::from_millis(1)));
        }
        let sent = start.elapsed();
        idle(&session);
        // The sender is this process too.
        let busy = (cpu() - before) - (thread_cpu() - own);
        let begun = Instant::now();
        let recording = session.finish();
        println!("finished in {:?}", begun.elapsed());
        let joined = recording.journeys().iter().filter(|journey| labels(journey) == INWARDS).count();
        let dropped: u64 = recording.snapshot.taps.iter().map(|tap| tap.dropped).sum();
        println!(
            "{rate} a second: {joined} of {total} joined on five taps, {dropped} dropped, lost {}, cpu {:.1} %",
            recording.snapshot.lost,
            busy.as_secs_f64() / sent.as_secs_f64() * 100.0
        );
    }
    let scene = Scene::new();
    let session = scene.session(vec![published()]);
    std::thread::sleep(Duration::from_millis(500));
    let before = cpu();
    std::thread::sleep(Duration::from_secs(5));
    println!("idle for five seconds: {:?} of processor time", cpu() - before);
    drop(session);
}

fn clock(id: rustix::time::ClockId) -> Duration {
    let time = rustix::time::clock_gettime(id);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn cpu() -> Duration {
    clock(rustix::time::ClockId::ProcessCPUTime)
}

fn thread_cpu() -> Duration {
    clock(rustix::time::ClockId::ThreadCPUTime)
}
