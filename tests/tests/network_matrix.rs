//! Who reaches what, by packets really sent: from everywhere, by each address, over TCP and UDP, IPv4 and IPv6, to ports that
//! are published for all, at one address, on localhost only, or not at all.

use porthole_tests::{Host, Neighbour, Netns, eventually, pause};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// How long an answer may take: much longer than one on this machine does, and short since most are awaited in vain.
const PATIENCE: Duration = Duration::from_millis(700);

/// How many probes are under way at once.
const AT_ONCE: usize = 24;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Network {
    /// The default one, which has no IPv6.
    Default,
    /// One that was made.
    Made,
    /// One that leads nowhere.
    Internal,
    /// One whose containers are kept apart.
    Apart,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    /// Another machine, which has a route to the containers by the host.
    Outside,
    Host,
    /// A container of the same network.
    Same,
    /// A container of another one.
    Other,
    /// The container that serves.
    Itself,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    /// The host's address towards the outside.
    HostAddress,
    Localhost,
    /// The bridge's address.
    Gateway,
    /// The container's own address, at the container's port.
    Container,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Published {
    No,
    Everywhere,
    /// At the host's address towards the outside.
    HostAddress,
    Localhost,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Protocol {
    Tcp,
    Udp,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Family {
    V4,
    V6,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    network: Network,
    source: Source,
    by: By,
    published: Published,
    protocol: Protocol,
    family: Family,
}

impl Published {
    const ALL: [Published; 4] = [Published::No, Published::Everywhere, Published::HostAddress, Published::Localhost];

    fn container_port(self) -> u16 {
        80 + self as u16
    }

    fn host_port(self) -> u16 {
        8080 + self as u16
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { network, source, by, published, protocol, family } = self;
        write!(formatter, "{network:?}: {source:?} by {by:?}, {protocol:?} {family:?}, published {published:?}")
    }
}

impl Case {
    /// All that make sense on a network.
    fn all(network: Network) -> Vec<Case> {
        let families = if network == Network::Default { &[Family::V4][..] } else { &[Family::V4, Family::V6] };
        let mut cases = Vec::new();
        for source in [Source::Outside, Source::Host, Source::Same, Source::Other, Source::Itself] {
            for by in [By::HostAddress, By::Localhost, By::Gateway, By::Container] {
                for published in Published::ALL {
                    for protocol in [Protocol::Tcp, Protocol::Udp] {
                        for &family in families {
                            cases.push(Case { network, source, by, published, protocol, family });
                        }
                    }
                }
            }
        }
        // The localhost of others is not the host's.
        cases.retain(|case| case.by != By::Localhost || case.source == Source::Host);
        cases
    }

    /// Whether Docker's semantics let it through.
    fn passes(self) -> bool {
        if self.by == By::Container {
            return match self.source {
                Source::Itself | Source::Host => true,
                Source::Same => self.network != Network::Apart,
                // Only what is published is for others, and by the host's addresses.
                Source::Other | Source::Outside => false,
            };
        }
        // Nor do those of such a network reach one another through the host, as with Docker without its proxy.
        if self.network == Network::Apart && matches!(self.source, Source::Same | Source::Itself) {
            return false;
        }
        // The kernel lets no packet from ::1 leave loopback.
        let localhost = self.by == By::Localhost && self.family == Family::V4;
        self.network != Network::Internal
            && match self.published {
                Published::No => false,
                Published::Everywhere => self.by != By::Localhost || localhost,
                Published::HostAddress => self.by == By::HostAddress,
                Published::Localhost => localhost,
            }
    }
}

/// The machines and containers that take part.
struct Stage<'a> {
    neighbour: &'a Neighbour,
    same: Netns,
    other: Netns,
    target: Netns,
    /// The addresses of the container that serves and of its gateway, by family.
    addresses: [(Option<IpAddr>, Option<IpAddr>); 2],
}

impl Stage<'_> {
    fn address(&self, case: Case) -> Option<SocketAddr> {
        let (container, gateway) = self.addresses[case.family as usize];
        let address = match (case.by, case.family) {
            (By::HostAddress, Family::V4) => "10.99.0.1".parse().ok(),
            (By::HostAddress, Family::V6) => "fd99::1".parse().ok(),
            (By::Localhost, Family::V4) => Some(Ipv4Addr::LOCALHOST.into()),
            (By::Localhost, Family::V6) => Some(Ipv6Addr::LOCALHOST.into()),
            (By::Gateway, _) => gateway,
            (By::Container, _) => container,
        };
        let port = if case.by == By::Container { case.published.container_port() } else { case.published.host_port() };
        address.map(|address| SocketAddr::new(address, port))
    }

    fn probe(&self, case: Case) -> bool {
        let to = self.address(case).expect("a case with an address");
        let ask = || ask(case.protocol, to).is_ok_and(|answer| answer == case.published.container_port().to_string());
        match case.source {
            Source::Outside => self.neighbour.enter(ask),
            Source::Host => ask(),
            Source::Same => self.same.enter(ask),
            Source::Other => self.other.enter(ask),
            Source::Itself => self.target.enter(ask),
        }
    }
}

/// What a server answers.
fn ask(protocol: Protocol, to: SocketAddr) -> io::Result<String> {
    let mut answer = String::new();
    match protocol {
        Protocol::Tcp => {
            let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.read_to_string(&mut answer)?;
        }
        Protocol::Udp => {
            let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            let socket = UdpSocket::bind((any, 0))?;
            socket.connect(to)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.send(b"?")?;
            let mut buffer = [0; 16];
            let length = socket.recv(&mut buffer)?;
            answer.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    }
    Ok(answer)
}

/// Serves its own number at a port, by both protocols and families, until it is stopped: open sockets would keep the namespace.
fn serve(netns: &Netns, port: u16, stop: &AtomicBool) {
    let bind = || (TcpListener::bind(("::", port)).unwrap(), UdpSocket::bind(("::", port)).unwrap());
    let (tcp, udp) = netns.enter(bind);
    tcp.set_nonblocking(true).unwrap();
    udp.set_nonblocking(true).unwrap();
    let answer = port.to_string();
    while !stop.load(Ordering::Relaxed) {
        while let Ok((mut stream, _)) = tcp.accept() {
            drop(stream.write_all(answer.as_bytes()));
        }
        while let Ok((_, from)) = udp.recv_from(&mut [0; 16]) {
            drop(udp.send_to(answer.as_bytes(), from));
        }
        pause(5);
    }
}

/// Sends the packets of every case, many at once; what was not as it should be, and how many cases there were.
fn send_all(stage: &Stage<'_>, network: Network) -> (Vec<String>, usize) {
    let cases: Vec<Case> = Case::all(network).into_iter().filter(|case| stage.address(*case).is_some()).collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let passed = stage.probe(*case);
            if passed != case.passes() {
                wrong.lock().unwrap().push(format!("{case}: {}", if passed { "passed" } else { "did not pass" }));
            }
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    (wrong.into_inner().unwrap(), cases.len())
}

/// Sends all packets there are for a network, and fails with the list of what was not as it should be.
fn check(network: Network) {
    let host = Host::new();
    let neighbour = host.neighbour();
    host.tool("ip -6 addr add fd99::1/64 dev uplink0 nodad");
    neighbour.enter(|| host.tool("ip -6 addr add fd99::2/64 dev eth0 nodad"));
    host.ok("network create --ipv6 elsewhere");
    let flags = match network {
        Network::Default => "",
        Network::Made => "--ipv6",
        Network::Internal => "--ipv6 --internal",
        Network::Apart => "--ipv6 -o com.docker.network.bridge.enable_icc=false",
    };
    let mut here = "bridge";
    let mut ports = "-p 8081:81 -p 8081:81/udp -p 10.99.0.1:8082:82 -p 10.99.0.1:8082:82/udp -p 127.0.0.1:8083:83 -p 127.0.0.1:8083:83/udp".to_owned();
    if network != Network::Default {
        here = "here";
        host.ok(&format!("network create {flags} here"));
        ports += " -p [fd99::1]:8082:82 -p [fd99::1]:8082:82/udp";
    }
    host.ok(&format!("run -d --name target --network {here} {ports} box sleep 1000"));
    host.ok(&format!("run -d --name same --network {here} box sleep 1000"));
    host.ok("run -d --name other --network elsewhere box sleep 1000");
    let settings = host.inspect("target")["NetworkSettings"]["Networks"][here].clone();
    let address = |key: &str| settings[key].as_str().and_then(|text| text.parse().ok());
    let stage = Stage {
        neighbour: &neighbour,
        same: host.netns("same"),
        other: host.netns("other"),
        target: host.netns("target"),
        addresses: [(address("IPAddress"), address("Gateway")), (address("GlobalIPv6Address"), address("IPv6Gateway"))],
    };
    neighbour.enter(|| {
        host.tool("ip route add default via 10.99.0.1");
        host.tool("ip -6 route add default via fd99::1");
    });
    let stop = AtomicBool::new(false);
    let (wrong, sent) = thread::scope(|scope| {
        for published in Published::ALL {
            let (target, stop) = (&stage.target, &stop);
            scope.spawn(move || serve(target, published.container_port(), stop));
        }
        let answers = || {
            Published::ALL
                .iter()
                .all(|published| ask(Protocol::Udp, (Ipv4Addr::LOCALHOST, published.container_port()).into()).is_ok())
        };
        eventually("the servers serve", || stage.target.enter(answers));
        let results = send_all(&stage, network);
        stop.store(true, Ordering::Relaxed);
        results
    });
    assert!(sent >= 100, "{sent} cases");
    assert!(wrong.is_empty(), "{} of {sent}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn on_the_default_network() {
    check(Network::Default);
}

#[test]
fn on_a_network_that_was_made() {
    check(Network::Made);
}

#[test]
fn on_an_internal_network() {
    check(Network::Internal);
}

#[test]
fn where_containers_are_kept_apart() {
    check(Network::Apart);
}
