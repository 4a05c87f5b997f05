//! The real binary, end to end, as root.
//!
//! Each test makes a [`Host`]: a state root, a network namespace and a mount namespace of its own, in which it types what
//! a user would type and reads what the kernel then says. When the host is dropped all of its containers are removed, and
//! anything that is left anywhere fails the test.

pub mod archive;
mod commands;
mod debian;
mod host;
mod leaks;
mod neighbour;
mod numbers;
pub mod peer;
pub mod proxy;
pub mod registry;
#[cfg(target_arch = "x86_64")]
pub mod steps;
pub mod terminal;
mod wait;
mod web;

pub use commands::{Output, Running, binary};
pub use debian::debian;
pub use host::{BOX, Host};
pub use leaks::{cgroup_name, parent_cgroups};
pub use neighbour::{Neighbour, Netns, caller, datagram_caller, fetch};
pub use numbers::Numbers;
pub use terminal::Terminal;
pub use wait::{eventually, eventually_some, pause};
pub use web::Web;
