//! porthole: a terminal workstation for containers.
//!
//! One binary with several faces: the workstation (no arguments), the command line, and the small processes that stay
//! with each container.

mod cli;
mod tui;

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.first().and_then(|word| word.to_str()) {
        None => cli::workstation::open(),
        Some("monitor") => cli::internal::monitor(&arguments[1..]),
        Some("cleanup") => cli::internal::cleanup(&arguments[1..]),
        Some("sweep") => cli::internal::sweep(),
        Some("session") => match cli::internal::become_session_leader() {
            Ok(()) => cli::run(arguments.into_iter().skip(1)),
            Err(error) => cli::fail(&format!("session: {error}"), 125),
        },
        Some(_) => cli::run(arguments.into_iter()),
    }
}
