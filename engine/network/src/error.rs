use crate::netlink;
use crate::port::Taken;
use std::io;
use std::path::PathBuf;

/// What can go wrong with a container's network.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A host port cannot be had.
    #[error(transparent)]
    Port(Taken),
    /// A link, address or route could not be made or removed.
    #[error("cannot {what}: {source}")]
    Link {
        /// What was being done to which object.
        what: String,
        /// Why not.
        source: netlink::Error,
    },
    /// An interface is not attached or detached.
    #[error(transparent)]
    Refused(#[from] crate::attach::Refused),
    /// The kernel cannot make what is asked for.
    #[error("the kernel has no {what} ({source}): load the module {module}, or use a kernel that has it")]
    KernelLacks {
        /// What it has not.
        what: String,
        /// The module that would bring it.
        module: &'static str,
        /// What it said.
        source: netlink::Error,
    },
    /// The ruleset could not be read or changed.
    #[error("cannot change the firewall: {source}")]
    Firewall {
        /// Why not.
        source: netlink::Error,
    },
    /// The kernel has no nftables.
    #[error("the kernel offers no nftables ({source}); load the module nf_tables, or use --net host or --net none")]
    NoNftables {
        /// What it said.
        source: netlink::Error,
    },
    /// Somebody changes the ruleset all the time.
    #[error("the firewall keeps changing under us; stop the program that rewrites it and try again")]
    FirewallBusy,
    /// Every candidate overlaps a route.
    #[error(
        "no free subnet for the bridge: routes of this host cover 172.17.0.0/12 and 192.168.0.0/16; remove one that is not needed"
    )]
    NoSubnet,
    /// A subnet is full.
    #[error("no free address on network bridge: all of {subnet} are leased; remove containers")]
    NoAddress {
        /// The subnet.
        subnet: String,
    },
    /// Something is removed that is needed.
    #[error("network bridge is in use by {0} containers; stop them first")]
    InUse(usize),
    /// A kernel parameter.
    #[error("cannot set {path}: {source}")]
    Sysctl {
        /// Its path.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// A file of the state root.
    #[error("{}: {source}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// A network namespace.
    #[error("network namespace {}: {source}", path.display())]
    Namespace {
        /// Its name.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}
