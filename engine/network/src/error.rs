use crate::config::InvalidOption;
use crate::netlink;
use crate::port::Taken;
use std::io;
use std::net::IpAddr;
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
    #[error("no free address on network {network}: all of {subnet} are leased; remove containers")]
    NoAddress {
        /// The network.
        network: String,
        /// The subnet.
        subnet: String,
    },
    /// An address that was asked for is another's.
    #[error("address {address} is already in use on network {network}{}", by(owner.as_deref()))]
    AddressTaken {
        /// The network.
        network: String,
        /// The address.
        address: IpAddr,
        /// The name or id of the container that has it, if one has.
        owner: Option<String>,
    },
    /// An address that was asked for is of no subnet of the network.
    #[error("no configured subnet of network {network} contains the address {address}: it has {subnets}")]
    ForeignAddress {
        /// The network.
        network: String,
        /// The address.
        address: IpAddr,
        /// Its subnets.
        subnets: String,
    },
    /// There is no such network.
    #[error("network {0} not found: see 'porthole network ls'")]
    NoSuchNetwork(String),
    /// Several networks have ids that begin so.
    #[error("network {0} is ambiguous: several ids begin so")]
    AmbiguousNetwork(String),
    /// A name that is taken.
    #[error("network with name {0} already exists")]
    NameTaken(String),
    /// A subnet shares addresses with another network.
    #[error("invalid pool request: subnet {subnet} overlaps {with}: choose another one")]
    Overlap {
        /// The subnet that was asked for.
        subnet: String,
        /// With what.
        with: String,
    },
    /// A network cannot be as it was asked for.
    #[error("{0}")]
    InvalidNetwork(String),
    /// An option of a network.
    #[error(transparent)]
    Option(#[from] InvalidOption),
    /// A bridge that somebody else made.
    #[error("bridge {0} is there already and not ours: choose another name, or remove it")]
    ForeignBridge(String),
    /// An interface that is not there.
    #[error("no interface {parent} on this host, which network {network} stands on")]
    NoParent {
        /// The network.
        network: String,
        /// The interface.
        parent: String,
    },
    /// Something is removed that is needed.
    #[error("network {network} has active endpoints ({containers} containers): disconnect or stop them first")]
    InUse {
        /// The network.
        network: String,
        /// How many containers.
        containers: usize,
    },
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
    /// The resolver of a container's own.
    #[error("cannot open the resolver at 127.0.0.11 in the container: {source}")]
    Resolver {
        /// Why not.
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

fn by(owner: Option<&str>) -> String {
    owner.map_or_else(String::new, |owner| format!(" by container {}", &owner[..owner.len().min(12)]))
}
