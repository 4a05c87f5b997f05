//! The init that `--init` puts into a container. It becomes process 1, starts the command as its child, passes signals on
//! to it, waits for every process that is left without a parent, and ends as the command does.

// build.rs compiles it, as a program of its own. Named here it is formatted with all the rest.
#[cfg(any())]
mod program;

/// The program: a static ELF file for this architecture.
pub static PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/init"));
