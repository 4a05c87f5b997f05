//! Why an interface is not attached or detached, a line each.

use crate::link::stacked::VlanId;
use std::net::IpAddr;

/// Why an interface is not attached or detached.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is nothing to attach to.
    #[error(
        "no interface {0} on this host: name one that is there, or a bridge to be made, whose name begins with \"br\""
    )]
    NoLink(String),
    /// It carries nothing.
    #[error("interface {0} is down: take it up with `ip link set {0} up`")]
    LinkDown(String),
    /// A port has its bridge for the rest of the world.
    #[error("interface {port} is a port of bridge {bridge}: attach to {bridge} instead")]
    IsPort {
        /// The interface.
        port: String,
        /// The bridge.
        bridge: String,
    },
    /// Ports of bridges have no modes.
    #[error("{0} is a bridge: --mode is for macvlans on other interfaces")]
    ModeOnBridge(String),
    /// It cannot have an address of its own.
    #[error("a passthru macvlan has the hardware address of {0}: leave --mac out, or choose another --mode")]
    MacOfPassthru(String),
    /// Somebody else's bridge, which is not changed.
    #[error("bridge {0} does not tell VLANs apart: turn that on with `ip link set {0} type bridge vlan_filtering 1`")]
    NoFiltering(String),
    /// The kernel cannot.
    #[error("the kernel does not tell VLANs apart on bridges: use one that has CONFIG_BRIDGE_VLAN_FILTERING")]
    KernelWithoutFiltering,
    /// The VLAN's name would be too long, or is another's.
    #[error("{name} cannot be the name of VLAN {vlan} of {link}: make the VLAN by hand and attach to that")]
    VlanName {
        /// The name.
        name: String,
        /// The VLAN.
        vlan: VlanId,
        /// Its parent.
        link: String,
    },
    /// The name is taken inside.
    #[error("container {container} has an interface {interface} already: choose another --name")]
    InterfaceExists {
        /// The container.
        container: String,
        /// The interface.
        interface: String,
    },
    /// Another container of ours has the address.
    #[error("address {address} on {link} is in use by container {owner}: choose another one")]
    AddressTaken {
        /// The address, of either kind.
        address: String,
        /// Where.
        link: String,
        /// The beginning of the id of whose it is.
        owner: String,
    },
    /// The bridge itself has the address, or it is set aside for something else.
    #[error("address {address} is that of {link} itself, or set aside: choose another one")]
    AddressReserved {
        /// The address.
        address: IpAddr,
        /// The bridge.
        link: String,
    },
    /// A container that was started meanwhile has the address.
    #[error("address {address} on {link} has just been given to another container: choose another one")]
    AddressJustTaken {
        /// The address.
        address: IpAddr,
        /// The bridge.
        link: String,
    },
    /// An address of a network of ours, which has others.
    #[error("address {address} is not of {subnets}, which {link} has: choose one that is")]
    NotOfSubnet {
        /// The address.
        address: IpAddr,
        /// Those of the network.
        subnets: String,
        /// The bridge.
        link: String,
    },
    /// Nothing of this name was attached.
    #[error(
        "container {container} has no attached interface {interface}: `porthole inspect {container}` lists those that it has"
    )]
    NotAttached {
        /// The container.
        container: String,
        /// The interface.
        interface: String,
    },
}
