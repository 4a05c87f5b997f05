//! Names on user-defined networks.
//!
//! The engine writes who is on a network ([`write`], [`remove`]), and what each container may ask for ([`DnsConfig`]).

mod config;
mod names;

pub use config::{DnsConfig, DnsNetwork, Link};
pub use names::{EndpointNames, all, remove, write};
