//! Names on user-defined networks.
//!
//! The engine writes who is on a network ([`write`], [`remove`]), and what each container may ask for ([`DnsConfig`]). The
//! monitor of each container has a [`Server`] in the container's network namespace that reads both: there is no central process.

mod config;
mod epoll;
mod forward;
mod framed;
pub(crate) mod message;
mod names;
pub mod resolv_conf;
mod server;
mod upstream;
mod zones;

pub use config::{DnsConfig, DnsNetwork, Link};
pub use names::{EndpointNames, all, remove, write};
pub use server::{RESOLVER, Server};
