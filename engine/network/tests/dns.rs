//! The resolver of a container, with questions really asked in one namespace and resolvers that lie, lag and fail in another.

mod lab;

use lab::*;
use porthole_network::dns::{self, DnsConfig, DnsNetwork, EndpointNames, RESOLVER, Server};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const A: u16 = 1;
const PTR: u16 = 12;
const AAAA: u16 = 28;
const SUCCESS: u8 = 0;
const SERVER_FAILURE: u8 = 2;

/// A container with a resolver that serves until this is dropped.
struct Resolver {
    netns: Netns,
    over: Arc<AtomicBool>,
    config: mpsc::Sender<DnsConfig>,
    thread: Option<JoinHandle<()>>,
}

impl Resolver {
    fn new(config: DnsConfig) -> Resolver {
        let netns = Netns::new();
        netns.enter(|| run("ip link set lo up"));
        let mut server = Server::open(netns.fd(), config).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let (config, configs) = mpsc::channel();
        let is_over = over.clone();
        let thread = thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let left = server.due().map(|due| due.saturating_duration_since(Instant::now()));
                wait(&server, left.unwrap_or(Duration::MAX).min(Duration::from_millis(20)));
                configs.try_iter().for_each(|config| server.reconfigure(config));
                server.serve();
            }
        });
        Resolver { netns, over, config, thread: Some(thread) }
    }

    fn ask(&self, name: &str, kind: u16) -> Option<Answer> {
        self.netns.enter(|| ask_here(name, kind))
    }

    fn ask_by_stream(&self, name: &str, kind: u16) -> Answer {
        self.netns.enter(|| {
            let mut stream = TcpStream::connect((RESOLVER, 53)).unwrap();
            say(&mut stream, &query(7, name, kind, None));
            Answer(hear(&mut stream).unwrap())
        })
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking(), "the resolver panicked");
    }
}

fn wait(server: &Server, time: Duration) {
    let mut fd = libc::pollfd { fd: server.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one live pollfd, of which the kernel is told that it is one.
    unsafe { libc::poll(&mut fd, 1, time.as_millis() as i32 + 1) };
}

fn query(id: u16, name: &str, kind: u16, size: Option<u16>) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(size.is_some())]);
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
    out.extend(kind.to_be_bytes());
    out.extend([0, 1]);
    if let Some(size) = size {
        out.extend([0, 0, 41]);
        out.extend(size.to_be_bytes());
        out.extend([0; 6]);
    }
    out
}

fn ask_here(name: &str, kind: u16) -> Option<Answer> {
    ask_raw(&query(7, name, kind, None), Duration::from_secs(9))
}

fn ask_raw(query: &[u8], patience: Duration) -> Option<Answer> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(patience)).unwrap();
    socket.send_to(query, (RESOLVER, 53)).unwrap();
    let mut buffer = [0; 65535];
    let (count, from) = socket.recv_from(&mut buffer).ok()?;
    assert_eq!(from, SocketAddr::from((RESOLVER, 53)), "as seen by the client");
    Some(Answer(buffer[..count].to_vec()))
}

fn say(stream: &mut TcpStream, message: &[u8]) {
    stream.write_all(&[&(message.len() as u16).to_be_bytes(), message].concat()).unwrap();
}

fn hear(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message)?;
    Ok(message)
}

#[derive(Debug)]
struct Answer(Vec<u8>);

impl Answer {
    fn code(&self) -> u8 {
        self.0[3] & 15
    }

    fn is_truncated(&self) -> bool {
        self.0[2] & 2 != 0
    }

    fn records(&self) -> u16 {
        u16::from_be_bytes([self.0[6], self.0[7]])
    }

    /// The address of the last record, if all is well.
    fn address(&self) -> Option<Ipv4Addr> {
        let at = self.0.len() - 4;
        (self.code() == SUCCESS && self.records() > 0)
            .then(|| Ipv4Addr::new(self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]))
    }
}

/// An answer with `count` records of an address.
fn answer_to(query: &[u8], address: Ipv4Addr, count: u16) -> Vec<u8> {
    let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
    let mut out = query[..end].to_vec();
    out[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]);
    out[6..8].copy_from_slice(&count.to_be_bytes());
    for _ in 0..count {
        out.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        out.extend(address.octets());
    }
    out
}

fn failure(query: &[u8], code: u8) -> Vec<u8> {
    let mut out = answer_to(query, Ipv4Addr::LOCALHOST, 0);
    out[3] |= code;
    out
}

/// A resolver of the world at an address of the host's loopback; what it is asked it passes to `act`, with which to answer.
fn upstream(at: [u8; 4], act: impl Fn(&UdpSocket, &[u8], SocketAddr) + Send + 'static) -> IpAddr {
    let socket = UdpSocket::bind((Ipv4Addr::from(at), 53)).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            act(&socket, &buffer[..count], from);
        }
    });
    Ipv4Addr::from(at).into()
}

/// The same by streams.
fn upstream_by_stream(at: [u8; 4], act: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) {
    let listener = TcpListener::bind((Ipv4Addr::from(at), 53)).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            if let Ok(query) = hear(&mut stream) {
                say(&mut stream, &act(&query));
            }
        }
    });
}

fn network(directory: &Path, internal: bool) -> DnsNetwork {
    DnsNetwork { name: "mynet".into(), directory: directory.into(), internal }
}

fn config(directory: &Path, servers: &[IpAddr]) -> DnsConfig {
    DnsConfig { networks: vec![network(directory, false)], servers: servers.into(), links: vec![] }
}

fn add(directory: &Path, digit: char, name: &str, aliases: &[&str], addresses: &[&str]) {
    let endpoint = EndpointNames {
        container: digit.to_string().repeat(64),
        name: name.into(),
        aliases: aliases.iter().map(|&alias| alias.into()).collect(),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
    };
    dns::write(directory, &endpoint).unwrap();
}

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

#[test]
fn names_of_a_network_by_both_protocols_and_as_a_program_asks() {
    on_a_host(|_| {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let resolver = Resolver::new(config(directory, &["127.0.0.99".parse().unwrap()]));
        add(directory, 'a', "web", &["app"], &["172.18.0.2", "fd00::2"]);
        add(directory, 'b', "db", &["app"], &["172.18.0.3"]);
        let address = |name| resolver.ask(name, A).unwrap().address();
        assert_eq!(address("db"), Some(Ipv4Addr::new(172, 18, 0, 3)));
        assert_eq!(address("DB.MyNet"), Some(Ipv4Addr::new(172, 18, 0, 3)));
        assert_eq!(resolver.ask_by_stream("bbbbbbbbbbbb", A).address(), Some(Ipv4Addr::new(172, 18, 0, 3)));
        assert_eq!(resolver.ask("web", AAAA).unwrap().records(), 1);
        let none = resolver.ask("db", AAAA).unwrap();
        assert_eq!((none.code(), none.records()), (SUCCESS, 0));
        let firsts: std::collections::HashSet<_> = (0..4).map(|_| address("app")).collect();
        assert_eq!(firsts.len(), 2);
        assert!(resolver.ask("3.0.18.172.in-addr.arpa", PTR).unwrap().0.ends_with(b"\x02db\x05mynet\x00"));
        let nslookup =
            |name: &str| resolver.netns.enter(|| run(&format!("busybox nslookup -type=a {name} 127.0.0.11")));
        let printed = nslookup("web");
        assert!(printed.contains("172.18.0.2"), "{printed}");
        // Who ends or is renamed is gone at once.
        dns::remove(directory, &"b".repeat(64)).unwrap();
        assert_eq!(resolver.ask("db", A).unwrap().code(), SERVER_FAILURE);
        let elsewhere = tempfile::tempdir().unwrap();
        add(elsewhere.path(), 'c', "cache", &[], &["172.19.0.2"]);
        resolver.config.send(config(elsewhere.path(), &[])).unwrap();
        eventually(|| address("cache").is_some(), "the new configuration counts");
    });
}

#[test]
fn a_server_in_the_container_has_the_port_and_a_restart_finds_the_resolver_again() {
    on_a_host(|_| {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        add(directory, 'a', "web", &[], &["172.18.0.2"]);
        let mut first = Resolver::new(config(directory, &[]));
        first.netns.enter(|| Netns::answer_here(53));
        let asked = first.ask("web", A).unwrap();
        assert_eq!(asked.address(), Some(Ipv4Addr::new(172, 18, 0, 2)));
        // The same namespace once more.
        let netns = std::mem::replace(&mut first.netns, Netns::new());
        drop(first);
        drop(Server::open(netns.fd(), config(directory, &[])).unwrap());
        let rules = netns.enter(|| run("nft list ruleset"));
        assert_eq!(rules.matches("dnat to 127.0.0.11:").count(), 2, "{rules}");
    });
}

#[test]
fn what_lies_lags_or_fails_is_passed_over() {
    on_a_host(|_| {
        let directory = tempfile::tempdir().unwrap();
        let liar = upstream([127, 0, 1, 1], |socket, query, from| {
            let truth = answer_to(query, ADDRESS, 1);
            let lie = answer_to(query, Ipv4Addr::new(6, 6, 6, 6), 1);
            let other_id = [&[!lie[0], lie[1]], &lie[2..]].concat();
            let mut other_name = lie.clone();
            other_name[13] ^= 1;
            for lie in [other_id, other_name, vec![], lie[..11].to_vec()] {
                socket.send_to(&lie, from).unwrap();
            }
            UdpSocket::bind("127.0.0.77:53").unwrap().send_to(&lie, from).unwrap();
            thread::sleep(Duration::from_millis(20));
            socket.send_to(&truth, from).unwrap();
        });
        let failing = upstream([127, 0, 1, 2], |socket, query, from| {
            socket.send_to(&failure(query, SERVER_FAILURE), from).unwrap();
        });
        let silent = upstream([127, 0, 1, 3], |_, _, _| {});
        let nobody: IpAddr = "127.0.1.4".parse().unwrap();
        let resolver = Resolver::new(config(directory.path(), &[liar]));
        assert_eq!(resolver.ask("example.com", A).unwrap().address(), Some(ADDRESS));
        let reconfigure = |servers: &[IpAddr]| {
            resolver.config.send(config(directory.path(), servers)).unwrap();
            thread::sleep(Duration::from_millis(50));
        };
        reconfigure(&[failing, nobody, liar]);
        assert_eq!(resolver.ask("example.com", A).unwrap().address(), Some(ADDRESS));
        reconfigure(&[failing]);
        assert_eq!(resolver.ask("example.com", A).unwrap().code(), SERVER_FAILURE);
        reconfigure(&[silent, liar]);
        let begun = Instant::now();
        assert_eq!(resolver.ask("example.com", A).unwrap().address(), Some(ADDRESS));
        assert!((1900..3000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    });
}

#[test]
fn long_answers_come_by_streams_and_are_cut_for_who_takes_less() {
    on_a_host(|_| {
        let directory = tempfile::tempdir().unwrap();
        let server = upstream([127, 0, 1, 1], |socket, query, from| {
            let mut short = answer_to(query, ADDRESS, 1);
            short[2] |= 2;
            socket.send_to(&short, from).unwrap();
        });
        upstream_by_stream([127, 0, 1, 1], |query| answer_to(query, ADDRESS, 100));
        let resolver = Resolver::new(config(directory.path(), &[server]));
        let by_datagram = resolver.ask("example.com", A).unwrap();
        assert!(by_datagram.is_truncated() && by_datagram.0.len() <= 512 && by_datagram.records() > 20);
        let sized = query(9, "example.com", A, Some(4096));
        let whole = resolver.netns.enter(|| ask_raw(&sized, Duration::from_secs(5))).unwrap();
        assert_eq!((whole.is_truncated(), whole.records(), &whole.0[..2]), (false, 100, &[0, 9][..]));
        assert_eq!(resolver.ask_by_stream("example.com", A).records(), 100);
    });
}

#[test]
fn an_internal_network_asks_nobody_else() {
    on_a_host(|_| {
        let directory = tempfile::tempdir().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let server = upstream([127, 0, 1, 1], move |socket, query, from| {
            count.fetch_add(1, Ordering::Relaxed);
            socket.send_to(&answer_to(query, ADDRESS, 1), from).unwrap();
        });
        let networks = vec![network(directory.path(), true)];
        let resolver = Resolver::new(DnsConfig { networks, ..config(directory.path(), &[server]) });
        assert_eq!(resolver.ask("example.com", A).unwrap().code(), SERVER_FAILURE);
        assert_eq!(resolver.ask_by_stream("example.com", A).code(), SERVER_FAILURE);
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn streams_are_bounded_and_take_questions_in_a_row() {
    on_a_host(|_| {
        let directory = tempfile::tempdir().unwrap();
        add(directory.path(), 'a', "web", &[], &["172.18.0.2"]);
        let server = upstream([127, 0, 1, 1], |_, _, _| {});
        upstream_by_stream([127, 0, 1, 1], |query| answer_to(query, ADDRESS, 1));
        let resolver = Resolver::new(config(directory.path(), &[server]));
        resolver.netns.enter(|| {
            let connect = || TcpStream::connect((RESOLVER, 53)).unwrap();
            let mut first = connect();
            let names = ["web", "example.com", "web", "example.org"];
            names.iter().for_each(|name| say(&mut first, &query(7, name, A, None)));
            let answers = names.map(|_| Answer(hear(&mut first).unwrap()).address().unwrap());
            let own = Ipv4Addr::new(172, 18, 0, 2);
            assert_eq!(answers, [own, ADDRESS, own, ADDRESS]);
            // The one that has rested longest makes room.
            let _others: Vec<_> = (0..16).map(|_| connect()).collect();
            assert!(hear(&mut first).is_err());
            let mut noisy = connect();
            noisy.write_all(&[0xff; 64]).unwrap();
            assert!(hear(&mut noisy).is_err());
        });
    });
}

#[test]
fn a_flood_neither_grows_nor_stops_the_resolver() {
    on_a_host(|_| {
        let directory = tempfile::tempdir().unwrap();
        for digit in "0123456789abcdef".chars() {
            add(directory.path(), digit, &format!("web{digit}"), &[], &["172.18.0.2"]);
        }
        let silent = upstream([127, 0, 1, 1], |_, _, _| {});
        let resolver = Resolver::new(config(directory.path(), &[silent]));
        let memory = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
        };
        // Other tests run at the same time, but have a few only.
        let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let flood = |count: usize| {
            resolver.netns.enter(|| {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                let foreign = query(1, "flood.example.com", A, None);
                let own = query(1, "web0", A, None);
                for n in 0..count {
                    let _ = socket.send_to(if n % 2 == 0 { &foreign } else { &own }, (RESOLVER, 53));
                }
            });
        };
        flood(20_000);
        let memory_before = memory();
        let begun = Instant::now();
        flood(100_000);
        let rate = 100_000.0 / begun.elapsed().as_secs_f64();
        // A client repeats what was lost in the crowd.
        let is_answered = || {
            let ask = || ask_raw(&query(3, "webf", A, None), Duration::from_millis(300));
            resolver.netns.enter(|| (0..5).find_map(|_| ask())).is_some_and(|answer| answer.address().is_some())
        };
        assert!(is_answered());
        println!("{rate:.0} questions a second; memory {memory_before} → {} kB", memory());
        assert!(memory() < memory_before + 4096, "{memory_before} → {} kB", memory());
        assert!(descriptors() < 500, "{}", descriptors());
    });
}

#[test]
#[ignore = "a measurement: cargo test --release -p porthole-network --test dns -- --ignored --nocapture"]
fn what_it_costs() {
    on_a_host(|_| {
        let directory = tempfile::tempdir().unwrap();
        for n in 0..100 {
            let endpoint = EndpointNames {
                container: format!("{n:064x}"),
                name: format!("web{n}"),
                aliases: vec!["app".into()],
                addresses: vec![Ipv4Addr::new(172, 18, 0, n).into()],
            };
            dns::write(directory.path(), &endpoint).unwrap();
        }
        let namespaces: Vec<_> = (0..50).map(|_| Netns::new()).collect();
        let mut opened = Vec::new();
        let mut times: Vec<_> = namespaces
            .iter()
            .map(|netns| {
                netns.enter(|| run("ip link set lo up"));
                let begun = Instant::now();
                opened.push(Server::open(netns.fd(), config(directory.path(), &[])).unwrap());
                begun.elapsed()
            })
            .collect();
        times.sort();
        println!("opening: least {:?}, median {:?}", times[0], times[25]);
        let resolver = Resolver::new(config(directory.path(), &[]));
        thread::sleep(Duration::from_millis(30));
        let begun = Instant::now();
        resolver.netns.enter(|| (0..2000).for_each(|n| drop(ask_here(&format!("web{}", n % 100), A).unwrap())));
        println!("a name among 100: {:?}", begun.elapsed() / 2000);
        let begun = Instant::now();
        for _ in 0..200 {
            add(directory.path(), 'f', "new", &[], &["172.18.0.200"]);
            resolver.ask("new", A).unwrap();
        }
        println!("a name of 101 just written: {:?}", begun.elapsed() / 200);
    });
}
