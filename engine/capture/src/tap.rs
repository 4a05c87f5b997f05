//! Taps: libpcap handles opened inside their network namespaces.

use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pcap::{Active, Capture, Precision};
use porthole_network::netns;

use crate::decode::Link;
use crate::error::Error;
use crate::journey::{Tap, TapKind};
use crate::libpcap;
use crate::packet::Frame;

/// A network namespace.
#[derive(Clone, Debug)]
pub enum Netns {
    /// The namespace of the calling thread.
    Host,
    /// A namespace by its file: `/run/netns/NAME`, `/proc/PID/ns/net`.
    Path(PathBuf),
    /// An open namespace file.
    Fd(Arc<OwnedFd>),
}

impl Netns {
    /// Runs `work` inside the namespace; the calling thread is back in its own afterwards.
    pub(crate) fn visit<T>(&self, work: impl FnOnce() -> T) -> Result<T, Error> {
        let failed = |path: &PathBuf, source| Error::Netns { path: path.clone(), source };
        match self {
            Netns::Host => Ok(work()),
            Netns::Path(path) => {
                let fd = netns::open(path).map_err(|source| failed(path, source))?;
                netns::visit(fd.as_fd(), work).map_err(|source| failed(path, source))
            }
            Netns::Fd(fd) => {
                netns::visit(fd.as_fd(), work).map_err(|source| failed(&"(open descriptor)".into(), source))
            }
        }
    }
}

/// Where to tap.
#[derive(Clone, Debug)]
pub struct TapSpec {
    /// What a person calls the place: `outside`, `web`.
    pub label: String,
    /// What kind of place it is.
    pub kind: TapKind,
    /// The interface's name in its namespace.
    pub interface: String,
    /// The namespace.
    pub netns: Netns,
    /// The addresses behind the tap, for one that serves a single container: other packets are not expected there. Empty if
    /// any packet may pass.
    pub addresses: Vec<IpAddr>,
    /// A pidfd: the tap closes when that process ends. An open tap would keep the network namespace of a container that has
    /// ended, and its veth pair, alive.
    pub process: Option<Arc<OwnedFd>>,
}

impl TapSpec {
    /// The part that is shown.
    pub(crate) fn tap(&self) -> Tap {
        Tap { label: self.label.clone(), kind: self.kind, interface: self.interface.clone() }
    }
}

/// How much a tap takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of each frame.
    pub(crate) snaplen: u32,
    /// Bytes of the kernel's ring.
    pub(crate) ring: u32,
}

/// A tap in use.
pub(crate) struct OpenTap {
    pub(crate) capture: Capture<Active>,
    pub(crate) link: Link,
    pub(crate) process: Option<Arc<OwnedFd>>,
}

/// A frame and where and when it was seen.
pub(crate) struct Captured {
    pub(crate) tap: usize,
    pub(crate) time: u64,
    pub(crate) link: Link,
    pub(crate) frame: Frame,
}

/// Opens all taps at once, each on a thread of its own: the kernel waits some 10 ms for each.
pub(crate) fn open_all(specs: &[TapSpec], filters: &[String], limits: Limits) -> Result<Vec<OpenTap>, Error> {
    libpcap::load().map_err(Error::NoLibpcap)?;
    std::thread::scope(|scope| {
        let threads: Vec<_> = specs
            .iter()
            .zip(filters)
            .map(|(spec, filter)| scope.spawn(move || spec.netns.visit(|| open(spec, filter, limits))?))
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        // All are joined before the first error is returned.
        threads.into_iter().map(join).collect::<Vec<_>>().into_iter().collect()
    })
}

fn open(spec: &TapSpec, filter: &str, limits: Limits) -> Result<OpenTap, Error> {
    let failed = |source| Error::Tap { interface: spec.interface.clone(), label: spec.label.clone(), source };
    let mut capture = Capture::from_device(spec.interface.as_str())
        .map_err(failed)?
        .immediate_mode(true)
        .precision(Precision::Nano)
        // A bridge port hands on frames for other machines too; nothing else does, and the flag would show in `ip link`.
        .promisc(false)
        .snaplen(limits.snaplen as i32)
        .buffer_size(limits.ring as i32)
        .open()
        .and_then(Capture::setnonblock)
        .map_err(failed)?;
    capture.filter(filter, true).map_err(failed)?;
    let link = match capture.get_datalink() {
        pcap::Linktype::ETHERNET => Link::Ethernet,
        pcap::Linktype(12 | 101) => Link::Ip,
        pcap::Linktype(link) => {
            let (interface, label) = (spec.interface.clone(), spec.label.clone());
            return Err(Error::LinkType { interface, label, link });
        }
    };
    Ok(OpenTap { capture, link, process: spec.process.clone() })
}

impl OpenTap {
    /// Takes at most `most` waiting packets. An error means that the interface is gone.
    pub(crate) fn read(&mut self, tap: usize, most: usize, into: &mut Vec<Captured>) -> Result<(), pcap::Error> {
        for _ in 0..most {
            match self.capture.next_packet() {
                Ok(packet) => into.push(Captured {
                    tap,
                    // libpcap keeps nanoseconds where its name says microseconds (pcap_set_tstamp_precision(3)).
                    time: packet.header.ts.tv_sec as u64 * 1_000_000_000 + packet.header.ts.tv_usec as u64,
                    link: self.link,
                    frame: Frame { bytes: packet.data.into(), original_length: packet.header.len },
                }),
                Err(pcap::Error::TimeoutExpired | pcap::Error::NoMorePackets) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the interface is gone: the kernel then takes its number from the socket (packet(7)).
    pub(crate) fn is_gone(&self) -> bool {
        // SAFETY: all fields are integers, for which zero is a value.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        let mut length = size_of_val(&address) as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes to the address, which is so long.
        let result = unsafe { libc::getsockname(self.capture.as_raw_fd(), (&raw mut address).cast(), &raw mut length) };
        result == 0 && address.sll_ifindex < 0
    }
}

/// The time on the clock that stamps packets: nanoseconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
