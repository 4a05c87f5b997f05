//! The OCI runtime and the monitor: from an OCI `Spec` to a running, watched process.
//!
//! [`sandbox`] turns a `Spec` into a process in its own namespaces, [`monitor`] is the small process that stays with
//! each container, [`client`] is how other processes talk to a monitor, [`state`] is the record they meet in.

pub mod capabilities;
pub mod cgroup;
pub mod client;
pub mod event;
pub mod health;
pub mod hooks;
pub mod log;
pub mod monitor;
pub mod mount;
pub mod oci;
pub mod process;
pub mod program;
mod protocol;
mod record;
pub mod relay;
pub mod sandbox;
pub mod seccomp;
mod signals;
pub mod small_file;
pub mod state;
mod streams;
mod terminal;
