//! A host of its own for each test: a network namespace with an uplink to an "outside" machine, and bare namespaces as containers
//! that answer on TCP and UDP. Needs root.

#![allow(dead_code, reason = "each test file uses its part")]

use porthole_network::netlink::{Protocol as Family, Socket};
use porthole_network::port::Protocol;
use porthole_network::{Endpoint, EndpointRequest, Error, Network, PortSpec, netns};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// The host's uplink address, and that of the machine outside.
pub const HOST: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
pub const OUTSIDE: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
/// How long to wait for a packet that does not come.
const SILENCE: Duration = Duration::from_millis(300);

/// Runs a test in a thread with a network namespace of its own.
pub fn on_a_host(test: impl FnOnce(&Host) + Send) {
    let run = move || {
        unshare();
        // A new namespace takes this over from the first one (net.core.devconf_inherit_init_net, ip-sysctl).
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "0").unwrap();
        run("ip link set lo up");
        let outside = Netns::new();
        let host = netns::current().unwrap();
        outside.enter(|| {
            run("ip link set lo up");
        });
        run("ip link add uplink0 type veth peer name eth0");
        move_link("eth0", outside.fd());
        run("ip addr add 10.99.0.1/24 dev uplink0");
        run("ip link set uplink0 up");
        outside.enter(|| {
            run("ip addr add 10.99.0.2/24 dev eth0");
            run("ip link set eth0 up");
        });
        test(&Host { outside, netns: host });
    };
    thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn unshare() {
    // SAFETY: unshare takes no pointers, and moves this thread alone.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0, "these tests need root");
}

fn move_link(name: &str, netns: BorrowedFd<'_>) {
    use netlink_packet_route::RouteNetlinkMessage;
    use netlink_packet_route::link::{LinkAttribute, LinkMessage};
    use std::os::fd::AsRawFd;
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::IfName(name.into()), LinkAttribute::NetNsFd(netns.as_raw_fd())];
    let mut socket = Socket::open(Family::Route).unwrap();
    socket.request::<_, RouteNetlinkMessage>(0, RouteNetlinkMessage::SetLink(message)).unwrap();
}

/// Runs a command in the calling thread's namespace and returns what it printed.
pub fn run(command: &str) -> String {
    let mut words = command.split(' ');
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The host and the machine outside.
pub struct Host {
    pub outside: Netns,
    pub netns: OwnedFd,
}

/// A network namespace that lives as long as this.
pub struct Netns(OwnedFd);

impl Netns {
    pub fn new() -> Netns {
        let make = || {
            unshare();
            netns::current().unwrap()
        };
        Netns(thread::scope(|scope| scope.spawn(make).join()).unwrap())
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        netns::visit(self.fd(), work).unwrap()
    }

    /// Answers on a port of TCP and UDP with the sender's address.
    pub fn answer(&self, port: u16) {
        self.enter(|| Self::answer_here(port));
    }

    /// The same in the calling thread's namespace.
    pub fn answer_here(port: u16) {
        let (tcp, udp) = (TcpListener::bind(("0.0.0.0", port)).unwrap(), UdpSocket::bind(("0.0.0.0", port)).unwrap());
        thread::spawn(move || {
            for stream in tcp.incoming() {
                let Ok(mut stream) = stream else { return };
                let peer = stream.peer_addr().unwrap();
                let _ = stream.write_all(peer.ip().to_string().as_bytes());
            }
        });
        thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok((_, peer)) = udp.recv_from(&mut buffer) {
                let _ = udp.send_to(peer.ip().to_string().as_bytes(), peer);
            }
        });
    }
}

/// Asks from the calling thread's namespace who one is taken for; `None` if there is no answer.
pub fn ask(protocol: Protocol, to: Ipv4Addr, port: u16) -> Option<String> {
    let to = SocketAddr::from((to, port));
    let mut buffer = [0; 64];
    let length = match protocol {
        Protocol::Tcp => {
            let mut stream = TcpStream::connect_timeout(&to, SILENCE).ok()?;
            stream.set_read_timeout(Some(SILENCE)).unwrap();
            stream.read(&mut buffer).ok()?
        }
        Protocol::Udp => {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.set_read_timeout(Some(SILENCE)).unwrap();
            socket.send_to(b"?", to).ok()?;
            socket.recv(&mut buffer).ok()?
        }
    };
    Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

/// A container: a namespace that answers on port 80.
pub struct Container {
    pub id: String,
    pub netns: Netns,
    pub endpoint: Endpoint,
}

impl Container {
    /// Its IPv4 address.
    pub fn address(&self) -> Ipv4Addr {
        ipv4(self.endpoint.address())
    }

    /// Its router's.
    pub fn gateway(&self) -> Ipv4Addr {
        ipv4(self.endpoint.gateway())
    }
}

fn ipv4(address: Option<IpAddr>) -> Ipv4Addr {
    match address {
        Some(IpAddr::V4(address)) => address,
        other => panic!("no IPv4 address: {other:?}"),
    }
}

/// Connects a new container.
pub fn container(network: &Network, name: &str, publish: &[&str]) -> Container {
    try_container(network, name, publish).unwrap()
}

pub fn try_container(network: &Network, name: &str, publish: &[&str]) -> Result<Container, Error> {
    let netns = Netns::new();
    let id = format!("{name:0>64}");
    let ports: Vec<PortSpec> = publish.iter().flat_map(|spec| PortSpec::parse(spec).unwrap()).collect();
    let default = network.find("bridge")?;
    let connected = network.connect(&EndpointRequest {
        network: &default,
        container: &id,
        name,
        netns: netns.fd(),
        interface: "eth0",
        default_route: true,
        addresses: &[],
        mac: None,
        ports: &ports,
    })?;
    netns.answer(80);
    Ok(Container { id, netns, endpoint: connected.endpoint })
}

/// A state root in a temporary directory.
pub struct Root {
    directory: tempfile::TempDir,
}

impl Root {
    pub fn new() -> Root {
        Root { directory: tempfile::tempdir().unwrap() }
    }

    pub fn network(&self) -> Network {
        Network::open(self.directory.path(), &self.directory.path().join("run"))
    }

    pub fn leases(&self) -> usize {
        std::fs::read_dir(self.directory.path().join("networks/bridge/leases")).map_or(0, Iterator::count)
    }

    pub fn path(&self) -> &std::path::Path {
        self.directory.path()
    }
}

/// Waits until `what` holds.
pub fn eventually(what: impl Fn() -> bool, text: &str) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(10), "not in 10 s: {text}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Checks that nothing is left on the host but what was there before.
pub fn assert_clean(root: &Root) {
    let links = || run("ip -o link").lines().map(|l| l.split(": ").nth(1).unwrap().to_owned()).collect::<Vec<_>>();
    eventually(
        || links().iter().all(|l| l == "lo" || l.starts_with("uplink0") || l.starts_with("foreign")),
        &format!("links gone: {:?}", links()),
    );
    let tables = run("nft list tables");
    assert!(!tables.contains("porthole"), "{tables}");
    assert_eq!(root.leases(), 0);
}
