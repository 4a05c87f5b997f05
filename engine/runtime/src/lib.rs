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

/// An error of the kernel in Go's spelling, which users of runc know.
fn words(error: &std::io::Error) -> String {
    error
        .raw_os_error()
        .map_or_else(|| error.to_string(), |code| nix::errno::Errno::from_raw(code).desc().to_lowercase())
}
