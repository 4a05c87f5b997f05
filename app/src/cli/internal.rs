//! Commands that porthole gives to itself.

use super::{engine, fail};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// `monitor DIRECTORY`: the process that stays with a container.
pub fn monitor(arguments: &[OsString]) -> ExitCode {
    match arguments {
        [directory, ..] => porthole_engine::monitor(Path::new(directory)),
        [] => fail("monitor: this command is for porthole itself", 125),
    }
}

/// `cleanup ID`: frees what a container that has ended held. Run by its monitor.
pub fn cleanup(arguments: &[OsString]) -> ExitCode {
    let [id] = arguments else { return fail("cleanup: this command is for porthole itself", 125) };
    match engine().clean_up(&id.to_string_lossy()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string(), 1),
    }
}

/// `build-step`: the process that makes the container of a `RUN`, and stays with it.
pub fn build_step() -> ExitCode {
    super::code(porthole_engine::stay_with_step())
}

/// `sweep`: deletes the files of removed images and containers. Run in the background after `rmi` and `rm`.
pub fn sweep() -> ExitCode {
    match engine().sweep() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string(), 1),
    }
}

/// `session COMMAND…`: makes the terminal on standard input the controlling terminal of a new session, so that a pane of
/// the workstation is to the command what a terminal window would be.
pub fn become_session_leader() -> io::Result<()> {
    nix::unistd::setsid()?;
    // SAFETY: TIOCSCTTY takes an integer and touches no memory of ours.
    let result = unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
