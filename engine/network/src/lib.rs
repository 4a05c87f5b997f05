//! Links, the bridge, address leases, firewall rules and published ports, all by netlink.
//!
//! [`Network`] is the way in: it makes networks, connects a container's network namespace to them and publishes its ports. All calls
//! act on the network namespace of the calling thread, which is the host's.

pub mod attach;
mod bridge;
pub mod config;
mod connect;
mod conntrack;
pub mod dns;
mod endpoint;
mod error;
pub mod files;
mod firewall;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod lease;
pub mod link;
pub mod map;
mod mark;
pub mod netlink;
pub mod netns;
mod network;
pub mod outside;
pub mod port;
pub mod ruleset;
mod settings;
mod store;
mod subnet;
pub mod sysctl;
pub mod topology;

pub use config::{Driver, NetworkConfig, Pool};
pub use endpoint::{Address, Connected, Endpoint, EndpointRequest};
pub use error::Error;
pub use files::{host_resolv_conf, hosts_file, resolv_conf};
pub use link::{Mac, mac_of, mac_text, parse_mac};
pub use network::Network;
pub use outside::Outside;
pub use port::{PortSpec, PublishedPort};
pub use subnet::{InvalidSubnet, Subnet};
pub use topology::{Interface, Peer, links, uplink};
