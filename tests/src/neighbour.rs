//! Another machine, and asking over the network.

use crate::commands::tool;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

/// How long to wait for an answer that does not come.
const SILENCE: Duration = Duration::from_secs(1);

/// A network namespace, kept as long as this is.
#[derive(Debug)]
pub struct Netns(File);

impl Netns {
    /// That of a process.
    pub fn of(process: Pid) -> Netns {
        Netns(File::open(format!("/proc/{process}/ns/net")).expect("the process runs"))
    }

    fn new() -> Netns {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET).expect("the tests need root");
            Netns(File::open("/proc/thread-self/ns/net").expect("our own namespace"))
        };
        thread::scope(|scope| scope.spawn(make).join()).expect("a namespace")
    }

    /// Does something inside.
    pub fn enter<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let visit = || {
            setns(&self.0, CloneFlags::CLONE_NEWNET).expect("the namespace is there");
            act()
        };
        thread::scope(|scope| scope.spawn(visit).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// A network namespace joined to the host's by a veth pair: `uplink0` here, `eth0` there.
#[derive(Debug)]
pub struct Neighbour {
    netns: Netns,
}

impl Neighbour {
    /// The host's address, as the neighbour knows it.
    pub const HOST: &str = "10.99.0.1";
    /// The neighbour's own address.
    pub const ADDRESS: &str = "10.99.0.2";

    pub(crate) fn join() -> Neighbour {
        let neighbour = Neighbour { netns: Netns::new() };
        let handle = format!("/proc/{}/fd/{}", std::process::id(), neighbour.netns.0.as_raw_fd());
        tool(&format!("ip link add uplink0 type veth peer name eth0 netns {handle}"));
        tool(&format!("ip addr add {}/24 dev uplink0", Neighbour::HOST));
        tool("ip link set uplink0 up");
        neighbour.enter(|| {
            tool("ip link set lo up");
            tool(&format!("ip addr add {}/24 dev eth0", Neighbour::ADDRESS));
            tool("ip link set eth0 up");
        });
        neighbour
    }

    /// Does something as the neighbour.
    pub fn enter<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        self.netns.enter(act)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        tool("ip link del uplink0");
    }
}

/// Fetches `/` by HTTP from the calling thread's namespace.
pub fn fetch(address: &str) -> io::Result<String> {
    let mut stream = connect(address)?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Who connects to a server, when somebody connects to an address that leads to it.
pub fn caller(server: &TcpListener, address: &str) -> io::Result<IpAddr> {
    // The kernel completes the connection before the server takes it up.
    let _stream = connect(address)?;
    Ok(server.accept()?.1.ip())
}

/// The same for a datagram, which the server also answers.
pub fn datagram_caller(server: &UdpSocket, address: &str) -> io::Result<IpAddr> {
    let client = UdpSocket::bind("0.0.0.0:0")?;
    client.connect(address)?;
    client.set_read_timeout(Some(SILENCE))?;
    server.set_read_timeout(Some(SILENCE))?;
    client.send(b"question")?;
    let mut buffer = [0; 16];
    let (_, peer) = server.recv_from(&mut buffer)?;
    server.send_to(b"answer", peer)?;
    let length = client.recv(&mut buffer)?;
    assert_eq!(&buffer[..length], b"answer");
    Ok(peer.ip())
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let address: SocketAddr = address.parse().expect("ADDRESS:PORT");
    let stream = TcpStream::connect_timeout(&address, SILENCE)?;
    stream.set_read_timeout(Some(SILENCE))?;
    Ok(stream)
}
