//! What can go wrong in a session.

use std::io;
use std::path::PathBuf;

use porthole_network::netlink;
use porthole_network::ruleset::ReadError;

/// Why a session could not start, or a recording could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// libpcap is not installed.
    #[error("live capture needs libpcap: install libpcap0.8 (Debian, Ubuntu) or libpcap (elsewhere): {0}")]
    NoLibpcap(&'static str),
    /// A network namespace could not be entered.
    #[error("cannot enter network namespace {}: {source}", path.display())]
    Netns {
        /// The namespace.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// libpcap could not open an interface.
    #[error("cannot capture on {interface} ({label}): {source}")]
    Tap {
        /// The interface.
        interface: String,
        /// The tap's label.
        label: String,
        /// Why.
        source: pcap::Error,
    },
    /// An interface whose frames are of a kind that is not understood.
    #[error("cannot capture on {interface} ({label}): its frames are neither Ethernet nor IP (link type {link})")]
    LinkType {
        /// The interface.
        interface: String,
        /// The tap's label.
        label: String,
        /// DLT_*.
        link: i32,
    },
    /// More taps than a session can hold.
    #[error("{0} taps are too many: a session can have 64")]
    TooManyTaps(usize),
    /// The netlink socket for connections and traces failed.
    #[error(
        "cannot listen to connections and rule traces: {0} (this needs root, or CAP_NET_ADMIN in the host's network namespace)"
    )]
    Listen(netlink::Error),
    /// The kernel refused the trace rules.
    #[error("cannot add the rules that trace packets: {0} (this needs nftables in the kernel and CAP_NET_ADMIN)")]
    TraceRules(netlink::Error),
    /// The ruleset could not be read.
    #[error(transparent)]
    Ruleset(#[from] ReadError),
    /// The system refused a thread or an event descriptor.
    #[error("cannot start the capture session: {0}")]
    Start(io::Error),
    /// The recording could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pcap_file::pcapng::PcapNgWriteError,
    },
}
