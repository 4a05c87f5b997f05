//! What else a monitor does for its container while it waits.

use super::MonitorConfig;
use crate::process::ProcessId;
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

/// Something that serves a container from outside while it runs, such as a resolver of names. It must never wait: the monitor
/// has one thread. It ends with the container's run.
pub trait Service: AsFd {
    /// When there is something to do although nothing has happened.
    fn due(&self) -> Option<Instant>;

    /// Does what there is to do, or a small part of it. Called when the descriptor can be read or the time has come.
    fn serve(&mut self);

    /// Takes on what the engine has changed.
    fn reload(&mut self) -> io::Result<()>;
}

/// A service, for a container that needs one.
pub type Optional = Option<Box<dyn Service>>;

/// Begins the service of a container with this init, whose namespaces are ready and whose program does not run yet. Asked for each
/// run, and when a reload finds a container without one.
pub type Begin = fn(&MonitorConfig, ProcessId) -> io::Result<Optional>;

/// Begins nothing.
pub fn none(_: &MonitorConfig, _: ProcessId) -> io::Result<Optional> {
    Ok(None)
}
